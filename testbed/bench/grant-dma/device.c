// SPDX-License-Identifier: MIT
/*
 * What the core's register model and ring code ask of the code around them, without shadow queues:
 * the driver's ring is served where it is.
 *
 * Two threads: one answers register accesses, which the guest's vCPU waits for, the other serves
 * the queue. The lock of the queue is taken before that of the registers.
 */
#include "device.h"

#include <err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "svq_dev.h"
#include "svq_guest.h"
#include "svq_queue.h"
#include "svq_remap.h"
#include "svq_ring.h"
#include "svq_share.h"

#include "block.h"
#include "grants.h"
#include "ioreq.h"

#define ACCESS_PLATFORM 33u
#define FEATURE(n) (1ull << (n))
#define QUEUE (&dev.queue[0])

static struct svq_dev dev;
static uint32_t interrupt;
static pthread_mutex_t registers = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t kick = PTHREAD_COND_INITIALIZER;
static bool kicked;
/* The parts of the ring, mapped for as long as the queue is ready. */
static struct grant_set ring[3];

static void *allocate(size_t nr, size_t size)
{
    void *p = calloc(nr, size);

    if (!p)
        err(1, "memory for the queue");
    return p;
}

void device_init(uint32_t spi, uint64_t sectors, bool indirect)
{
    struct virtio_blk_config config = {
        .capacity = sectors,
        .seg_max = DEVICE_QUEUE_SIZE / 2 - 2,
        .blk_size = 512,
    };

    interrupt = spi;
    dev.nr_queues = 1;
    dev.policy = VSH_POLICY_GRANT;
    dev.nr_banks = 1;
    dev.bank[0] = (struct vsh_bank){.base = GRANT_DMA_BASE, .size = GRANT_DMA_SIZE};
    dev.device_id = VIRTIO_ID_BLOCK;
    dev.dev_queues = 1;
    dev.dev_queue_size = DEVICE_QUEUE_SIZE;
    dev.device_features = FEATURE(VIRTIO_BLK_F_SEG_MAX) | FEATURE(VIRTIO_BLK_F_BLK_SIZE) |
                          FEATURE(VIRTIO_BLK_F_FLUSH) | FEATURE(SVQ_F_EVENT_IDX) |
                          FEATURE(SVQ_F_VERSION_1) | FEATURE(ACCESS_PLATFORM) |
                          (indirect ? FEATURE(SVQ_F_INDIRECT_DESC) : 0);
    dev.config_len = sizeof(config);
    memcpy(dev.config, &config, sizeof(config));
    dev.alone = true;
    dev.state = VSH_STATE_READY;
    dev.attached = true;
    QUEUE->max_size = DEVICE_QUEUE_SIZE;
    QUEUE->chain = allocate(DEVICE_QUEUE_SIZE, sizeof(*QUEUE->chain));
    QUEUE->done = allocate(DEVICE_QUEUE_SIZE, sizeof(*QUEUE->done));
    QUEUE->busy = allocate(SVQ_BUSY_WORDS, sizeof(*QUEUE->busy));
    QUEUE->table = allocate(DEVICE_QUEUE_SIZE, sizeof(*QUEUE->table));
}

/* ---- Registers ---- */

static bool starts_or_stops(uint32_t off)
{
    return off == SVQ_MMIO_STATUS || off == SVQ_MMIO_QUEUE_READY;
}

uint64_t device_access(uint32_t off, unsigned int size, bool write, uint64_t val)
{
    if (write && starts_or_stops(off))
        pthread_mutex_lock(&queue);
    pthread_mutex_lock(&registers);
    if (write)
        svq_mmio_write(&dev, off, size, val);
    else
        val = svq_mmio_read(&dev, off, size);
    pthread_mutex_unlock(&registers);
    if (write && starts_or_stops(off))
        pthread_mutex_unlock(&queue);
    return val;
}

void device_after_access(void)
{
    pthread_mutex_lock(&registers);
    if (QUEUE->fetch) {
        QUEUE->fetch = false;
        kicked = true;
        pthread_cond_signal(&kick);
    }
    pthread_mutex_unlock(&registers);
}

uint64_t svq_dev_offered(const struct svq_dev *d)
{
    return d->device_features;
}

/* A driver that does not know about grants cannot be served. */
bool svq_share_accepts(const struct svq_dev *d)
{
    return d->driver_features & FEATURE(ACCESS_PLATFORM);
}

void svq_share_driver_kick(struct svq_dev *d, struct svq_queue *q)
{
    (void)d;
    q->fetch = true;
}

void svq_dev_driver_ok(struct svq_dev *d)
{
    if (!QUEUE->ready)
        return;
    svq_split_start(QUEUE);
    memset(QUEUE->busy, 0, SVQ_BUSY_WORDS * sizeof(*QUEUE->busy));
    QUEUE->kick_event_valid = false;
    QUEUE->live = true;
    QUEUE->fetch = true;
    d->state = VSH_STATE_RUNNING;
}

void svq_dev_reset(struct svq_dev *d)
{
    svq_queue_reset(d, QUEUE);
    d->status = 0;
    d->int_status = 0;
    d->driver_features = 0;
    d->dev_feat_sel = 0;
    d->drv_feat_sel = 0;
    d->queue_sel = 0;
    d->state = VSH_STATE_READY;
}

void svq_dev_fail(struct svq_dev *d, int q, enum svq_error error)
{
    warnx("queue %d: %s", q, svq_error_text(error));
    QUEUE->live = false;
    d->state = VSH_STATE_FAILED;
    d->status |= SVQ_STATUS_NEEDS_RESET;
    d->int_status |= SVQ_INT_CONFIG;
    ioreq_interrupt(interrupt);
}

/* Not offered: no single queue is reset or made ready while the device runs. */
void svq_dev_queue_reset(struct svq_dev *d, struct svq_queue *q)
{
    svq_dev_fail(d, (int)(q - d->queue), SVQ_ERR_STATUS);
}

void svq_dev_queue_ready(struct svq_dev *d, struct svq_queue *q)
{
    svq_dev_fail(d, (int)(q - d->queue), SVQ_ERR_STATUS);
}

/* ---- The ring ---- */

static bool map_part(struct grant_set *set, uint64_t addr, uint32_t bytes, uint32_t align,
                     struct svq_mem *mem)
{
    uint32_t i;

    set->nr = 0;
    if ((addr & (align - 1)) || !svq_in_ram(&dev, addr, bytes))
        return false;
    mem->off = (uint32_t)grant_set_add(set, addr, bytes);
    mem->nr = set->nr;
    if (!grant_set_map(set, true))
        return false;
    for (i = 0; i < mem->nr; i++)
        mem->page[i] = set->at + i * GRANT_PAGE;
    return true;
}

static void unmap_ring(void)
{
    unsigned int i;

    for (i = 0; i < 3; i++)
        grant_set_unmap(&ring[i]);
}

enum svq_error svq_queue_ready(struct svq_dev *d, struct svq_queue *q)
{
    struct svq_ring_layout l = svq_split_layout(q->size);

    if (q->ready)
        return SVQ_ERR_NONE;
    if (!q->size || (q->size & (q->size - 1)) || q->size > q->max_size)
        return SVQ_ERR_RING;
    if (!map_part(&ring[0], q->desc_addr, l.desc_bytes, SVQ_DESC_ALIGN, &q->desc) ||
        !map_part(&ring[1], q->avail_addr, l.avail_bytes, l.avail_align, &q->avail) ||
        !map_part(&ring[2], q->used_addr, l.used_bytes, l.used_align, &q->used)) {
        unmap_ring();
        return SVQ_ERR_RING;
    }
    q->packed = false;
    q->indirect = d->driver_features & FEATURE(SVQ_F_INDIRECT_DESC);
    q->event_idx = d->driver_features & FEATURE(SVQ_F_EVENT_IDX);
    q->ready = true;
    return SVQ_ERR_NONE;
}

void svq_queue_reset(struct svq_dev *d, struct svq_queue *q)
{
    (void)d;
    unmap_ring();
    q->ready = false;
    q->live = false;
    q->fetch = false;
    q->size = 0;
    q->desc_addr = 0;
    q->avail_addr = 0;
    q->used_addr = 0;
}

/* Tables are read once, by a copy. */
bool svq_remap_is_wanted(const struct svq_dev *d, const struct svq_queue *q,
                         const struct svq_chain *c, uint64_t addr, uint32_t len)
{
    (void)d;
    (void)q;
    (void)c;
    (void)addr;
    (void)len;
    return false;
}

bool svq_remap(struct svq_dev *d, struct svq_queue *q, struct svq_chain *c, uint64_t addr,
               uint32_t len)
{
    (void)d;
    (void)q;
    (void)c;
    (void)addr;
    (void)len;
    return false;
}

enum svq_error svq_guest_read(struct svq_pages *p, uint64_t addr, void *buf, uint32_t len)
{
    static struct grant_copies *copies;

    (void)p;
    if (!copies)
        copies = grant_copies_new();
    grant_copies_add(copies, addr, buf, len, false);
    return grant_copies_run(copies) ? SVQ_ERR_NONE : SVQ_ERR_PAGE;
}

/* ---- The worker ---- */

static void return_requests(unsigned int nr)
{
    if (!svq_ring_use(QUEUE, nr))
        return;
    svq_set_bits(&dev.int_status, SVQ_INT_USED);
    ioreq_interrupt(interrupt);
}

/* As many requests as there are, or as are done together. Returns how many. */
static unsigned int serve_some(enum svq_error *error)
{
    struct svq_queue *q = QUEUE;
    unsigned int nr = 0;

    block_begin();
    while (svq_ring_avail(q)) {
        struct svq_chain c = {.nr = 0};

        *error = svq_ring_read(&dev, q, &c);
        if (*error != SVQ_ERR_NONE)
            return 0;
        if (!block_add(q->chain, c.nr, c.pages))
            break;
        svq_ring_advance(q, &c);
        q->done[nr++].id = c.id;
    }
    if (nr)
        block_do(q->done, nr);
    return nr;
}

static enum svq_error serve(void)
{
    enum svq_error error = svq_ring_look(QUEUE);

    while (error == SVQ_ERR_NONE) {
        unsigned int nr = serve_some(&error);

        if (nr)
            return_requests(nr);
        else if (error != SVQ_ERR_NONE || !svq_ring_enable_kicks(QUEUE, 0))
            break;
        if (error == SVQ_ERR_NONE)
            error = svq_ring_look(QUEUE);
    }
    return error;
}

void device_work(void)
{
    for (;;) {
        enum svq_error error;

        pthread_mutex_lock(&registers);
        while (!kicked)
            pthread_cond_wait(&kick, &registers);
        kicked = false;
        pthread_mutex_unlock(&registers);

        pthread_mutex_lock(&queue);
        error = QUEUE->live ? serve() : SVQ_ERR_NONE;
        if (error != SVQ_ERR_NONE) {
            pthread_mutex_lock(&registers);
            svq_dev_fail(&dev, 0, error);
            pthread_mutex_unlock(&registers);
        }
        pthread_mutex_unlock(&queue);
    }
}
