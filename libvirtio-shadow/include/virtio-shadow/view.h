/* SPDX-License-Identifier: MIT */
/*
 * How a backend reads the info page: as a consistent copy of its own, in which no
 * count, offset or place is beyond what there is.  The page is Xen's, but the
 * reader's mapping ends somewhere, and Xen may be newer than the reader.
 *
 * Like abi.h, this compiles in Linux and in user space.
 */
#ifndef VIRTIO_SHADOW_VIEW_H
#define VIRTIO_SHADOW_VIEW_H

#include "abi.h"

struct vsh_view {
    struct vsh_info info;
    struct vsh_bank bank[VSH_MAX_BANKS];            /* info.nr_banks of them */
    struct vsh_queue_info queue[VSH_MAX_QUEUES];    /* info.nr_queues of them */
};

enum vsh_view_result {
    VSH_VIEW_OK,
    VSH_VIEW_BUSY,      /* Xen is writing: read again */
    VSH_VIEW_GONE,      /* there is no window any more */
    VSH_VIEW_VERSION,   /* Xen speaks another version: info.version */
    VSH_VIEW_BAD,       /* a count, offset or place that cannot be, or too many for this reader */
};

/* How to read a word of the page: whole, and before all that is read later. */
typedef uint32_t vsh_view_load(const uint32_t *word);

/* Are nr records of so many bytes, and no more than max, in the page behind its head? */
static inline int vsh_view_has_records(uint32_t nr, uint32_t max, uint32_t offset, uint32_t stride,
                                       uint32_t bytes)
{
    if ( nr > max || (offset | stride) % 8 || stride < bytes || stride > VSH_FRAME_SIZE )
        return 0;
    if ( offset < sizeof(struct vsh_info) || offset > VSH_FRAME_SIZE )
        return 0;
    return (uint64_t)nr * stride <= VSH_FRAME_SIZE - offset;
}

static inline int vsh_view_has_frames(const struct vsh_info *info, uint32_t first, uint32_t nr)
{
    return first <= info->nr_frames && nr <= info->nr_frames - first;
}

static inline int vsh_view_head_is_good(const struct vsh_info *info, uint32_t frames)
{
    uint64_t bytes = (uint64_t)info->nr_frames << VSH_FRAME_SHIFT;

    if ( info->nr_frames < VSH_FRAME_FIRST_QUEUE || info->nr_frames > frames )
        return 0;
    if ( info->window_base % VSH_FRAME_SIZE || info->window_base > ~0ULL - bytes )
        return 0;
    return vsh_view_has_records(info->nr_banks, VSH_MAX_BANKS, info->bank_offset,
                                info->bank_stride, sizeof(struct vsh_bank)) &&
           vsh_view_has_records(info->nr_queues, VSH_MAX_QUEUES, info->queue_offset,
                                info->queue_stride, sizeof(struct vsh_queue_info));
}

/* Everything here is made of words, whatever a compiler may think of the types. */
typedef uint32_t __attribute__((__may_alias__)) vsh_view_word;

static inline void vsh_view_copy(void *to, const uint32_t *page, uint32_t offset, uint32_t bytes,
                                 vsh_view_load *load)
{
    vsh_view_word *word = (vsh_view_word *)to;
    uint32_t i;

    for ( i = 0; i < bytes / 4; i++ )
        word[i] = load(&page[offset / 4 + i]);
}

static inline void vsh_view_copy_records(struct vsh_view *v, const uint32_t *page,
                                         vsh_view_load *load)
{
    uint32_t i;

    for ( i = 0; i < v->info.nr_banks; i++ )
        vsh_view_copy(&v->bank[i], page, v->info.bank_offset + i * v->info.bank_stride,
                      sizeof(v->bank[i]), load);
    for ( i = 0; i < v->info.nr_queues; i++ )
        vsh_view_copy(&v->queue[i], page, v->info.queue_offset + i * v->info.queue_stride,
                      sizeof(v->queue[i]), load);
}

static inline int vsh_view_has_places(const struct vsh_view *v)
{
    uint32_t i;

    for ( i = 0; i < v->info.nr_queues; i++ )
    {
        const struct vsh_queue_info *q = &v->queue[i];

        if ( !vsh_view_has_frames(&v->info, q->table_frame, 1) ||
             !vsh_view_has_frames(&v->info, q->bounce_out_frame, q->bounce_frames) ||
             !vsh_view_has_frames(&v->info, q->bounce_in_frame, q->bounce_frames) )
            return 0;
    }
    return 1;
}

/*
 * page: where the caller has the info page mapped; frames: how many frames of the
 * window it has mapped.  Only with VSH_VIEW_OK is there something in *v to go by.
 */
static inline enum vsh_view_result vsh_view_read(struct vsh_view *v, const void *page,
                                                 uint32_t frames, vsh_view_load *load)
{
    const struct vsh_info *info = (const struct vsh_info *)page;
    uint32_t seq = load(&info->seq);
    int good;

    if ( seq & 1 )
        return VSH_VIEW_BUSY;

    vsh_view_copy(&v->info, (const uint32_t *)page, 0, sizeof(v->info), load);
    good = v->info.magic == VSH_MAGIC && v->info.version == VSH_ABI_VERSION &&
           vsh_view_head_is_good(&v->info, frames);
    if ( good )
        vsh_view_copy_records(v, (const uint32_t *)page, load);

    if ( load(&info->seq) != seq )
        return VSH_VIEW_BUSY;
    if ( v->info.magic != VSH_MAGIC )
        return VSH_VIEW_GONE;
    if ( v->info.version != VSH_ABI_VERSION )
        return VSH_VIEW_VERSION;
    return good && vsh_view_has_places(v) ? VSH_VIEW_OK : VSH_VIEW_BAD;
}

#endif /* VIRTIO_SHADOW_VIEW_H */
