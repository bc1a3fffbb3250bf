/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window, as the backend maps it.
 */
#include <xen/domain_page.h>
#include <xen/errno.h>

#include <asm/p2m.h>

#include <vsh.h>

/* The device, if the current domain is its backend, and locked. */
static struct vsh_device *lock_as_backend(const struct domain *d,
                                          unsigned int id)
{
    struct vsh_device *s = vsh_device_get(d, id);

    if ( !s )
        return NULL;

    vsh_lock(s);

    if ( vsh_usable(s) && s->backend == current->domain )
        return s;

    vsh_unlock(s);

    return NULL;
}

int virtio_shadow_window_check(struct domain *d, unsigned int id)
{
    struct vsh_device *s;

    if ( !opt_virtio_shadow )
        return -EOPNOTSUPP;

    s = lock_as_backend(d, id);
    if ( !s )
        return -EPERM;

    vsh_unlock(s);

    return 0;
}

unsigned int virtio_shadow_window_frames(const struct domain *d,
                                         unsigned int id)
{
    struct vsh_device *s = lock_as_backend(d, id);
    unsigned int nr;

    if ( !s )
        return 0;

    nr = s->nr_frames;
    vsh_unlock(s);

    return nr;
}

/* Is the frame where it was mapped last? */
static bool is_there(const struct vsh_device *s, const struct vsh_frame *f)
{
    p2m_type_t t;
    mfn_t mfn = p2m_lookup(s->backend, f->gfn, &t);

    return p2m_is_foreign(t) && mfn_eq(mfn, page_to_mfn(f->pg));
}

/* Empty the frame's old place, if it is still there. */
static void unmap_frame(struct vsh_device *s, struct vsh_frame *f)
{
    struct p2m_foreign e = { .gfn = f->gfn, .mfn = page_to_mfn(f->pg) };

    if ( p2m_foreign_unmap(s->backend, &s->queue[0].user, &e, 1) )
    {
        p2m_foreign_flush(s->backend, &s->queue[0].user);
        put_page(f->pg);
    }

    f->gfn = INVALID_GFN;
}

static int map_frame(struct vsh_device *s, struct vsh_frame *f, gfn_t gfn)
{
    struct p2m_foreign e = {
        .gfn = gfn,
        .mfn = page_to_mfn(f->pg),
        .writable = f->writable,
    };
    int rc;

    if ( !gfn_eq(f->gfn, INVALID_GFN) )
    {
        if ( gfn_eq(f->gfn, gfn) && is_there(s, f) )
            return 0;
        unmap_frame(s, f);
    }

    if ( !get_page(f->pg, dom_xen) )
    {
        ASSERT_UNREACHABLE();
        return -EINVAL;
    }

    p2m_foreign_map(s->backend, &s->queue[0].user, &e, 1,
                    page_to_mfn(s->dummy), &rc);
    if ( rc )
        put_page(f->pg);
    else
        f->gfn = gfn;

    return rc;
}

int virtio_shadow_window_map(struct domain *d, unsigned int id,
                             unsigned int frame, gfn_t gfn)
{
    struct vsh_device *s = lock_as_backend(d, id);
    int rc = -EINVAL;

    if ( !s )
        return -EPERM;

    if ( frame < s->nr_frames && !gfn_eq(gfn, INVALID_GFN) )
        rc = map_frame(s, &s->frame[array_index_nospec(frame, s->nr_frames)],
                       gfn);

    vsh_unlock(s);

    return rc;
}

/* Nobody looks at it any more: the core has let go of everything. */
static void free_frame(struct vsh_frame *f)
{
    vsh_free_page(f->pg);
    f->pg = NULL;
}

/*
 * The device is being closed: the backend finds its dummy page where the window
 * was, as it may be looking at it.  A part of it; true while there is more.
 */
bool vsh_window_remove(struct vsh_device *s)
{
    struct p2m_foreign e[SVQ_PAGE_BATCH];
    struct vsh_frame *f[SVQ_PAGE_BATCH];
    unsigned int i, n, nr = 0;

    for ( n = 0; n < ARRAY_SIZE(e) && s->removed < s->nr_frames; n++ )
    {
        struct vsh_frame *frame = &s->frame[s->removed++];

        /* Nor is it to be found anywhere if there is no backend. */
        if ( gfn_eq(frame->gfn, INVALID_GFN) )
        {
            free_frame(frame);
            continue;
        }

        f[nr] = frame;
        e[nr].gfn = frame->gfn;
        e[nr].mfn = page_to_mfn(frame->pg);
        nr++;
    }

    if ( nr )
        p2m_foreign_replace(s->backend, e, nr, page_to_mfn(s->dummy));

    for ( i = 0; i < nr; i++ )
    {
        if ( e[i].done )
            put_page(f[i]->pg);
        f[i]->gfn = INVALID_GFN;
        free_frame(f[i]);
    }

    return s->removed < s->nr_frames;
}

/*
 * The backend is dying.  Another domain may have the device before the p2m of
 * this one, and the devices that are assigned to it, are gone: so none of the
 * window stays there.  A part of it; true while there is more.
 */
bool vsh_window_take_away(struct vsh_device *s)
{
    struct p2m_foreign e[SVQ_PAGE_BATCH];
    struct vsh_frame *f[SVQ_PAGE_BATCH];
    unsigned int i, n, nr = 0;

    for ( n = 0; n < ARRAY_SIZE(e) && s->taken < s->nr_frames; n++ )
    {
        struct vsh_frame *frame = &s->frame[s->taken++];

        if ( gfn_eq(frame->gfn, INVALID_GFN) )
            continue;

        f[nr] = frame;
        e[nr].gfn = frame->gfn;
        e[nr].mfn = page_to_mfn(frame->pg);
        nr++;
    }

    if ( nr )
    {
        p2m_foreign_unmap(s->backend, &s->queue[0].user, e, nr);
        p2m_foreign_flush(s->backend, &s->queue[0].user);
    }

    for ( i = 0; i < nr; i++ )
    {
        if ( e[i].done )
            put_page(f[i]->pg);
        f[i]->gfn = INVALID_GFN;
    }

    if ( s->taken < s->nr_frames )
        return true;

    s->taken = 0;

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
