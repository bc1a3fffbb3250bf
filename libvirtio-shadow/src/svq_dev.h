/* SPDX-License-Identifier: MIT */
/*
 * The device's states, between the register model and the queues.
 */
#ifndef SVQ_DEV_H
#define SVQ_DEV_H

#include <virtio-shadow/svq.h>

/* Feature bits that the driver is offered; and by a device with these. */
uint64_t svq_dev_offered(const struct svq_dev *dev);
uint64_t svq_dev_offered_by(const struct svq_dev *dev, uint64_t features);

/* The driver wrote 0 to the status register, or DRIVER_OK. */
void svq_dev_reset(struct svq_dev *dev);
void svq_dev_driver_ok(struct svq_dev *dev);

/* The driver wrote 1 to QueueReset, or to QueueReady when the device was live. */
void svq_dev_queue_reset(struct svq_dev *dev, struct svq_queue *q);
void svq_dev_queue_ready(struct svq_dev *dev, struct svq_queue *q);

/* Tell the backend what has changed: rewrite the info page. */
void svq_info_update(struct svq_dev *dev);

/* The configuration space is not what it was: 2.5, 4.2.2.2. */
void svq_dev_config_changed(struct svq_dev *dev);

/* Carry out what the mailbox asks for; see svq_dev_control(). */
void svq_mailbox_handle(struct svq_dev *dev);

/* Publish the state, and wake the backend to look at it. */
void svq_dev_set_state(struct svq_dev *dev, uint32_t state);

/* No work is noted that a state would wait for: go on to the one that comes then. */
void svq_dev_settle(struct svq_dev *dev);

/* The features of the shadow virtqueues, and of the device behind them. */
uint64_t svq_dev_shadow_features(const struct svq_dev *dev);

/*
 * svq_restart.c: the backend goes while the device is in use, another comes.
 *
 * svq_restart_begin(): it was attached and is gone, and the device is to wait.
 * svq_restart_accepts(): could what is described by m take over?  0 or VSH_ERR_*.
 * svq_restart_resume(): it has; dev says what it is.
 * svq_restart_step(): a part of the work.  False if there is more of it.
 */
void svq_restart_begin(struct svq_dev *dev);
int32_t svq_restart_accepts(const struct svq_dev *dev, const struct vsh_mailbox *m);
void svq_restart_resume(struct svq_dev *dev);
bool svq_restart_step(struct svq_dev *dev, unsigned int *budget);

/* svq_scrub.c: less is offered again than was to be, so there is more to zero. */
static inline void svq_scrub_anew(struct svq_dev *dev)
{
    dev->scrub_queue = 0;
    dev->scrub_page = 0;
}

#endif /* SVQ_DEV_H */
