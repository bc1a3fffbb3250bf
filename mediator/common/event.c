/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels between Xen and the backend.  They are ports of the frontend,
 * which Xen uses on its behalf: one for control and one per queue.
 */
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/nospec.h>
#include <xen/xvmalloc.h>

#include <vsh.h>

/* Uses of a device's ports, counted over all devices from 1 on; 0: not ours. */
#define CONTROL     VSH_MAX_QUEUES
#define USES        (VSH_MAX_QUEUES + 1)

/* Room to note what each port of the domain is for: before its first device. */
int vsh_event_init(const struct domain *d)
{
    struct virtio_shadow *vs = d->virtio_shadow;
    unsigned int nr = min_t(unsigned int, d->max_evtchn_port,
                            MAX_NR_EVTCHNS - 1) + 1;

    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES * USES + 1 > UINT16_MAX);

    if ( vs->port_use )
        return 0;

    vs->port_use = xvzalloc_array(uint16_t, nr);
    if ( !vs->port_use )
        return -ENOMEM;

    vs->nr_ports = nr;

    return 0;
}

/* Nobody can refer to the domain any more. */
void vsh_event_exit(struct virtio_shadow *vs)
{
    XVFREE(vs->port_use);
}

static void note_use(const struct vsh_device *s, evtchn_port_t port,
                     unsigned int use)
{
    const struct virtio_shadow *vs = s->frontend->virtio_shadow;

    if ( port < vs->nr_ports )
        write_atomic(&vs->port_use[port], use);
    else
        ASSERT_UNREACHABLE();
}

/* The backend says something of its device.  True if there is more to do. */
static bool control(struct vsh_device *s, evtchn_port_t port)
{
    bool more = false;

    vsh_lock(s);

    if ( vsh_usable(s) && port == s->control_port )
        more = vsh_control(s);

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
    /*
     * The sender has made sure that the frontend does not go away.  It has had
     * a device, or there would be no such port.
     */
    const struct virtio_shadow *vs = v->domain->virtio_shadow;
    struct vsh_device *s;
    unsigned int use;

    if ( !vs || port >= vs->nr_ports )
        return;

    use = read_atomic(&vs->port_use[array_index_nospec(port, vs->nr_ports)]);
    if ( !use-- )
        return;

    s = vsh_device_get(v->domain, use / USES);
    use %= USES;

    /* May change at any time: looked at again with a lock. */
    if ( s && (use == CONTROL ? control(s, port) : called(s, use, port)) )
        vsh_leave_to_current();
}

static int alloc(struct vsh_device *s, domid_t backend, unsigned int use,
                 evtchn_port_t *port)
{
    int rc = alloc_unbound_xen_event_channel(s->frontend, 0, backend,
                                             notification);

    if ( rc < 0 )
        return rc;

    *port = rc;
    note_use(s, *port, s->id * USES + use + 1);

    return 0;
}

/*
 * The device has no ports (any more).  On failure the caller frees what is
 * there.
 */
int vsh_event_alloc(struct vsh_device *s, domid_t backend)
{
    unsigned int q;
    int rc;

    rc = alloc(s, backend, CONTROL, &s->control_port);
    s->dev.info->control_channel = s->control_port;

    for ( q = 0; q < s->dev.nr_queues && !rc; q++ )
    {
        rc = alloc(s, backend, q, &s->queue[q].port);
        svq_info_queue(&s->dev, q)->event_channel = s->queue[q].port;
    }

    return rc;
}

static void free_port(struct vsh_device *s, evtchn_port_t *port)
{
    evtchn_port_t p = *port;

    *port = 0;
    if ( !p )
        return;

    /* It may be another device's as soon as it is free. */
    note_use(s, p, 0);
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
