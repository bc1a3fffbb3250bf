/* SPDX-License-Identifier: MIT */
/*
 * How the backend gets at the buffers of a chain: their pages are granted for
 * as long as the chain is in flight.
 */
#ifndef SVQ_BUFFERS_H
#define SVQ_BUFFERS_H

#include "svq_chain.h"

/*
 * Take the pages of the chain in q->chain.  All, or *full and none: some are
 * not to be had before others come back.
 */
enum svq_error svq_buffers_take(struct svq_pages *p, const struct svq_queue *q, unsigned int nr,
                                bool *full);

/* What becomes of the pages of a chain in flight, and of those of a table in place. */
enum svq_buffers_end {
    SVQ_BUFFERS_PUT,            /* it has come back */
    SVQ_BUFFERS_HOLD,           /* it is taken away from under the device ... */
    SVQ_BUFFERS_UNHOLD          /* ... which has stopped using it */
};

/* Of the chain in slot head.  Returns the work done, in units of SVQ_BUDGET. */
unsigned int svq_buffers_end(struct svq_pages *p, const struct svq_queue *q, unsigned int head,
                             enum svq_buffers_end how);

#endif /* SVQ_BUFFERS_H */
