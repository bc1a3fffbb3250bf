/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a backend is shown the buffers of requests: what it has said of all the
 * devices that it serves.
 *
 * Looked at whenever a vCPU of the backend accesses what is not there, as the
 * registers of its interrupt controller are not.  So the cost must not grow
 * with what there is: a search in a table that is sorted, and nothing but a
 * comparison with its bounds for what is not near an aperture.
 *
 * Page tables.  A device has as many pages of its backend's pool set aside as
 * its driver can make necessary, by one page in flight in each block of memory
 * that a table maps.  So no driver can leave the devices of others, which share
 * that pool, without tables.  Tables stay when the pages are gone, and so does
 * the place of an aperture, mostly: what is needed is there.  Tables of places
 * that are no aperture any more are freed when a device would lack them.
 */
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/softirq.h>
#include <xen/xvmalloc.h>

#include <asm/p2m.h>

#include <vsh.h>

/* Pages that a last-level table maps. */
#define VSH_TABLE_PAGES (PAGE_SIZE / sizeof(uint64_t))

/* Parts of the search for tables that a backend's request does itself. */
#define TRIMS_AT_ONCE   8U

/*
 * For one more device.  Called with the domctl lock, so nobody else makes the
 * table larger, nor the list of devices longer.
 */
int vsh_aperture_room(struct virtio_shadow *vs)
{
    unsigned int nr = (ACCESS_ONCE(vs->nr_served) + 1) * VSH_MAX_BANKS;
    struct vsh_shown *shown;

    if ( nr <= vs->max_shown )
        return 0;

    shown = xvzalloc_array(struct vsh_shown, nr);
    if ( !shown )
        return -ENOMEM;

    spin_lock(&vs->lock);

    if ( vs->nr_shown )
        memcpy(shown, vs->shown, vs->nr_shown * sizeof(*shown));
    SWAP(shown, vs->shown);
    vs->max_shown = nr;

    spin_unlock(&vs->lock);

    xvfree(shown);

    return 0;
}

/* Nobody can refer to the domain any more. */
void vsh_aperture_exit(struct virtio_shadow *vs)
{
    XVFREE(vs->shown);
}

/* The first place at or after gfn where no aperture is, and none up to *end. */
static gfn_t find_gap(const struct virtio_shadow *vs, gfn_t gfn, gfn_t *end)
{
    unsigned int i;

    *end = vs->ever_end;

    for ( i = 0; i < vs->nr_shown; i++ )
    {
        const struct vsh_shown *this = &vs->shown[i];

        if ( gfn_x(this->first) > gfn_x(gfn) )
        {
            *end = gfn_min(this->first, vs->ever_end);
            break;
        }
        gfn = gfn_max(gfn, gfn_add(this->first, this->nr));
    }

    return gfn;
}

/*
 * Free some tables where apertures have been, and none is now.  True while
 * there may be more of them.
 */
static bool trim(struct domain *be)
{
    struct virtio_shadow *vs = be->virtio_shadow;
    gfn_t start, end;
    bool more;

    /* Meanwhile no aperture comes, whose tables are paid for. */
    spin_lock(&vs->lock);

    start = find_gap(vs, gfn_max(vs->trimmed, vs->ever_first), &end);
    vs->trimmed = end;

    /* Only tables that are in no aperture with any part. */
    start = _gfn(ROUNDUP(gfn_x(start), VSH_TABLE_PAGES));
    end = _gfn(ROUNDDOWN(gfn_x(end), VSH_TABLE_PAGES));
    if ( gfn_x(start) < gfn_x(end) )
    {
        p2m_foreign_trim(be, &start, end);
        if ( gfn_x(start) < gfn_x(end) )
            vs->trimmed = start;
    }

    more = gfn_x(vs->trimmed) < gfn_x(vs->ever_end);
    /* Next time from the start. */
    if ( !more )
        vs->trimmed = _gfn(0);

    spin_unlock(&vs->lock);

    return more;
}

/*
 * Does be's pool have nr tables for a device that has none set aside yet, and
 * VSH_TABLES_LEFT besides?  -ENOSPC, and *lacks is how many are missing; or
 * -ERESTART.  What it has may be somebody else's when the device wants it.
 * Called with the domctl lock.
 */
int vsh_aperture_tables(struct domain *be, unsigned long nr, uint32_t *lacks)
{
    unsigned long missing;
    bool more = true;

    while ( (missing = p2m_foreign_lacks(be, nr + VSH_TABLES_LEFT)) != 0 &&
            more )
    {
        more = trim(be);
        if ( more && hypercall_preempt_check() )
            return -ERESTART;
    }

    *lacks = min(missing, 0xffffffffUL);

    return missing ? -ENOSPC : 0;
}

/* Forget where s shows its banks.  Was one of them where none is to be now? */
static bool drop(struct virtio_shadow *vs, const struct vsh_device *s)
{
    unsigned int i, k, kept = 0;
    bool moved = false;

    for ( i = 0; i < vs->nr_shown; i++ )
    {
        if ( vs->shown[i].device != s )
        {
            vs->shown[kept++] = vs->shown[i];
            continue;
        }

        for ( k = 0; k < s->dev.nr_banks; k++ )
            if ( gfn_x(vs->shown[i].first) == s->dev.aperture_gfn[k] )
                break;
        moved |= k == s->dev.nr_banks;
    }

    vs->nr_shown = kept;

    return moved;
}

static void insert(struct virtio_shadow *vs, const struct vsh_device *s,
                   gfn_t first, unsigned long nr)
{
    struct vsh_shown *shown = vs->shown;
    unsigned int i;

    if ( vs->nr_shown >= vs->max_shown )
    {
        ASSERT_UNREACHABLE();
        return;
    }

    for ( i = vs->nr_shown++; i; i-- )
    {
        if ( gfn_x(shown[i - 1].first) <= gfn_x(first) )
            break;
        shown[i] = shown[i - 1];
    }

    shown[i].device = s;
    shown[i].first = first;
    shown[i].nr = nr;
}

/* Others compare with the bounds without the lock: each changes at once. */
static void find_ends(struct virtio_shadow *vs)
{
    unsigned long end = 0, first = 0;
    unsigned int i;

    for ( i = 0; i < vs->nr_shown; i++ )
    {
        struct vsh_shown *this = &vs->shown[i];

        /* The core has made sure that there is no overflow. */
        if ( gfn_x(this->first) + this->nr > end )
            end = gfn_x(this->first) + this->nr;
        this->end = _gfn(end);
    }

    if ( vs->nr_shown )
        first = gfn_x(vs->shown[0].first);

    write_atomic(&vs->shown_first, first);
    write_atomic(&vs->shown_end, end);

    if ( !vs->nr_shown )
        return;

    if ( !gfn_x(vs->ever_end) || first < gfn_x(vs->ever_first) )
        vs->ever_first = _gfn(first);
    vs->ever_end = gfn_max(vs->ever_end, _gfn(end));
}

/*
 * The tables that the device has paid for are where its aperture was: set as
 * many aside once more, with the next request if need be.  If the pool does not
 * have them, the device may fail some day, and no other one does.
 */
static void pay_again(struct vsh_device *s)
{
    unsigned int i;

    for ( i = 0; s->owes && i < TRIMS_AT_ONCE; i++ )
    {
        s->owes = p2m_foreign_reserve(s->backend, &s->reserve, s->nr_tables);
        if ( s->owes )
            trim(s->backend);
    }
}

/* The backend may have said (anew) where it shows the aperture. */
void vsh_aperture_update(struct vsh_device *s)
{
    const struct svq_dev *dev = &s->dev;
    struct virtio_shadow *vs;
    unsigned int i;

    /* What a process that is gone accessed may still be accessed: keep it. */
    if ( !s->backend || !dev->attached )
        return;

    vs = s->backend->virtio_shadow;

    spin_lock(&vs->lock);

    s->owes |= drop(vs, s);
    for ( i = 0; i < dev->nr_banks; i++ )
        insert(vs, s, _gfn(dev->aperture_gfn[i]), PFN_DOWN(dev->bank[i].size));
    find_ends(vs);

    spin_unlock(&vs->lock);

    pay_again(s);
}

/* The device leaves its backend, whose lock is held. */
void vsh_aperture_remove(struct virtio_shadow *vs, const struct vsh_device *s)
{
    drop(vs, s);
    find_ends(vs);
}

bool virtio_shadow_is_backend(const struct domain *d)
{
    const struct virtio_shadow *vs = d->virtio_shadow;

    /* A device that is just being added or removed has nothing to show. */
    return vs && !list_empty(&vs->served);
}

/* The last one that does not begin after gfn: it, or one before, reaches it? */
static bool is_shown(const struct virtio_shadow *vs, gfn_t gfn)
{
    unsigned int low = 0, high = vs->nr_shown;

    while ( low < high )
    {
        unsigned int mid = (low + high) / 2;

        if ( gfn_x(vs->shown[mid].first) <= gfn_x(gfn) )
            low = mid + 1;
        else
            high = mid;
    }

    return low && gfn_x(gfn) < gfn_x(vs->shown[low - 1].end);
}

bool virtio_shadow_is_aperture(struct domain *d, gfn_t gfn)
{
    struct virtio_shadow *vs = d->virtio_shadow;
    bool found;

    if ( !vs || gfn_x(gfn) < read_atomic(&vs->shown_first) ||
         gfn_x(gfn) >= read_atomic(&vs->shown_end) )
        return false;

    spin_lock(&vs->lock);
    found = is_shown(vs, gfn);
    spin_unlock(&vs->lock);

    return found;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
