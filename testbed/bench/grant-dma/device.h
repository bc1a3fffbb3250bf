/* SPDX-License-Identifier: MIT */
/*
 * A virtio-blk device without a mediator: the core's register model and its split virtqueue, around
 * a block device, for a driver whose DMA addresses are grants.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#define DEVICE_QUEUE_SIZE 256u
#define DEVICE_REGISTERS 0x200u

/* What interrupts the driver. */
void device_init(uint32_t spi, uint64_t sectors, bool indirect);

/* An access to the registers. */
uint64_t device_access(uint32_t off, unsigned int size, bool write, uint64_t val);
/* Lets the worker have what the last access gave it to do. */
void device_after_access(void);

/* Serves the queue, in a thread of its own. */
void device_work(void);

#endif /* DEVICE_H */
