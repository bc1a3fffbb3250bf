/* SPDX-License-Identifier: MIT */
/*
 * A whole driver for one virtqueue, split or packed, with every feature that was
 * negotiated: it allocates descriptors and tables, honours and publishes events,
 * and takes used buffers off the ring as 2.7.14 and 2.8.22 say.
 *
 * On top of driver.h, whose drv_desc() and others fill in whatever a test wants.
 */
#ifndef UNIT_RING_H
#define UNIT_RING_H

#include "env.h"

/* Indirect tables: room for the longest, for each id of each queue. */
#define RING_TABLES (BANK0 + 32 * MIB)
uint64_t ring_table(unsigned int q, unsigned int id);

struct ring_buf {
    uint64_t addr;
    uint32_t len;
    bool write;
};

enum ring_how {
    RING_DIRECT,
    RING_TABLE_ONLY, /* all of it in a table */
    RING_MIXED       /* split: one direct, the rest in a table */
};

struct ring {
    unsigned int queue, size;
    bool packed, event_idx, in_order, indirect;
    unsigned int free;                /* descriptors */
    uint16_t ids[VSH_MAX_QUEUE_SIZE]; /* free ones, oldest first */
    unsigned int ids_first, ids_nr;
    uint16_t descs[VSH_MAX_QUEUE_SIZE]; /* of the ring, by id; 0: not in flight */
    /* split: free descriptors are linked by this */
    uint16_t next[VSH_MAX_QUEUE_SIZE], first_free;
    uint16_t tail[VSH_MAX_QUEUE_SIZE]; /* last descriptor, by head */
    uint16_t avail, used;              /* indices; packed: places */
    bool avail_wrap, used_wrap;
    uint16_t kicked;         /* avail at the last kick that was considered */
    unsigned int since_kick; /* packed: descriptors since then */
};

extern struct ring ring[VSH_MAX_QUEUES];

/* After drv_setup(): both sides begin. */
void ring_begin(unsigned int q, unsigned int size);

/* ring_begin() for every queue, of a device that drv_start() has started. */
void ring_begin_all(void);

/*
 * A device with a queue of up to 64 descriptors that runs, and its driver with one of size, or of
 * as many.  driver: features of the ring that it accepts; device: those that the device has.
 */
void ring_up(uint64_t driver, uint64_t device, unsigned int size);

/* The test on a split ring, then on a packed one, of a driver with VIRTIO_F_EVENT_IDX. */
void ring_each_kind(void (*test)(uint64_t driver));

/* Make a request available, without a kick: its id, or -1 if there is no room. */
int ring_add(unsigned int q, const struct ring_buf *buf, unsigned int nr, enum ring_how how);

/* Does the device want a kick for what was added since this was asked last? */
bool ring_wants_kick(unsigned int q);

/* The next used buffer. */
bool ring_get(unsigned int q, unsigned int *id, uint32_t *len);

/* The same, whichever it is: was there one? */
bool ring_got(unsigned int q);

/* Ask for an interrupt with the next used buffer. */
void ring_enable_interrupt(unsigned int q);
/* Ask for one after that many more (packed: descriptors), VIRTIO_F_EVENT_IDX only. */
void ring_delay_interrupt(unsigned int q, unsigned int more);
void ring_disable_interrupt(unsigned int q);

/*
 * A race: from here to ring_race_end(), the driver makes buf available on queue 0 just after the
 * core has looked for more so many times; a test tries which of its looks is the last.
 */
void ring_race_begin(const struct ring_buf *buf, unsigned int looks);
/* Has the driver done so?  *wanted: it would kick for it. */
bool ring_race_end(bool *wanted);

#endif /* UNIT_RING_H */
