/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains at either end of mediated devices, and their deaths.
 */
#include <xen/event.h>
#include <xen/softirq.h>
#include <xen/xvmalloc.h>

#include <vsh.h>

/*
 * The domain's part in all this, made on first use.  NULL if there is no
 * memory, or the domain is dying.  The caller has a reference on the domain.
 */
struct virtio_shadow *vsh_domain(struct domain *d)
{
    struct virtio_shadow *vs;

    if ( d->virtio_shadow )
        return d->virtio_shadow;

    vs = xvzalloc_flex_struct(struct virtio_shadow, pace, d->max_vcpus);
    if ( !vs )
        return NULL;

    vsh_pace_init(vs, d);
    spin_lock_init(&vs->lock);
    INIT_LIST_HEAD(&vs->served);

    /* domain_kill() passes this lock between is_dying and the teardown. */
    domain_lock(d);

    if ( !d->virtio_shadow && !d->is_dying )
    {
        /* Readers without a lock see it initialised. */
        smp_wmb();
        write_atomic(&d->virtio_shadow, vs);
        vs = NULL;
    }

    domain_unlock(d);

    if ( vs )
        vsh_pace_exit(vs);
    xvfree(vs);

    return d->virtio_shadow;
}

/*
 * Allocate what be needs as the backend of one more device, and see that it has
 * so many tables for it, before any lock of the device is taken.  -ERESTART if
 * there is more to do.  Called with the domctl lock, as the next one is.
 */
int vsh_prepare_backend(struct domain *be, unsigned long nr_tables,
                        uint32_t *lacks)
{
    struct virtio_shadow *vs = vsh_domain(be);
    int rc;

    if ( !vs )
        return be->is_dying ? -ESRCH : -ENOMEM;

    rc = vsh_aperture_room(vs);
    if ( rc )
        return rc;

    return vsh_aperture_tables(be, nr_tables, lacks);
}

/*
 * Make be, which is prepared, and on which s takes over the caller's reference,
 * the backend of s.
 */
int vsh_join_backend(struct vsh_device *s, struct domain *be)
{
    struct virtio_shadow *vs = be->virtio_shadow;
    struct page_info *dummy;
    unsigned int i;
    int rc = 0;

    /* One for each device: the backend writes what it likes into it. */
    dummy = vsh_alloc_page();
    if ( !dummy )
        return -ENOMEM;

    spin_lock(&vs->lock);

    /* Its pool goes after it has been closed: nothing is reserved any more. */
    if ( vs->closed )
        rc = -ESRCH;
    else
        rc = p2m_foreign_reserve(be, &s->reserve, s->nr_tables);

    if ( !rc )
    {
        s->backend = be;
        SWAP(s->dummy, dummy);
        s->taken = 0;
        s->owes = false;
        for ( i = 0; i < ARRAY_SIZE(s->queue); i++ )
        {
            memset(&s->queue[i].user, 0, sizeof(s->queue[i].user));
            s->queue[i].user.reserve = &s->reserve;
        }
        s->looked = 0;
        list_add_tail(&s->served, &vs->served);
        vs->nr_served++;
    }

    spin_unlock(&vs->lock);

    if ( dummy )
        vsh_free_page(dummy);

    return rc;
}

/* The device is locked. */
void vsh_leave_backend(struct vsh_device *s)
{
    struct domain *be = s->backend;
    struct virtio_shadow *vs;

    if ( !be )
        return;

    vs = be->virtio_shadow;

    spin_lock(&vs->lock);
    list_del_init(&s->served);
    vs->nr_served--;
    vsh_aperture_remove(vs, s);
    p2m_foreign_unreserve(be, &s->reserve);
    spin_unlock(&vs->lock);

    /* Mappings of it in the p2m hold references of their own. */
    vsh_free_page(s->dummy);
    s->dummy = NULL;
    s->backend = NULL;
    s->backends = false;

    put_domain(be);
}

/* What the backend sees of the driver's memory goes first, then the window. */
static bool take_away(struct vsh_device *s)
{
    bool more = s->closing ? svq_dev_release(&s->dev) : svq_dev_run(&s->dev);

    return more || vsh_window_take_away(s);
}

/*
 * The backend of s is dying.  Its vCPUs have stopped, but devices assigned to
 * it may not have, so the driver gets its buffers back only after they were
 * taken out of the backend's p2m, and the backend is let go of only when
 * nothing is left there: another one may come at once.
 */
static int backend_died(struct vsh_device *s, const struct domain *be)
{
    vsh_lock(s);

    if ( s->backend == be && vsh_usable(s) )
    {
        svq_dev_backend_gone(&s->dev);
        vsh_wait_update(s);
    }

    /*
     * Looked at anew whenever the lock was dropped: another CPU may have closed
     * the device.  One that is just being created has nothing to take back.
     */
    while ( s->backend == be && s->open && take_away(s) )
    {
        vsh_unlock(s);
        if ( hypercall_preempt_check() )
            return -ERESTART;
        vsh_lock(s);
    }

    if ( s->backend == be )
    {
        s->more = false;
        s->more_queues = 0;
        vsh_control_stop(s);
        s->waiting = 0;
        s->quiet = 0;

        vsh_leave_backend(s);
    }

    vsh_unlock(s);

    return 0;
}

/* A device that the domain serves, with a reference on its frontend. */
static struct vsh_device *first_served(struct virtio_shadow *vs)
{
    struct vsh_device *s;

    spin_lock(&vs->lock);

    s = list_first_entry_or_null(&vs->served, struct vsh_device, served);
    if ( s )
        /* Devices leave the list before their domain drops its reference. */
        get_knownalive_domain(s->frontend);

    spin_unlock(&vs->lock);

    return s;
}

int virtio_shadow_teardown(struct domain *d)
{
    struct virtio_shadow *vs = d->virtio_shadow;
    struct vsh_device *s;
    unsigned int i;
    int rc = 0;

    if ( !vs )
        return 0;

    spin_lock(&vs->lock);
    vs->closed = true;
    spin_unlock(&vs->lock);

    while ( !rc && (s = first_served(vs)) != NULL )
    {
        struct domain *frontend = s->frontend;

        rc = backend_died(s, d);
        put_domain(frontend);
    }

    for ( i = 0; !rc && i < ARRAY_SIZE(vs->device); i++ )
        if ( vs->device[i] )
            rc = vsh_close(vs->device[i]);

    /* They refer to its vCPUs, which go before the rest of it does. */
    if ( !rc )
        vsh_pace_exit(vs);

    return rc;
}

void virtio_shadow_free(struct domain *d)
{
    struct virtio_shadow *vs = d->virtio_shadow;
    unsigned int i;

    if ( !vs )
        return;

    ASSERT(list_empty(&vs->served));

    for ( i = 0; i < ARRAY_SIZE(vs->device); i++ )
    {
        if ( !vs->device[i] )
            continue;

        ASSERT(!vs->device[i]->open);
        /* Of one that was never finished. */
        vsh_memory_free(vs->device[i]);
        vsh_control_exit(vs->device[i]);
        vsh_wait_exit(vs->device[i]);
        vsh_delay_exit(vs->device[i]);
        xvfree(vs->device[i]);
    }

    vsh_pace_exit(vs);
    vsh_event_exit(vs);
    vsh_aperture_exit(vs);
    xvfree(vs);
    d->virtio_shadow = NULL;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
