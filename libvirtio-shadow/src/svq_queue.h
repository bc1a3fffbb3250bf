/* SPDX-License-Identifier: MIT */
/*
 * Shadow virtqueues: chains go from the driver's available ring to the shadow
 * one, and back from the shadow used ring to the driver's.
 */
#ifndef SVQ_QUEUE_H
#define SVQ_QUEUE_H

#include <virtio-shadow/svq.h>

/*
 * QueueReady was written with 1 (4.2.3.2): check the ring that the driver
 * describes and get hold of its pages.  SVQ_ERR_RING if it is no valid ring in
 * plain guest RAM; nothing is held then.
 */
enum svq_error svq_queue_ready(struct svq_dev *dev, struct svq_queue *q);

/* Let go of the driver's ring and forget its registers. */
void svq_queue_reset(struct svq_dev *dev, struct svq_queue *q);

/* DRIVER_OK: empty shadow rings, nothing in flight. */
void svq_queue_start(struct svq_queue *q);

/*
 * Make what the driver has made available available to the backend, for about
 * *budget units of work, which are taken off *budget.  Sets q->fetch if there
 * is more to do, q->stalled if chains in flight have to return first.
 */
enum svq_error svq_queue_fetch(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget);

/* The way back.  Sets q->collect if there is more to do. */
enum svq_error svq_queue_collect(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget);

#endif /* SVQ_QUEUE_H */
