/* SPDX-License-Identifier: MIT */
/*
 * The driver's ring, split (2.7) or packed (2.8).
 *
 * It lies in the driver's RAM, which the driver can change at any time: each
 * value is read from there once, and only that copy is checked and used.
 */
#ifndef SVQ_RING_H
#define SVQ_RING_H

#include "svq_chain.h"

/*
 * 2.7.7, 2.7.10: has an index that went from old to now passed event?  All
 * three wrap at 2^16.
 */
static inline bool svq_need_event(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

static inline bool svq_is_busy(const struct svq_queue *q, unsigned int id)
{
    return q->busy[id / 32] & (1U << (id % 32));
}

/* The size of the parts that the registers point to: descriptors, driver's, device's. */
struct svq_ring_layout {
    uint32_t desc_bytes, avail_bytes, used_bytes;
    uint32_t avail_align, used_align;
};

struct svq_ring_layout svq_split_layout(uint32_t size);
struct svq_ring_layout svq_packed_layout(uint32_t size);

void svq_split_start(struct svq_queue *q);
void svq_packed_start(struct svq_queue *q);

enum svq_error svq_split_look(struct svq_queue *q);
enum svq_error svq_split_read(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c);
void svq_split_advance(struct svq_queue *q);
/*
 * A first look at the head of the chain n after the one that is read: a hint, as
 * it will be read again.  False if there is none.
 */
bool svq_split_peek(struct svq_queue *q, unsigned int n, struct svq_desc *d);
bool svq_split_enable_kicks(struct svq_queue *q, unsigned int ahead);
bool svq_split_use(struct svq_queue *q, unsigned int nr);

bool svq_packed_avail(struct svq_queue *q);
enum svq_error svq_packed_read(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c);
void svq_packed_advance(struct svq_queue *q, const struct svq_chain *c);
bool svq_packed_enable_kicks(struct svq_queue *q, unsigned int ahead);
bool svq_packed_use(struct svq_queue *q, unsigned int nr);

/* Look how far the driver has got.  What comes later needs its own kick. */
static inline enum svq_error svq_ring_look(struct svq_queue *q)
{
    /* Packed: each descriptor tells by itself. */
    return q->packed ? SVQ_ERR_NONE : svq_split_look(q);
}

/* Is there another chain?  What is read of it afterwards is no older than the answer. */
static inline bool svq_ring_avail(struct svq_queue *q)
{
    return q->packed ? svq_packed_avail(q) : q->last_avail != q->avail_seen;
}

/*
 * Copy the chain that svq_ring_avail() has found into q->chain, and check the copy.
 * With an error as well, *c says what has been done for it.
 */
static inline enum svq_error svq_ring_read(struct svq_dev *dev, struct svq_queue *q,
                                           struct svq_chain *c)
{
    return q->packed ? svq_packed_read(dev, q, c) : svq_split_read(dev, q, c);
}

/* It is on its way: go on to what comes after it. */
static inline void svq_ring_advance(struct svq_queue *q, const struct svq_chain *c)
{
    if ( q->packed )
        svq_packed_advance(q, c);
    else
        svq_split_advance(q);
}

/*
 * Nothing is there: have the driver kick for what comes next, but for the first
 * ahead < q->size entries (packed: descriptors) of it, if that takes saying so
 * (VIRTIO_F_EVENT_IDX; without it, it kicks for each).  True if it was said just
 * now: then look again, as the driver may have been faster.
 */
static inline bool svq_ring_enable_kicks(struct svq_queue *q, unsigned int ahead)
{
    if ( !q->event_idx )
        return false;

    return q->packed ? svq_packed_enable_kicks(q, ahead) : svq_split_enable_kicks(q, ahead);
}

/* May there be chains that it does not kick for? */
static inline bool svq_ring_is_quiet(const struct svq_queue *q)
{
    uint16_t next = (uint16_t)(q->last_avail | (q->packed && q->avail_wrap ? 1U << 15 : 0));

    return q->event_idx && q->kick_event_valid && q->kick_event != next;
}

/* Are there, as far as one look can tell? */
static inline bool svq_ring_has_news(struct svq_queue *q)
{
    if ( q->packed )
        return svq_packed_avail(q);

    return svq_read_once(*(uint16_t *)svq_mem_at(&q->avail, SVQ_AVAIL_IDX)) != q->last_avail;
}

/* Return the nr > 0 chains in q->done.  True if the driver wants to be interrupted. */
static inline bool svq_ring_use(struct svq_queue *q, unsigned int nr)
{
    return q->packed ? svq_packed_use(q, nr) : svq_split_use(q, nr);
}

#endif /* SVQ_RING_H */
