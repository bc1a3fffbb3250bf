/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a backend is shown the buffers of requests: what it has said of all the
 * devices that it serves.
 *
 * Looked at whenever a vCPU of the backend accesses what is not there, as the
 * registers of its interrupt controller are not.  So the cost must not grow
 * with what there is: a search in a table that is sorted, and nothing but a
 * comparison with its bounds for what is not near an aperture.
 */
#include <xen/errno.h>
#include <xen/xvmalloc.h>

#include <vsh.h>

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

static void drop(struct virtio_shadow *vs, const struct vsh_device *s)
{
    unsigned int i, kept = 0;

    for ( i = 0; i < vs->nr_shown; i++ )
        if ( vs->shown[i].device != s )
            vs->shown[kept++] = vs->shown[i];

    vs->nr_shown = kept;
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

    drop(vs, s);
    for ( i = 0; i < dev->nr_banks; i++ )
        insert(vs, s, _gfn(dev->aperture_gfn[i]), PFN_DOWN(dev->bank[i].size));
    find_ends(vs);

    spin_unlock(&vs->lock);
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
