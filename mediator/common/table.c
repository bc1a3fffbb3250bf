/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's environment: indirect tables in place, whose pages are read-only
 * for the frontend, and what happens if it writes to them all the same.
 */
#include <asm/p2m.h>

#include <vsh.h>

/* What is passed to the p2m at a time. */
static unsigned int to_batch(struct p2m_foreign *f,
                             const struct svq_table_page *t, unsigned int nr)
{
    unsigned int i;

    nr = min(nr, SVQ_PAGE_BATCH);

    for ( i = 0; i < nr; i++ )
    {
        f[i].gfn = _gfn(t[i].gfn);
        f[i].mfn = _mfn(t[i].frame);
    }

    return nr;
}

static bool keeps_pages(const struct vsh_device *s)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(s->dev.queue); i++ )
        if ( ACCESS_ONCE(s->dev.queue[i].pages.nr_kept) )
            return true;

    return false;
}

/*
 * Whoever refers to a page keeps it from being protected, be it for the sake of
 * another device of the same frontend which has had it in a buffer.  A device
 * that is busy is passed over: the locks of two devices have no order.
 */
static void have_forgotten(const struct vsh_device *self,
                           const struct svq_table_page *t, unsigned int nr)
{
    const struct virtio_shadow *vs = self->frontend->virtio_shadow;
    unsigned int i, k;

    for ( i = 0; i < ARRAY_SIZE(vs->device); i++ )
    {
        struct vsh_device *s = ACCESS_ONCE(vs->device[i]);

        if ( !s || s == self || !keeps_pages(s) || !vsh_trylock(s) )
            continue;

        for ( k = 0; k < nr && vsh_usable(s); k++ )
            svq_dev_forget_page(&s->dev, t[k].gfn);

        vsh_unlock(s);
    }
}

void svq_env_protect(struct svq_dev *dev, struct svq_table_page *t,
                     unsigned int nr)
{
    struct vsh_device *s = container_of(dev, struct vsh_device, dev);
    struct domain *d = s->frontend;
    struct p2m_foreign f[SVQ_PAGE_BATCH];
    unsigned int i, n;

    /* It may have a device of its own that no SMMU keeps from its memory. */
    if ( is_domain_direct_mapped(d) )
        return;

    have_forgotten(s, t, nr);

    for ( ; nr; t += n, nr -= n )
    {
        n = to_batch(f, t, nr);
        p2m_ram_protect(d, f, n);

        for ( i = 0; i < n; i++ )
            if ( f[i].done )
                t[i].frame = mfn_x(f[i].mfn);
    }
}

void svq_env_unprotect(struct svq_dev *dev, const struct svq_table_page *t,
                       unsigned int nr)
{
    struct domain *d = container_of(dev, struct vsh_device, dev)->frontend;
    struct p2m_foreign f[SVQ_PAGE_BATCH];
    unsigned int i, n;

    for ( ; nr; t += n, nr -= n )
    {
        n = to_batch(f, t, nr);
        p2m_ram_unprotect(d, f, n);

        /* The last one, if the frontend has given the page away meanwhile. */
        for ( i = 0; i < n; i++ )
            put_page(mfn_to_page(f[i].mfn));
    }
}

void svq_env_read_table(struct svq_dev *dev, const struct svq_table_page *t,
                        void *buf, uint32_t len)
{
    svq_env_read(dev, t->frame, 0, buf, len);
}

bool virtio_shadow_protects(const struct domain *d)
{
    return d->virtio_shadow;
}

bool virtio_shadow_write_fault(struct domain *d, gfn_t gfn)
{
    const struct virtio_shadow *vs = d->virtio_shadow;
    unsigned int i;

    for ( i = 0; vs && i < ARRAY_SIZE(vs->device); i++ )
    {
        struct vsh_device *s = ACCESS_ONCE(vs->device[i]);
        bool ours = false;

        if ( !s )
            continue;

        /* Waits for whoever is about to change what the page is. */
        vsh_lock(s);

        if ( vsh_usable(s) )
        {
            ours = svq_dev_write_fault(&s->dev, gfn_x(gfn));
            if ( ours && vsh_run(s) )
                vsh_leave_to_current();
        }

        vsh_unlock(s);

        if ( ours )
            return true;
    }

    return false;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
