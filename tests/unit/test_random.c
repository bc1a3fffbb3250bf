/* SPDX-License-Identifier: MIT */
/*
 * Random interleavings of driver, backend, and administrator, from fixed seeds.
 * The environment checks its invariants after every step and at every idx.
 *
 * honest: whatever the order, nothing fails, and every request comes back once.
 * tight: the same with so few page records that chains wait all the time.
 * hostile: whatever anyone does, nothing is visible that must not be, no
 * reference is lost, and the device can always be made to work again.
 */
#include "backend.h"
#include "driver.h"
#include "rnd.h"
#include "seeds.h"

#define SEEDS 40u
#define STEPS 4000u
#define QUEUES 2u
#define SIZE 16u
#define PER_CHAIN 4u  /* descriptors; heads are multiples of it */
#define BUF_PAGES 64u /* few, so that buffers share them */

/* One chain of PER_CHAIN buffers of up to 6 pages fits always, two do not. */
#define TIGHT_RECORDS 32u

enum kind { HONEST, TIGHT, HOSTILE, KINDS };

/* What the driver and the backend know. */
static bool offered[QUEUES][SIZE];
static unsigned int held[QUEUES][SIZE], nr_held[QUEUES];
static bool was_running, tight;
static unsigned int completed, waited;
static unsigned int completed_hostile; /* over all hostile seeds */

/* The device has just started: both sides begin anew. */
static void watch_start(void)
{
    bool running = env->dev.state == VSH_STATE_RUNNING;

    if (running && !was_running) {
        be_begin();
        nr_held[0] = nr_held[1] = 0;
    }
    was_running = running;
}

static uint64_t random_buffer(uint32_t *len)
{
    uint64_t bank = one_in(4) ? BANK1 : BUFFERS;

    *len = tight || one_in(3) ? 1 + rnd(5 * 4096) : 1 + rnd(512);
    return bank + rnd(BUF_PAGES) * PAGE + rnd(4096);
}

static void offer_chain(unsigned int q)
{
    unsigned int head = rnd(SIZE / PER_CHAIN) * PER_CHAIN, nr = 1 + rnd(PER_CHAIN);
    unsigned int writable_from = rnd(nr + 1), i;

    if (!env->dev.queue[q].ready || offered[q][head])
        return;

    for (i = 0; i < nr; i++) {
        unsigned int flags =
            (i + 1 < nr ? SVQ_DESC_F_NEXT : 0) | (i >= writable_from ? SVQ_DESC_F_WRITE : 0);
        uint32_t len;
        uint64_t addr = random_buffer(&len);

        drv_desc(q, head + i, addr, len, flags, head + i + 1);
    }
    offered[q][head] = true;
    drv_offer(q, head);
    if (!one_in(3))
        drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
}

static void reap(unsigned int q)
{
    uint32_t id, len;

    if (!env->dev.queue[q].ready)
        return;
    while (drv_used(q, &id, &len)) {
        assert_true(id < SIZE && offered[q][id]);
        offered[q][id] = false;
        completed++;
    }
}

static void take_requests(unsigned int q)
{
    unsigned int head;

    if (!be_queue_info(q)->size)
        return;
    while (nr_held[q] < SIZE && be_next(q, &head))
        held[q][nr_held[q]++] = head;
}

static void return_one(unsigned int q)
{
    unsigned int i;

    take_requests(q);
    if (!nr_held[q] || !be_queue_info(q)->size)
        return;
    i = rnd(nr_held[q]);
    be_put(q, held[q][i], rnd(20000));
    held[q][i] = held[q][--nr_held[q]];
    if (!one_in(3))
        be_kick_only(q);
}

static void step_run(void)
{
    if (one_in(2))
        svq_queue_run(&env->dev, rnd(QUEUES));
    else
        svq_dev_run(&env->dev);
    env_check();
}

static void start_driver(void)
{
    unsigned int q, i;

    for (q = 0; q < QUEUES; q++)
        for (i = 0; i < SIZE; i++)
            offered[q][i] = false;
    drv_start(SIZE);
}

static void honest_step(void)
{
    unsigned int q = rnd(QUEUES);

    switch (rnd(8)) {
    case 0:
    case 1:
    case 2:
        offer_chain(q);
        break;
    case 3:
    case 4:
        return_one(q);
        break;
    case 5:
        if (one_in(2))
            drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
        else
            be_kick_only(q);
        break;
    case 6:
        reap(q);
        break;
    default:
        if (one_in(8))
            env_run();
        else
            step_run();
        break;
    }
    waited += env->dev.queue[q].stalled;
    if (one_in(500))
        assert_int_equal(be_request_only(VSH_REQ_CONFIG), VSH_ERR_NONE);
    watch_start();
}

static void honest(void)
{
    unsigned int i, q, head, n;

    for (i = 0; i < STEPS; i++)
        honest_step();

    /* Everything that was offered comes back. */
    for (n = 0; n < 1000; n++)
        for (q = 0; q < QUEUES; q++) {
            drv_kick(q);
            return_one(q);
            be_kick(q);
            reap(q);
        }
    for (q = 0; q < QUEUES; q++)
        for (head = 0; head < SIZE; head++)
            assert_false(offered[q][head]);

    drv_assert_alive();
    assert_true(completed > STEPS / 20);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->nr_flights, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    for (q = 0, n = 0; q < QUEUES; q++) {
        n += (unsigned int)env->dev.queue[q].stats.requests;
        assert_int_equal(env->dev.queue[q].stats.requests, env->dev.queue[q].stats.returned);
    }
    assert_int_equal(n, completed);
    assert_int_equal(env->grants, env->revokes);
    env_check_records();
}

/* ---- Hostile ---- */

/* Change what was just read, now and then. */
static void flip(struct env_where w, void *p, size_t bytes)
{
    /* request_seq is looked at by be_request(); test_backend.c changes the mailbox. */
    if (w.area != ENV_MAILBOX && one_in(400))
        ((uint8_t *)p)[rnd((uint32_t)bytes)] ^= (uint8_t)(1u << rnd(8));
}

static void bad_driver(unsigned int q)
{
    struct svq_desc d = {BUF(rnd(BUF_PAGES)), 1 + rnd(9000), (uint16_t)rnd(4), (uint16_t)rnd(SIZE)};
    unsigned int i = rnd(SIZE);

    if (!env->dev.queue[q].ready)
        return;

    switch (rnd(12)) {
    case 0:
        d.addr = (uint64_t)rnd(~0U) << rnd(33);
        break;
    case 1:
        d.len = 0;
        break;
    case 2:
        d.flags = (uint16_t)rnd(0x10000);
        break;
    case 3:
        d.flags |= SVQ_DESC_F_INDIRECT;
        break;
    case 4:
        d.flags = SVQ_DESC_F_NEXT;
        d.next = (uint16_t)rnd(0x10000);
        break;
    case 5:
        d.flags = SVQ_DESC_F_NEXT;
        d.next = (uint16_t)i;
        break;
    case 6:
        d.len = rnd(~0U);
        break;
    case 7:
        drv_queue[q].avail_idx = (uint16_t)(drv_queue[q].avail_idx + rnd(40));
        break;
    case 8:
        drv_offer(q, rnd(0x10000));
        break;
    case 9:
        d.addr = BANK0 + 64 * MIB - rnd(9000);
        break;
    default:
        break;
    }
    drv_desc(q, i, d.addr, d.len, d.flags, d.next);
    drv_offer(q, i);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
}

static void bad_backend(unsigned int q)
{
    if (!be_queue_info(q)->size)
        return;

    switch (rnd(4)) {
    case 0:
        be_used_idx(q, (uint16_t)rnd(0x10000));
        break;
    case 1:
        be_used_elem(q, rnd(SIZE), rnd(SIZE + 2), rnd(~0U));
        break;
    case 2:
        be_put(q, rnd(SIZE), rnd(~0U));
        break;
    default:
        be_used_flags(q, (uint16_t)rnd(2));
        break;
    }
    be_kick_only(q);
}

static uint64_t random_page(void)
{
    return (one_in(4) ? BANK1 : BUFFERS) + rnd(BUF_PAGES) * PAGE;
}

static void random_register(void)
{
    static const unsigned int sizes[] = {1, 2, 4, 8};
    unsigned int size = one_in(4) ? sizes[rnd(4)] : 4;
    uint32_t off = one_in(8) ? rnd(0x300) : rnd(SVQ_MMIO_CONFIG / 4) * 4;

    svq_mmio_read(&env->dev, off, size);
    svq_mmio_write(&env->dev, off, size, one_in(2) ? rnd(8) : rnd(~0U));
    env_check();
}

static void random_request(void)
{
    struct vsh_mailbox *m = be_mailbox();

    be_describe();
    m->generation = be_info()->generation;
    switch (rnd(6)) {
    case 0:
        m->version = rnd(3);
        break;
    case 1:
        m->generation += rnd(3) - 1;
        break;
    case 2:
        m->nr_queues = rnd(4);
        break;
    case 3:
        m->queue_size = rnd(40);
        break;
    default:
        break;
    }
    be_request_only(one_in(2) ? VSH_REQ_RESET_ACK : rnd(6));
}

static void attack(void)
{
    unsigned int q = rnd(QUEUES);
    uint64_t addr = random_page();

    switch (rnd(16)) {
    case 0:
    case 1:
    case 2:
        bad_driver(q);
        break;
    case 3:
    case 4:
    case 5:
        bad_backend(q);
        break;
    case 6:
        random_register();
        break;
    case 7:
        random_request();
        break;
    case 8:
        env_backend_removes(addr);
        break;
    case 9:
        env_backend_occupies(addr);
        break;
    case 10:
        env_replace(addr);
        break;
    case 11:
        env_set_kind(addr, one_in(2) ? ENV_FOREIGN : ENV_HOLE);
        break;
    case 12:
        env->grants_left = (int)rnd(10);
        env->grant_error = one_in(2) ? SVQ_ERR_BACKEND_MEM : SVQ_ERR_APERTURE;
        break;
    case 13:
        svq_dev_fail(&env->dev, (int)rnd(QUEUES + 1) - 1, SVQ_ERR_REVOKED);
        env_check();
        break;
    case 14:
        svq_dev_backend_gone(&env->dev);
        env_check();
        break;
    default:
        drv_write_only(SVQ_MMIO_STATUS, 0);
        break;
    }
}

/* Someone puts things right again, after a while. */
static void repair(void)
{
    unsigned int i;

    env->grants_left = -1;
    for (i = 0; i < BUF_PAGES + 6; i++) {
        env_set_kind(BUFFERS + i * PAGE, ENV_RAM);
        env_set_kind(BANK1 + i * PAGE, ENV_RAM);
        if (env_entry(BUFFERS + i * PAGE) == ENV_OTHER)
            env_backend_removes(BUFFERS + i * PAGE);
        if (env_entry(BANK1 + i * PAGE) == ENV_OTHER)
            env_backend_removes(BANK1 + i * PAGE);
    }

    switch (env->dev.state) {
    case VSH_STATE_READY:
        env_run();
        if (env->dev.attached && env->dev.dev_queues == QUEUES && env->dev.dev_queue_size == SIZE)
            start_driver();
        else
            be_attach_only();
        break;
    default:
        up_step();
        break;
    }
    watch_start();
}

static void reap_hostile(unsigned int q)
{
    uint32_t id, len;

    /* Ring memory is left as the last driver had it; nothing to learn if it is down. */
    if (!env->dev.queue[q].ready || env->dev.queue[q].used_addr != drv_queue[q].used)
        return;
    while (drv_used(q, &id, &len)) {
        if (id < SIZE)
            offered[q][id] = false;
        completed++;
    }
}

static void hostile(void)
{
    unsigned int i, q;

    env->on_read = flip;
    for (i = 0; i < STEPS; i++) {
        if (one_in(25))
            attack();
        else if (env->dev.state == VSH_STATE_RUNNING) {
            q = rnd(QUEUES);
            switch (rnd(5)) {
            case 0:
            case 1:
                offer_chain(q);
                break;
            case 2:
                return_one(q);
                break;
            case 3:
                reap_hostile(q);
                break;
            default:
                step_run();
                break;
            }
        } else if (one_in(2))
            repair();
        else
            step_run();
        watch_start();

        seeds_see_failure();
        if (one_in(200)) {
            env_run();
            if (!env->dev.queue[0].pages.nr_mapped)
                env_check_records();
        }
    }
    env->on_read = NULL;
    completed_hostile += completed;

    /* It can always be made to work again. */
    env_run();
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    env_run();
    up_by(repair);
    watch_start();
    start_driver();
    be_ack();
    watch_start();
    env->tampered = false;
    drv_write_buffer(0, 0, BUF(0), 4096);
    be_serve(0, 1);
    assert_int_equal(drv_used_idx(0), 1);
    assert_int_equal(env_visible(), 0);
    env_check_records();
}

static const uint32_t policies[] = {VSH_POLICY_GRANT, VSH_POLICY_COPY, VSH_POLICY_HYBRID};

static void run_seed(void **state)
{
    const struct seed *s = *state;

    rng = 0x9e3779b97f4a7c15ULL * (s->number + 1);
    was_running = false;
    completed = 0;
    memset(offered, 0, sizeof(offered));
    memset(nr_held, 0, sizeof(nr_held));

    waited = 0;
    tight = s->kind == TIGHT;
    up(&(struct env_opts){.queues = QUEUES,
                          .size = SIZE,
                          .records = s->kind == TIGHT ? TIGHT_RECORDS : 0,
                          .policy = s->kind == TIGHT ? VSH_POLICY_GRANT
                                                     : policies[s->number % COUNT(policies)],
                          .scrub = s->number / COUNT(policies) % 2,
                          /* In the middle of what chains have. */
                          .threshold = 2000});
    watch_start();
    if (s->kind == HOSTILE)
        hostile();
    else
        honest();
    if (s->kind == TIGHT)
        assert_true(waited > STEPS / 100);
    env_release();
}

/* The hostile seeds together are no idle exercise. */
static void hostile_seeds_got_somewhere(void **state)
{
    static const enum svq_error wanted[] = {
        SVQ_ERR_AVAIL_IDX,  SVQ_ERR_HEAD,        SVQ_ERR_HEAD_BUSY,    SVQ_ERR_NEXT,
        SVQ_ERR_CHAIN_LONG, SVQ_ERR_INDIRECT,    SVQ_ERR_FLAGS,        SVQ_ERR_LEN,
        SVQ_ERR_ADDR,       SVQ_ERR_PAGE,        SVQ_ERR_USED_IDX,     SVQ_ERR_USED_ID,
        SVQ_ERR_APERTURE,   SVQ_ERR_BACKEND_MEM, SVQ_ERR_BACKEND_GONE, SVQ_ERR_REVOKED,
    };

    (void)state;
    seeds_expect_failures(wanted, COUNT(wanted));
    assert_true(completed_hostile > SEEDS * 20);
}

int main(int argc, char **argv)
{
    static const char *const kinds[KINDS] = {"honest_seed", "tight_seed", "hostile_seed"};

    return seeds_main(argc, argv, kinds, KINDS, SEEDS, run_seed,
                      (struct CMUnitTest)cmocka_unit_test(hostile_seeds_got_somewhere));
}
