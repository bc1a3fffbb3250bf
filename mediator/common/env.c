/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's environment: pages of the frontend, and the backend's access to
 * them.  All of it is called with the device's lock held.
 *
 * A frame, to the core, is an mfn.  While a page is accessible to the backend,
 * one reference on it belongs to the entry in the backend's p2m: a backend
 * which removes the entry drops it.
 */
#include <xen/domain_page.h>
#include <xen/errno.h>

#include <asm/p2m.h>

#include <vsh.h>
#include <vsh-arch.h>

static struct vsh_device *to_device(struct svq_dev *dev)
{
    return container_of(dev, struct vsh_device, dev);
}

static struct page_info *ring_page(void *p)
{
    return mfn_to_page(domain_page_map_to_mfn(p));
}

int svq_env_ring_get(struct svq_dev *dev, uint64_t addr, uint32_t bytes,
                     struct svq_mem *mem)
{
    unsigned int i, got;
    unsigned int nr = PFN_UP((addr & ~PAGE_MASK) + bytes);
    gfn_t gfn[SVQ_RING_FRAMES] = {};
    struct page_info *pg[SVQ_RING_FRAMES];

    if ( nr > ARRAY_SIZE(gfn) )
    {
        ASSERT_UNREACHABLE();
        return -EINVAL;
    }

    for ( i = 0; i < nr; i++ )
        gfn[i] = gfn_add(gaddr_to_gfn(addr), i);

    got = p2m_get_ram_pages(to_device(dev)->frontend, gfn, pg, nr);
    if ( got < nr )
    {
        while ( got-- )
            put_page(pg[got]);
        return -EINVAL;
    }

    for ( i = 0; i < nr; i++ )
        mem->page[i] = __map_domain_page_global(pg[i]);

    mem->off = addr & ~PAGE_MASK;
    mem->nr = nr;

    return 0;
}

void svq_env_ring_put(struct svq_dev *dev, struct svq_mem *mem)
{
    unsigned int i;

    for ( i = 0; i < mem->nr; i++ )
    {
        struct page_info *pg = ring_page(mem->page[i]);

        unmap_domain_page_global(mem->page[i]);
        put_page(pg);
        mem->page[i] = NULL;
    }

    mem->nr = 0;
}

int svq_env_read(struct svq_dev *dev, uint64_t addr, void *buf, uint32_t len)
{
    const gfn_t gfn = gaddr_to_gfn(addr);
    unsigned int off = addr & ~PAGE_MASK;
    struct page_info *pg;
    const void *p;

    if ( len > PAGE_SIZE - off )
    {
        ASSERT_UNREACHABLE();
        return -EINVAL;
    }

    /* The guest may give the page away meanwhile, but not while it is held. */
    if ( p2m_get_ram_pages(to_device(dev)->frontend, &gfn, &pg, 1) != 1 )
        return -EINVAL;

    p = __map_domain_page(pg);
    memcpy(buf, p + off, len);
    unmap_domain_page(p);
    put_page(pg);

    return 0;
}

/* One batch on its way to the p2m: entry i is for op[of[i]]. */
struct batch {
    struct p2m_foreign e[SVQ_PAGE_BATCH];
    unsigned int of[SVQ_PAGE_BATCH];
    unsigned int nr;
};

static void batch_add(struct batch *b, const struct svq_page_op *op,
                      unsigned int i, mfn_t mfn)
{
    b->e[b->nr].gfn = _gfn(op[i].backend_gfn);
    b->e[b->nr].mfn = mfn;
    b->e[b->nr].writable = op[i].to == SVQ_RW;
    b->of[b->nr] = i;
    b->nr++;
}

static enum svq_error map_error(int rc)
{
    switch ( rc )
    {
    case -ENOMEM:
        return SVQ_ERR_BACKEND_MEM;

    case -ESRCH:
        return SVQ_ERR_BACKEND_GONE;

    default:
        return SVQ_ERR_APERTURE;
    }
}

/*
 * References on pages of op[0] to op[nr - 1], until one is not to be had.
 * Those of tables are known already, and not plain RAM for others to find.
 */
static unsigned int get_pages(struct vsh_device *s,
                              const struct svq_page_op *op, unsigned int nr,
                              struct page_info *pg[])
{
    gfn_t gfn[SVQ_PAGE_BATCH] = {};
    unsigned int i, n;

    for ( i = 0; i < nr; i += n )
    {
        unsigned int got;

        if ( op[i].frame != SVQ_NO_FRAME )
        {
            pg[i] = mfn_to_page(_mfn(op[i].frame));
            if ( !get_page(pg[i], s->frontend) )
                break;
            n = 1;
            continue;
        }

        for ( n = 0; i + n < nr && op[i + n].frame == SVQ_NO_FRAME; n++ )
            gfn[n] = _gfn(op[i + n].gfn);

        got = p2m_get_ram_pages(s->frontend, gfn, &pg[i], n);
        if ( got < n )
            return i + got;
    }

    return i;
}

/*
 * From SVQ_NONE, op[0] to op[nr - 1].  The pages are collected under the
 * frontend's p2m lock, then mapped under the backend's.
 */
static unsigned int grant_new(struct vsh_device *s, struct svq_page_op *op,
                              unsigned int nr, enum svq_error *err)
{
    struct page_info *pg[SVQ_PAGE_BATCH];
    struct batch b = { .nr = 0 };
    unsigned int i, got, done;
    int rc;

    got = get_pages(s, op, nr, pg);
    if ( got < nr )
        *err = SVQ_ERR_PAGE;

    for ( i = 0; i < got; i++ )
        batch_add(&b, op, i, page_to_mfn(pg[i]));

    rc = p2m_foreign_map(s->backend, b.e, got, page_to_mfn(s->dummy));

    for ( done = 0; done < got && b.e[done].done; done++ )
        op[done].frame = mfn_x(b.e[done].mfn);

    if ( rc )
        *err = map_error(rc);

    /* The references of the others did not go to an entry. */
    for ( i = done; i < got; i++ )
        put_page(pg[i]);

    return done;
}

/*
 * From SVQ_RO to SVQ_RW.
 *
 * If the backend has removed our entry, nothing holds the page any more, and it
 * may have become another frontend's.  A device of that one, with an aperture
 * at the same place, may have made it appear there again, read-only: that entry
 * looks like ours, and must not become writable.  So make sure that the page is
 * the frontend's, and stays so.
 */
static unsigned int upgrade(struct vsh_device *s, struct svq_page_op *op,
                            unsigned int nr, enum svq_error *err)
{
    struct batch b = { .nr = 0 };
    unsigned int i, held, done;

    for ( held = 0; held < nr; held++ )
    {
        mfn_t mfn = _mfn(op[held].frame);

        if ( !mfn_valid(mfn) || !get_page(mfn_to_page(mfn), s->frontend) )
            break;

        batch_add(&b, op, held, mfn);
    }

    p2m_foreign_protect(s->backend, b.e, held);
    p2m_foreign_flush(s->backend);

    for ( done = 0; done < held && b.e[done].done; done++ )
        continue;

    for ( i = 0; i < held; i++ )
        put_page(mfn_to_page(b.e[i].mfn));

    if ( done < nr )
        *err = SVQ_ERR_APERTURE;

    return done;
}

unsigned int svq_env_grant(struct svq_dev *dev, struct svq_page_op *op,
                           unsigned int nr, enum svq_error *err)
{
    struct vsh_device *s = to_device(dev);
    unsigned int i, k, done;

    if ( !s->backend || s->backend->is_dying )
    {
        *err = SVQ_ERR_BACKEND_GONE;
        return 0;
    }

    /* Runs of the same kind: upgrades are rare. */
    for ( i = 0; i < nr; i += done )
    {
        bool is_new = op[i].from == SVQ_NONE;

        for ( k = i + 1; k < nr && k - i < SVQ_PAGE_BATCH; k++ )
            if ( (op[k].from == SVQ_NONE) != is_new )
                break;

        done = is_new ? grant_new(s, &op[i], k - i, err)
                      : upgrade(s, &op[i], k - i, err);
        if ( done < k - i )
            return i + done;
    }

    return nr;
}

/*
 * What shows a page or the dummy goes, or becomes read-only.  The ops of one
 * kind are those with, or without, SVQ_NONE as their end.
 */
static void revoke_batch(struct vsh_device *s, struct svq_page_op *op,
                         unsigned int nr, bool protect)
{
    struct batch b = { .nr = 0 };
    unsigned int i;

    for ( i = 0; i < nr; i++ )
    {
        if ( (op[i].to != SVQ_NONE) != protect )
            continue;

        batch_add(&b, op, i, op[i].from == SVQ_DUMMY ? page_to_mfn(s->dummy)
                                                     : _mfn(op[i].frame));
    }

    if ( !b.nr )
        return;

    if ( protect )
        p2m_foreign_protect(s->backend, b.e, b.nr);
    else
        p2m_foreign_unmap(s->backend, b.e, b.nr);

    for ( i = 0; i < b.nr; i++ )
    {
        struct svq_page_op *o = &op[b.of[i]];

        if ( o->from == SVQ_DUMMY )
        {
            /* The page itself stays at least as long as its backend. */
            if ( b.e[i].done )
                put_page(s->dummy);
        }
        else if ( !b.e[i].done )
            o->frame = SVQ_NO_FRAME;
    }
}

void svq_env_revoke(struct svq_dev *dev, struct svq_page_op *op,
                    unsigned int nr)
{
    struct vsh_device *s = to_device(dev);

    ASSERT(nr <= SVQ_PAGE_BATCH);

    /* What it had was taken away before it went. */
    if ( !s->backend )
        return;

    revoke_batch(s, op, nr, false);
    revoke_batch(s, op, nr, true);
}

void svq_env_flush(struct svq_dev *dev)
{
    struct vsh_device *s = to_device(dev);

    if ( s->backend )
        p2m_foreign_flush(s->backend);
}

static void drop_frame(const struct svq_page_op *op)
{
    if ( op->frame != SVQ_NO_FRAME )
        put_page(mfn_to_page(_mfn(op->frame)));
}

void svq_env_release(struct svq_dev *dev, const struct svq_page_op *op,
                     unsigned int nr)
{
    unsigned int i;

    for ( i = 0; i < nr; i++ )
        if ( op[i].to == SVQ_NONE && op[i].from != SVQ_DUMMY )
            drop_frame(&op[i]);
}

void svq_env_take_away(struct svq_dev *dev, struct svq_page_op *op,
                       unsigned int nr)
{
    struct vsh_device *s = to_device(dev);
    struct batch b = { .nr = 0 };
    unsigned int i;

    ASSERT(nr <= SVQ_PAGE_BATCH);

    if ( !s->backend )
    {
        ASSERT_UNREACHABLE();
        return;
    }

    for ( i = 0; i < nr; i++ )
        batch_add(&b, op, i, _mfn(op[i].frame));

    p2m_foreign_replace(s->backend, b.e, nr, page_to_mfn(s->dummy));

    for ( i = 0; i < nr; i++ )
        if ( b.e[i].done )
            drop_frame(&op[i]);
}

void svq_env_interrupt(struct svq_dev *dev)
{
    struct vsh_device *s = to_device(dev);

    arch_vsh_irq_raise(s->frontend, s->irq);
}

void svq_env_report(struct svq_dev *dev, int q, enum svq_error err)
{
    struct vsh_device *s = to_device(dev);
    const char *advice = svq_error_is_backend(err) && err != SVQ_ERR_REVOKED
        ? "restart the backend's device, then have the driver reset it"
        : "have the driver reset it";
    char queue[16] = "";

    if ( !printk_ratelimit() )
        return;

    if ( q >= 0 )
        snprintf(queue, sizeof(queue), " queue %d", q);

    if ( s->backend )
        printk(XENLOG_WARNING
               "virtio-shadow: %pd device %u%s (backend %pd): %s; %s\n",
               s->frontend, s->id, queue, s->backend, svq_error_text(err),
               advice);
    else
        printk(XENLOG_WARNING
               "virtio-shadow: %pd device %u%s (no backend): %s; %s\n",
               s->frontend, s->id, queue, svq_error_text(err), advice);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
