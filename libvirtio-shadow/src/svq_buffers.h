/* SPDX-License-Identifier: MIT */
/*
 * How the backend gets at the buffers of a chain for as long as it is in flight:
 * their pages are granted, or they are copied to and from bounce pages, or some of
 * each.
 */
#ifndef SVQ_BUFFERS_H
#define SVQ_BUFFERS_H

#include "svq_chain.h"

/*
 * Make the chain in q->chain accessible: what it becomes is in q->part, c->parts
 * of them, and fits the shadow ring.  All, or *full and nothing: others have to
 * come back before.
 */
enum svq_error svq_buffers_take(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c,
                                bool *full);

/* The chain in q->part is on its way: statistics.  Returns the work that was done. */
unsigned int svq_buffers_count(const struct svq_dev *dev, struct svq_queue *q,
                               const struct svq_chain *c);

/*
 * svq_dev.scrub: the pages of the chain in slot head, which are not visible, are about to be
 * granted again.  Zeroes what the device is to write there.
 */
enum svq_error svq_buffers_zero(struct svq_queue *q, unsigned int head, unsigned int *work);

/*
 * The chain in slot head has come back, with len bytes written: they are where the
 * driver wants them, and its pages and bounce pages are given back.
 */
enum svq_error svq_buffers_return(struct svq_queue *q, unsigned int head, uint32_t len,
                                  unsigned int *work);

/* What becomes of the pages of a chain in flight whose queue is being reset. */
enum svq_buffers_end {
    SVQ_BUFFERS_HOLD,           /* they are taken away from under the device ... */
    SVQ_BUFFERS_UNHOLD          /* ... which has stopped using them */
};

/* Of the chain in slot head.  Returns the work done, in units of SVQ_BUDGET. */
unsigned int svq_buffers_end(struct svq_pages *p, const struct svq_queue *q, unsigned int head,
                             enum svq_buffers_end how);

/* Zero what follows the copies of the chain in slot head in their last granules. */
void svq_buffers_scrub_ends(const struct svq_queue *q, unsigned int head);

#endif /* SVQ_BUFFERS_H */
