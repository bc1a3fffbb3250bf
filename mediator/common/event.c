/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels between Xen and the backend.  They are ports of the frontend,
 * which Xen uses on its behalf: one for control and one per queue.
 */
#include <xen/event.h>

#include <vsh.h>

enum { NOT_OURS = -2, CONTROL = -1 };

/* What is port to this device: a queue, CONTROL or NOT_OURS? */
static int port_use(const struct vsh_device *s, evtchn_port_t port)
{
    unsigned int q;

    if ( port == s->control_port )
        return CONTROL;

    for ( q = 0; q < s->dev.nr_queues; q++ )
        if ( port == s->queue[q].port )
            return q;

    return NOT_OURS;
}

/* The backend says something of its device.  True if there is more to do. */
static bool control(struct vsh_device *s, evtchn_port_t port)
{
    bool more = false;

    vsh_lock(s);

    if ( vsh_usable(s) && port == s->control_port )
    {
        svq_dev_control(&s->dev);
        vsh_aperture_update(s);
        more = vsh_run(s);
    }

    vsh_unlock(s);

    return more;
}

/* It has returned chains to queue q. */
static bool called(struct vsh_device *s, unsigned int q, evtchn_port_t port)
{
    struct vsh_queue *vq = &s->queue[q];

    spin_lock(&vq->lock);

    if ( !vsh_usable(s) || port != vq->port )
    {
        spin_unlock(&vq->lock);
        return false;
    }

    svq_queue_called(&s->dev, q);

    return vsh_run_queue(s, q);
}

/*
 * The backend has sent on one of our ports.  Runs in the sender's hypercall,
 * with no lock held, and possibly when the port has been closed already.
 */
static void cf_check notification(struct vcpu *v, unsigned int port)
{
    /* The sender has made sure that the frontend does not go away. */
    const struct virtio_shadow *vs = v->domain->virtio_shadow;
    struct vsh_device *s;
    unsigned int i;
    int use;

    for ( i = 0; vs && i < ARRAY_SIZE(vs->device); i++ )
    {
        s = ACCESS_ONCE(vs->device[i]);

        if ( !s )
            continue;

        /* May change at any time, but not back and forth: looked at again. */
        use = port_use(s, port);
        if ( use == NOT_OURS )
            continue;

        if ( use == CONTROL ? control(s, port) : called(s, use, port) )
            vsh_leave_to_current();

        return;
    }
}

static int alloc(struct vsh_device *s, domid_t backend, evtchn_port_t *port)
{
    int rc = alloc_unbound_xen_event_channel(s->frontend, 0, backend,
                                             notification);

    if ( rc < 0 )
        return rc;

    *port = rc;

    return 0;
}

/*
 * The device has no ports (any more).  On failure the caller frees what is
 * there.
 */
int vsh_event_alloc(struct vsh_device *s, domid_t backend)
{
    struct vsh_info *info = s->dev.info;
    unsigned int q;
    int rc;

    rc = alloc(s, backend, &s->control_port);
    info->control_channel = s->control_port;

    for ( q = 0; q < s->dev.nr_queues && !rc; q++ )
    {
        rc = alloc(s, backend, &s->queue[q].port);
        info->queue[q].event_channel = s->queue[q].port;
    }

    return rc;
}

static void free_port(struct vsh_device *s, evtchn_port_t *port)
{
    evtchn_port_t p = *port;

    *port = 0;
    if ( p )
        free_xen_event_channel(s->frontend, p);
}

/* The device is not open any more, or its backend has died. */
void vsh_event_free(struct vsh_device *s)
{
    unsigned int q;

    free_port(s, &s->control_port);
    for ( q = 0; q < ARRAY_SIZE(s->queue); q++ )
        free_port(s, &s->queue[q].port);
}

void svq_env_notify(struct svq_dev *dev, int q)
{
    struct vsh_device *s = container_of(dev, struct vsh_device, dev);

    if ( s->backend )
        notify_via_xen_event_channel(s->frontend, q < 0 ? s->control_port
                                                        : s->queue[q].port);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
