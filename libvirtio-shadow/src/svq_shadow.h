/* SPDX-License-Identifier: MIT */
/*
 * The shadow ring: what the device process sees of a queue.  Always a split
 * virtqueue, of which Xen is the driver.
 */
#ifndef SVQ_SHADOW_H
#define SVQ_SHADOW_H

#include "svq_chain.h"

/* Empty rings, nothing in flight. */
void svq_shadow_start(struct svq_queue *q);

/* Is there room for the parts of this chain, and for its table, if it is to have one? */
bool svq_shadow_fits(const struct svq_queue *q, const struct svq_chain *c);

/*
 * The chain in q->part is in flight: put it into free slots, or into one with
 * a table, and into the shadow rings.  Not seen until svq_shadow_publish().
 */
void svq_shadow_put(struct svq_queue *q, const struct svq_chain *c);

/*
 * For another backend: empty rings, and then the chains that are in flight again,
 * one by one, in this order.  They are in their slots.  Seen by a first look at the
 * rings only after svq_shadow_publish_again().
 */
void svq_shadow_restart(struct svq_queue *q, bool event_idx);
void svq_shadow_offer(struct svq_queue *q, unsigned int head);
void svq_shadow_publish_again(struct svq_dev *dev, struct svq_queue *q);

/* The last nr chains that were put are available now; wakes the backend if it wants that. */
void svq_shadow_publish(struct svq_dev *dev, struct svq_queue *q, unsigned int nr);

/* Look how far the backend has got.  What comes later needs its own call. */
enum svq_error svq_shadow_look(struct svq_queue *q);

/* Has it returned something that was not collected yet? */
static inline bool svq_shadow_used(const struct svq_queue *q)
{
    return q->last_shadow_used != q->shadow_used_seen;
}

/* The chain that it has returned: its slot, and the used length, cut to what it may be. */
enum svq_error svq_shadow_next(struct svq_queue *q, unsigned int *slot, uint32_t *len);

/*
 * Nothing more is there: have the backend call for what comes next.  True if
 * that was said just now: then look again.
 */
bool svq_shadow_enable_calls(struct svq_queue *q);

/*
 * Calls for several returns at a time.  It has called, or it was given time and was
 * late; may there be returns that it has not called for, and are there any?
 */
void svq_shadow_called(struct svq_queue *q);
void svq_shadow_late(struct svq_queue *q);
bool svq_shadow_is_delayed(const struct svq_queue *q);
bool svq_shadow_has_returns(const struct svq_queue *q);

/* The chain in slot head is not in flight any more: its table, its slots. */
void svq_shadow_free_table(struct svq_queue *q, unsigned int head);
void svq_shadow_free(struct svq_queue *q, unsigned int head);

#endif /* SVQ_SHADOW_H */
