/* SPDX-License-Identifier: MIT */
/* The environment: its state has a lock of its own, as a hypervisor's page tables do. */
#include "world.h"

struct page {
    unsigned int refs;                             /* the guest's own among them */
    unsigned int readers[QUEUES], writers[QUEUES]; /* what drivers have offered */
    uint8_t access;                                /* enum svq_access */
    uint8_t stale[QUEUES]; /* what was revoked for a queue, and not flushed for it */
};

struct world world;

static pthread_mutex_t p2m_lock = PTHREAD_MUTEX_INITIALIZER;
static struct page pages[PAGES];
static _Alignas(SVQ_PAGE_SIZE) uint8_t memory[PAGES][SVQ_PAGE_SIZE];

static bool is_visible(uint8_t access)
{
    return access == SVQ_RO || access == SVQ_RW;
}

/* The most that the backend can do there, by its p2m or by a translation of before. */
static uint8_t reach(const struct page *pg)
{
    uint8_t most = is_visible(pg->access) ? pg->access : (uint8_t)SVQ_NONE;
    unsigned int q;

    for (q = 0; q < QUEUES; q++)
        if (pg->stale[q] > most)
            most = pg->stale[q];

    return most;
}

/* ---- What may be visible ---- */

static void check_page(const struct page *pg)
{
    unsigned int q, readers = 0, writers = 0;
    uint8_t most = reach(pg);

    for (q = 0; q < QUEUES; q++) {
        readers += pg->readers[q];
        writers += pg->writers[q];
    }

    CHECK(readers + writers || !most, "visible, and in flight in no queue");
    CHECK(writers || most != SVQ_RW, "writable, and nobody writes");
}

void page_offered(unsigned int q, unsigned int page, bool write)
{
    pthread_mutex_lock(&p2m_lock);
    (*(write ? &pages[page].writers[q] : &pages[page].readers[q]))++;
    pthread_mutex_unlock(&p2m_lock);
}

void page_returned(unsigned int q, unsigned int page, bool write)
{
    pthread_mutex_lock(&p2m_lock);
    (*(write ? &pages[page].writers[q] : &pages[page].readers[q]))--;
    check_page(&pages[page]);
    pthread_mutex_unlock(&p2m_lock);
}

void queue_is_empty(unsigned int q)
{
    unsigned int i;

    pthread_mutex_lock(&p2m_lock);
    for (i = 0; i < PAGES; i++) {
        pages[i].readers[q] = pages[i].writers[q] = 0;
        check_page(&pages[i]);
    }
    pthread_mutex_unlock(&p2m_lock);
}

void check_nothing_visible(void)
{
    unsigned int i;

    pthread_mutex_lock(&p2m_lock);
    for (i = 0; i < PAGES; i++)
        CHECK(!reach(&pages[i]), "visible without a device");
    pthread_mutex_unlock(&p2m_lock);
}

/* ---- svq_env_*() ---- */

static struct page *page_of(const struct svq_page_op *op)
{
    CHECK(op->gfn - FIRST_GFN < PAGES, "a gfn in no bank");
    CHECK(op->backend_gfn == op->gfn - FIRST_GFN + APERTURE, "in another place");
    return &pages[op->gfn - FIRST_GFN];
}

static void put(uint64_t frame)
{
    CHECK(frame < PAGES && pages[frame].refs > 1, "a reference is dropped twice");
    pages[frame].refs--;
    /* What others have there, they have a reference for. */
    CHECK(pages[frame].refs > 1 || !reach(&pages[frame]), "not held, and reachable");
}

static bool grant_one(struct svq_dev *dev, unsigned int q, struct svq_page_op *op)
{
    struct page *pg = page_of(op);

    CHECK(pg->writers[q] || (pg->readers[q] && op->to == SVQ_RO), "the queue does not want it");
    if (op->from == SVQ_RO) {
        CHECK(pg->access == SVQ_RO && op->to == SVQ_RW, "no upgrade");
    } else {
        if (!dev->alone && pg->access != SVQ_NONE) {
            __atomic_fetch_add(&world.met, 1, __ATOMIC_RELAXED);
            return false;
        }
        CHECK(!is_visible(pg->access), "granted twice");
        op->frame = op->gfn - FIRST_GFN;
        pg->refs += !op->held;
    }
    pg->access = op->to;

    return true;
}

unsigned int svq_env_grant(struct svq_dev *dev, unsigned int q, struct svq_page_op *op,
                           unsigned int nr, enum svq_error *err)
{
    unsigned int i;

    pthread_mutex_lock(&p2m_lock);
    for (i = 0; i < nr && grant_one(dev, q, &op[i]); i++)
        ;
    pthread_mutex_unlock(&p2m_lock);
    if (i < nr)
        *err = SVQ_ERR_APERTURE;

    return i;
}

void svq_env_revoke(struct svq_dev *dev, unsigned int q, struct svq_page_op *op, unsigned int nr)
{
    unsigned int i;

    (void)dev;
    pthread_mutex_lock(&p2m_lock);
    for (i = 0; i < nr; i++) {
        struct page *pg = page_of(&op[i]);

        if (op[i].from == SVQ_DUMMY) {
            if (pg->access == SVQ_DUMMY)
                pg->access = SVQ_NONE;
        } else if (!is_visible(pg->access))
            op[i].frame = SVQ_NO_FRAME;
        else {
            if (pg->access > pg->stale[q])
                pg->stale[q] = pg->access;
            pg->access = op[i].to;
        }
    }
    pthread_mutex_unlock(&p2m_lock);
}

bool svq_env_flush(struct svq_dev *dev, unsigned int q)
{
    unsigned int i;

    (void)dev;
    pthread_mutex_lock(&p2m_lock);
    for (i = 0; i < PAGES; i++)
        pages[i].stale[q] = SVQ_NONE;
    pthread_mutex_unlock(&p2m_lock);

    return true;
}

void svq_env_release(struct svq_dev *dev, const struct svq_page_op *op, unsigned int nr)
{
    unsigned int i;

    (void)dev;
    pthread_mutex_lock(&p2m_lock);
    for (i = 0; i < nr; i++) {
        if (op[i].frame == SVQ_NO_FRAME || op[i].from == SVQ_DUMMY || op[i].to == SVQ_RO)
            continue;
        put(op[i].frame);
    }
    pthread_mutex_unlock(&p2m_lock);
}

void svq_env_take_away(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr)
{
    unsigned int i;

    CHECK(dev->alone || dev->state == VSH_STATE_GONE, "taken away while others go on");
    pthread_mutex_lock(&p2m_lock);
    for (i = 0; i < nr; i++) {
        struct page *pg = page_of(&op[i]);

        if (!is_visible(pg->access))
            continue;
        pg->access = SVQ_DUMMY;
        put(op[i].frame);
    }
    pthread_mutex_unlock(&p2m_lock);
}

void svq_env_forget(struct svq_dev *dev, uint64_t frame)
{
    (void)dev;
    pthread_mutex_lock(&p2m_lock);
    put(frame);
    pthread_mutex_unlock(&p2m_lock);
}

int svq_env_ring_get(struct svq_dev *dev, uint64_t addr, uint32_t bytes, struct svq_mem *mem)
{
    (void)dev;
    CHECK((addr & SVQ_PAGE_MASK) + bytes <= SVQ_PAGE_SIZE, "rings here are in one page");
    mem->off = (uint32_t)(addr & SVQ_PAGE_MASK);
    mem->nr = 1;
    mem->page[0] = ram(addr & ~(uint64_t)SVQ_PAGE_MASK);
    pthread_mutex_lock(&p2m_lock);
    pages[(addr - BANK) >> SVQ_PAGE_SHIFT].refs++;
    pthread_mutex_unlock(&p2m_lock);

    return 0;
}

void svq_env_ring_put(struct svq_dev *dev, struct svq_mem *mem)
{
    (void)dev;
    pthread_mutex_lock(&p2m_lock);
    put((uint64_t)(mem->page[0] - memory[0]) >> SVQ_PAGE_SHIFT);
    pthread_mutex_unlock(&p2m_lock);
    mem->nr = 0;
}

uint64_t svq_env_generation(struct svq_dev *dev)
{
    (void)dev;
    return __atomic_load_n(&world.generation, __ATOMIC_RELAXED);
}

void svq_env_notify(struct svq_dev *dev, int q)
{
    CHECK(q < 0 || dev->queue[q].live, "a queue's channel while it is not live");
}

bool svq_env_admit(struct svq_dev *dev)
{
    (void)dev;
    return true;
}

void svq_env_interrupt(struct svq_dev *dev)
{
    (void)dev;
    __atomic_fetch_add(&world.interrupts, 1, __ATOMIC_RELAXED);
}

void svq_env_report(struct svq_dev *dev, int q, enum svq_error err)
{
    (void)dev;
    CHECK(q < 0 && err == SVQ_ERR_REVOKED && world.may_fail, svq_error_text(err));
}

/* ---- What these devices have no use for: tables, and copies ---- */

uint64_t svq_env_frame(struct svq_dev *dev, uint64_t gfn)
{
    (void)dev;
    (void)gfn;
    CHECK(false, "nothing is read by the core");
    return SVQ_NO_FRAME;
}

void svq_env_read(struct svq_dev *dev, uint64_t frame, uint32_t at, void *buf, uint32_t len)
{
    (void)at;
    (void)buf;
    (void)len;
    svq_env_frame(dev, frame);
}

void svq_env_copy(struct svq_dev *dev, uint64_t frame, uint32_t at, uint8_t *bounce, uint32_t len,
                  bool to_guest)
{
    (void)at;
    (void)bounce;
    (void)len;
    (void)to_guest;
    svq_env_frame(dev, frame);
}

void svq_env_zero(struct svq_dev *dev, uint64_t frame, uint32_t at, uint32_t len)
{
    (void)at;
    (void)len;
    svq_env_frame(dev, frame);
}

void svq_env_protect(struct svq_dev *dev, struct svq_table_page *t, unsigned int nr)
{
    (void)nr;
    svq_env_frame(dev, t->gfn);
}

void svq_env_unprotect(struct svq_dev *dev, const struct svq_table_page *t, unsigned int nr)
{
    (void)nr;
    svq_env_frame(dev, t->gfn);
}

void svq_env_read_table(struct svq_dev *dev, const struct svq_table_page *t, void *buf,
                        uint32_t len)
{
    (void)buf;
    (void)len;
    svq_env_frame(dev, t->gfn);
}

void svq_env_shown(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr)
{
    (void)nr;
    svq_env_frame(dev, op->gfn);
}

/* ---- Life ---- */

uint8_t *ram(uint64_t addr)
{
    return &memory[(addr - BANK) >> SVQ_PAGE_SHIFT][addr & SVQ_PAGE_MASK];
}

void lock_all(void)
{
    unsigned int q;

    for (q = 0; q < QUEUES; q++)
        pthread_mutex_lock(&world.lock[q]);
}

void unlock_all(void)
{
    unsigned int q;

    for (q = QUEUES; q-- > 0;)
        pthread_mutex_unlock(&world.lock[q]);
}

static void *alloc(size_t nr, size_t bytes)
{
    void *p = calloc(nr, bytes);

    CHECK(p, "no memory");
    return p;
}

void world_create(void)
{
    struct svq_dev *dev = &world.dev;
    unsigned int i, frames = svq_window_frames(QUEUES, SIZE, 0);

    CHECK(frames <= sizeof(world.window) / sizeof(world.window[0]), "a larger window");
    for (i = 0; i < frames; i++)
        world.window[i] = alloc(1, SVQ_PAGE_SIZE);
    for (i = 0; i < PAGES; i++)
        pages[i].refs = 1;

    dev->nr_queues = QUEUES;
    dev->nr_banks = 1;
    dev->bank[0] = (struct vsh_bank){BANK, PAGES * (uint64_t)SVQ_PAGE_SIZE};
    dev->policy = VSH_POLICY_GRANT;
    dev->keep = true;
    for (i = 0; i < QUEUES; i++) {
        struct svq_queue *q = &dev->queue[i];

        pthread_mutex_init(&world.lock[i], NULL);
        q->max_size = SIZE;
        q->slot = alloc(SIZE, sizeof(*q->slot));
        q->chain = alloc(SIZE, sizeof(*q->chain));
        q->part = alloc(SIZE, sizeof(*q->part));
        q->done = alloc(SIZE, sizeof(*q->done));
        q->order = alloc(SIZE, sizeof(*q->order));
        q->busy = alloc(SVQ_BUSY_WORDS, sizeof(*q->busy));
        q->tables.seg = alloc(SVQ_TABLE_ENTRIES(SIZE), sizeof(*q->tables.seg));
        q->table = alloc(SIZE, sizeof(*q->table));
        q->pages.nr = svq_page_records(SIZE);
        q->pages.max_kept = 4;
        q->pages.key = 0x5ca1ab1e + i;
        q->pages.page = alloc(q->pages.nr, sizeof(*q->pages.page));
        q->pages.bucket = alloc(q->pages.nr, sizeof(*q->pages.bucket));
    }

    svq_dev_init(dev, world.window);
}

void world_release(void)
{
    unsigned int i;

    while (svq_dev_release(&world.dev))
        ;
    check_nothing_visible();
    for (i = 0; i < PAGES; i++)
        CHECK(pages[i].refs == 1, "a reference is left");
    for (i = 0; i < QUEUES; i++) {
        struct svq_queue *q = &world.dev.queue[i];

        free(q->slot);
        free(q->chain);
        free(q->part);
        free(q->done);
        free(q->order);
        free(q->busy);
        free(q->tables.seg);
        free(q->table);
        free(q->pages.page);
        free(q->pages.bucket);
    }
    for (i = 0; world.window[i]; i++)
        free(world.window[i]);
}
