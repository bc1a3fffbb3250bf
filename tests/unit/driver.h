/* SPDX-License-Identifier: MIT */
/*
 * The driver in the frontend: registers as Linux's virtio_mmio writes them,
 * rings as a driver fills them in, and any other value that a test wants.
 */
#ifndef UNIT_DRIVER_H
#define UNIT_DRIVER_H

#include "env.h"

#define DRV_RING_BYTES 0x10000ULL

#define DRV_OK                                                                                     \
    (SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK | SVQ_STATUS_DRIVER_OK)

struct drv_queue {
    uint64_t desc, avail, used;
    unsigned int size;
    uint16_t avail_idx, used_idx;
};

extern struct drv_queue drv_queue[VSH_MAX_QUEUES];

/* A register; a write is followed by env_run(), as in the hypervisor. */
uint32_t drv_read(uint32_t reg);
void drv_write(uint32_t reg, uint32_t val);
/* The same without running what follows from it. */
void drv_write_only(uint32_t reg, uint32_t val);

void drv_reset(void);
uint64_t drv_offered(void);
void drv_accept(uint64_t features);

/* Features of the ring that drv_probe() accepts: none at first, so that tests ask for them. */
#define DRV_RING_FEATURES                                                                          \
    ((1ULL << SVQ_F_INDIRECT_DESC) | (1ULL << SVQ_F_EVENT_IDX) | (1ULL << SVQ_F_RING_PACKED) |     \
     (1ULL << SVQ_F_IN_ORDER) | (1ULL << SVQ_F_RING_RESET) | (1ULL << SVQ_F_INDIRECT_PAGES))
extern uint64_t drv_ring_features;

/*
 * Reset, ACKNOWLEDGE, DRIVER, the features of the device type that are offered
 * and drv_ring_features, FEATURES_OK.
 */
void drv_probe(void);

/* Queue registers, rings zeroed, QueueReady.  True if it reads back as ready. */
bool drv_setup_at(unsigned int q, unsigned int size, uint64_t desc, uint64_t avail, uint64_t used);
bool drv_setup(unsigned int q, unsigned int size);

/* drv_probe(), all queues of the device at their largest (or size), DRIVER_OK. */
void drv_start(unsigned int size);

/* Rings. */
void drv_desc(unsigned int q, unsigned int i, uint64_t addr, uint32_t len, unsigned int flags,
              unsigned int next);
void drv_offer(unsigned int q, unsigned int head);  /* entry and idx, no kick */
void drv_kick(unsigned int q);                      /* QueueNotify, and run */
void drv_submit(unsigned int q, unsigned int head); /* both */
/* A whole request of one descriptor, kicked. */
void drv_read_buffer(unsigned int q, unsigned int i, uint64_t addr, uint32_t len);
void drv_write_buffer(unsigned int q, unsigned int i, uint64_t addr, uint32_t len);
bool drv_used(unsigned int q, uint32_t *id, uint32_t *len);      /* the next used element */
void drv_expect_used(unsigned int q, uint32_t id, uint32_t len); /* ... is there, and is this */
uint16_t drv_used_idx(unsigned int q);

/* The device was failed for this reason, on this queue, exactly as 2.1.2 wants. */
void drv_assert_failed(enum svq_error err, int q);
void drv_assert_alive(void);

#endif /* UNIT_DRIVER_H */
