/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues: chains go from the driver's ring to the shadow ring, and back.
 */
#ifndef SVQ_QUEUE_H
#define SVQ_QUEUE_H

#include <virtio-shadow/svq.h>

/* Work that was done, in units of SVQ_BUDGET. */
static inline void svq_spend(unsigned int *budget, unsigned int work)
{
    *budget -= work < *budget ? work : *budget;
}

/*
 * QueueReady was written with 1 (4.2.3.2): check the ring that the driver
 * describes and get hold of its pages.  SVQ_ERR_RING if it is no valid ring in
 * plain guest RAM; nothing is held then.
 */
enum svq_error svq_queue_ready(struct svq_dev *dev, struct svq_queue *q);

/* Let go of the driver's ring and forget its registers. */
void svq_queue_reset(struct svq_dev *dev, struct svq_queue *q);

/* The queue goes live: empty shadow rings, nothing in flight. */
void svq_queue_start(struct svq_dev *dev, struct svq_queue *q);

/* No more work on what is in flight, which the caller takes away. */
void svq_queue_stop(struct svq_queue *q);

/*
 * Make what the driver has made available available to the backend, for about
 * *budget units of work, which are taken off *budget.  Sets q->fetch if there
 * is more to do, q->stalled if chains in flight have to return first.
 */
enum svq_error svq_queue_fetch(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget);

/* May the driver have offered chains that it has not kicked for, and has it? */
bool svq_queue_is_quiet(const struct svq_queue *q);
bool svq_queue_has_news(struct svq_queue *q);

/*
 * The way back.  Sets q->collect if there is more to do.  Either sets q->wait_alone if
 * some of it has to be done by who is alone with the device: svq_queue_settle().
 */
enum svq_error svq_queue_collect(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget);

/*
 * What was left to who is alone with the device, as the caller is now: what was
 * returned goes to the driver, and what was offered to the backend.  If that takes a
 * commit, it takes all of *budget, and waits for one if there is none: q->wait_alone.
 * Returns why the device is to be failed.
 */
enum svq_error svq_queue_settle(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget);

/*
 * svq_reset.c: QueueReset (2.6.1, 4.2.2.1) of a live queue, while others go on.
 *
 * What is in flight is taken away at once, but a device process may still be
 * working on it, and would not notice if that memory came back in another
 * buffer: so the reset is over for the driver only when the backend has said
 * that it stopped.
 */
void svq_queue_begin_reset(struct svq_queue *q);

/* The backend has stopped using the queue.  False if nobody had asked it to. */
bool svq_queue_reset_acked(struct svq_queue *q, uint32_t generation);

/* A part of the work that a reset takes, as above. */
enum svq_error svq_queue_reset_step(struct svq_dev *dev, struct svq_queue *q,
                                    unsigned int *budget);

/* Is there some to do? */
static inline bool svq_queue_reset_busy(const struct svq_queue *q)
{
    return q->reset == SVQ_RESET_TAKING || q->reset == SVQ_RESET_CLEARING ||
           (q->reset == SVQ_RESET_WAITING && q->reset_acked);
}

#endif /* SVQ_QUEUE_H */
