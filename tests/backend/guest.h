/* SPDX-License-Identifier: MIT */
/*
 * What Xen and a guest would provide, out of memfds: a window and guest RAM in
 * the device address space, and a virtio-blk driver that works on the shadow
 * rings directly.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <virtio-shadow/abi.h>

#define GUEST_RAM_BASE 0x40000000ULL
#define GUEST_RAM_SIZE (4ULL << 20)
/* Not where Xen has it today: the page says where. */
#define GUEST_WINDOW_DAS (1ULL << 44)
#define GUEST_WINDOW_SIZE (64ULL * VSH_FRAME_SIZE)
#define GUEST_MAX_QUEUES 4
#define SECTOR 512

struct guest_queue {
    uint32_t size;
    uint64_t desc; /* device address space */
    uint64_t avail;
    uint64_t used;
    uint16_t avail_idx;
    uint16_t used_seen;
    /* Heads of requests that were not returned, in the order in which they came. */
    uint16_t in_flight[16];
    unsigned int nr_in_flight;
    unsigned int returned; /* since guest_collect() */
};

struct guest {
    int ram_fd;
    int window_fd;
    uint8_t *ram;
    uint8_t *window;
    struct guest_queue queue[GUEST_MAX_QUEUES];
};

void guest_create(struct guest *g, unsigned int nr_queues, uint32_t queue_size);
void guest_destroy(struct guest *g);
/* Empties the rings, as Xen does when a device is reset. */
void guest_reset_rings(struct guest *g);

/* Empties them, and makes what was not returned available again, as Xen does for another device. */
void guest_offer_again(struct guest *g);
void guest_reset_queue(struct guest *g, unsigned int queue);
/* Is all that was made available in the rings there returned? */
bool guest_idle(struct guest *g, uint64_t avail, uint64_t used);

struct vsh_info *guest_info(struct guest *g);
struct vsh_queue_info *guest_queue_info(struct guest *g, unsigned int queue);
struct vsh_mailbox *guest_mailbox(struct guest *g);

/*
 * Makes one request of type VIRTIO_BLK_T_* available, with its data (len bytes,
 * a multiple of a sector) split in two descriptors. slot (0 to 7) says which
 * part of guest RAM it uses.
 */
void guest_submit(struct guest *g, unsigned int queue, unsigned int slot, bool write,
                  uint64_t sector, const void *data, uint32_t len);

/* Requests returned since the last call. */
unsigned int guest_collect(struct guest *g, unsigned int queue);

/* Of a request that was returned. */
uint8_t guest_status(const struct guest *g, unsigned int slot);
const uint8_t *guest_data(const struct guest *g, unsigned int slot);

#endif
