/* SPDX-License-Identifier: MIT */
/*
 * What arrives: random requests, from fixed seeds, with every policy that mediates,
 * split and packed, direct and with tables, in and out of order.  The device sees
 * the bytes that the driver sent, the driver gets the bytes that the device wrote,
 * and nothing around them changes.
 */
#include "backend.h"
#include "driver.h"
#include "ring.h"
#include "rnd.h"
#include "seeds.h"

#define SEEDS 48u
#define STEPS 400u
#define SIZE 16u
#define MAX_BUFS 6u
#define AROUND 24u
#define BIT(n) (1ULL << (n))

/* Each request has memory of its own. */
#define AREA (1536 * KIB)
#define AREA_OF(slot) (BUFFERS + (slot)*AREA)

struct request {
    bool used;
    struct ring_buf buf[MAX_BUFS];
    unsigned int nr;
    uint32_t number, out, in, written; /* bytes */
};

static struct request request[SIZE];
static unsigned int slot_of[SIZE]; /* by the driver's id */
static uint32_t next_number;
static unsigned int granted_all, copied_all, waited_all, divided_all;

/* Byte i of what somebody says in request number. */
static uint8_t word_of(uint32_t number, uint32_t i, bool device)
{
    return (uint8_t)((number * 2654435761u + i * 40503u + (i >> 9) + (device ? 77 : 0)) >> 7);
}

static void put_bytes(const struct request *r, uint64_t addr, uint32_t len, uint32_t from)
{
    uint8_t chunk[SVQ_PAGE_SIZE];
    uint32_t i, n;

    for (; len; addr += n, from += n, len -= n) {
        n = len < sizeof(chunk) ? len : (uint32_t)sizeof(chunk);
        for (i = 0; i < n; i++)
            chunk[i] = word_of(r->number, from + i, false);
        env_write(addr, chunk, n);
    }
}

/* In big steps where it is long, but always the ends. */
static uint32_t step(uint32_t i, uint32_t len)
{
    return i < 64 || len - i <= 64 || len < 3000 ? 1 : 61;
}

/* ---- The driver ---- */

static uint32_t random_length(void)
{
    switch (rnd(8)) {
    case 0:
        return 1 + rnd(16);
    case 1:
    case 2:
        return 1 + rnd(600);
    case 3:
        return 512 * (1 + rnd(16));
    case 4:
        return 4096 * (1 + rnd(4));
    case 5:
        return one_in(12) ? 150000 + rnd(50000) : 1 + rnd(40000);
    default:
        return 1 + rnd(9000);
    }
}

static void submit(void)
{
    unsigned int slot, i, writable_from, nr;
    uint64_t at;
    struct request *r;
    int id;

    for (slot = 0; slot < SIZE && request[slot].used; slot++)
        ;
    if (slot == SIZE)
        return;

    r = &request[slot];
    *r = (struct request){.number = ++next_number, .written = ~0U};
    nr = 1 + rnd(ring[0].size < MAX_BUFS ? ring[0].size : MAX_BUFS);
    writable_from = rnd(nr + 1);
    at = AREA_OF(slot) + AROUND;

    for (i = 0; i < nr; i++) {
        struct ring_buf *b = &r->buf[i];

        /* Page aligned, sector aligned, or anyhow. */
        at += one_in(3) ? -at % 4096 : one_in(2) ? -at % 512 : rnd(5000);
        *b = (struct ring_buf){at, random_length(), i >= writable_from};
        put_bytes(r, b->addr, b->len, b->write ? 1u << 24 : r->out);
        *(b->write ? &r->in : &r->out) += b->len;
        at += b->len + 2 * AROUND;
    }
    for (i = 0; i < nr; i++) {
        const struct ring_buf *b = &r->buf[i];
        uint8_t edge[AROUND];

        memset(edge, (int)(0xc0 + i), sizeof(edge));
        env_write(b->addr - AROUND, edge, AROUND);
        env_write(b->addr + b->len, edge, AROUND);
    }
    assert_true(at < AREA_OF(slot + 1));
    r->nr = nr;

    id = ring_add(0, r->buf, nr, (enum ring_how)rnd(3));
    if (id < 0)
        return;
    r->used = true;
    slot_of[id] = slot;
    if (ring_wants_kick(0))
        drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 0);
}

static void check_edges(const struct ring_buf *b, unsigned int i)
{
    uint8_t edge[2 * AROUND];
    unsigned int k;

    env_read(b->addr - AROUND, edge, AROUND);
    env_read(b->addr + b->len, edge + AROUND, AROUND);
    for (k = 0; k < sizeof(edge); k++)
        assert_int_equal(edge[k], 0xc0 + i);
}

/* What the device has written, and before it what the driver had sent. */
static void check_request(const struct request *r, uint32_t len)
{
    uint32_t out = 0, in = 0, i;
    unsigned int b;
    uint8_t byte;

    assert_int_equal(len, r->written);
    for (b = 0; b < r->nr; b++) {
        const struct ring_buf *buf = &r->buf[b];

        check_edges(buf, b);
        for (i = 0; i < buf->len; i += step(i, buf->len)) {
            env_read(buf->addr + i, &byte, 1);
            if (!buf->write)
                assert_int_equal(byte, word_of(r->number, out + i, false));
            else if (in + i < len)
                assert_int_equal(byte, word_of(r->number, in + i, true));
            else
                /* The device has written nothing there. */
                assert_int_equal(byte, word_of(r->number, (1u << 24) + i, false));
        }
        *(buf->write ? &in : &out) += buf->len;
    }
}

static void reap(void)
{
    unsigned int id;
    uint32_t len;

    while (ring_get(0, &id, &len)) {
        struct request *r = &request[slot_of[id]];

        assert_true(r->used);
        check_request(r, len);
        r->used = false;
    }
}

/* ---- The device ---- */

static struct {
    unsigned int head[SIZE], nr;
} be;

static void read_all(const struct request *r, const struct svq_desc *d, unsigned int nr)
{
    uint32_t at = 0, i;
    unsigned int k;
    uint8_t byte;

    for (k = 0; k < nr && !(d[k].flags & SVQ_DESC_F_WRITE); at += d[k].len, k++)
        for (i = 0; i < d[k].len; i += step(i, d[k].len)) {
            be_read(d[k].addr + i, &byte, 1);
            assert_int_equal(byte, word_of(r->number, at + i, false));
        }
}

static void write_some(const struct request *r, const struct svq_desc *d, unsigned int nr)
{
    uint32_t at = 0, i;
    unsigned int k;

    for (k = 0; k < nr; k++) {
        if (!(d[k].flags & SVQ_DESC_F_WRITE))
            continue;
        for (i = 0; i < d[k].len && at + i < r->written; i++) {
            uint8_t byte = word_of(r->number, at + i, true);

            be_write(d[k].addr + i, &byte, 1);
        }
        at += d[k].len;
    }
}

static void take(void)
{
    unsigned int head;

    while (be.nr < SIZE && be_next(0, &head))
        be.head[be.nr++] = head;
}

static void serve(void)
{
    struct svq_desc d[3 * MAX_BUFS];
    struct request *r;
    unsigned int i, nr;

    take();
    if (!be.nr)
        return;
    i = rnd(be.nr);
    nr = be_chain(0, be.head[i], d);
    assert_true(nr <= COUNT(d));
    r = &request[slot_of[env->dev.queue[0].slot[be.head[i]].id]];
    divided_all += nr > r->nr;
    read_all(r, d, nr);
    r->written = one_in(2) ? r->in : rnd(r->in + 1);
    write_some(r, d, nr);
    /* A length beyond what there is, is cut; only if all of it was written. */
    be_put(0, be.head[i], r->written == r->in && one_in(4) ? ~0U : r->written);
    be.head[i] = be.head[--be.nr];
    if (!one_in(3))
        be_kick_only(0);
}

static void random_features(void)
{
    static const unsigned int bits[] = {SVQ_F_INDIRECT_DESC, SVQ_F_EVENT_IDX, SVQ_F_RING_PACKED,
                                        SVQ_F_IN_ORDER};
    unsigned int i;

    drv_ring_features = 0;
    be_features = BE_FEATURES | (one_in(2) ? BIT(SVQ_F_INDIRECT_DESC) : 0);
    for (i = 0; i < COUNT(bits); i++)
        if (one_in(2))
            drv_ring_features |= BIT(bits[i]);
    if (!(be_features & BIT(SVQ_F_INDIRECT_DESC)))
        drv_ring_features &= ~BIT(SVQ_F_INDIRECT_DESC);
}

static void run_seed(void **state)
{
    static const uint32_t policies[] = {VSH_POLICY_HYBRID, VSH_POLICY_COPY, VSH_POLICY_HYBRID,
                                        VSH_POLICY_GRANT};
    static const uint32_t thresholds[] = {1, 4096, 20000, 1u << 20};
    const struct seed *s = *state;
    const struct svq_queue *q;
    unsigned int i;

    rng = 0x9e3779b97f4a7c15ULL * (s->number + 5000);
    be.nr = 0;
    for (i = 0; i < SIZE; i++)
        request[i].used = false;
    random_features();
    up(&(struct env_opts){.size = SIZE,
                          .policy = policies[s->number % COUNT(policies)],
                          .threshold = thresholds[s->number / 4 % COUNT(thresholds)]});
    ring_begin_all();
    ring_enable_interrupt(0);
    q = &env->dev.queue[0];

    for (i = 0; i < STEPS; i++) {
        switch (rnd(6)) {
        case 0:
        case 1:
        case 2:
            submit();
            break;
        case 3:
            serve();
            break;
        case 4:
            reap();
            break;
        default:
            env_run();
            break;
        }
        waited_all += q->stalled;
    }

    drv_kick(0);
    for (i = 0; i < 4 * SIZE; i++) {
        serve();
        be_kick(0);
        reap();
    }
    for (i = 0; i < SIZE; i++)
        assert_false(request[i].used);
    drv_assert_alive();
    assert_int_equal(q->stats.requests, q->stats.returned);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(q->free_slots, q->shadow_size);
    assert_int_equal(q->bounce[0].nr_free, q->bounce[0].granules);
    assert_int_equal(q->bounce[1].nr_free, q->bounce[1].granules);
    if (env->dev.policy != VSH_POLICY_GRANT)
        assert_int_equal(q->stats.bytes_exposed, q->stats.bytes_requested);
    assert_int_equal(q->stats.bytes_copied, env->copied_out + env->copied_in);
    granted_all += (unsigned int)q->stats.grants;
    copied_all += (unsigned int)q->stats.bounces;
    env_release();
}

static void seeds_got_somewhere(void **state)
{
    (void)state;
    assert_true(granted_all > SEEDS * 20);
    assert_true(copied_all > SEEDS * 50);
    assert_true(divided_all > SEEDS);
    assert_true(waited_all > SEEDS);
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"seed"};

    return seeds_main(argc, argv, kinds, COUNT(kinds), SEEDS, run_seed,
                      (struct CMUnitTest)cmocka_unit_test(seeds_got_somewhere));
}
