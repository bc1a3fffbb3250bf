/* SPDX-License-Identifier: MIT */
/*
 * A virtio block device, driven by hand from a guest's user space, as root, so
 * that anything can be made wrong. No kernel driver may be bound to it.
 *
 * Registers are reached through /dev/mem; buffers and rings are locked pages
 * whose guest-physical addresses come from /proc/self/pagemap.
 */
#ifndef HAND_H
#define HAND_H

#include <stdbool.h>
#include <stdint.h>

#include <virtio-shadow/ring.h>

#define PAGE 4096u
#define QSIZE 64u
#define SECTOR 512u

#define BLK_IN 0u /* struct virtio_blk_req.type: the device writes the data */

struct blk_header {
    uint32_t type, reserved;
    uint64_t sector;
};

extern volatile uint8_t *regs;

/* One locked page each. */
extern struct svq_desc *desc;
extern uint16_t *avail;
extern uint8_t *used;
extern uint8_t *buf; /* header at 0, status at 1024, data from 2048 */
extern uint64_t desc_pa, avail_pa, used_pa, buf_pa;

extern uint16_t avail_idx; /* what has been offered */

#define HEADER_OFF 0u
#define STATUS_OFF 1024u
#define DATA_OFF 2048u

/* What negotiate() accepts; at first VERSION_1. */
extern uint64_t hand_features;

/* The device at this address, and pages for its queue. Exits with status 2 if there is none. */
void open_device(const char *base);

uint32_t rd(uint32_t off);
void wr(uint32_t off, uint32_t val);
uint64_t offered(void);
void *locked_page(uint64_t *pa);

bool wait_status(uint32_t set, uint32_t clear);
bool negotiate(void); /* up to FEATURES_OK, VIRTIO 3.1.1 */
void empty_rings(void);
void set_queue(uint32_t size, uint64_t d, uint64_t a, uint64_t u);
bool start(void); /* from a reset to DRIVER_OK */

void set_desc(unsigned int i, uint64_t addr, uint32_t len, unsigned int flags, unsigned int next);
void good_chain(void); /* the descriptors 0, 1, 2 of a good read of sector 0 */
void offer(unsigned int head);
void kick(void);
uint16_t used_idx(void);
bool wait_used(uint16_t want);
bool works(void); /* a good read of sector 0, whose end is that of a partition table */

/* One line; why is NULL if all is well. */
extern unsigned int passed, failed;
void report(const char *name, const char *why);

/* After something wrong: what VIRTIO 2.1.2 asks of the device, then a reset. NULL, or what not. */
const char *needs_reset_and_recovers(bool live);

#endif
