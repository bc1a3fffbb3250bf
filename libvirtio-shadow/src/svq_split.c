/* SPDX-License-Identifier: MIT */
/* The driver's ring if it is a split virtqueue, 2.7. */
#include "svq_ring.h"

struct svq_ring_layout svq_split_layout(uint32_t size)
{
    return (struct svq_ring_layout){
        .desc_bytes = SVQ_DESC_BYTES(size),
        .avail_bytes = SVQ_AVAIL_BYTES(size),
        .used_bytes = SVQ_USED_BYTES(size),
        .avail_align = SVQ_AVAIL_ALIGN,
        .used_align = SVQ_USED_ALIGN,
    };
}

void svq_split_start(struct svq_queue *q)
{
    q->last_avail = 0;
    q->avail_seen = 0;
    q->used_idx = 0;
}

enum svq_error svq_split_look(struct svq_queue *q)
{
    uint16_t idx = svq_read_once(*(uint16_t *)svq_mem_at(&q->avail, SVQ_AVAIL_IDX));

    /* 2.7.13: never more than the queue size. */
    if ( (uint16_t)(idx - q->last_avail) > q->size )
        return SVQ_ERR_AVAIL_IDX;

    q->avail_seen = idx;

    /* Entries and descriptors are read only after the idx that covers them. */
    svq_rmb();

    return SVQ_ERR_NONE;
}

enum svq_error svq_split_read(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c)
{
    unsigned int i, mask = q->size - 1U;
    bool more;

    *c = (struct svq_chain){ 0 };

    i = svq_read_once(*(uint16_t *)svq_mem_at(&q->avail, SVQ_AVAIL_RING(q->last_avail & mask)));
    if ( i >= q->size )
        return SVQ_ERR_HEAD;

    i = svq_nospec(i, (unsigned int)q->size);
    if ( svq_is_busy(q, i) )
        return SVQ_ERR_HEAD_BUSY;

    c->id = (uint16_t)i;

    do {
        const struct svq_desc *src = svq_mem_at(&q->desc, i * sizeof(*src));
        struct svq_desc *d = &q->chain[c->nr];
        enum svq_error err;

        /* 2.7.5: a loop, or a chain that shares its tail with itself. */
        if ( c->ring_descs == q->size )
            return SVQ_ERR_CHAIN_LONG;
        c->ring_descs++;

        d->addr = svq_read_once(src->addr);
        d->len = svq_read_once(src->len);
        d->flags = svq_read_once(src->flags);
        d->next = svq_read_once(src->next);

        if ( d->flags & ~(SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE | SVQ_DESC_F_INDIRECT) )
            return SVQ_ERR_FLAGS;

        more = d->flags & SVQ_DESC_F_NEXT;

        if ( d->flags & SVQ_DESC_F_INDIRECT )
        {
            if ( more && q->indirect )
                return SVQ_ERR_TABLE_LINK;

            err = svq_chain_add_table(dev, q, c, d->addr, d->len);
        }
        else
            err = svq_chain_add(dev, q, c);

        if ( err != SVQ_ERR_NONE )
            return err;

        if ( more )
        {
            if ( d->next >= q->size )
                return SVQ_ERR_NEXT;
            i = svq_nospec(d->next, q->size);
        }
    } while ( more );

    return SVQ_ERR_NONE;
}

bool svq_split_peek(struct svq_queue *q, unsigned int n, struct svq_desc *d)
{
    uint16_t at = (uint16_t)(q->last_avail + n);
    const struct svq_desc *src;
    unsigned int i;

    if ( n >= (uint16_t)(q->avail_seen - q->last_avail) )
        return false;

    i = svq_read_once(*(uint16_t *)svq_mem_at(&q->avail, SVQ_AVAIL_RING(at & (q->size - 1U))));
    if ( i >= q->size )
        return false;

    src = svq_mem_at(&q->desc, svq_nospec(i, (unsigned int)q->size) * sizeof(*src));
    d->addr = svq_read_once(src->addr);
    d->len = svq_read_once(src->len);
    d->flags = svq_read_once(src->flags);

    return true;
}

void svq_split_advance(struct svq_queue *q)
{
    q->last_avail++;
}

bool svq_split_enable_kicks(struct svq_queue *q, unsigned int ahead)
{
    uint16_t *event = svq_mem_at(&q->used, SVQ_USED_AVAIL_EVENT(q->size));
    uint16_t at = (uint16_t)(q->last_avail + ahead);

    if ( q->kick_event_valid && q->kick_event == at )
        return false;

    q->kick_event = at;
    q->kick_event_valid = true;
    svq_write_once(*event, q->kick_event);

    /* 2.7.10: either the driver sees the new event, or we see its new idx. */
    svq_mb();

    return true;
}

/* 2.7.7: does the driver want to know that used_idx is not old any more? */
static bool interrupt_wanted(struct svq_queue *q, uint16_t old)
{
    if ( q->event_idx )
    {
        uint16_t *event = svq_mem_at(&q->avail, SVQ_AVAIL_USED_EVENT(q->size));

        return svq_need_event(svq_read_once(*event), q->used_idx, old);
    }

    return !(svq_read_once(*(uint16_t *)svq_mem_at(&q->avail, SVQ_AVAIL_FLAGS)) &
             SVQ_AVAIL_F_NO_INTERRUPT);
}

bool svq_split_use(struct svq_queue *q, unsigned int nr)
{
    uint16_t mask = (uint16_t)(q->size - 1), *idx = svq_mem_at(&q->used, SVQ_USED_IDX);
    uint16_t old = q->used_idx;
    unsigned int i;

    for ( i = 0; i < nr; i++, q->used_idx++ )
    {
        /* An element may straddle two pages, its halves may not. */
        uint32_t *id = svq_mem_at(&q->used, SVQ_USED_ID(q->used_idx & mask));
        uint32_t *len = svq_mem_at(&q->used, SVQ_USED_LEN(q->used_idx & mask));

        svq_write_once(*id, q->done[i].id);
        svq_write_once(*len, q->done[i].len);
    }

    /* The driver sees the elements, and the buffers' contents, before the idx. */
    svq_wmb();
    svq_write_once(*idx, q->used_idx);

    /* 2.7.7: either it sees the new idx, or we see that it wants to be told. */
    svq_mb();

    return interrupt_wanted(q, old);
}
