/* SPDX-License-Identifier: MIT */
/*
 * The same random requests through every kind of ring: split and packed, with
 * and without events (on either side), direct, indirect and mixed, in order or
 * not.  Whatever the ring, the backend sees the same buffers in the same order,
 * the driver gets the same lengths back, nobody misses a notification, and the
 * environment's invariants hold.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend.h"
#include "driver.h"
#include "ring.h"
#include "rnd.h"

#define SEEDS 6u
#define STEPS 1500u
#define QUEUES 2u
#define SIZE 32u
#define MAX_BUFS 12u
#define BUF_PAGES 64u /* few, so that buffers share them */
#define MAX_LOG (8 * STEPS)

#define BIT(n) (1ULL << (n))

/* ---- The model ---- */

enum state { FREE, OFFERED, TAKEN, RETURNED };

struct request {
    enum state state;
    unsigned int number, nr;
    struct ring_buf buf[MAX_BUFS];
    uint32_t writable, len; /* what the driver is to be told */
    int id;                 /* the driver's */
    unsigned int head;      /* the backend's */
};

static struct model {
    struct request request[SIZE];
    unsigned int order[SIZE]; /* of those that are OFFERED: slots */
    unsigned int nr_offered, nr_taken, nr_returned, descs;
} model[QUEUES];

static unsigned int numbers, interrupts_seen;

/* What happened, to be compared between the kinds of rings. */
static uint64_t history[MAX_LOG], reference[MAX_LOG];
static unsigned int nr_log, nr_reference;

static void note(uint64_t what)
{
    assert_true(nr_log < MAX_LOG);
    history[nr_log++] = what;
}

static struct request *find(unsigned int q, enum state state, unsigned int nth)
{
    unsigned int i;

    for (i = 0; i < SIZE; i++)
        if (model[q].request[i].state == state && !nth--)
            return &model[q].request[i];
    return NULL;
}

/* ---- The driver ---- */

static void fill(struct request *r)
{
    unsigned int i, writable_from;

    r->nr = one_in(4) ? 1 + rnd(MAX_BUFS) : 1 + rnd(3);
    r->writable = 0;
    r->number = ++numbers;
    writable_from = rnd(r->nr + 1);
    for (i = 0; i < r->nr; i++) {
        struct ring_buf *b = &r->buf[i];

        b->len = one_in(4) ? 1 + rnd(4 * 4096) : 1 + rnd(512);
        b->addr = (one_in(4) ? BANK1 : BUFFERS) + rnd(BUF_PAGES) * PAGE + rnd(4096);
        b->write = i >= writable_from;
        if (b->write)
            r->writable += b->len;
    }
}

static void kick_if_wanted(unsigned int q)
{
    if (ring_wants_kick(q))
        drv_kick(q);
}

/* The driver's interrupt handler: with the next used buffer it wants to run again. */
static void reap(unsigned int q, bool in_order)
{
    unsigned int id, last = 0;
    uint32_t len;

    while (ring_get(q, &id, &len)) {
        struct request *r;
        unsigned int n;

        for (n = 0; (r = find(q, RETURNED, n)); n++)
            if (r->id == (int)id)
                break;
        assert_non_null(r);
        assert_int_equal(len, r->len);
        if (in_order)
            assert_true(r->number > last);
        else
            note(BIT(63) | (uint64_t)r->number << 32 | len);
        last = r->number;
        r->state = FREE;
        model[q].nr_returned--;
        model[q].descs -= r->nr;
    }
    ring_enable_interrupt(q);
    /* 2.7.14, 2.8.22: look again after that; nothing runs in between here. */
}

static void offer(unsigned int q, enum ring_how how, bool kick)
{
    struct request *r = find(q, FREE, 0);
    struct request next;

    /* The stream of random numbers does not depend on what is free. */
    fill(&next);
    if (!r || model[q].descs + next.nr > SIZE)
        return;

    *r = next;
    r->id = ring_add(q, r->buf, r->nr, how);
    assert_true(r->id >= 0);
    r->state = OFFERED;
    model[q].descs += r->nr;
    model[q].order[model[q].nr_offered++] = (unsigned int)(r - model[q].request);
    if (kick)
        kick_if_wanted(q);
}

/* ---- The backend ---- */

static void check_chain(unsigned int q, const struct request *r, unsigned int head)
{
    struct svq_desc chain[SIZE];
    unsigned int nr = be_chain(q, head, chain), i;

    assert_int_equal(nr, r->nr);
    for (i = 0; i < nr; i++) {
        assert_int_equal(chain[i].addr, r->buf[i].addr);
        assert_int_equal(chain[i].len, r->buf[i].len);
        assert_int_equal(!!(chain[i].flags & SVQ_DESC_F_WRITE), r->buf[i].write);
    }
}

static unsigned int take(unsigned int q)
{
    unsigned int head, n = 0;

    while (be_next(q, &head)) {
        struct request *r = &model[q].request[model[q].order[0]];

        assert_true(model[q].nr_offered);
        memmove(model[q].order, model[q].order + 1, --model[q].nr_offered * sizeof(unsigned int));
        check_chain(q, r, head);
        r->head = head;
        r->state = TAKEN;
        model[q].nr_taken++;
        note((uint64_t)r->number << 32 | q);
        n++;
    }
    return n;
}

static uint16_t used_idx[QUEUES];

static void give_back(unsigned int q, unsigned int nth, uint32_t len, bool shadow_events)
{
    struct request *r = find(q, TAKEN, nth);
    bool call;

    r->len = len < r->writable ? len : r->writable;
    r->state = RETURNED;
    model[q].nr_taken--;
    model[q].nr_returned++;
    call = !shadow_events || be_used_event(q) == used_idx[q];
    be_put(q, r->head, len);
    used_idx[q]++;
    if (call)
        be_kick(q);
}

/* ---- One kind of ring ---- */

struct kind {
    uint64_t features;
    bool shadow_events;
    enum ring_how how; /* if indirect */
};

static const struct kind kinds[] = {
    {0, false, RING_DIRECT},
    {BIT(SVQ_F_EVENT_IDX), false, RING_DIRECT},
    {0, true, RING_DIRECT},
    {BIT(SVQ_F_EVENT_IDX), true, RING_DIRECT},
    {BIT(SVQ_F_INDIRECT_DESC), false, RING_TABLE_ONLY},
    {BIT(SVQ_F_INDIRECT_DESC), false, RING_MIXED},
    {BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_EVENT_IDX), true, RING_TABLE_ONLY},
    {BIT(SVQ_F_RING_PACKED), false, RING_DIRECT},
    {BIT(SVQ_F_RING_PACKED) | BIT(SVQ_F_EVENT_IDX), false, RING_DIRECT},
    {BIT(SVQ_F_RING_PACKED), true, RING_DIRECT},
    {BIT(SVQ_F_RING_PACKED) | BIT(SVQ_F_EVENT_IDX), true, RING_DIRECT},
    {BIT(SVQ_F_RING_PACKED) | BIT(SVQ_F_INDIRECT_DESC), false, RING_TABLE_ONLY},
    {BIT(SVQ_F_RING_PACKED) | BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_EVENT_IDX), true,
     RING_TABLE_ONLY},
    /* From here on returns come in another order. */
    {BIT(SVQ_F_IN_ORDER), false, RING_DIRECT},
    {BIT(SVQ_F_IN_ORDER) | BIT(SVQ_F_EVENT_IDX), true, RING_DIRECT},
    {BIT(SVQ_F_IN_ORDER) | BIT(SVQ_F_INDIRECT_DESC), true, RING_MIXED},
    {BIT(SVQ_F_IN_ORDER) | BIT(SVQ_F_RING_PACKED), false, RING_DIRECT},
    {BIT(SVQ_F_IN_ORDER) | BIT(SVQ_F_RING_PACKED) | BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_EVENT_IDX),
     true, RING_TABLE_ONLY},
};

/* Nobody has kicked or called for nothing, and nothing that was notified is left. */
static void check_nothing_missed(unsigned int q, bool in_order)
{
    /* What it was not to kick for is found now that it does nothing. */
    if (env_quiet() && env_poll_driver())
        env_run();

    take(q);
    assert_int_equal(model[q].nr_offered, 0);

    /* What it was not to call for is found now that it does nothing. */
    if (env_delayed() && env_poll(false))
        env_run();

    if (env->interrupts != interrupts_seen) {
        interrupts_seen = env->interrupts;
        drv_write(SVQ_MMIO_INT_ACK, SVQ_INT_USED);
        for (unsigned int i = 0; i < QUEUES; i++)
            reap(i, in_order);
    }
    if (!in_order)
        assert_int_equal(model[q].nr_returned, 0);
}

static void run_kind(const struct kind *k, unsigned int seed, unsigned int size)
{
    bool in_order = k->features & BIT(SVQ_F_IN_ORDER);
    unsigned int q, i, steps = 0;

    rng = 0x9e3779b97f4a7c15ULL * (seed + 1);
    memset(model, 0, sizeof(model));
    memset(used_idx, 0, sizeof(used_idx));
    nr_log = numbers = 0;
    drv_ring_features = k->features;
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    if (k->shadow_events)
        be_features |= BIT(SVQ_F_EVENT_IDX);

    env_create(&(struct env_opts){.queues = QUEUES, .size = 64});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_start(size);
    be_begin();
    ring_begin_all();
    interrupts_seen = env->interrupts;
    for (q = 0; q < QUEUES; q++)
        ring_enable_interrupt(q);

    for (i = 0; i < STEPS; i++) {
        unsigned int what = rnd(8), nth = rnd(SIZE), more;
        uint32_t len = rnd(40000);

        q = rnd(QUEUES);
        if (what < 3)
            offer(q, k->how, true);
        else if (what == 3) {
            /* Several for one kick. */
            for (more = rnd(4); more; more--)
                offer(q, k->how, false);
            kick_if_wanted(q);
        } else if (model[q].nr_taken)
            give_back(q, nth % model[q].nr_taken, len, k->shadow_events);
        steps += env->steps;

        for (q = 0; q < QUEUES; q++)
            check_nothing_missed(q, in_order);
    }

    for (q = 0; q < QUEUES; q++) {
        while (model[q].nr_taken)
            give_back(q, 0, 1, k->shadow_events);
        check_nothing_missed(q, in_order);
        assert_int_equal(model[q].nr_returned, 0);
        assert_int_equal(ring[q].free, ring[q].size);
        assert_int_equal(env->dev.queue[q].ring_free, ring[q].size);
        assert_int_equal(env->dev.queue[q].stats.tables_copied > 0,
                         !!(k->features & BIT(SVQ_F_INDIRECT_DESC)));
    }

    drv_assert_alive();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->nr_flights, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    env_check_records();
    env_release();
    env_destroy();
}

static void run_seed(void **state)
{
    const unsigned int seed = (unsigned int)(uintptr_t)*state;
    unsigned int i, k;

    for (k = 0; k < COUNT(kinds); k++) {
        bool packed = kinds[k].features & BIT(SVQ_F_RING_PACKED);

        /* A packed ring's size may be anything: the model offers 32 at most. */
        run_kind(&kinds[k], seed, packed ? SIZE + 3 * seed : SIZE);
        if (k == 0) {
            memmove(reference, history, sizeof(history));
            nr_reference = nr_log;
            assert_true(nr_reference > STEPS / 2);
        }
        if (kinds[k].features & BIT(SVQ_F_IN_ORDER))
            continue;
        assert_int_equal(nr_log, nr_reference);
        for (i = 0; i < nr_log; i++)
            assert_int_equal(history[i], reference[i]);
    }
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[SEEDS];
    static char name[SEEDS][32];
    unsigned int i;

    for (i = 0; i < SEEDS; i++) {
        snprintf(name[i], sizeof(name[i]), "all_kinds_of_rings_agree_%u", i);
        tests[i] =
            (struct CMUnitTest){name[i], run_seed, NULL, env_test_cleanup, (void *)(uintptr_t)i};
    }

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
