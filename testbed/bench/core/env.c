/* SPDX-License-Identifier: MIT */
/*
 * The core's environment for the benchmark. Pages are granted and revoked for nothing: what is left
 * is the core itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct svq_dev bench_dev;
uint8_t *bench_window;
static uint8_t *ram;
static uint8_t **frames;

void bench_fail(const char *what)
{
    fprintf(stderr, "core-bench: %s\n", what);
    exit(1);
}

void *bench_ram(uint64_t addr)
{
    return ram + (addr - BENCH_RAM_BASE);
}

static void *room(size_t nr, size_t size)
{
    void *p = calloc(nr, size);

    if (!p)
        bench_fail("no memory");
    return p;
}

static void alloc_queue(struct svq_queue *q, unsigned int bounce)
{
    q->max_size = BENCH_RING_SIZE;
    q->slot = room(BENCH_RING_SIZE, sizeof(*q->slot));
    q->chain = room(BENCH_RING_SIZE, sizeof(*q->chain));
    q->part = room(BENCH_RING_SIZE, sizeof(*q->part));
    for (int i = 0; i < 2; i++)
        q->bounce[i].page = room(bounce + 1, sizeof(*q->bounce[i].page));
    q->done = room(BENCH_RING_SIZE, sizeof(*q->done));
    q->order = room(BENCH_RING_SIZE, sizeof(*q->order));
    q->busy = room(SVQ_BUSY_WORDS, sizeof(*q->busy));
    q->tables.seg = room(SVQ_TABLE_ENTRIES(BENCH_RING_SIZE), sizeof(*q->tables.seg));
    q->table = room(BENCH_RING_SIZE, sizeof(*q->table));
    q->pages.key = 0x5ca1ab1e0ddba11ULL;
    q->pages.nr = q->pages.max_kept = svq_page_records(BENCH_RING_SIZE);
    q->pages.page = room(q->pages.nr, sizeof(*q->pages.page));
    q->pages.bucket = room(q->pages.nr, sizeof(*q->pages.bucket));
}

static void init_device(uint32_t policy)
{
    struct svq_dev *dev = &bench_dev;
    unsigned int bounce = svq_bounce_frames(policy, BENCH_RING_SIZE);
    unsigned int nr = svq_window_frames(1, BENCH_RING_SIZE, bounce);

    memset(dev, 0, sizeof(*dev));
    dev->nr_queues = dev->nr_banks = 1;
    dev->bank[0] = (struct vsh_bank){BENCH_RAM_BASE, BENCH_RAM_BYTES};
    dev->policy = policy;
    alloc_queue(&dev->queue[0], bounce);
    frames = room(nr, sizeof(*frames));
    bench_window = room(nr, SVQ_PAGE_SIZE);
    for (unsigned int i = 0; i < nr; i++)
        frames[i] = bench_window + (size_t)i * SVQ_PAGE_SIZE;
    svq_dev_init(dev, frames);
}

static void attach(void)
{
    struct vsh_mailbox *m =
        (struct vsh_mailbox *)(bench_window + VSH_FRAME_MAILBOX * SVQ_PAGE_SIZE);

    *m = (struct vsh_mailbox){
        .version = VSH_ABI_VERSION,
        .request = VSH_REQ_ATTACH,
        .request_seq = 1,
        .device_id = 2,
        .device_features = 1ULL << SVQ_F_VERSION_1,
        .nr_queues = 1,
        .queue_size = BENCH_RING_SIZE,
        .aperture_gfn = {0x200000},
    };
    svq_dev_control(&bench_dev);
    bench_run();
    if (bench_dev.info->reply_seq != 1 || bench_dev.info->reply_error)
        bench_fail("the core does not take the device");
}

static void set(uint32_t reg, uint64_t value)
{
    svq_mmio_write(&bench_dev, reg, 4, (uint32_t)value);
    bench_run();
}

static void set_address(uint32_t low, uint64_t address)
{
    set(low, address);
    set(low + 4, address >> 32);
}

static void start_driver(bool packed)
{
    uint64_t features = 1ULL << SVQ_F_VERSION_1 | (packed ? 1ULL << SVQ_F_RING_PACKED : 0);

    set(SVQ_MMIO_STATUS, 0);
    set(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    set(SVQ_MMIO_DRV_FEAT_SEL, 1);
    set(SVQ_MMIO_DRV_FEATURES, features >> 32);
    set(SVQ_MMIO_DRV_FEAT_SEL, 0);
    set(SVQ_MMIO_DRV_FEATURES, features);
    set(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK);
    set(SVQ_MMIO_QUEUE_SEL, 0);
    set(SVQ_MMIO_QUEUE_SIZE, BENCH_RING_SIZE);
    set_address(SVQ_MMIO_DESC_LOW, BENCH_RAM_BASE);
    set_address(SVQ_MMIO_AVAIL_LOW, BENCH_RAM_BASE + 0x5000);
    set_address(SVQ_MMIO_USED_LOW, BENCH_RAM_BASE + 0x6000);
    set(SVQ_MMIO_QUEUE_READY, 1);
    set(SVQ_MMIO_STATUS,
        SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK | SVQ_STATUS_DRIVER_OK);
    if (bench_dev.info->state != VSH_STATE_RUNNING)
        bench_fail("the device does not start");
}

void bench_create(bool packed, uint32_t policy)
{
    ram = room(BENCH_RAM_BYTES, 1);
    init_device(policy);
    attach();
    start_driver(packed);
}

void bench_destroy(void)
{
    struct svq_queue *q = &bench_dev.queue[0];

    while (svq_dev_release(&bench_dev))
        ;
    free(q->slot);
    free(q->chain);
    free(q->part);
    free(q->bounce[0].page);
    free(q->bounce[1].page);
    free(q->done);
    free(q->order);
    free(q->busy);
    free(q->tables.seg);
    free(q->table);
    free(q->pages.page);
    free(q->pages.bucket);
    free(frames);
    free(bench_window);
    free(ram);
}

void bench_run(void)
{
    enum svq_run run;

    do
        run = svq_queue_run(&bench_dev, 0);
    while (run == SVQ_RUN_MORE);

    /* What is left: the queue's errors, and what concerns the device. */
    if (run == SVQ_RUN_ALONE || bench_dev.state != VSH_STATE_RUNNING)
        while (svq_dev_run(&bench_dev))
            ;
}

/* ---- what the core asks for ---- */

int svq_env_ring_get(struct svq_dev *dev, uint64_t addr, uint32_t bytes, struct svq_mem *mem)
{
    uint32_t first = (uint32_t)(addr & SVQ_PAGE_MASK);

    (void)dev;
    mem->off = first;
    mem->nr = (first + bytes + SVQ_PAGE_SIZE - 1) / SVQ_PAGE_SIZE;
    for (uint32_t i = 0; i < mem->nr; i++)
        mem->page[i] = bench_ram(addr - first + (uint64_t)i * SVQ_PAGE_SIZE);
    return 0;
}

void svq_env_ring_put(struct svq_dev *dev, struct svq_mem *mem)
{
    (void)dev;
    mem->nr = 0;
}

/* The frame of a page is its gfn. */
uint64_t svq_env_frame(struct svq_dev *dev, uint64_t gfn)
{
    (void)dev;
    return gfn;
}

void svq_env_read(struct svq_dev *dev, uint64_t frame, uint32_t at, void *buf, uint32_t len)
{
    (void)dev;
    memcpy(buf, bench_ram(frame * SVQ_PAGE_SIZE + at), len);
}

void svq_env_copy(struct svq_dev *dev, uint64_t frame, uint32_t at, uint8_t *bounce, uint32_t len,
                  bool to_guest)
{
    uint8_t *guest = bench_ram(frame * SVQ_PAGE_SIZE + at);

    (void)dev;
    memcpy(to_guest ? guest : bounce, to_guest ? bounce : guest, len);
}

void svq_env_zero(struct svq_dev *dev, uint64_t frame, uint32_t at, uint32_t len)
{
    (void)dev;
    memset(bench_ram(frame * SVQ_PAGE_SIZE + at), 0, len);
}

void svq_env_protect(struct svq_dev *dev, struct svq_table_page *t, unsigned int nr)
{
    (void)dev;
    for (unsigned int i = 0; i < nr; i++)
        t[i].frame = SVQ_NO_FRAME;
}

void svq_env_unprotect(struct svq_dev *dev, const struct svq_table_page *t, unsigned int nr)
{
    (void)dev;
    (void)t;
    (void)nr;
}

void svq_env_read_table(struct svq_dev *dev, const struct svq_table_page *t, void *buf,
                        uint32_t len)
{
    (void)dev;
    (void)t;
    (void)buf;
    (void)len;
    bench_fail("a table in place, where none is protected");
}

unsigned int svq_env_grant(struct svq_dev *dev, unsigned int q, struct svq_page_op *op,
                           unsigned int nr, enum svq_error *err)
{
    (void)q;
    (void)dev;
    (void)err;
    for (unsigned int i = 0; i < nr; i++)
        op[i].frame = op[i].gfn;
    return nr;
}

void svq_env_revoke(struct svq_dev *dev, unsigned int q, struct svq_page_op *op, unsigned int nr)
{
    (void)q;
    (void)dev;
    (void)op;
    (void)nr;
}

bool svq_env_flush(struct svq_dev *dev, unsigned int q)
{
    (void)q;
    (void)dev;
    return true;
}

/* The guest's pages stay where they are. */
uint64_t svq_env_generation(struct svq_dev *dev)
{
    (void)dev;
    return 0;
}

void svq_env_forget(struct svq_dev *dev, uint64_t frame)
{
    (void)dev;
    (void)frame;
}

void svq_env_release(struct svq_dev *dev, const struct svq_page_op *op, unsigned int nr)
{
    (void)dev;
    (void)op;
    (void)nr;
}

void svq_env_take_away(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr)
{
    (void)dev;
    (void)op;
    (void)nr;
}

void svq_env_shown(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr)
{
    (void)dev;
    for (unsigned int i = 0; i < nr; i++)
        op[i].frame = SVQ_NO_FRAME;
}

void svq_env_notify(struct svq_dev *dev, int q)
{
    (void)dev;
    (void)q;
}

bool svq_env_admit(struct svq_dev *dev)
{
    (void)dev;
    return true;
}

void svq_env_interrupt(struct svq_dev *dev)
{
    (void)dev;
}

void svq_env_report(struct svq_dev *dev, int q, enum svq_error err)
{
    (void)dev;
    (void)q;
    bench_fail(svq_error_text(err));
}
