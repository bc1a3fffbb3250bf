/* SPDX-License-Identifier: MIT */
/*
 * The driver's ring if it is a packed virtqueue, 2.8.
 *
 * What is available and what is used is told by two bits of a descriptor's
 * flags, compared with a wrap counter for each direction.  Both sides write the
 * same descriptors: after a chain has been read, nothing in the ring says any
 * more where it was, so what is in flight is known from q->slot, q->busy and
 * q->ring_free alone.
 */
#include "svq_ring.h"

#define KNOWN_FLAGS     (SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE | SVQ_DESC_F_INDIRECT |                \
                         SVQ_PACKED_F_AVAIL | SVQ_PACKED_F_USED)

struct svq_ring_layout svq_packed_layout(uint32_t size)
{
    return (struct svq_ring_layout){
        .desc_bytes = SVQ_DESC_BYTES(size),
        .avail_bytes = SVQ_EVENT_BYTES,
        .used_bytes = SVQ_EVENT_BYTES,
        .avail_align = SVQ_EVENT_ALIGN,
        .used_align = SVQ_EVENT_ALIGN,
    };
}

void svq_packed_start(struct svq_queue *q)
{
    /* 2.8.1: both wrap counters start at 1. */
    q->last_avail = 0;
    q->avail_wrap = true;
    q->used_idx = 0;
    q->used_wrap = true;
}

static struct svq_packed_desc *desc_at(struct svq_queue *q, unsigned int i)
{
    return svq_mem_at(&q->desc, i * (uint32_t)sizeof(struct svq_packed_desc));
}

static bool is_avail(unsigned int flags, bool wrap)
{
    return !!(flags & SVQ_PACKED_F_AVAIL) == wrap && !!(flags & SVQ_PACKED_F_USED) != wrap;
}

/* A place in the ring moves on by nr <= q->size descriptors. */
static void advance(const struct svq_queue *q, uint16_t *idx, bool *wrap, unsigned int nr)
{
    unsigned int next = *idx + nr;

    if ( next >= q->size )
    {
        next -= q->size;
        *wrap = !*wrap;
    }

    *idx = (uint16_t)next;
}

bool svq_packed_avail(struct svq_queue *q)
{
    q->head_flags = svq_read_once(desc_at(q, q->last_avail)->flags);

    /* The rest of the descriptor, and of its list, is read only after its flags. */
    svq_rmb();

    return is_avail(q->head_flags, q->avail_wrap);
}

enum svq_error svq_packed_read(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c)
{
    uint16_t i = q->last_avail, flags = q->head_flags;
    bool wrap = q->avail_wrap, more;

    *c = (struct svq_chain){ 0 };

    do {
        const struct svq_packed_desc *src = desc_at(q, i);
        struct svq_desc *d = &q->chain[c->nr];
        enum svq_error err;

        /* 2.8.17: no list is longer than the ring. */
        if ( c->ring_descs == q->size )
            return SVQ_ERR_CHAIN_LONG;

        /* 2.8.6: the head is made available last, the rest of the list is there. */
        if ( c->ring_descs )
        {
            flags = svq_read_once(src->flags);
            if ( !is_avail(flags, wrap) )
                return SVQ_ERR_CHAIN_PART;
        }

        c->ring_descs++;

        d->addr = svq_read_once(src->addr);
        d->len = svq_read_once(src->len);
        c->id = svq_read_once(src->id);

        if ( flags & ~KNOWN_FLAGS )
            return SVQ_ERR_FLAGS;

        more = flags & SVQ_DESC_F_NEXT;
        d->flags = flags & SVQ_DESC_F_WRITE;
        d->next = 0;

        if ( flags & SVQ_DESC_F_INDIRECT )
        {
            /* 2.8.19: not in a list. */
            if ( q->indirect && (more || c->ring_descs > 1) )
                return SVQ_ERR_TABLE_LINK;

            err = svq_chain_add_table(dev, q, c, d->addr, d->len);
        }
        else
            err = svq_chain_add(dev, q, c);

        if ( err != SVQ_ERR_NONE )
            return err;

        advance(q, &i, &wrap, 1);
    } while ( more );

    /* 2.8.6: the id is the last descriptor's. */
    return svq_is_busy(q, c->id) ? SVQ_ERR_HEAD_BUSY : SVQ_ERR_NONE;
}

void svq_packed_advance(struct svq_queue *q, const struct svq_chain *c)
{
    advance(q, &q->last_avail, &q->avail_wrap, c->ring_descs);
}

bool svq_packed_enable_kicks(struct svq_queue *q, unsigned int ahead)
{
    uint16_t event = q->last_avail;
    bool wrap = q->avail_wrap;
    uint16_t *off_wrap = svq_mem_at(&q->used, SVQ_EVENT_OFF_WRAP);
    uint16_t *flags = svq_mem_at(&q->used, SVQ_EVENT_FLAGS);

    advance(q, &event, &wrap, ahead);
    event = (uint16_t)(event | (wrap ? 1U << 15 : 0));

    if ( q->kick_event_valid && q->kick_event == event )
        return false;

    svq_write_once(*off_wrap, event);
    if ( !q->kick_event_valid )
    {
        /* The flags that make it count come after it. */
        svq_wmb();
        svq_write_once(*flags, SVQ_EVENT_F_DESC);
    }

    q->kick_event = event;
    q->kick_event_valid = true;

    /* 2.8.21: either the driver sees the new event, or we see its new descriptor. */
    svq_mb();

    return true;
}

/* 2.8.10: does the driver want to know of the last nr descriptors before used_idx? */
static bool interrupt_wanted(struct svq_queue *q, unsigned int nr)
{
    /* Offset and flags belong together: one read. */
    uint32_t event = svq_read_once(*(uint32_t *)svq_mem_at(&q->avail, SVQ_EVENT_OFF_WRAP));
    unsigned int flags = (event >> 16) & 3;
    uint16_t off = event & 0x7fff;

    if ( flags != SVQ_EVENT_F_DESC || !q->event_idx )
        return flags != SVQ_EVENT_F_DISABLE;

    /* Of the ring's last round: that many descriptors below 0. */
    if ( !!(event & 0x8000) != q->used_wrap )
        off = (uint16_t)(off - q->size);

    return svq_need_event(off, q->used_idx, (uint16_t)(q->used_idx - nr));
}

bool svq_packed_use(struct svq_queue *q, unsigned int nr)
{
    unsigned int i, moved = 0;

    for ( i = 0; i < nr; i++ )
    {
        const struct svq_done *done = &q->done[i];
        struct svq_packed_desc *d = desc_at(q, q->used_idx);
        unsigned int flags = q->used_wrap ? SVQ_PACKED_F_AVAIL | SVQ_PACKED_F_USED : 0;

        /* 2.8.3, 2.8.4: WRITE says that len counts. */
        if ( done->len )
            flags |= SVQ_DESC_F_WRITE;

        svq_write_once(d->id, done->id);
        svq_write_once(d->len, done->len);

        /* The driver sees these, and the buffers' contents, before the flags. */
        svq_wmb();
        svq_write_once(d->flags, (uint16_t)flags);

        /* 2.8.6: one used descriptor for a list, the others are passed over. */
        advance(q, &q->used_idx, &q->used_wrap, done->ring_descs);
        moved += done->ring_descs;
    }

    /* 2.8.22: either it sees the descriptors, or we see that it wants to be told. */
    svq_mb();

    return interrupt_wanted(q, moved);
}
