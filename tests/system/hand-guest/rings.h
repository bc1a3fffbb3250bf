/* SPDX-License-Identifier: MIT */
/* A virtio block device driven by hand: one queue, split or packed. */
#ifndef RINGS_H
#define RINGS_H

#include "guest.h"
#include <virtio-shadow/ring.h>

#define QSIZE 256u
#define SECTOR 512u

#define F(bit) (1ull << (bit))

struct blk_header {
    uint32_t type, reserved; /* type 0: the device writes the data */
    uint64_t sector;
};

/* A page each. */
extern struct svq_desc desc[PAGE / 16];           /* QSIZE */
extern struct svq_packed_desc *const packed_desc; /* the same page */
extern uint16_t avail[PAGE / 2];
extern uint8_t used[PAGE];
/* A page for a table of indirect descriptors, and the one behind it. */
extern struct svq_desc table[2 * PAGE / 16];
extern uint8_t buf[4][PAGE];

#define HEADER_OFF 0u
#define STATUS_OFF 1024u
#define DATA_OFF 2048u

extern bool packed;          /* what the last start() was about */
extern uint16_t avail_idx;   /* split: what has been offered */
extern uint16_t packed_next; /* packed: where the next buffer goes ... */
extern bool packed_wrap;     /* ... and the wrap counter */

void use_device(unsigned int n);
uint32_t rd(uint32_t off);
void wr(uint32_t off, uint32_t val);
uint64_t offered(void);
uint64_t pa(const void *p);

bool wait_status(uint32_t set, uint32_t clear);
bool negotiate(uint64_t features);
void set_queue(uint32_t size, uint64_t d, uint64_t a, uint64_t u);
void empty_rings(void);
/* From a reset to DRIVER_OK, with VERSION_1 and these; again until it works, for a while. */
bool start(uint64_t features);

/* The three parts of a read of sector 0, in buf[n]: as descriptors, or in a table. */
void read_desc(unsigned int i, unsigned int n);
void read_table(struct svq_desc *t, unsigned int n);
/* Has buf[n] what a partition table ends with, and a good status? */
bool read_done(unsigned int n);
void fill(struct svq_desc *d, uint64_t addr, uint32_t len, unsigned int flags, unsigned int next);

/* The descriptors head, ... are made available (split). */
void offer(unsigned int head);
/* n descriptors are put into a packed ring, the last of which has the buffer's id. */
void offer_packed(const struct svq_desc *d, unsigned int n, unsigned int id);
void kick(void);

/* Returned so far, since start(). */
uint16_t returned(void);
/* Until so many are returned, or the device fails, or time is up. */
bool wait_returned(uint16_t n);

/* A good read with direct descriptors, by either kind of ring. */
bool works(void);

/* What becomes of requests that were offered, until so many are returned: in words. */
const char *outcome(uint16_t n);

#endif
