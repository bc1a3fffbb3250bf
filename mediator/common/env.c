/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's environment: pages of the frontend, and the backend's access to
 * them.  All of it is called with the lock of the queue that it is for.
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

/*
 * One batch on its way to the p2m: e[i] is for op[i].  What is beyond the batch
 * is never set: clearing it would cost more than a small batch does.
 */
struct batch {
    struct p2m_foreign e[SVQ_PAGE_BATCH];
};

static void batch_set(struct batch *b, const struct svq_page_op *op,
                      unsigned int i, mfn_t mfn)
{
    b->e[i].gfn = _gfn(op[i].backend_gfn);
    b->e[i].mfn = mfn;
    b->e[i].writable = op[i].to == SVQ_RW;
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

/* References on the pages of op[first] and nr - 1 more: which is plain RAM. */
static unsigned int look_up(struct vsh_device *s, const struct svq_page_op *op,
                            struct batch *b, unsigned int first,
                            unsigned int nr)
{
    struct page_info *pg[SVQ_PAGE_BATCH];
    gfn_t gfn[SVQ_PAGE_BATCH];
    unsigned int i, got;

    for ( i = 0; i < nr; i++ )
        gfn[i] = _gfn(op[first + i].gfn);

    got = p2m_get_ram_pages(s->frontend, gfn, pg, nr);

    for ( i = 0; i < got; i++ )
        batch_set(b, op, first + i, page_to_mfn(pg[i]));

    return got;
}

/*
 * Pages with a reference for op[0] to op[nr - 1], until one is not to be had.
 * What the core has kept has one.  Tables are known already, and not plain RAM
 * for others to find.
 */
static unsigned int get_pages(struct vsh_device *s,
                              const struct svq_page_op *op, unsigned int nr,
                              struct batch *b)
{
    unsigned int i, n;

    for ( i = 0; i < nr; i += n )
    {
        unsigned int got;

        n = 1;
        if ( op[i].held )
        {
            batch_set(b, op, i, _mfn(op[i].frame));
            continue;
        }

        if ( op[i].frame != SVQ_NO_FRAME )
        {
            if ( !get_page(mfn_to_page(_mfn(op[i].frame)), s->frontend) )
                break;
            batch_set(b, op, i, _mfn(op[i].frame));
            continue;
        }

        while ( i + n < nr && op[i + n].frame == SVQ_NO_FRAME )
            n++;

        got = look_up(s, op, b, i, n);
        if ( got < n )
            return i + got;
    }

    return i;
}

/*
 * From SVQ_NONE, or all from SVQ_DUMMY, op[0] to op[nr - 1].  The pages are
 * collected under the frontend's p2m lock, then mapped under the backend's.
 */
static unsigned int grant_new(struct vsh_device *s, unsigned int q,
                              struct svq_page_op *op,
                              unsigned int nr, enum svq_error *err)
{
    unsigned int i, got, done;
    struct batch b;
    int rc;

    got = get_pages(s, op, nr, &b);
    if ( got < nr )
        *err = SVQ_ERR_PAGE;

    done = p2m_foreign_map(s->backend, &s->queue[q].user, b.e, got,
                           op->from == SVQ_DUMMY ? page_to_mfn(s->dummy)
                                                 : INVALID_MFN, &rc);

    for ( i = 0; i < done; i++ )
        if ( !op[i].held )
            op[i].frame = mfn_x(b.e[i].mfn);

    if ( rc )
        *err = map_error(rc);

    /* The references of the others did not go to an entry. */
    for ( i = done; i < got; i++ )
        if ( !op[i].held )
            put_page(mfn_to_page(b.e[i].mfn));

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
static unsigned int upgrade(struct vsh_device *s, unsigned int q,
                            struct svq_page_op *op,
                            unsigned int nr, enum svq_error *err)
{
    struct batch b;
    unsigned int i, held, done;

    for ( held = 0; held < nr; held++ )
    {
        mfn_t mfn = _mfn(op[held].frame);

        if ( !mfn_valid(mfn) || !get_page(mfn_to_page(mfn), s->frontend) )
            break;

        batch_set(&b, op, held, mfn);
    }

    p2m_foreign_protect(s->backend, &s->queue[q].user, b.e, held);
    p2m_foreign_flush(s->backend, &s->queue[q].user);

    for ( done = 0; done < held && b.e[done].done; done++ )
        continue;

    for ( i = 0; i < held; i++ )
        put_page(mfn_to_page(b.e[i].mfn));

    if ( done < nr )
        *err = SVQ_ERR_APERTURE;

    return done;
}

static bool is_grant_new(const struct svq_page_op *op)
{
    return op->from == SVQ_NONE || op->from == SVQ_DUMMY;
}

unsigned int svq_env_grant(struct svq_dev *dev, unsigned int q,
                           struct svq_page_op *op, unsigned int nr,
                           enum svq_error *err)
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
        bool is_new = is_grant_new(&op[i]);

        for ( k = i + 1; k < nr && k - i < SVQ_PAGE_BATCH; k++ )
            if ( is_grant_new(&op[k]) != is_new || op[k].from != op[i].from )
                break;

        done = is_new ? grant_new(s, q, &op[i], k - i, err)
                      : upgrade(s, q, &op[i], k - i, err);
        if ( done < k - i )
            return i + done;
    }

    return nr;
}

/*
 * What shows a page or the dummy goes, or becomes read-only.  All of op[0] to
 * op[nr - 1] end with SVQ_NONE, or none does.
 */
static void revoke_run(struct vsh_device *s, unsigned int q,
                       struct svq_page_op *op, unsigned int nr)
{
    bool dummies = false;
    unsigned int i, done;
    struct batch b;

    for ( i = 0; i < nr; i++ )
    {
        bool dummy = op[i].from == SVQ_DUMMY;

        batch_set(&b, op, i, dummy ? page_to_mfn(s->dummy)
                                   : _mfn(op[i].frame));
        dummies |= dummy;
    }

    done = op[0].to != SVQ_NONE
        ? p2m_foreign_protect(s->backend, &s->queue[q].user, b.e, nr)
        : p2m_foreign_unmap(s->backend, &s->queue[q].user, b.e, nr);

    if ( done == nr && !dummies )
        return;

    for ( i = 0; i < nr; i++ )
    {
        if ( op[i].from == SVQ_DUMMY )
        {
            /* The page itself stays at least as long as its backend. */
            if ( b.e[i].done )
                put_page(s->dummy);
        }
        else if ( !b.e[i].done )
            op[i].frame = SVQ_NO_FRAME;
    }
}

void svq_env_revoke(struct svq_dev *dev, unsigned int q,
                    struct svq_page_op *op, unsigned int nr)
{
    struct vsh_device *s = to_device(dev);
    unsigned int i, k;

    ASSERT(nr <= SVQ_PAGE_BATCH);

    /* What it had was taken away before it went. */
    if ( !s->backend )
        return;

    /* Mostly it is all of one kind. */
    for ( i = 0; i < nr; i = k )
    {
        for ( k = i + 1; k < nr; k++ )
            if ( (op[k].to == SVQ_NONE) != (op[i].to == SVQ_NONE) )
                break;

        revoke_run(s, q, &op[i], k - i);
    }
}

/* Whoever has flushed since, for another of the backend's devices, will do. */
bool svq_env_flush(struct svq_dev *dev, unsigned int q)
{
    struct vsh_device *s = to_device(dev);

    return s->backend && p2m_foreign_flush(s->backend, &s->queue[q].user);
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

uint64_t svq_env_generation(struct svq_dev *dev)
{
    return p2m_ram_generation(to_device(dev)->frontend);
}

void svq_env_forget(struct svq_dev *dev, uint64_t frame)
{
    put_page(mfn_to_page(_mfn(frame)));
}

void svq_env_take_away(struct svq_dev *dev, struct svq_page_op *op,
                       unsigned int nr)
{
    struct vsh_device *s = to_device(dev);
    struct batch b;
    unsigned int i;

    ASSERT(nr <= SVQ_PAGE_BATCH);

    if ( !s->backend )
    {
        ASSERT_UNREACHABLE();
        return;
    }

    for ( i = 0; i < nr; i++ )
        batch_set(&b, op, i, _mfn(op[i].frame));

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
        printk(XENLOG_G_WARNING
               "virtio-shadow: %pd device %u%s (backend %pd): %s; %s\n",
               s->frontend, s->id, queue, s->backend, svq_error_text(err),
               advice);
    else
        printk(XENLOG_G_WARNING
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
