/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The toolstack's side.
 */
#include <xen/guest_access.h>
#include <xen/softirq.h>

#include <vsh.h>

static struct vsh_device *open_device(const struct domain *d, unsigned int id)
{
    struct vsh_device *s = vsh_device_get(d, id);

    return s && s->open ? s : NULL;
}

static void queue_stats(struct xen_domctl_virtio_shadow_queue_stats *to,
                        const struct svq_queue *q)
{
    to->size = q->ready ? q->size : 0;
    to->in_flight = q->in_flight;
    to->kicks = q->stats.kicks;
    to->requests = q->stats.requests;
    to->returned = q->stats.returned;
    to->grants = q->stats.grants;
    to->revokes = q->stats.revokes;
    to->flushes = q->stats.flushes;
    to->rejected = q->stats.rejected;
    to->notifications = q->stats.notifications;
    to->interrupts = q->stats.interrupts;
    to->tables_copied = q->stats.tables_copied;
    to->tables_remapped = q->stats.tables_remapped;
    to->tables_restored = q->stats.tables_restored;
    to->bounces = q->stats.bounces;
    to->bytes_requested = q->stats.bytes_requested;
    to->bytes_exposed = q->stats.bytes_exposed;
    to->bytes_copied = q->stats.bytes_copied;
}

/* The toolstack knows the core's errors by number. */
static uint32_t error_number(enum svq_error err)
{
#define CHECK(e) \
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_ERR_##e != (int)SVQ_ERR_##e)

    CHECK(NONE);
    CHECK(AVAIL_IDX);
    CHECK(HEAD);
    CHECK(HEAD_BUSY);
    CHECK(NEXT);
    CHECK(CHAIN_LONG);
    CHECK(CHAIN_BYTES);
    CHECK(CHAIN_PAGES);
    CHECK(ORDER);
    CHECK(INDIRECT);
    CHECK(TABLE);
    CHECK(TABLE_LINK);
    CHECK(TABLE_PAGE);
    CHECK(TABLE_WRITE);
    CHECK(CHAIN_PART);
    CHECK(FLAGS);
    CHECK(LEN);
    CHECK(ADDR);
    CHECK(OVERCOMMIT);
    CHECK(PAGE);
    CHECK(BOUNCE);
    CHECK(RING);
    CHECK(STATUS);
    CHECK(USED_IDX);
    CHECK(USED_ID);
    CHECK(APERTURE);
    CHECK(BACKEND_MEM);
    CHECK(BACKEND_GONE);
    CHECK(REVOKED);

    /* Whoever adds one to the core comes by here. */
    BUILD_BUG_ON(SVQ_ERR_DRIVER_END != SVQ_ERR_STATUS + 1);
    BUILD_BUG_ON(SVQ_ERR_COUNT != SVQ_ERR_REVOKED + 1);

#undef CHECK

    return err;
}

static void device_stats(struct xen_domctl_virtio_shadow_stats *to,
                         struct vsh_device *s)
{
    const struct svq_dev *dev = &s->dev;

    vsh_lock(s);

    to->base = s->base;
    to->irq = s->irq;
    to->backend = s->backend ? s->backend->domain_id : DOMID_INVALID;
    to->policy = dev->policy;
    to->state = dev->state;
    to->device_id = dev->device_id;
    to->device_status = dev->status;
    to->pages_mapped = svq_dev_mapped(dev);
    to->xen_kib = DIV_ROUND_UP(s->bytes, 1024);
    to->failures = dev->failures;
    to->last_error = error_number(dev->last_error);
    to->indirect = dev->indirect;
    if ( dev->policy == VSH_POLICY_HYBRID )
        to->threshold = dev->threshold;
    to->driver_features = dev->driver_features;
    to->restart_s = s->restart_s;
    to->restarts = dev->restarts;
    if ( dev->scrub )
        to->flags = XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB;
    to->longest_ns = s->longest;

    vsh_unlock(s);
}

/* The records that there is room for, each of them of one moment. */
static int copy_queue_stats(struct vsh_device *s,
                            const struct xen_domctl_virtio_shadow_get_stats *to)
{
    unsigned int q, nr = min(to->nr_queues, s->dev.nr_queues);

    for ( q = 0; q < nr; q++ )
    {
        struct xen_domctl_virtio_shadow_queue_stats stats = {};

        spin_lock(&s->queue[q].lock);
        queue_stats(&stats, &s->dev.queue[q]);
        spin_unlock(&s->queue[q].lock);

        if ( copy_to_guest_offset(to->queues, q, &stats, 1) )
            return -EFAULT;
    }

    return 0;
}

static int do_stats(const struct domain *d, struct xen_domctl_virtio_shadow *op)
{
    struct xen_domctl_virtio_shadow_get_stats *to = &op->u.stats;
    unsigned int id;

    if ( to->pad )
        return -EINVAL;

    for ( id = op->id; id < XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES; id++ )
    {
        struct vsh_device *s = open_device(d, id);
        struct xen_domctl_virtio_shadow_stats stats = {};

        if ( !s )
            continue;

        device_stats(&stats, s);

        if ( copy_to_guest(to->device, &stats, 1) || copy_queue_stats(s, to) )
            return -EFAULT;

        op->id = id;
        to->nr_queues = s->dev.nr_queues;

        return 0;
    }

    return -ENOENT;
}

static int do_revoke(struct vsh_device *s)
{
    struct svq_dev *dev = &s->dev;
    bool again;

    vsh_lock(s);

    /* Unless this is a continuation of the call that did so. */
    if ( vsh_usable(s) && !dev->taking_away &&
         (dev->state != VSH_STATE_FAILED || svq_dev_mapped(dev)) )
        svq_dev_fail(dev, -1, SVQ_ERR_REVOKED);

    again = vsh_usable(s) && vsh_run_all(s);

    vsh_unlock(s);

    return again ? -ERESTART : 0;
}

int virtio_shadow_domctl(struct domain *d, struct xen_domctl_virtio_shadow *op,
                         bool *copyback)
{
    struct vsh_device *s;
    int rc;

    if ( !opt_virtio_shadow )
        return -EOPNOTSUPP;

    switch ( op->op )
    {
    case XEN_DOMCTL_VIRTIO_SHADOW_CREATE:
        rc = vsh_create(d, op->id, &op->u.create);
        *copyback = rc == -ENOSPC;
        return rc;

    case XEN_DOMCTL_VIRTIO_SHADOW_DESTROY:
        s = open_device(d, op->id);
        return s ? vsh_close(s) : -ENOENT;

    case XEN_DOMCTL_VIRTIO_SHADOW_REVOKE:
        s = open_device(d, op->id);
        return s ? do_revoke(s) : -ENOENT;

    case XEN_DOMCTL_VIRTIO_SHADOW_REASSIGN:
        s = open_device(d, op->id);
        rc = s ? vsh_reassign(s, &op->u.reassign) : -ENOENT;
        *copyback = rc == -ENOSPC;
        return rc;

    case XEN_DOMCTL_VIRTIO_SHADOW_STATS:
        rc = do_stats(d, op);
        *copyback = !rc;
        return rc;

    default:
        return -EOPNOTSUPP;
    }
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
