// SPDX-License-Identifier: MIT
#include "guest.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

#define BLK_T_IN 0
#define BLK_T_OUT 1

#define DESC_F_NEXT 1
#define DESC_F_WRITE 2

#define SLOT_SIZE 0x40000u
#define SLOT_DATA 0x1000u
#define SLOT_STATUS 0x200u
#define DESCS_PER_SLOT 4

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

static uint8_t *map(int *fd, const char *name, uint64_t size)
{
    uint8_t *va;

    *fd = memfd_create(name, MFD_CLOEXEC);
    assert_true(*fd >= 0);
    assert_int_equal(ftruncate(*fd, (off_t)size), 0);
    va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    assert_true(va != MAP_FAILED);
    return va;
}

static uint32_t frames(uint32_t bytes)
{
    return (bytes + VSH_FRAME_SIZE - 1) >> VSH_FRAME_SHIFT;
}

void guest_create(struct guest *g, unsigned int nr_queues, uint32_t queue_size)
{
    const struct vsh_bank bank = {.base = GUEST_RAM_BASE, .size = GUEST_RAM_SIZE};
    uint32_t frame = VSH_FRAME_FIRST_QUEUE;
    struct vsh_info *info;

    memset(g, 0, sizeof(*g));
    g->ram = map(&g->ram_fd, "ram", GUEST_RAM_SIZE);
    g->window = map(&g->window_fd, "window", GUEST_WINDOW_SIZE);

    info = guest_info(g);
    info->magic = VSH_MAGIC;
    info->version = VSH_ABI_VERSION;
    info->window_base = GUEST_WINDOW_DAS;
    /* Xen may have more to say some day, and say it in another place. */
    info->nr_queues = nr_queues;
    info->queue_offset = sizeof(*info) + 40;
    info->queue_stride = sizeof(struct vsh_queue_info) + 16;
    info->nr_banks = 1;
    info->bank_offset = VSH_FRAME_SIZE - sizeof(bank);
    info->bank_stride = sizeof(bank);
    memcpy(g->window + info->bank_offset, &bank, sizeof(bank));
    assert_true(nr_queues <= GUEST_MAX_QUEUES);
    for (unsigned int i = 0; i < nr_queues; i++) {
        struct guest_queue *q = &g->queue[i];

        q->size = queue_size;
        q->desc = GUEST_WINDOW_DAS + ((uint64_t)frame << VSH_FRAME_SHIFT);
        frame += frames(16 * queue_size);
        q->avail = GUEST_WINDOW_DAS + ((uint64_t)frame << VSH_FRAME_SHIFT);
        frame += frames(6 + 2 * queue_size);
        q->used = GUEST_WINDOW_DAS + ((uint64_t)frame << VSH_FRAME_SHIFT);
        frame += frames(6 + 8 * queue_size);
        guest_queue_info(g, i)->max_size = queue_size;
        guest_queue_info(g, i)->desc = q->desc;
        guest_queue_info(g, i)->avail = q->avail;
        guest_queue_info(g, i)->used = q->used;
    }
    assert_true(frame * VSH_FRAME_SIZE <= GUEST_WINDOW_SIZE);
    info->nr_frames = frame;
}

void guest_destroy(struct guest *g)
{
    munmap(g->ram, GUEST_RAM_SIZE);
    munmap(g->window, GUEST_WINDOW_SIZE);
    close(g->ram_fd);
    close(g->window_fd);
}

void guest_reset_rings(struct guest *g)
{
    memset(g->window + VSH_FRAME_FIRST_QUEUE * VSH_FRAME_SIZE, 0,
           GUEST_WINDOW_SIZE - VSH_FRAME_FIRST_QUEUE * VSH_FRAME_SIZE);
    for (unsigned int i = 0; i < GUEST_MAX_QUEUES; i++) {
        g->queue[i].avail_idx = 0;
        g->queue[i].used_seen = 0;
        g->queue[i].nr_in_flight = 0;
        g->queue[i].returned = 0;
    }
}

struct vsh_info *guest_info(struct guest *g)
{
    return (struct vsh_info *)g->window;
}

struct vsh_queue_info *guest_queue_info(struct guest *g, unsigned int queue)
{
    const struct vsh_info *info = guest_info(g);

    return (void *)(g->window + info->queue_offset + queue * info->queue_stride);
}

struct vsh_mailbox *guest_mailbox(struct guest *g)
{
    return (struct vsh_mailbox *)(g->window + VSH_FRAME_MAILBOX * VSH_FRAME_SIZE);
}

static void *ring(struct guest *g, uint64_t das)
{
    return g->window + (das - GUEST_WINDOW_DAS);
}

void guest_reset_queue(struct guest *g, unsigned int queue)
{
    struct guest_queue *q = &g->queue[queue];

    memset(ring(g, q->desc), 0, 16 * q->size);
    memset(ring(g, q->avail), 0, 6 + 2 * q->size);
    memset(ring(g, q->used), 0, 6 + 8 * q->size);
    q->avail_idx = 0;
    q->used_seen = 0;
    q->nr_in_flight = 0;
}

bool guest_idle(struct guest *g, uint64_t avail, uint64_t used)
{
    return __atomic_load_n((uint16_t *)ring(g, used) + 1, __ATOMIC_ACQUIRE) ==
           __atomic_load_n((uint16_t *)ring(g, avail) + 1, __ATOMIC_ACQUIRE);
}

static uint64_t slot_offset(unsigned int slot)
{
    return (uint64_t)slot * SLOT_SIZE;
}

void guest_submit(struct guest *g, unsigned int queue, unsigned int slot, bool write,
                  uint64_t sector, const void *data, uint32_t len)
{
    struct guest_queue *q = &g->queue[queue];
    struct desc *desc = ring(g, q->desc);
    uint16_t *avail = ring(g, q->avail); /* flags, idx, ring[] */
    uint8_t *base = g->ram + slot_offset(slot);
    uint64_t addr = GUEST_RAM_BASE + slot_offset(slot);
    uint16_t head = (uint16_t)(slot * DESCS_PER_SLOT);
    uint16_t data_flags = (uint16_t)(DESC_F_NEXT | (write ? 0 : DESC_F_WRITE));
    struct blk_header h = {.type = write ? BLK_T_OUT : BLK_T_IN, .sector = sector};

    assert_true((uint32_t)head + DESCS_PER_SLOT <= q->size && len >= 2 * SECTOR &&
                SLOT_DATA + len <= SLOT_SIZE);
    memcpy(base, &h, sizeof(h));
    base[SLOT_STATUS] = 0xff;
    if (write) {
        memcpy(base + SLOT_DATA, data, len);
    } else {
        memset(base + SLOT_DATA, 0xee, len);
    }
    desc[head] = (struct desc){addr, sizeof(h), DESC_F_NEXT, (uint16_t)(head + 1)};
    desc[head + 1] = (struct desc){addr + SLOT_DATA, SECTOR, data_flags, (uint16_t)(head + 2)};
    desc[head + 2] =
        (struct desc){addr + SLOT_DATA + SECTOR, len - SECTOR, data_flags, (uint16_t)(head + 3)};
    desc[head + 3] = (struct desc){addr + SLOT_STATUS, 1, DESC_F_WRITE, 0};

    assert_true(q->nr_in_flight < sizeof(q->in_flight) / sizeof(q->in_flight[0]));
    q->in_flight[q->nr_in_flight++] = head;

    avail[2 + q->avail_idx % q->size] = head;
    q->avail_idx++;
    __atomic_store_n(&avail[1], q->avail_idx, __ATOMIC_SEQ_CST);
}

static void has_returned(struct guest_queue *q, uint32_t head)
{
    unsigned int i = 0;

    while (i < q->nr_in_flight && q->in_flight[i] != head) {
        i++;
    }
    /* Once, and one that it had. */
    assert_true(i < q->nr_in_flight);
    q->nr_in_flight--;
    memmove(&q->in_flight[i], &q->in_flight[i + 1],
            (q->nr_in_flight - i) * sizeof(q->in_flight[0]));
    q->returned++;
}

static void look(struct guest *g, struct guest_queue *q)
{
    uint16_t *used = ring(g, q->used); /* flags, idx, then id and length of each */
    uint16_t idx = __atomic_load_n(&used[1], __ATOMIC_ACQUIRE);

    for (; q->used_seen != idx; q->used_seen++) {
        uint32_t id;

        memcpy(&id, &used[2 + 4 * (q->used_seen % q->size)], sizeof(id));
        has_returned(q, id);
    }
}

unsigned int guest_collect(struct guest *g, unsigned int queue)
{
    struct guest_queue *q = &g->queue[queue];
    unsigned int n;

    look(g, q);
    n = q->returned;
    q->returned = 0;
    return n;
}

void guest_offer_again(struct guest *g)
{
    for (unsigned int i = 0; i < guest_info(g)->nr_queues; i++) {
        struct guest_queue *q = &g->queue[i];
        uint16_t *avail = ring(g, q->avail);

        look(g, q);
        memset(ring(g, q->used), 0, 6 + 8 * q->size);
        memset(avail, 0, 6 + 2 * q->size);
        q->used_seen = 0;
        for (unsigned int k = 0; k < q->nr_in_flight; k++) {
            avail[2 + k] = q->in_flight[k];
        }
        q->avail_idx = (uint16_t)q->nr_in_flight;
        avail[1] = q->avail_idx;
    }
}

uint8_t guest_status(const struct guest *g, unsigned int slot)
{
    return g->ram[slot_offset(slot) + SLOT_STATUS];
}

const uint8_t *guest_data(const struct guest *g, unsigned int slot)
{
    return g->ram + slot_offset(slot) + SLOT_DATA;
}
