/* SPDX-License-Identifier: MIT */
/*
 * VSH_POLICY_TRUSTED and VSH_POLICY_POOL: the backend has the driver's own rings,
 * and sees all of the frontend's RAM, or the pool, as long as the device runs.
 * What is left to do is to pass notifications on.
 */
#ifndef SVQ_SHARE_H
#define SVQ_SHARE_H

#include <virtio-shadow/svq.h>

static inline bool svq_is_shared(const struct svq_dev *dev)
{
    return dev->policy == VSH_POLICY_TRUSTED || dev->policy == VSH_POLICY_POOL;
}

/* Bits of rings and transport to be offered, by a device that has theirs. */
uint64_t svq_share_features(const struct svq_dev *dev, uint64_t theirs);

/* Has the driver taken what it has to? */
bool svq_share_accepts(const struct svq_dev *dev);

/* Does it see all of [addr, addr + len), which is RAM? */
bool svq_share_covers(const struct svq_dev *dev, uint64_t addr, uint64_t len);

/* Where the backend finds the queue. */
void svq_share_queue_info(const struct svq_queue *q, struct vsh_queue_info *qi);

/* Each passes a notification on, whatever is in the rings. */
void svq_share_driver_kick(struct svq_dev *dev, struct svq_queue *q);
void svq_share_backend_kick(struct svq_dev *dev, struct svq_queue *q);

/*
 * The next step of making memory visible.  True while there is more; false, with
 * an error: what is visible is to be taken away.
 */
bool svq_share_step(struct svq_dev *dev, enum svq_error *err);

/* Whatever was under way is to begin anew. */
void svq_share_stop(struct svq_dev *dev);

/* As svq_pages_take_away() and svq_pages_clear(). */
bool svq_share_take_away(struct svq_dev *dev);
bool svq_share_clear(struct svq_dev *dev);

#endif /* SVQ_SHARE_H */
