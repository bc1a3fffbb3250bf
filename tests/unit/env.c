/* SPDX-License-Identifier: MIT */
/* The environment of the core in unit tests: RAM, aperture, life, checks. */
#include <stdio.h>
#include <stdlib.h>

#include "backend.h"
#include "driver.h"
#include "env_internal.h"

struct env *env;

/* Frames are numbered from here, far from any gfn. */
#define FRAME_BASE 0x700000ULL

/* Steps in which the core has to finish whatever a test started. */
#define MAX_STEPS 100000u

static void *alloc(size_t nr, size_t bytes)
{
    void *p = calloc(nr, bytes);

    assert_non_null(p);
    return p;
}

/* Not zeroed: the core is not promised that. */
static void *alloc_dirty(size_t nr, size_t bytes)
{
    void *p = malloc(nr * bytes);

    assert_non_null(p);
    return memset(p, 0xa5, nr * bytes);
}

static uint8_t *alloc_page(void)
{
    uint8_t *p = aligned_alloc(SVQ_PAGE_SIZE, SVQ_PAGE_SIZE);

    assert_non_null(p);
    return memset(p, 0, SVQ_PAGE_SIZE);
}

/* ---- Guest RAM ---- */

struct env_frame *env_frame(uint64_t frame)
{
    ENV_CHECK(frame >= FRAME_BASE && frame - FRAME_BASE < env->nr_frames, "no such frame");
    return &env->frame[frame - FRAME_BASE];
}

static uint64_t new_frame(void)
{
    if (env->nr_frames == env->max_frames) {
        env->max_frames = env->max_frames ? 2 * env->max_frames : 1024;
        env->frame = realloc(env->frame, env->max_frames * sizeof(*env->frame));
        assert_non_null(env->frame);
    }

    env->frame[env->nr_frames] = (struct env_frame){.refs = 1};
    return FRAME_BASE + env->nr_frames++;
}

uint64_t env_frame_of(struct env_page *pg)
{
    if (!pg->frame)
        pg->frame = new_frame();
    return pg->frame;
}

uint8_t *env_frame_data(uint64_t frame)
{
    struct env_frame *f = env_frame(frame);

    if (!f->data)
        f->data = alloc_page();
    return f->data;
}

void env_put(uint64_t frame)
{
    struct env_frame *f = env_frame(frame);

    ENV_CHECK(f->refs, "a reference is dropped twice");
    f->refs--;
}

struct env_page *env_page(uint64_t addr)
{
    unsigned int b;

    for (b = 0; b < env->dev.nr_banks; b++) {
        const struct vsh_bank *bank = &env->dev.bank[b];

        if (addr >= bank->base && addr - bank->base < bank->size)
            return &env->page[b][(addr - bank->base) / PAGE];
    }

    fail_msg("no RAM at %llx", (unsigned long long)addr);
    return NULL;
}

void env_set_kind(uint64_t addr, enum env_kind kind)
{
    env_page(addr)->kind = (uint8_t)kind;
    env->generation++;
}

void env_replace(uint64_t addr)
{
    struct env_page *pg = env_page(addr);

    env_put(env_frame_of(pg));
    env_frame(pg->frame)->given_up = true;
    pg->frame = new_frame();
    /* What comes in its place is plain RAM.  The core still has the old one. */
    env->protected -= pg->ro;
    pg->ro = false;
    env->generation++;
}

unsigned int env_kept(uint64_t addr)
{
    unsigned int n = 0, q;
    uint32_t i;

    for (q = 0; q < env->dev.nr_queues; q++) {
        const struct svq_pages *p = &env->dev.queue[q].pages;

        for (i = 0; i < p->nr; i++)
            n += p->page[i].in_use && p->page[i].kept && p->page[i].frame == env_page(addr)->frame;
    }

    return n;
}

unsigned int env_refs(uint64_t addr)
{
    struct env_page *pg = env_page(addr);

    return pg->frame ? env_frame(pg->frame)->refs - 1 - env_kept(addr) : 0;
}

static void copy(uint64_t addr, void *to, const void *from, size_t bytes)
{
    while (bytes) {
        size_t off = addr % PAGE, n = bytes < PAGE - off ? bytes : PAGE - off;
        uint8_t *ram = env_frame_data(env_frame_of(env_page(addr))) + off;

        if (to) {
            memmove(to, ram, n);
            to = (uint8_t *)to + n;
        } else {
            memmove(ram, from, n);
            from = (const uint8_t *)from + n;
        }
        addr += n;
        bytes -= n;
    }
}

void env_write(uint64_t addr, const void *src, size_t bytes)
{
    copy(addr, NULL, src, bytes);
}

void env_read(uint64_t addr, void *dst, size_t bytes)
{
    copy(addr, dst, NULL, bytes);
}

void env_write16(uint64_t addr, uint16_t val)
{
    env_write(addr, &val, sizeof(val));
}

uint16_t env_read16(uint64_t addr)
{
    uint16_t val;

    env_read(addr, &val, sizeof(val));
    return val;
}

void env_vcpu_touches(uint64_t addr)
{
    struct env_page *pg = env_page(addr);

    pg->tlb_rw = !pg->ro;
}

bool env_vcpu_writes(uint64_t addr, const void *src, size_t bytes)
{
    struct env_page *pg = env_page(addr);

    assert_true(addr % PAGE + bytes <= PAGE);

    if (!pg->ro || pg->tlb_rw) {
        env_write(addr, src, bytes);
        return true;
    }

    ENV_CHECK(svq_dev_write_fault(&env->dev, addr / PAGE), "a vCPU faults, and nobody knows why");
    return false;
}

/* ---- The backend's aperture ---- */

struct env_place *env_place(uint64_t gfn, unsigned int *bank, uint64_t *index)
{
    unsigned int b;

    for (b = 0; b < env->dev.nr_banks; b++) {
        uint64_t first = env->dev.bank[b].base / PAGE;

        if (gfn >= first && gfn - first < env->dev.bank[b].size / PAGE) {
            if (bank)
                *bank = b;
            if (index)
                *index = gfn - first;
            return &env->place[b][gfn - first];
        }
    }

    return NULL;
}

void env_list(struct env_place *place)
{
    if (place->listed)
        return;

    if (env->nr_active == env->max_active) {
        env->max_active = env->max_active ? 2 * env->max_active : 64;
        env->active = realloc(env->active, env->max_active * sizeof(struct env_place *));
        assert_non_null(env->active);
    }
    env->active[env->nr_active++] = place;
    place->listed = true;
}

static bool reachable(uint8_t access)
{
    return access == SVQ_RO || access == SVQ_RW;
}

enum svq_access env_access(uint64_t addr)
{
    const struct env_place *pl = env_place(addr / PAGE, NULL, NULL);
    uint8_t entry = reachable(pl->access) ? pl->access : SVQ_NONE;

    return pl->tlb > entry ? pl->tlb : entry;
}

uint8_t env_entry(uint64_t addr)
{
    return env_place(addr / PAGE, NULL, NULL)->access;
}

unsigned int env_visible(void)
{
    unsigned int n = 0;
    size_t i;

    for (i = 0; i < env->nr_active; i++)
        n += reachable(env->active[i]->access) || env->active[i]->tlb;

    return n;
}

static void backend_changes(uint64_t addr, uint8_t to)
{
    struct env_place *pl = env_place(addr / PAGE, NULL, NULL);

    /* The hypervisor drops the entry's reference and flushes. */
    if (reachable(pl->access)) {
        env->tampered = true;
        env_put(pl->frame);
    }
    pl->access = to;
    pl->tlb = SVQ_NONE;
    pl->tlb_frame = 0;
    pl->frame = 0;
    env_list(pl);
}

void env_backend_removes(uint64_t addr)
{
    backend_changes(addr, SVQ_NONE);
}

void env_backend_occupies(uint64_t addr)
{
    backend_changes(addr, ENV_OTHER);
}

/* ---- Checks ---- */

static struct env_page *page_of(const struct env_place *place)
{
    unsigned int b;

    for (b = 0; b < env->dev.nr_banks; b++)
        if (place >= env->place[b] && place < env->place[b] + env->dev.bank[b].size / PAGE)
            return &env->page[b][place - env->place[b]];

    fail_msg("a place in no bank");
    return NULL;
}

static bool is_sharing_policy(void)
{
    return env->dev.policy == VSH_POLICY_TRUSTED || env->dev.policy == VSH_POLICY_POOL;
}

/* VSH_POLICY_TRUSTED, _POOL: is this page one that the backend may see whatever is in flight? */
static bool is_shared(const struct env_page *pg)
{
    const struct svq_dev *dev = &env->dev;
    uint64_t addr;
    unsigned int b;

    if (!is_sharing_policy() ||
        !(dev->state == VSH_STATE_RUNNING || dev->sharing || dev->taking_away))
        return false;

    for (b = 0; b < dev->nr_banks; b++)
        if (pg >= env->page[b] && pg < env->page[b] + dev->bank[b].size / PAGE) {
            addr = dev->bank[b].base + (uint64_t)(pg - env->page[b]) * PAGE;
            return dev->policy == VSH_POLICY_TRUSTED || addr - dev->pool.base < dev->pool.size;
        }

    return false;
}

/* Is something left to who is alone with the device, and not done before? */
static bool is_pending(void)
{
    bool pending = false;
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++)
        pending |= env->dev.queue[i].wait_alone || env->dev.queue[i].error;

    return pending;
}

void env_check_visible(const char *when)
{
    /*
     * A batch whose grant fails half-way is not published and its device fails:
     * until the next step takes them away, pages of a valid chain are visible
     * that the backend was never told of.  In the same way if it goes before what
     * was left to who is alone has been done.
     */
    bool failing =
        is_pending() || env_has_late() ||
        (env->dev.taking_away && (env->dev.state == VSH_STATE_FAILED || env->dev.reset_pending));
    size_t i, kept = 0;

    for (i = 0; i < env->nr_active; i++) {
        struct env_place *pl = env->active[i];
        const struct env_page *pg = page_of(pl);

        if (is_shared(pg)) {
            env->active[kept++] = pl;
            continue;
        }
        if (reachable(pl->access)) {
            ENV_CHECK(env_frame(pl->frame)->refs, "%s: a freed frame is mapped", when);
            ENV_CHECK(failing || pg->readers + pg->writers, "%s: mapped, but in no flight", when);
            ENV_CHECK(pl->access == SVQ_RO || failing || pg->writers, "%s: writable, but only read",
                      when);
            ENV_CHECK(pl->access == SVQ_RO || !pg->ro, "%s: a writable page of a table", when);
        }
        if (pl->tlb) {
            ENV_CHECK(env_frame(pl->tlb_frame)->refs, "%s: a freed frame is reachable", when);
            ENV_CHECK(failing || pg->readers + pg->writers, "%s: reachable through the TLB", when);
            ENV_CHECK(pl->tlb == SVQ_RO || failing || pg->writers, "%s: writable through the TLB",
                      when);
        }

        if (pl->access != SVQ_NONE || pl->tlb)
            env->active[kept++] = pl;
        else
            pl->listed = false;
    }

    env->nr_active = kept;
}

void env_check_tables(const char *when)
{
    unsigned int q, i, nr = 0;

    for (q = 0; q < env->dev.nr_queues; q++)
        for (i = 0; i < VSH_MAX_QUEUE_SIZE && env->nr_flights; i++) {
            const struct env_flight *f = env->flight[q][i];
            uint64_t addr;

            if (!f || !f->in_place.len || !env->dev.queue[q].slot[i].remapped)
                continue;

            for (addr = f->in_place.addr; addr < f->in_place.addr + f->in_place.len; addr += PAGE) {
                const struct env_page *pg = env_page(addr);

                assert_int_equal(pg->tables, 1);
                if (env_frame_of(env_page(addr)) != f->frames[(addr - f->in_place.addr) / PAGE])
                    continue;
                ENV_CHECK(env->dev.taking_away || !env->dev.queue[q].live || pg->ro,
                          "%s: the guest can write a table", when);
                ENV_CHECK(!pg->ro || !pg->tlb_rw, "%s: ... through its TLB", when);
                ENV_CHECK(!pg->ro || !pg->writers, "%s: a device writes a table", when);
                nr += pg->ro;
            }
        }

    ENV_CHECK(env->protected == nr, "%s: %u pages are read-only for the guest, %u of tables", when,
              env->protected, nr);
}

/* A queue that is not live has nothing in flight, or is about to have it taken away. */
static void check_resets(void)
{
    unsigned int i;

    if (env->dev.state == VSH_STATE_RUNNING && !env->dev.taking_away)
        env_drop_reset_flights();

    for (i = 0; i < env->dev.nr_queues; i++) {
        const struct svq_queue *q = &env->dev.queue[i];

        if (q->reset != SVQ_RESET_NONE)
            assert_int_equal(svq_info_queue(&env->dev, i)->size, 0);
        if (!q->live)
            env->look_again[i] = env->look_again_used[i] = false;
        assert_int_equal(svq_info_queue(&env->dev, i)->generation, q->generation);
    }
}

void env_check(void)
{
    const struct svq_dev *dev = &env->dev;

    env_note_late();
    check_resets();
    env_check_visible("between steps");
    if (!dev->taking_away && dev->state == VSH_STATE_RUNNING && !is_pending())
        env_check_tables("between steps");

    assert_false(dev->info->seq & 1);

    /* Nothing is running and nothing is visible: the flights are over. */
    if (dev->state != VSH_STATE_RUNNING && !env_is_kept() && !env_visible())
        env_drop_flights();
    if (env_is_kept() && !dev->leaving && !dev->resuming)
        ENV_CHECK(!env_visible(), "pages are visible without a backend");
    if (dev->state == VSH_STATE_IDLE || dev->state == VSH_STATE_READY)
        ENV_CHECK(dev->taking_away || dev->sharing || !env_visible(),
                  "pages are visible before DRIVER_OK");
}

static void check_records(const struct svq_queue *q)
{
    const struct svq_pages *p = &q->pages;
    uint32_t i, mapped = 0, dummy = 0, unused = 0, free = 0, tables = 0, kept = 0, last = ~0U;

    for (i = 0; i < p->nr; i++) {
        const struct svq_page *pg = &p->page[i];

        if (!pg->in_use) {
            unused++;
            continue;
        }
        unused += pg->kept;
        if (pg->kept) {
            assert_true(pg->have == SVQ_NONE && !pg->readers && !pg->writers && !pg->held);
            assert_true(!pg->table && env_frame(pg->frame)->refs);
        } else
            assert_true(pg->have != SVQ_NONE);
        assert_true(pg->held == 0 || pg->have != SVQ_NONE);
        mapped += reachable(pg->have);
        dummy += pg->have == SVQ_DUMMY;
        tables += pg->table;
        assert_false(pg->dirty);
    }
    for (i = p->free; i != ~0U; i = p->page[i].hash_next) {
        assert_true(i < p->nr);
        assert_false(p->page[i].in_use);
        assert_true(free++ < p->nr);
    }

    for (i = p->oldest; i != ~0U; last = i, i = p->page[i].kept_next) {
        assert_true(i < p->nr);
        assert_true(p->page[i].kept);
        assert_int_equal(p->page[i].kept_prev, last);
        assert_true(kept++ < p->nr);
    }

    assert_int_equal(p->newest, last);
    assert_int_equal(p->nr_kept, kept);
    assert_true(kept <= p->max_kept);
    /* There are none of memory that is visible whatever is in flight. */
    if (!is_sharing_policy()) {
        assert_int_equal(p->nr_mapped, mapped);
        assert_int_equal(p->nr_dummy, dummy);
    }
    assert_int_equal(p->nr_tables, tables);
    assert_int_equal(q->nr_restore, 0);
    assert_false(p->multi);
    assert_int_equal(p->nr_free, unused);
    assert_int_equal(p->nr_free, free + kept);
}

void env_check_records(void)
{
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++)
        check_records(&env->dev.queue[i]);
}

bool env_delayed(void)
{
    bool found = false;
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++)
        found |= env->dev.queue[i].delayed;

    return found;
}

bool env_quiet(void)
{
    bool found = false;
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++)
        found |= env->dev.queue[i].quiet;

    return found;
}

bool env_poll(bool late)
{
    bool found = false;
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++)
        found |= svq_queue_poll(&env->dev, i, late);

    return found;
}

bool env_poll_driver(void)
{
    bool found = false;
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++)
        found |= svq_queue_poll_driver(&env->dev, i);

    return found;
}

/* What a queue does by itself.  Returns whether there is more of it. */
static bool run_queues(void)
{
    bool more = false;
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++) {
        more |= svq_queue_run(&env->dev, i) == SVQ_RUN_MORE;
        env_check();
    }

    return more;
}

void env_run(void)
{
    const struct svq_dev *dev = &env->dev;
    unsigned int i;
    bool more;

    env->steps = 0;
    do {
        more = run_queues();
        if (!more) {
            more = svq_dev_run(&env->dev);
            ENV_CHECK(more || !is_pending(), "nobody did what was left to who is alone");
        }
        env_check();
        ENV_CHECK(++env->steps < MAX_STEPS, "svq_dev_run() does not come to an end");
    } while (more);

    /* At rest. */
    for (i = 0; i < dev->nr_queues; i++)
        ENV_CHECK(!env->look_again[i] && !env->look_again_used[i],
                  "an event was asked for, and nobody looked again");
    assert_int_equal(dev->info->state, dev->state);
    assert_int_equal(dev->info->generation, dev->generation);
    if (dev->state != VSH_STATE_RUNNING)
        ENV_CHECK(!env_visible() && (!env->protected || env_is_kept()),
                  "pages are taken in state %u", dev->state);
    ENV_CHECK(!dev->leaving && !dev->resuming, "at rest with work to do");
    if (!dev->status)
        ENV_CHECK(!env_visible() && !env->protected, "pages are taken after a reset");
    for (i = 0; i < dev->nr_queues; i++)
        if (dev->state != VSH_STATE_RUNNING && !env_is_kept())
            assert_int_equal(dev->queue[i].stats.tables_restored,
                             dev->queue[i].stats.tables_remapped);
}

/* ---- Life ---- */

static void alloc_bounce(struct svq_queue *q, unsigned int size)
{
    unsigned int nr = svq_bounce_frames(env->dev.policy, size), i;
    unsigned int at = (unsigned int)(q - env->dev.queue);

    for (i = 0; i < 2; i++) {
        q->bounce[i].page = alloc_dirty(nr + 1, sizeof(*q->bounce[i].page));
        env->bounce_used[at][i] = alloc(nr + 1, PAGE);
    }
    env->given[at] = alloc(nr + 1, PAGE);
}

static void alloc_queue(struct svq_queue *q, unsigned int size)
{
    q->max_size = (uint16_t)size;
    q->slot = alloc_dirty(size, sizeof(*q->slot));
    q->chain = alloc_dirty(size, sizeof(*q->chain));
    q->part = alloc_dirty(size, sizeof(*q->part));
    q->done = alloc_dirty(size, sizeof(*q->done));
    q->order = alloc_dirty(size, sizeof(*q->order));
    q->busy = alloc_dirty(SVQ_BUSY_WORDS, sizeof(*q->busy));
    q->tables.seg = alloc_dirty(SVQ_TABLE_ENTRIES(size), sizeof(*q->tables.seg));
    q->table = alloc_dirty(size, sizeof(*q->table));
}

static void alloc_records(struct svq_pages *p, uint32_t nr, bool forgetful)
{
    p->key = 0x5ca1ab1e0ddba11ULL;
    p->nr = nr;
    p->max_kept = forgetful ? 0 : nr;
    p->page = alloc_dirty(nr, sizeof(*p->page));
    p->bucket = alloc_dirty(nr, sizeof(*p->bucket));
}

void env_create(const struct env_opts *opts)
{
    unsigned int queues = opts->queues ? opts->queues : 1;
    unsigned int size = opts->size ? opts->size : 16, i;
    struct svq_dev *dev;

    assert_null(env);
    env = alloc(1, sizeof(*env));
    env->grants_left = -1;
    dev = &env->dev;

    dev->nr_queues = queues;
    dev->nr_banks = opts->banks ? opts->banks : 2;
    dev->bank[0] = (struct vsh_bank){BANK0, opts->bank0 ? opts->bank0 : 64 * MIB};
    if (dev->nr_banks > 1)
        dev->bank[1] = (struct vsh_bank){BANK1, opts->bank1 ? opts->bank1 : 16 * MIB};

    for (i = 0; i < dev->nr_banks; i++) {
        env->page[i] = alloc(dev->bank[i].size / PAGE, sizeof(struct env_page));
        env->place[i] = alloc(dev->bank[i].size / PAGE, sizeof(struct env_place));
    }

    dev->policy = opts->policy ? opts->policy : VSH_POLICY_GRANT;
    dev->pool = opts->pool;
    dev->threshold = opts->threshold;
    dev->scrub = opts->scrub;
    for (i = 0; i < queues; i++) {
        alloc_queue(&dev->queue[i], size);
        alloc_bounce(&dev->queue[i], size);
        alloc_records(&dev->queue[i].pages, opts->records ? opts->records : svq_page_records(size),
                      opts->forgetful);
        env->table_used[i] = alloc(SVQ_TABLE_ENTRIES(size), 1);
    }
    dev->withheld = opts->withheld;
    dev->indirect = opts->indirect;
    dev->keep = opts->keep;

    env->nr_window = svq_window_frames(queues, size, svq_bounce_frames(dev->policy, size));
    env->window = alloc(env->nr_window, sizeof(*env->window));
    for (i = 0; i < env->nr_window; i++)
        env->window[i] = alloc_page();

    svq_dev_init(dev, env->window);
    env_check();
}

void env_release(void)
{
    unsigned int steps = 0;
    bool more;
    size_t i;
    unsigned int b;

    do {
        more = svq_dev_release(&env->dev);
        env_check_visible("in release");
        ENV_CHECK(++steps < MAX_STEPS, "svq_dev_release() does not come to an end");
        if (more)
            assert_int_equal(env->dev.info->state, VSH_STATE_GONE);
    } while (more);

    assert_int_equal(env->dev.info->state, VSH_STATE_GONE);
    env_check_bounce();
    ENV_CHECK(!env_visible(), "pages are visible after the release");
    for (b = 0; b < env->dev.nr_queues; b++)
        ENV_CHECK(!env->dev.queue[b].pages.nr_mapped, "records are left after the release");
    ENV_CHECK(!env->protected, "pages are read-only after the release");
    assert_int_equal(env->protects, env->unprotects);
    env_check_records();

    /* Once more does no harm. */
    assert_false(svq_dev_release(&env->dev));

    /* Nothing but the guest itself refers to its frames now. */
    for (b = 0; b < env->dev.nr_banks; b++)
        for (i = 0; i < env->dev.bank[b].size / PAGE; i++)
            if (env->page[b][i].frame)
                env_put(env->page[b][i].frame);
    for (i = 0; i < env->nr_frames; i++)
        ENV_CHECK(!env->frame[i].refs, "%u references of frame %zu are left", env->frame[i].refs,
                  i);
}

void env_destroy(void)
{
    unsigned int i;
    size_t f;

    if (!env)
        return;

    env_drop_flights();
    for (i = 0; i < env->dev.nr_banks; i++) {
        free(env->page[i]);
        free(env->place[i]);
    }
    for (f = 0; f < env->nr_frames; f++)
        free(env->frame[f].data);
    for (i = 0; i < env->dev.nr_queues; i++) {
        free(env->dev.queue[i].slot);
        free(env->dev.queue[i].chain);
        free(env->dev.queue[i].part);
        free(env->dev.queue[i].bounce[0].page);
        free(env->dev.queue[i].bounce[1].page);
        free(env->bounce_used[i][0]);
        free(env->bounce_used[i][1]);
        free(env->given[i]);
        free(env->dev.queue[i].done);
        free(env->dev.queue[i].order);
        free(env->dev.queue[i].busy);
        free(env->dev.queue[i].tables.seg);
        free(env->table_used[i]);
        free(env->dev.queue[i].table);
        free(env->dev.queue[i].pages.page);
        free(env->dev.queue[i].pages.bucket);
    }
    for (i = 0; i < env->nr_window; i++)
        free(env->window[i]);
    free(env->window);
    free(env->frame);
    free(env->active);
    free(env);
    env = NULL;
}

void env_test_body(void **state)
{
    ((env_test *)(uintptr_t)*state)();

    if (env)
        env_release();
}

int env_test_cleanup(void **state)
{
    (void)state;
    env_destroy();
    drv_ring_features = 0;
    be_features = BE_FEATURES;
    return 0;
}
