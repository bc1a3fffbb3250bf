/* SPDX-License-Identifier: MIT */
/*
 * A reference model of the device's registers (VIRTIO 1.4 2.1, 4.2.2), of the
 * mailbox (abi.h) and of the states between the two, at rest: what each side has
 * to find after every write and every request.
 */
#ifndef FUZZ_REF_DEV_H
#define FUZZ_REF_DEV_H

#include "backend.h"
#include "driver.h"
#include "input.h"

#define RD_QUEUES 2u
#define RD_SIZE 16u

struct rd_queue {
    uint64_t addr[3]; /* descriptors, driver's, device's */
    uint32_t size;
    bool ready, live, resetting;
    uint32_t generation;
};

struct ref_dev {
    /* Set once. */
    enum svq_indirect indirect;
    uint64_t withheld;
    bool by_locks; /* an access takes no more locks than it has to */

    uint32_t state; /* VSH_STATE_* */
    bool attached, ack_needed, start_pending;
    uint32_t generation, seq, config_gen;
    int32_t error;

    uint64_t features; /* the device's */
    uint32_t id, vendor, queues, queue_size, config_len;
    uint8_t config[VSH_CONFIG_SIZE];

    uint64_t accepted; /* the driver's */
    uint32_t dev_sel, drv_sel, queue_sel, status, interrupts;
    struct rd_queue queue[RD_QUEUES];

    /* Parts of rings lie on top of each other: what becomes of that is nobody's guess. */
    bool tangled;
};

extern struct ref_dev rd;

void rd_create(struct input *in);
void rd_destroy(void);

/* The driver reads or writes a register: the model does, the device does, they are compared. */
void rd_read(uint32_t off, unsigned int size);
void rd_write(uint32_t off, unsigned int size, uint64_t val);

/* The backend sends the mailbox as it is. */
void rd_request(void);

/* Everything that either side can see. */
void rd_compare(void);

#endif /* FUZZ_REF_DEV_H */
