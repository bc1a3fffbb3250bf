/* SPDX-License-Identifier: MIT */
/*
 * A reference model of one device's queues: what driver and device may expect of
 * whatever is between them, worked out from the standard, and from nothing of
 * the core's but the moments at which it looks and writes.
 *
 * It reads the driver's rings as they lie in guest RAM, so a chain is expected at
 * the device exactly if the rules of VIRTIO 1.4 2.7 and 2.8 and the documented
 * limits accept it, with exactly the driver's buffers, and comes back exactly
 * once, after the device has returned it, with the device's length cut to what
 * is writable.
 */
#ifndef FUZZ_REF_H
#define FUZZ_REF_H

#include "env.h"

#define REF_QUEUES 2u
#define REF_SIZE 16u

struct ref_buf {
    uint64_t addr;
    uint32_t len;
    bool write;
};

struct ref_chain {
    bool out;          /* the driver has not got it back */
    bool told;         /* the device was told of it */
    bool returned;     /* the device has given it back ... */
    uint32_t len;      /* ... with this length */
    unsigned int id;   /* the driver's */
    unsigned int slot; /* the device's */
    unsigned int descs, nr;
    struct ref_buf buf[REF_SIZE];
    uint64_t writable, pages;
    uint64_t number;
    bool table;
};

struct ref_queue {
    bool on;
    unsigned int size;
    bool packed, indirect, in_order, event_idx;
    uint64_t desc, avail, used;
    uint16_t next; /* of the driver's ring: where the chain after the last one begins */
    bool wrap;
    uint16_t used_next; /* the same for what comes back */
    bool used_wrap;
    unsigned int dev_size; /* the device's ring ... */
    uint64_t dev_ring;     /* ... its used part, in the window ... */
    uint16_t dev_used;     /* ... and where its next element is */
    unsigned int free;     /* descriptors of the driver's ring */
    unsigned int with_dev; /* chains */
    struct ref_chain chain[REF_SIZE];
    uint64_t published, got_back; /* chains; since the queue is live */
    uint64_t before;              /* chains that had come back until then */
};

extern struct ref_queue ref[REF_QUEUES];

/* The queue has gone live, where the driver has put it. */
void ref_start(unsigned int q);
void ref_stop(unsigned int q);
/* Another device has taken over, and has what the old one had not returned. */
void ref_restart(unsigned int q);

enum ref_verdict {
    REF_NOTHING, /* no chain is available */
    REF_GOOD,
    REF_BAD /* the device is to fail */
};

/* What the driver's ring holds next. */
enum ref_verdict ref_look(unsigned int q, struct ref_chain *c);

/* The core has read what will be available to the device only later: before the driver changes it.
 */
void ref_taken(unsigned int queue, unsigned int slot);

/* To be called for each chain that becomes available to the device. */
void ref_published(unsigned int queue, unsigned int slot);

/*
 * What the core has done to the queue since the last call, during which nobody
 * else wrote anything: note what the device has given back, take it off the
 * driver's ring.  Returns how many chains the driver got.
 */
unsigned int ref_sync(unsigned int q);

/* Would what the device's used ring says now, looked at now, fail the device? */
bool ref_device_lies(unsigned int q);

#endif /* FUZZ_REF_H */
