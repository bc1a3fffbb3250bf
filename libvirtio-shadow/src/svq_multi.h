/* SPDX-License-Identifier: MIT */
/*
 * Pages in flight in several queues.
 *
 * Each queue has records of its own, and does not know of the others'.  That there are
 * others shows when the environment refuses to grant what is granted already.  From
 * then on such a page is left to who is alone with the device, who sees the records
 * of all: the backend gets what most of them allow.
 */
#ifndef SVQ_MULTI_H
#define SVQ_MULTI_H

#include <virtio-shadow/svq.h>

/*
 * Does the change that pg, of q, is about to see concern other queues?  If one of
 * them has a table there, *err says so.  The caller is alone with the device.
 */
bool svq_multi_concerns(struct svq_dev *dev, struct svq_queue *q, struct svq_page *pg,
                        enum svq_error *err);

/*
 * Make the changes of these records, linked by dirty_next and not dirty any more, see
 * svq_pages_commit(): with flushes of their own where the backend loses something.
 */
enum svq_error svq_multi_commit(struct svq_dev *dev, struct svq_queue *q, uint32_t list);

#endif /* SVQ_MULTI_H */
