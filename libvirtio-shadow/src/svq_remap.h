/* SPDX-License-Identifier: MIT */
/*
 * Indirect tables in place, of drivers that keep them in pages of their own
 * (VIRTIO_F_INDIRECT_PAGES): the pages become read-only for the driver, and are
 * given to the backend like a buffer that the device reads.
 */
#ifndef SVQ_REMAP_H
#define SVQ_REMAP_H

#include "svq_chain.h"

/* Would the table rather be left in place than copied? */
bool svq_remap_is_wanted(const struct svq_dev *dev, const struct svq_queue *q,
                         const struct svq_chain *c, uint64_t addr, uint32_t len);

/*
 * The caller is alone with the device.
 *
 * Try to leave the table of len bytes at addr, which lies in a RAM bank, where
 * it is.  True: its pages are protected and taken, q->table is a copy of what
 * it says for good, and c says where it is.  False: nothing has changed.
 */
bool svq_remap(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c, uint64_t addr,
               uint32_t len);

/* No more chains for now: what was protected for them becomes writable again. */
void svq_remap_end(struct svq_dev *dev);

/* The chain does not go to the backend: put the pages of its table, if it has one in place. */
void svq_remap_undo(struct svq_queue *q, const struct svq_chain *c);

#endif /* SVQ_REMAP_H */
