/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making a device, and closing it.
 */
#include <xen/domain_page.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/nospec.h>
#include <xen/softirq.h>
#include <xen/xvmalloc.h>

#include <xsm/xsm.h>

#include <vsh.h>
#include <vsh-arch.h>

/* The device of that id, open or not; NULL if there never was one. */
struct vsh_device *vsh_device_get(const struct domain *d, unsigned int id)
{
    const struct virtio_shadow *vs = d->virtio_shadow;

    if ( !vs || id >= ARRAY_SIZE(vs->device) )
        return NULL;

    return ACCESS_ONCE(vs->device[array_index_nospec(id,
                                                     ARRAY_SIZE(vs->device))]);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static int check_banks(const struct xen_domctl_virtio_shadow_create *c)
{
    uint64_t limit = min_t(uint64_t, arch_vsh_address_limit(), SVQ_WINDOW_DAS);
    unsigned int i, k;

    if ( !c->nr_banks || c->nr_banks > ARRAY_SIZE(c->bank) )
        return -EINVAL;

    if ( (c->base & (SVQ_MMIO_SIZE - 1)) || c->base >= limit )
        return -EINVAL;

    for ( i = 0; i < c->nr_banks; i++ )
    {
        uint64_t base = c->bank[i].base, size = c->bank[i].size;

        if ( ((base | size) & ~PAGE_MASK) || !size || base >= limit ||
             size > limit - base ||
             overlap(base, size, c->base, SVQ_MMIO_SIZE) )
            return -EINVAL;

        for ( k = 0; k < i; k++ )
            if ( overlap(base, size, c->bank[k].base, c->bank[k].size) )
                return -EINVAL;
    }

    return 0;
}

/* In a bank: after check_banks(). */
static bool is_pool(const struct xen_domctl_virtio_shadow_create *c)
{
    unsigned int i;

    if ( ((c->pool_base | c->pool_size) & ~PAGE_MASK) || !c->pool_size )
        return false;

    for ( i = 0; i < c->nr_banks; i++ )
    {
        uint64_t off = c->pool_base - c->bank[i].base;

        if ( c->pool_base >= c->bank[i].base && off < c->bank[i].size &&
             c->pool_size <= c->bank[i].size - off )
            return true;
    }

    return false;
}

static int check_policy(const struct xen_domctl_virtio_shadow_create *c)
{
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT != VSH_POLICY_GRANT);
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY != VSH_POLICY_COPY);
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID != VSH_POLICY_HYBRID);
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED != VSH_POLICY_TRUSTED);
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL != VSH_POLICY_POOL);

    switch ( c->policy )
    {
    case XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT:
    case XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY:
    case XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID:
    case XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED:
    case XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL:
        break;

    default:
        return -EINVAL;
    }

    /* What the backend is told is not what is in the driver's tables. */
    if ( c->indirect == XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_REMAP &&
         c->policy != XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT )
        return -EINVAL;

    if ( c->threshold &&
         (c->policy != XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID ||
          c->threshold > XEN_DOMCTL_VIRTIO_SHADOW_MAX_THRESHOLD) )
        return -EINVAL;

    /* Nobody knows which buffers there are. */
    if ( (c->flags & XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB) &&
         (c->policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED ||
          c->policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL) )
        return -EINVAL;

    if ( c->policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL )
        return is_pool(c) ? 0 : -EINVAL;

    return c->pool_base || c->pool_size ? -EINVAL : 0;
}

static int check(const struct domain *d,
                 const struct xen_domctl_virtio_shadow_create *c)
{
    int rc;

    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_MAX_QUEUES != VSH_MAX_QUEUES);
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_MAX_BANKS != VSH_MAX_BANKS);

    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_AUTO != SVQ_INDIRECT_AUTO);
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_COPY != SVQ_INDIRECT_COPY);
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_REMAP != SVQ_INDIRECT_REMAP);
    BUILD_BUG_ON(XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_OFF != SVQ_INDIRECT_OFF);

    if ( c->flags & ~XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB )
        return -EOPNOTSUPP;

    if ( c->lacks )
        return -EINVAL;

    if ( c->indirect > XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_OFF ||
         (c->withhold & ~SVQ_WITHHOLDABLE) )
        return -EINVAL;

    if ( c->restart_s > XEN_DOMCTL_VIRTIO_SHADOW_MAX_RESTART_S )
        return -EINVAL;

    if ( !c->nr_queues || c->nr_queues > VSH_MAX_QUEUES || !c->queue_size ||
         c->queue_size > VSH_MAX_QUEUE_SIZE ||
         (c->queue_size & (c->queue_size - 1)) )
        return -EINVAL;

    /* Register traps cannot be set up once the domain runs. */
    if ( d->creation_finished )
        return -EBUSY;

    /* Event channels are delivered to Xen in the name of a vCPU. */
    if ( !d->max_vcpus || !d->vcpu[0] )
        return -EINVAL;

    rc = check_banks(c);
    if ( rc )
        return rc;

    return check_policy(c);
}

/*
 * The most page tables that the backend's p2m can need for the device, wherever
 * the backend puts window and apertures: after check().
 */
static unsigned long count_tables(
    const struct xen_domctl_virtio_shadow_create *c)
{
    unsigned int i, bounce = svq_bounce_frames(c->policy, c->queue_size);
    unsigned long nr;

    nr = p2m_foreign_tables(svq_window_frames(c->nr_queues, c->queue_size,
                                              bounce));

    /* Nothing of the frontend's is ever mapped. */
    if ( c->policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY )
        return nr;

    if ( c->policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL )
        return nr + p2m_foreign_tables(PFN_DOWN(c->pool_size));

    for ( i = 0; i < c->nr_banks; i++ )
        nr += p2m_foreign_tables(PFN_DOWN(c->bank[i].size));

    return nr;
}

/*
 * The place of device id, which stays once it is made: register accesses and
 * notifications find the device by it at any time.
 */
static struct vsh_device *make_place(struct domain *d, unsigned int id)
{
    struct virtio_shadow *vs = vsh_domain(d);
    struct vsh_device *s;
    unsigned int i;

    if ( !vs || vsh_event_init(d) )
        return NULL;

    id = array_index_nospec(id, ARRAY_SIZE(vs->device));
    if ( vs->device[id] )
        return vs->device[id];

    s = xvzalloc(struct vsh_device);
    if ( !s )
        return NULL;

    s->frontend = d;
    s->id = id;
    for ( i = 0; i < ARRAY_SIZE(s->queue); i++ )
    {
        spin_lock_init(&s->queue[i].lock);
        s->queue[i].device = s;
    }
    INIT_LIST_HEAD(&s->served);
    vsh_control_init(s);
    vsh_wait_init(s);
    vsh_delay_init(s);

    /* Readers without a lock see it initialised. */
    smp_wmb();
    write_atomic(&vs->device[id], s);

    return s;
}

static int set_up_core(struct vsh_device *s,
                       const struct xen_domctl_virtio_shadow_create *c)
{
    /* Too many for the stack. */
    uint8_t **frame = xvmalloc_array(uint8_t *, s->nr_frames);
    struct svq_dev *dev = &s->dev;
    unsigned int i;

    if ( !frame )
        return -ENOMEM;

    dev->nr_queues = c->nr_queues;
    dev->nr_banks = c->nr_banks;
    dev->indirect = c->indirect;
    dev->threshold = c->threshold ?: vsh_default_threshold;
    dev->pool.base = c->pool_base;
    dev->pool.size = c->pool_size;
    dev->keep = c->restart_s;
    dev->scrub = c->flags & XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB;
    dev->withheld = c->withhold;
    for ( i = 0; i < c->nr_banks; i++ )
    {
        dev->bank[i].base = c->bank[i].base;
        dev->bank[i].size = c->bank[i].size;
    }

    for ( i = 0; i < s->nr_frames; i++ )
        frame[i] = __map_domain_page_global(s->frame[i].pg);

    svq_dev_init(dev, frame);
    xvfree(frame);

    dev->info->frontend = s->frontend->domain_id;
    dev->info->device = s->id;

    return 0;
}

/*
 * Give back what a device that is not open (any more) has besides its place.
 * The device is locked, as either end may be dying on another CPU.
 */
static void release(struct vsh_device *s)
{
    ASSERT(!s->open);

    vsh_control_stop(s);
    vsh_wait_stop(s);
    vsh_delay_stop(s);
    vsh_event_free(s);

    if ( s->irq )
    {
        arch_vsh_irq_free(s->frontend, s->irq);
        s->irq = 0;
    }

    vsh_leave_backend(s);
    vsh_memory_free(s);
}

/* Free what a CREATE that was preempted has left, and that does not go on. */
static void abandon(struct vsh_device *s)
{
    /* Its domain may be dying, and another CPU may be closing it. */
    vsh_lock(s);
    if ( !s->open )
        vsh_memory_free(s);
    vsh_unlock(s);
}

/* Nothing is left of what the place was used for before. */
static void begin(struct vsh_device *s,
                  const struct xen_domctl_virtio_shadow_create *c)
{
    memset(&s->dev, 0, sizeof(s->dev));
    s->wanted = *c;
    s->restart_s = c->restart_s;
    s->dev.policy = c->policy;
    s->longest = 0;
    s->more = false;
    s->more_queues = 0;
    s->control.full = 0;
    s->closing = false;
    s->removed = 0;
}

static int set_up(struct vsh_device *s, struct domain *be,
                  const struct xen_domctl_virtio_shadow_create *c)
{
    int rc;

    rc = set_up_core(s, c);
    if ( rc )
        return rc;

    /* Its reference goes to the device. */
    get_knownalive_domain(be);
    rc = vsh_join_backend(s, be);
    if ( rc )
    {
        put_domain(be);
        return rc;
    }

    /* From here on it may die, and leave: s->backend is not ours to look at. */
    rc = vsh_event_alloc(s, c->backend);
    if ( rc )
        return rc;

    rc = arch_vsh_irq_reserve(s->frontend, c->irq);
    if ( rc )
        return rc;
    s->irq = c->irq;

    /* Last, as it cannot be undone. */
    if ( !s->has_handler )
    {
        s->base = c->base;
        rc = arch_vsh_register(s);
        if ( rc )
            return rc;
        s->has_handler = true;
    }

    return 0;
}

/*
 * -ERESTART: call it again, with the same parameters.  Not called twice at a
 * time, nor together with other domctls (domctl lock); but others may come in
 * between, another CREATE with other parameters, too.
 */
int vsh_create(struct domain *d, unsigned int id,
               struct xen_domctl_virtio_shadow_create *c)
{
    struct vsh_device *s = NULL;
    struct domain *be;
    bool open;
    int rc;

    if ( id >= XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES )
        return -EINVAL;

    rc = check(d, c);
    if ( rc )
        return rc;

    be = get_domain_by_id(c->backend);
    if ( !be )
        return -ESRCH;

    rc = -EINVAL;
    if ( be == d )
        goto out;

    /* The domctl's own check knows only the frontend. */
    rc = xsm_virtio_shadow_serve(XSM_PRIV, be, d);
    if ( rc )
        goto out;

    rc = -ESRCH;
    if ( be->is_dying || d->is_dying )
        goto out;

    rc = -ENOMEM;
    s = make_place(d, id);
    if ( !s )
        goto out;

    /* A CPU that is closing it, because d has died meanwhile, is done then. */
    vsh_lock(s);
    open = s->open;
    vsh_unlock(s);

    rc = -EEXIST;
    if ( open )
        goto out;

    /* A closed device's traps are where they were. */
    rc = -EBUSY;
    if ( s->has_handler && s->base != c->base )
        goto out;

    s->nr_tables = count_tables(c);
    rc = vsh_prepare_backend(be, s->nr_tables, &c->lacks);
    if ( rc )
        goto out;

    if ( s->frame && memcmp(&s->wanted, c, sizeof(*c)) )
        abandon(s);
    if ( !s->frame )
        begin(s, c);

    rc = vsh_memory_alloc(s, c->nr_queues, c->queue_size);
    if ( rc )
        goto out;

    rc = set_up(s, be, c);

    vsh_lock(s);

    /*
     * Domains are killed without the domctl lock.  Who has been torn down in
     * the meantime would not close the device any more.
     */
    if ( !rc && (!s->backend || d->virtio_shadow->closed) )
        rc = -ESRCH;

    if ( rc )
        release(s);
    else
        s->open = true;

    vsh_unlock(s);

 out:
    put_domain(be);

    if ( rc && rc != -ERESTART && s )
        abandon(s);

    return rc;
}

/*
 * Take everything back from the backend and from the frontend, in any state of
 * either.  -ERESTART if there is more to do.
 */
int vsh_close(struct vsh_device *s)
{
    vsh_lock(s);

    /* The domctl and the frontend's death can come at the same time. */
    while ( s->open )
    {
        s->closing = true;
        /* Nobody else does anything for it any more. */
        s->more = false;
        s->more_queues = 0;
        vsh_control_stop(s);

        if ( !svq_dev_release(&s->dev) && !vsh_window_remove(s) )
        {
            ASSERT(!svq_dev_mapped(&s->dev));

            s->open = false;

            release(s);
            break;
        }

        vsh_unlock(s);
        if ( hypercall_preempt_check() )
            return -ERESTART;
        vsh_lock(s);
    }

    vsh_unlock(s);

    return 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
