/* SPDX-License-Identifier: MIT */
/*
 * The device's states, between the register model and the queues.
 */
#ifndef SVQ_DEV_H
#define SVQ_DEV_H

#include <virtio-shadow/svq.h>

/* Feature bits that the driver is offered. */
uint64_t svq_dev_offered(const struct svq_dev *dev);

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

#endif /* SVQ_DEV_H */
