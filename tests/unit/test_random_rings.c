/* SPDX-License-Identifier: MIT */
/*
 * Random interleavings, from fixed seeds, with every feature of rings: split or
 * packed, tables, events on either side, order, and queues that are reset while
 * others go on.  Like test_random.c, which has split rings without them, and
 * more of what goes wrong around a device.
 */
#include "backend.h"
#include "driver.h"
#include "ring.h"
#include "rnd.h"
#include "seeds.h"

#define SEEDS 60u
#define STEPS 3000u
#define QUEUES 2u
#define SIZE 16u
#define MAX_BUFS 6u
#define BUF_PAGES 48u /* few, so that buffers share them */

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define IND SVQ_DESC_F_INDIRECT
#define BIT(n) (1ULL << (n))

enum kind { HONEST, HOSTILE, KINDS };

static bool remap;
static unsigned int resets_seen, completed_all, remapped_all, refused_all;

static void random_features(void)
{
    static const unsigned int bits[] = {
        SVQ_F_INDIRECT_DESC,
        SVQ_F_EVENT_IDX,
        SVQ_F_RING_PACKED,
        SVQ_F_IN_ORDER,
    };
    unsigned int i;

    drv_ring_features = BIT(SVQ_F_RING_RESET);
    for (i = 0; i < COUNT(bits); i++)
        if (one_in(2))
            drv_ring_features |= BIT(bits[i]);
    if (remap && drv_ring_features & BIT(SVQ_F_INDIRECT_DESC) && one_in(2))
        drv_ring_features |= BIT(SVQ_F_INDIRECT_PAGES);
    if (remap)
        drv_ring_features &= ~BIT(SVQ_F_RING_PACKED);
    be_features = BE_FEATURES | BIT(SVQ_F_RING_RESET) | BIT(SVQ_F_INDIRECT_DESC);
    if (one_in(2))
        be_features |= BIT(SVQ_F_EVENT_IDX);
}

static unsigned int random_size(void)
{
    return drv_ring_features & BIT(SVQ_F_RING_PACKED) ? 1 + rnd(SIZE) : 1u << rnd(5);
}

static void random_buf(struct ring_buf *b, bool write)
{
    b->addr = (one_in(4) ? BANK1 : BUFFERS) + rnd(BUF_PAGES) * PAGE + rnd(4096);
    b->len = one_in(3) ? 1 + rnd(4 * 4096) : 1 + rnd(512);
    b->write = write;
}

/* ---- What the backend knows ---- */

static struct {
    unsigned int head[SIZE], nr;
    uint16_t used;
} be[QUEUES];

static void be_start(unsigned int q)
{
    be_begin_queue(q);
    be[q].nr = 0;
    be[q].used = 0;
}

static void take(unsigned int q)
{
    unsigned int head;

    if (!be_size(q))
        return;
    while (be[q].nr < SIZE && be_next(q, &head))
        be[q].head[be[q].nr++] = head;
}

static void give_back(unsigned int q)
{
    unsigned int i;
    bool call;

    take(q);
    if (!be_size(q) || !be[q].nr)
        return;

    i = rnd(be[q].nr);
    call = !env->dev.queue[q].shadow_event_idx || be_used_event(q) == be[q].used;
    be_put(q, be[q].head[i], rnd(30000));
    be[q].used++;
    be[q].head[i] = be[q].head[--be[q].nr];
    if (call)
        be_kick_only(q);
}

static void start(unsigned int q)
{
    unsigned int size = random_size();

    assert_true(drv_setup(q, size));
    ring_begin(q, size);
    ring_enable_interrupt(q);
}

static void write_reset(unsigned int q)
{
    drv_write_only(SVQ_MMIO_QUEUE_SEL, q);
    drv_write_only(SVQ_MMIO_QUEUE_RESET, 1);
    resets_seen++;
}

/* ---- Honest ---- */

static bool acked[QUEUES];
static unsigned int added, completed, lost;

static void add(unsigned int q)
{
    struct ring_buf buf[MAX_BUFS];
    unsigned int size = ring[q].size, nr = 1 + rnd(size < MAX_BUFS ? size : MAX_BUFS), i;
    unsigned int writable_from = rnd(nr + 1);

    for (i = 0; i < nr; i++)
        random_buf(&buf[i], i >= writable_from);
    if (ring_add(q, buf, nr, (enum ring_how)rnd(3)) < 0)
        return;
    added++;
    if (!one_in(4) && ring_wants_kick(q))
        drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
}

static void reap(unsigned int q)
{
    unsigned int id;
    uint32_t len;

    while (ring_get(q, &id, &len))
        completed++;
}

static unsigned int outstanding(unsigned int q)
{
    unsigned int id, n = 0;

    for (id = 0; id < SIZE; id++)
        n += ring[q].descs[id] != 0;
    return n;
}

static void honest_reset(unsigned int q)
{
    if (env->dev.queue[q].live) {
        /* What has come back so far counts, the rest is gone. */
        reap(q);
        lost += outstanding(q);
        write_reset(q);
        acked[q] = false;
    } else if (env->dev.queue[q].reset != SVQ_RESET_NONE) {
        if (!acked[q])
            acked[q] = be_queue_ack_only(q) == VSH_ERR_NONE;
    } else {
        start(q);
        be_start(q);
    }
}

static void honest_step(unsigned int q)
{
    const struct svq_queue *queue = &env->dev.queue[q];

    switch (rnd(8)) {
    case 0:
    case 1:
    case 2:
        if (queue->live)
            add(q);
        break;
    case 3:
    case 4:
        give_back(q);
        break;
    case 5:
        if (queue->live)
            reap(q);
        break;
    case 6:
        if (!queue->live || one_in(20))
            honest_reset(q);
        break;
    default:
        if (one_in(2) || svq_queue_run(&env->dev, q) == SVQ_RUN_ALONE)
            svq_dev_run(&env->dev);
        env_check();
        break;
    }
}

static void honest(void)
{
    unsigned int i, q, n;

    for (i = 0; i < STEPS; i++)
        honest_step(rnd(QUEUES));

    for (q = 0; q < QUEUES; q++) {
        for (n = 0; n < 10 && !env->dev.queue[q].live; n++) {
            honest_reset(q);
            env_run();
        }
        assert_true(env->dev.queue[q].live);
        /* No more kicks than are wanted, and still nothing stays behind. */
        if (ring_wants_kick(q))
            drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
    }
    env_run();
    for (n = 0; n < 100; n++)
        for (q = 0; q < QUEUES; q++) {
            give_back(q);
            env_run();
            reap(q);
        }

    drv_assert_alive();
    assert_int_equal(added, completed + lost);
    assert_true(completed > STEPS / 50);
    completed_all += completed;
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->nr_flights, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    for (q = 0; q < QUEUES; q++) {
        assert_int_equal(env->dev.queue[q].ring_free, ring[q].size);
        assert_int_equal(env->dev.queue[q].in_flight, 0);
    }
    env_check_records();
}

/* ---- Hostile ---- */

static void flip(struct env_where w, void *p, size_t bytes)
{
    if (w.area != ENV_MAILBOX && w.area != ENV_IN_PLACE && one_in(w.area == ENV_TABLE ? 30 : 500))
        ((uint8_t *)p)[rnd((uint32_t)bytes)] ^= (uint8_t)(1u << rnd(8));
}

/* A descriptor that is mostly right. */
static void spoil(uint64_t *addr, uint32_t *len, uint16_t *flags, uint16_t *last)
{
    if (!one_in(25))
        return;
    switch (rnd(7)) {
    case 0:
        *addr = (uint64_t)rnd(~0U) << rnd(33);
        break;
    case 1:
        *len = 0;
        break;
    case 2:
        *len = rnd(~0U);
        break;
    case 3:
        *flags ^= (uint16_t)(1u << rnd(16));
        break;
    case 4:
        *flags ^= IND;
        break;
    case 5:
        *last = (uint16_t)rnd(0x10000);
        break;
    default:
        *len += rnd(40);
        break;
    }
}

static void hostile_table(unsigned int q, uint64_t table, unsigned int nr)
{
    unsigned int writable_from = rnd(nr + 1), i;

    for (i = 0; i < nr; i++) {
        struct ring_buf b;
        struct svq_desc d;

        random_buf(&b, i >= writable_from);
        if (one_in(300))
            b.addr = one_in(2) ? table : ring_table(q, rnd(SIZE));
        d = (struct svq_desc){b.addr, b.len, (uint16_t)(b.write ? W : 0), (uint16_t)(i + 1)};
        if (env->dev.queue[q].packed) {
            d.next = d.flags;
            spoil(&d.addr, &d.len, &d.next, &d.flags);
        } else {
            d.flags |= (uint16_t)(i + 1 < nr ? NEXT : 0);
            spoil(&d.addr, &d.len, &d.flags, &d.next);
        }
        env_vcpu_writes(table + 16 * i, &d, sizeof(d));
    }
}

/* The next chain, where the core looks for it; avoids ids in flight, mostly. */
static void hostile_add(unsigned int q)
{
    const struct svq_queue *queue = &env->dev.queue[q];
    unsigned int nr = 1 + rnd(MAX_BUFS), writable_from = rnd(nr + 1), i, id = rnd(SIZE);
    unsigned int place = queue->last_avail, tries;
    bool wrap = queue->avail_wrap, table = queue->indirect && one_in(2);

    if (queue->live)
        id %= queue->size;
    if (!queue->live || (nr > queue->ring_free && !one_in(50)))
        return;
    for (tries = 0; tries < 50 && queue->busy[id / 32] & (1u << id % 32); tries++)
        id = rnd(queue->size);

    for (i = 0; i < (table ? 1 : nr); i++) {
        uint64_t at = ring_table(q, id);
        struct ring_buf b;
        uint16_t flags, last = (uint16_t)((id + i + 1) % queue->size);

        random_buf(&b, i >= writable_from);
        /* In a page of a table, or of the table itself. */
        if (one_in(300))
            b.addr = ring_table(q, one_in(2) ? id : rnd(SIZE));
        flags = (uint16_t)((b.write ? W : 0) | (i + 1 < nr && !table ? NEXT : 0));
        if (table) {
            hostile_table(q, at, nr);
            b.addr = at;
            b.len = 16 * nr;
            flags |= IND;
        }
        if (queue->packed) {
            struct svq_packed_desc d = {b.addr, b.len, (uint16_t)id, flags};

            d.flags |= wrap ? SVQ_PACKED_F_AVAIL : SVQ_PACKED_F_USED;
            spoil(&d.addr, &d.len, &d.flags, &d.id);
            env_write(drv_queue[q].desc + 16 * place, &d, sizeof(d));
            if (++place == queue->size) {
                place = 0;
                wrap = !wrap;
            }
        } else {
            struct svq_desc d = {b.addr, b.len, flags, last};

            spoil(&d.addr, &d.len, &d.flags, &d.next);
            env_write(drv_queue[q].desc + 16 * ((id + i) % queue->size), &d, sizeof(d));
        }
    }

    if (!queue->packed) {
        unsigned int idx = queue->last_avail + (one_in(100) ? rnd(40) : 1);

        env_write16(drv_queue[q].avail + SVQ_AVAIL_RING(queue->last_avail % queue->size),
                    (uint16_t)(one_in(100) ? rnd(0x10000) : id));
        env_write16(drv_queue[q].avail + SVQ_AVAIL_IDX, (uint16_t)idx);
    }
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
}

static void bad_memory(unsigned int q)
{
    uint16_t val = (uint16_t)rnd(0x10000);

    /* Not the used idx, by which the environment counts. */
    switch (rnd(3)) {
    case 0:
        env_write16(drv_queue[q].desc + rnd(64) * 2, val);
        break;
    case 1:
        env_write16(drv_queue[q].avail + rnd(8) * 2, val);
        break;
    default:
        env_write16(drv_queue[q].used + 4 + rnd(8) * 2, val);
        break;
    }
}

static void bad_backend(unsigned int q)
{
    if (!be_size(q))
        return;
    switch (rnd(5)) {
    case 0:
        be_used_idx(q, (uint16_t)rnd(0x10000));
        break;
    case 1:
        be_used_elem(q, rnd(be_size(q)), rnd(SIZE + 2), rnd(~0U));
        break;
    case 2:
        be_put(q, rnd(SIZE), rnd(~0U));
        break;
    case 3:
        be_avail_event(q, (uint16_t)rnd(0x10000));
        break;
    default:
        be_used_flags(q, (uint16_t)rnd(2));
        break;
    }
    be_kick_only(q);
}

static void attack(unsigned int q)
{
    uint64_t addr = (one_in(4) ? BANK1 : BUFFERS) + rnd(BUF_PAGES) * PAGE;
    uint64_t table = ring_table(q, rnd(SIZE));

    switch (rnd(14)) {
    case 0:
        bad_memory(q);
        break;
    case 1:
    case 2:
        bad_backend(q);
        break;
    case 3:
    case 4:
    case 5:
        write_reset(q);
        break;
    case 6:
        be_mailbox()->queue = rnd(3);
        be_mailbox()->generation = rnd(4);
        be_request_only(VSH_REQ_QUEUE_ACK);
        break;
    case 7:
        env_backend_removes(one_in(2) ? addr : table);
        break;
    case 8:
        env_replace(one_in(2) ? addr : table);
        break;
    case 11:
        env_page(table)->shared = one_in(2);
        break;
    case 12:
        env_vcpu_touches(table);
        env_vcpu_writes(table, &addr, sizeof(addr));
        env_check();
        break;
    case 9:
        env->grants_left = (int)rnd(10);
        env->grant_error = SVQ_ERR_BACKEND_MEM;
        break;
    case 10:
        svq_dev_backend_gone(&env->dev);
        env_check();
        break;
    default:
        drv_write_only(SVQ_MMIO_STATUS, 0);
        break;
    }
}

static bool was_running, was_live[QUEUES];

static void watch(void)
{
    unsigned int q;
    bool running = env->dev.state == VSH_STATE_RUNNING;

    for (q = 0; q < QUEUES; q++) {
        bool live = running && env->dev.queue[q].live;

        if (live && (!was_running || !was_live[q]))
            be_start(q);
        was_live[q] = live;
    }
    was_running = running;
}

static void start_all(void)
{
    unsigned int q;

    drv_probe();
    for (q = 0; q < QUEUES; q++)
        start(q);
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
}

static void repair(void)
{
    env->grants_left = -1;

    switch (env->dev.state) {
    case VSH_STATE_IDLE:
        random_features();
        up_step();
        break;
    case VSH_STATE_READY:
        env_run();
        if (env->dev.attached) {
            uint64_t mask = env->dev.device_features | ~BIT(SVQ_F_INDIRECT_DESC);

            if (!(mask & BIT(SVQ_F_INDIRECT_DESC)))
                mask &= ~BIT(SVQ_F_INDIRECT_PAGES);

            random_features();
            drv_ring_features &= mask;
            start_all();
        }
        break;
    default:
        up_step();
        break;
    }
    watch();
}

/* A queue that was reset is brought back, sooner or later. */
static void revive(unsigned int q)
{
    const struct svq_queue *queue = &env->dev.queue[q];

    if (env->dev.state != VSH_STATE_RUNNING || queue->live)
        return;
    if (queue->reset != SVQ_RESET_NONE)
        be_queue_ack_only(q);
    else if (!queue->ready && !env->dev.reset_pending) {
        unsigned int size = random_size();

        if (drv_setup(q, size))
            ring_begin(q, size);
    }
    watch();
}

static void hostile(void)
{
    unsigned int i, q;

    env->on_read = flip;
    for (i = 0; i < STEPS; i++) {
        q = rnd(QUEUES);
        if (one_in(30))
            attack(q);
        else if (env->dev.state == VSH_STATE_RUNNING) {
            switch (rnd(6)) {
            case 0:
            case 1:
                hostile_add(q);
                break;
            case 2:
                give_back(q);
                break;
            case 3:
                revive(q);
                break;
            default:
                svq_dev_run(&env->dev);
                env_check();
                break;
            }
        } else if (one_in(2))
            repair();
        else {
            svq_dev_run(&env->dev);
            env_check();
        }
        watch();

        seeds_see_failure();
        if (one_in(200)) {
            env_run();
            watch();
            if (!env->dev.queue[0].pages.nr_mapped)
                env_check_records();
        }
    }
    env->on_read = NULL;
    for (q = 0; q < QUEUES; q++)
        completed_all += (unsigned int)env->dev.queue[q].stats.returned;

    /* It can always be made to work again. */
    env_run();
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    env_run();
    up_by(repair);
    env->tampered = false;
    drv_ring_features = remap ? 0 : BIT(SVQ_F_RING_PACKED);
    start_all();
    be_ack();
    be_begin();
    assert_true(ring_add(0, &(struct ring_buf){BUF(0), 4096, true}, 1, RING_DIRECT) >= 0);
    drv_kick(0);
    be_serve(0, 1);
    assert_int_equal(env->dev.queue[0].used_idx % ring[0].size, 1 % ring[0].size);
    assert_int_equal(env_visible(), 0);
    env_check_records();
}

/* Every second one with tables in place. */
static const uint32_t policies[] = {VSH_POLICY_COPY,  VSH_POLICY_GRANT, VSH_POLICY_HYBRID,
                                    VSH_POLICY_GRANT, VSH_POLICY_GRANT, VSH_POLICY_GRANT};

static void run_seed(void **state)
{
    const struct seed *s = *state;
    unsigned int q;

    rng = 0x9e3779b97f4a7c15ULL * (s->number + 1000);
    added = completed = lost = 0;
    was_running = false;
    memset(be, 0, sizeof(be));
    memset(was_live, 0, sizeof(was_live));

    remap = s->number % 2;
    random_features();
    env_create(&(struct env_opts){.queues = QUEUES,
                                  .size = SIZE,
                                  .records = s->number % 3 ? 0 : 256,
                                  .policy = policies[s->number % COUNT(policies)],
                                  .threshold = 2000,
                                  .scrub = s->number / COUNT(policies) % 2,
                                  .indirect = remap ? SVQ_INDIRECT_REMAP : SVQ_INDIRECT_COPY});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    start_all();
    for (q = 0; q < QUEUES; q++)
        be_start(q);
    watch();
    if (s->kind == HOSTILE)
        hostile();
    else
        honest();
    for (q = 0; q < QUEUES; q++)
        remapped_all += (unsigned int)env->dev.queue[q].stats.tables_remapped;
    refused_all += env->protects_refused;
    env_release();
}

static void seeds_got_somewhere(void **state)
{
    static const enum svq_error wanted[] = {
        SVQ_ERR_AVAIL_IDX,  SVQ_ERR_HEAD,        SVQ_ERR_HEAD_BUSY,   SVQ_ERR_NEXT,
        SVQ_ERR_ORDER,      SVQ_ERR_INDIRECT,    SVQ_ERR_TABLE,       SVQ_ERR_TABLE_LINK,
        SVQ_ERR_CHAIN_PART, SVQ_ERR_FLAGS,       SVQ_ERR_LEN,         SVQ_ERR_ADDR,
        SVQ_ERR_USED_IDX,   SVQ_ERR_USED_ID,     SVQ_ERR_BACKEND_MEM, SVQ_ERR_BACKEND_GONE,
        SVQ_ERR_TABLE_PAGE, SVQ_ERR_TABLE_WRITE,
    };

    (void)state;
    seeds_expect_failures(wanted, COUNT(wanted));
    assert_true(resets_seen > SEEDS * 20);
    assert_true(completed_all > SEEDS * 100);
    assert_in_range(remapped_all, SEEDS * 15, ~0U);
    assert_true(refused_all > SEEDS / 10);
}

int main(int argc, char **argv)
{
    static const char *const kinds[KINDS] = {"honest_seed", "hostile_seed"};

    return seeds_main(argc, argv, kinds, KINDS, SEEDS, run_seed,
                      (struct CMUnitTest)cmocka_unit_test(seeds_got_somewhere));
}
