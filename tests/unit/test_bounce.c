/* SPDX-License-Identifier: MIT */
/*
 * VSH_POLICY_COPY and VSH_POLICY_HYBRID: what is copied and what is granted, that
 * no more than its bytes is seen of a buffer, and what happens when there is no room.
 * The environment checks each part of each request besides.
 */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define BIT(n) (1ULL << (n))
#define THRESHOLD 8192u
#define GUARD 0x5a

static const struct env_opts copy = {.policy = VSH_POLICY_COPY};
static const struct env_opts hybrid = {.policy = VSH_POLICY_HYBRID, .threshold = THRESHOLD};

static const struct svq_queue_stats *stats(void)
{
    return &env->dev.queue[0].stats;
}

static void fill(uint64_t addr, uint32_t len, uint8_t val)
{
    uint8_t page[SVQ_PAGE_SIZE];

    memset(page, val, sizeof(page));
    while (len) {
        uint32_t n = len < PAGE ? len : (uint32_t)PAGE;

        env_write(addr, page, n);
        addr += n;
        len -= n;
    }
}

static void expect(uint64_t addr, uint32_t len, uint8_t val)
{
    uint8_t byte;

    for (; len; addr++, len--) {
        env_read(addr, &byte, 1);
        assert_int_equal(byte, val);
    }
}

/* Memory of the guest around a buffer. */
static void guard(uint64_t addr, uint32_t len)
{
    fill(addr - 16, len + 32, GUARD);
}

static void expect_guard(uint64_t addr, uint32_t len)
{
    expect(addr - 16, 16, GUARD);
    expect(addr + len, 16, GUARD);
}

static void be_expect(const struct svq_desc *d, uint8_t val)
{
    uint8_t byte;
    uint32_t i;

    for (i = 0; i < d->len; i += i + 64 < d->len ? 61 : 1) {
        be_read(d->addr + i, &byte, 1);
        assert_int_equal(byte, val);
    }
}

static void be_fill(const struct svq_desc *d, uint8_t val)
{
    uint32_t i;

    for (i = 0; i < d->len; i++)
        be_write(d->addr + i, &val, 1);
}

static bool in_window(const struct svq_desc *d)
{
    return d->addr >= SVQ_WINDOW_DAS;
}

static void nothing_left(void)
{
    const struct svq_queue *q = &env->dev.queue[0];

    assert_int_equal(env->nr_flights, 0);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    assert_int_equal(q->bounce[0].nr_free, q->bounce[0].granules);
    assert_int_equal(q->bounce[1].nr_free, q->bounce[1].granules);
    assert_int_equal(q->free_slots, q->shadow_size);
    assert_int_equal(stats()->grants, stats()->revokes);
}

/* ---- Copying ---- */

static void both_directions(const struct env_opts *opts)
{
    const uint64_t out = BUF(10) + 100, in = BUF(20) + 4000;
    struct svq_desc d[16];
    unsigned int head;

    up(opts);
    guard(out, 300);
    fill(out, 300, 1);
    guard(in, 5000);
    fill(in, 5000, 2);
    drv_desc(0, 0, out, 300, NEXT, 1);
    drv_desc(0, 1, in, 5000, W, 0);
    drv_submit(0, 0);
    assert_int_equal(env_visible(), 0);

    head = be_take_chain(0, d, 2);
    assert_int_equal(d[0].len, 300);
    assert_int_equal(d[0].flags, NEXT);
    assert_int_equal(d[1].len, 5000);
    assert_int_equal(d[1].flags, W);
    assert_true(in_window(&d[0]) && in_window(&d[1]));
    be_expect(&d[0], 1);
    be_fill(&d[1], 3);
    be_return(0, head, 4500);

    drv_expect_used(0, 0, 4500);
    expect(in, 4500, 3);
    expect(in + 4500, 500, 2); /* not what it says it has written */
    expect_guard(in, 5000);
    expect(out, 300, 1);

    assert_int_equal(env->grants, 0);
    assert_int_equal(env->flushes, 0);
    assert_int_equal(stats()->bounces, 2);
    assert_int_equal(stats()->bytes_requested, 5300);
    assert_int_equal(stats()->bytes_exposed, 5300);
    assert_int_equal(stats()->bytes_copied, 4800);
    assert_int_equal(env->copied_out, 300);
    assert_int_equal(env->copied_in, 4500);
    nothing_left();
}

static void copy_takes_both_directions(void)
{
    both_directions(&copy);
}

static void hybrid_copies_up_to_the_threshold(void)
{
    both_directions(&hybrid);
}

static void used_length_is_cut_before_it_is_copied(void)
{
    const uint64_t in = BUF(20) + 77;

    up(&copy);
    guard(in, 600);
    drv_write_buffer(0, 0, in, 600);
    be_serve(0, ~0U);
    drv_expect_used(0, 0, 600);
    expect_guard(in, 600);

    drv_write_buffer(0, 0, in, 600);
    be_serve(0, 0);
    drv_expect_used(0, 0, 0);
    assert_int_equal(env->copied_in, 600);
    nothing_left();
}

static void what_was_sent_is_what_it_was_then(void)
{
    struct svq_desc d[16];
    unsigned int head;

    up(&copy);
    fill(BUF(0), 512, 7);
    drv_read_buffer(0, 0, BUF(0), 512);
    fill(BUF(0), 512, 8);
    head = be_take_chain(0, d, 1);
    be_expect(&d[0], 7);
    be_return(0, head, 0);
}

static void bounced_pages_are_aligned_like_pages(void)
{
    struct svq_desc d[16];
    unsigned int i, head;

    up(&copy);
    for (i = 0; i < 6; i++) {
        drv_desc(0, 2 * i, BUF(i), 16, NEXT, 2 * i + 1);
        drv_desc(0, 2 * i + 1, BUF(10 + 2 * i), 4096 + 512 * i, W, 0);
        drv_submit(0, 2 * i);
    }
    for (i = 0; i < 6; i++) {
        head = be_take_chain(0, d, 2);
        assert_int_equal(d[1].addr % PAGE, 0);
        be_return(0, head, 0);
    }
    nothing_left();
}

static void copy_never_grants(void)
{
    up(&copy);
    drv_write_buffer(0, 0, BUF(0), 1280 * KIB);
    drv_read_buffer(0, 1, BUF(400) + 8, 300000);
    assert_int_equal(env_visible(), 0);
    be_serve(0, 1280 * KIB);
    be_serve(0, 0);
    assert_int_equal(stats()->bytes_exposed, stats()->bytes_requested);
    assert_int_equal(env->grants, 0);
    nothing_left();
}

/* ---- Dividing ---- */

static void threshold_is_the_largest_that_is_copied(void)
{
    up(&hybrid);
    drv_write_buffer(0, 0, BUF(0), THRESHOLD);
    assert_int_equal(env_visible(), 0);
    drv_write_buffer(0, 1, BUF(10), THRESHOLD + 1);
    assert_int_equal(env_visible(), 2);

    /* Of the whole request, not of each buffer. */
    drv_desc(0, 2, BUF(20), 4096, NEXT, 3);
    drv_desc(0, 3, BUF(21), 4096, NEXT, 4);
    drv_desc(0, 4, BUF(30), 16, W, 0);
    drv_submit(0, 2);
    assert_int_equal(env_visible(), 4);
    assert_int_equal(env_entry(BUF(30)), SVQ_NONE);
    be_serve(0, 0);
    be_serve(0, 0);
    be_serve(0, 0);
    nothing_left();
}

static void default_threshold(void)
{
    up(&(struct env_opts){.policy = VSH_POLICY_HYBRID});
    assert_int_equal(env->dev.threshold, SVQ_THRESHOLD);
    drv_write_buffer(0, 0, BUF(0), SVQ_THRESHOLD);
    assert_int_equal(env_visible(), 0);
    drv_write_buffer(0, 1, BUF(50), SVQ_THRESHOLD + 512);
    assert_int_equal(env_visible(), SVQ_THRESHOLD / PAGE);
    be_serve(0, 0);
    be_serve(0, 0);
}

/* A request that is cut up: header, unaligned data, status.  It is taken: its head. */
static unsigned int unaligned(struct svq_desc d[])
{
    const uint64_t data = BUF(10) + 512;
    unsigned int head;

    fill(BUF(0), 16, 1);
    fill(data, 5 * 4096, 2);
    drv_desc(0, 0, BUF(0), 16, NEXT, 1);
    drv_desc(0, 1, data, 5 * 4096, NEXT, 2);
    drv_desc(0, 2, BUF(0) + 16, 1, W, 0);
    drv_submit(0, 0);

    head = be_take_chain(0, d, 5);
    assert_int_equal(d[0].len, 16);
    assert_int_equal(d[1].len, 4096 - 512);
    assert_int_equal(d[2].len, 4 * 4096);
    assert_int_equal(d[3].len, 512);
    assert_int_equal(d[4].len, 1);
    assert_true(in_window(&d[0]) && in_window(&d[1]) && in_window(&d[3]) && in_window(&d[4]));
    assert_int_equal(d[2].addr, BUF(11));
    be_expect(&d[0], 1);
    be_expect(&d[1], 2);
    be_expect(&d[2], 2);
    be_expect(&d[3], 2);
    assert_int_equal(env_visible(), 4);
    assert_int_equal(env_entry(BUF(10)), SVQ_NONE);
    assert_int_equal(env_entry(BUF(11)), SVQ_RO);
    assert_int_equal(env_entry(BUF(15)), SVQ_NONE);
    assert_int_equal(stats()->bytes_exposed, stats()->bytes_requested);
    return head;
}

/* The backend writes its status. */
static void return_status(const struct svq_desc d[], unsigned int head)
{
    be_fill(&d[4], 9);
    be_return(0, head, 1);
    expect(BUF(0) + 16, 1, 9);
}

static void ends_are_bounced_in_a_table(void)
{
    struct svq_desc d[16];
    unsigned int head;

    /* The driver knows of no tables; the device does. */
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    up(&hybrid);
    head = unaligned(d);
    assert_true(be_desc(0, head).flags & SVQ_DESC_F_INDIRECT);
    assert_int_equal(env->dev.queue[0].free_slots, 15);
    return_status(d, head);
    assert_int_equal(stats()->bounces, 4);
    assert_int_equal(stats()->grants, 4);
    nothing_left();
}

static void ends_are_bounced_in_slots(void)
{
    struct svq_desc d[16];
    unsigned int head;

    up(&hybrid);
    head = unaligned(d);
    assert_false(be_desc(0, head).flags & SVQ_DESC_F_INDIRECT);
    assert_int_equal(env->dev.queue[0].free_slots, 11);
    return_status(d, head);
    nothing_left();
}

static void withheld_tables_are_not_used_for_this_either(void)
{
    struct env_opts opts = hybrid;
    struct svq_desc d[16];
    unsigned int head;

    opts.indirect = SVQ_INDIRECT_OFF;
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    up(&opts);
    head = unaligned(d);
    assert_false(be_desc(0, head).flags & SVQ_DESC_F_INDIRECT);
    be_return(0, head, 0);
    nothing_left();
}

static void pages_alone_take_no_more_descriptors(void)
{
    struct svq_desc d[16];
    unsigned int head;

    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    up(&hybrid);
    drv_desc(0, 0, BUF(0), 16, NEXT, 1);
    drv_desc(0, 1, BUF(10), 5 * 4096, NEXT, 2);
    drv_desc(0, 2, BUF(0) + 16, 1, W, 0);
    drv_submit(0, 0);
    head = be_take_chain(0, d, 3);
    assert_false(be_desc(0, head).flags & SVQ_DESC_F_INDIRECT);
    assert_int_equal(d[1].addr, BUF(10));
    be_return(0, head, 1);
    nothing_left();
}

static void used_bytes_are_counted_across_parts(void)
{
    const uint64_t in = BUF(10) + 4000;
    struct svq_desc d[16];
    unsigned int head, i;
    uint32_t id, len;

    up(&hybrid);
    guard(in, 4 * 4096);
    fill(in, 4 * 4096, 1);
    drv_write_buffer(0, 0, in, 4 * 4096);
    head = be_take_chain(0, d, 3);
    for (i = 0; i < 3; i++)
        be_fill(&d[i], 2);
    /* All of the head and of the pages, and 100 bytes of the tail. */
    be_return(0, head, 96 + 3 * 4096 + 100);
    assert_true(drv_used(0, &id, &len));
    assert_int_equal(len, 96 + 3 * 4096 + 100);
    expect(in, len, 2);
    expect(in + len, 4 * 4096 - len, 1);
    expect_guard(in, 4 * 4096);
    nothing_left();
}

static void no_page_is_granted_of_which_a_part_is_anothers(void)
{
    static const uint32_t lens[] = {1, 511, 4095, 4096, 4097, 8191, 8192, 8193, 12288, 70001};
    unsigned int i, k;

    /* check_exposure() of the environment looks at each. */
    up(&(struct env_opts){.policy = VSH_POLICY_HYBRID, .threshold = 1});
    for (i = 0; i < COUNT(lens); i++)
        for (k = 0; k < 4096; k += 293) {
            drv_write_buffer(0, 0, BUF(10) + k, lens[i]);
            assert_int_equal(env->nr_flights, 1);
            be_serve(0, lens[i]);
            drv_read_buffer(0, 0, BUF(10) + k, lens[i]);
            be_serve(0, 0);
        }
    assert_int_equal(stats()->bytes_exposed, stats()->bytes_requested);
    nothing_left();
}

/* Two requests of which each has a part of a page that the other has, too. */
static void requests_that_share_a_page(void)
{
    up(&hybrid);
    drv_write_buffer(0, 0, BUF(0), 3 * 4096 - 100);
    drv_read_buffer(0, 1, BUF(2) + 4000, 3 * 4096);
    drv_write_buffer(0, 2, BUF(1) + 2048, 3 * 4096);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    assert_int_equal(env_entry(BUF(3)), SVQ_RW);
    assert_int_equal(env_entry(BUF(4)), SVQ_RO);
    be_serve(0, 4096);
    be_serve(0, 0);
    be_serve(0, 4096);
    assert_int_equal(stats()->bytes_exposed, stats()->bytes_requested);
    nothing_left();
}

/* ---- No room ---- */

static uint32_t pool_bytes(void)
{
    return env->dev.queue[0].bounce[0].frames * SVQ_PAGE_SIZE;
}

static void request_waits_for_bounce_pages(void)
{
    uint32_t each;
    unsigned int i;

    up(&copy);
    each = pool_bytes() / 2;
    for (i = 0; i < 5; i++)
        drv_write_buffer(0, i, BUF(512 * i), each);
    assert_int_equal(env->nr_flights, 2);
    assert_true(env->dev.queue[0].stalled);

    be_serve(0, 1);
    assert_int_equal(env->nr_flights, 2);
    for (i = 0; i < 4; i++)
        be_serve(0, each);
    assert_int_equal(drv_used_idx(0), 5);
    drv_assert_alive();
    nothing_left();
}

/* Room enough, but not in one piece: it comes. */
static void request_waits_for_room_in_one_piece(void)
{
    unsigned int i;

    up(&(struct env_opts){.policy = VSH_POLICY_COPY, .size = 256});
    for (i = 0; i < 250; i++)
        drv_read_buffer(0, i, BUF(4 * i), 16384 - 512 * (i % 20));
    assert_int_equal(env->nr_flights, 250);
    drv_read_buffer(0, 255, BUF(0), 600 * 1024);
    assert_int_equal(env->nr_flights, 250);
    for (i = 0; i < 250; i++)
        be_serve(0, 0);
    be_serve(0, 0);
    assert_int_equal(drv_used_idx(0), 251);
    nothing_left();
}

static void more_than_all_bounce_pages_fails_the_device(void)
{
    up(&copy);
    drv_write_buffer(0, 0, BUF(0), pool_bytes() + 1);
    drv_assert_failed(SVQ_ERR_BOUNCE, 0);
    up_again();
    drv_write_buffer(0, 0, BUF(0), pool_bytes());
    be_serve(0, 5);
    assert_int_equal(drv_used_idx(0), 1);
    nothing_left();
}

static void more_than_all_after_a_wait_fails_the_device(void)
{
    up(&copy);
    drv_read_buffer(0, 0, BUF(0), 10);
    drv_read_buffer(0, 1, BUF(0), pool_bytes() + 1);
    drv_assert_alive();
    be_serve(0, 0);
    drv_assert_failed(SVQ_ERR_BOUNCE, 0);
}

static void hybrid_grants_what_is_more_than_all(void)
{
    up(&(struct env_opts){.policy = VSH_POLICY_HYBRID, .threshold = 1u << 20});
    drv_write_buffer(0, 0, BUF(0) + 8, pool_bytes() + 4 * 4096);
    assert_int_equal(env->nr_flights, 1);
    assert_true(env_visible() > pool_bytes() / PAGE);
    be_serve(0, 1);
    nothing_left();
}

/* Below the threshold, but no room is left: granted, without waiting. */
static void hybrid_grants_what_finds_no_room(void)
{
    unsigned int i, nr;

    up(&(struct env_opts){.policy = VSH_POLICY_HYBRID, .threshold = 1u << 20});
    nr = pool_bytes() / (256 * 1024);
    for (i = 0; i < nr; i++)
        drv_write_buffer(0, i, BUF(64 * i), 256 * 1024);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->nr_flights, nr);
    drv_write_buffer(0, nr, BUF(64 * nr), 256 * 1024);
    assert_int_equal(env->nr_flights, nr + 1);
    assert_int_equal(env_visible(), 64);

    /* But not for what no page is all of. */
    drv_write_buffer(0, nr + 1, BUF(0) + 8, 600);
    assert_int_equal(env->nr_flights, nr + 1);
    for (i = 0; i < nr + 2; i++)
        be_serve(0, 1);
    assert_int_equal(drv_used_idx(0), nr + 2);
    nothing_left();
}

/* As many buffers as the queue is long, each with two ends. */
static unsigned int many_ends(unsigned int nr, uint32_t len)
{
    unsigned int i;

    for (i = 0; i < nr; i++)
        drv_desc(0, i, BUF(4 * i) + 100, len, W | (i + 1 < nr ? NEXT : 0), i + 1);
    drv_submit(0, 0);
    return nr;
}

static void more_parts_than_slots_are_copied_as_a_whole(void)
{
    struct svq_desc d[16];
    unsigned int head;

    up(&hybrid);
    many_ends(16, 3 * 4096);
    assert_int_equal(env_visible(), 0);
    head = be_take_chain(0, d, 16);
    be_return(0, head, 16 * 3 * 4096);
    assert_int_equal(stats()->bytes_exposed, stats()->bytes_requested);
    nothing_left();
}

static void more_parts_than_slots_are_copied_also_where_there_are_tables(void)
{
    struct svq_desc d[16];
    unsigned int head;

    /* 2.7.5.3: a table may not be longer than the queue. */
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    up(&hybrid);
    many_ends(16, 3 * 4096);
    head = be_take_chain(0, d, 16);
    be_return(0, head, 0);
    nothing_left();
}

static void more_parts_than_slots_and_bytes_than_room(void)
{
    unsigned int i;

    up(&hybrid);
    for (i = 0; i < 16; i++)
        drv_desc(0, i, BUF(100 * i) + 100, 80 * 4096, W | (i < 15 ? NEXT : 0), i + 1);
    drv_submit(0, 0);
    drv_assert_failed(SVQ_ERR_BOUNCE, 0);
    up_again();
    drv_write_buffer(0, 0, BUF(0), 80 * 4096);
    be_serve(0, 1);
    nothing_left();
}

static void request_waits_for_slots(void)
{
    struct svq_desc d[16];
    unsigned int i;

    /* 5 requests of 3 parts each take 15 slots; another 4 have to wait. */
    up(&hybrid);
    for (i = 0; i < 9; i++)
        drv_write_buffer(0, i, BUF(10 * i) + 8, 3 * 4096);
    assert_int_equal(env->nr_flights, 5);
    assert_int_equal(env->dev.queue[0].free_slots, 1);
    for (i = 0; i < 9; i++) {
        unsigned int head = be_take_chain(0, d, 3);

        be_return(0, head, 3 * 4096);
    }
    assert_int_equal(drv_used_idx(0), 9);
    nothing_left();
}

static void copying_is_work(void)
{
    unsigned int i;

    up(&copy);
    for (i = 0; i < 4; i++) {
        drv_desc(0, i, BUF(128 * i), 512 * 1024, 0, 0);
        drv_offer(0, i);
    }
    drv_kick(0);
    assert_int_equal(env->nr_flights, 4);
    assert_true(env->steps > 1);
    for (i = 0; i < 4; i++)
        be_put(0, be_take(0), 0);
    be_kick(0);

    for (i = 0; i < 4; i++) {
        drv_desc(0, i, BUF(128 * i), 512 * 1024, W, 0);
        drv_offer(0, i);
    }
    drv_kick(0);
    for (i = 0; i < 4; i++)
        be_put(0, be_take(0), 512 * 1024);
    be_kick(0);
    assert_true(env->steps > 1);
    assert_int_equal(drv_used_idx(0), 8);
    nothing_left();
}

/* ---- Memory that is not there ---- */

static void outgoing_page_that_is_no_ram(void)
{
    up(&copy);
    env_set_kind(BUF(1), ENV_FOREIGN);
    drv_read_buffer(0, 0, BUF(0) + 4000, 500);
    drv_assert_failed(SVQ_ERR_PAGE, 0);
    env_set_kind(BUF(1), ENV_RAM);
    up_again();
    drv_read_buffer(0, 0, BUF(0) + 4000, 500);
    be_serve(0, 0);
    nothing_left();
}

static void incoming_page_that_is_no_ram(void)
{
    up(&copy);
    drv_write_buffer(0, 0, BUF(0) + 4000, 500);
    env_set_kind(BUF(1), ENV_HOLE);
    be_serve(0, 96);
    drv_assert_alive();
    drv_write_buffer(0, 0, BUF(0) + 4000, 500);
    be_serve(0, 97);
    drv_assert_failed(SVQ_ERR_PAGE, 0);
    assert_int_equal(drv_used_idx(0), 1);
    env_set_kind(BUF(1), ENV_RAM);
    up_again();
    nothing_left();
}

/* Of parts that are granted, some may have been taken when copying fails. */
static void divided_request_with_a_page_that_is_no_ram(void)
{
    unsigned int hole;

    for (hole = 0; hole < 5; hole++) {
        up(&hybrid);
        env_set_kind(BUF(10 + hole), ENV_FOREIGN);
        drv_read_buffer(0, 0, BUF(10) + 100, 4 * 4096);
        drv_assert_failed(SVQ_ERR_PAGE, 0);
        assert_int_equal(env_visible(), 0);
        env_set_kind(BUF(10 + hole), ENV_RAM);
        up_again();
        drv_read_buffer(0, 0, BUF(10) + 100, 4 * 4096);
        be_serve(0, 0);
        nothing_left();
        env_release();
        env_destroy();
    }
}

/* Whatever page is there when it comes back: the guest has put it there. */
static void incoming_page_that_was_replaced(void)
{
    struct svq_desc d[16];
    unsigned int head;

    up(&copy);
    fill(BUF(0), 4096, 1);
    drv_write_buffer(0, 0, BUF(0), 4096);
    env_replace(BUF(0));
    head = be_take(0);
    be_chain(0, head, d);
    be_fill(&d[0], 2);
    be_return(0, head, 4096);
    expect(BUF(0), 4096, 2);
    nothing_left();
}

/* ---- Resets ---- */

static void reset_forgets_bounces(void)
{
    unsigned int i;

    up(&hybrid);
    for (i = 0; i < 4; i++)
        drv_write_buffer(0, i, BUF(10 * i) + 8, i % 2 ? 3 * 4096 : 100);
    drv_reset();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    drv_start(0);
    be_begin();
    nothing_left();
    drv_write_buffer(0, 0, BUF(0), 100);
    be_serve(0, 100);
    assert_int_equal(drv_used_idx(0), 1);
}

static void queue_reset_forgets_bounces(void)
{
    struct env_opts opts = hybrid;
    unsigned int i;

    opts.queues = 2;
    be_features = BE_FEATURES | BIT(SVQ_F_RING_RESET);
    drv_ring_features = BIT(SVQ_F_RING_RESET);
    up(&opts);
    for (i = 0; i < 4; i++)
        drv_write_buffer(0, i, BUF(10 * i) + 8, i % 2 ? 3 * 4096 : 100);
    drv_write_buffer(1, 0, BUF(100), 200);
    drv_write(SVQ_MMIO_QUEUE_SEL, 0);
    drv_write(SVQ_MMIO_QUEUE_RESET, 1);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(be_queue_ack(0), VSH_ERR_NONE);
    assert_true(drv_setup(0, 16));
    be_begin_queue(0);
    be_serve(1, 5);
    drv_write_buffer(0, 0, BUF(0), 100);
    be_serve(0, 100);
    drv_assert_alive();
    nothing_left();
}

/* What was sent, and where to write, is as the old one had it. */
static void another_backend_finds_what_was_copied(void)
{
    struct env_opts opts = hybrid;
    struct svq_desc d[16];
    unsigned int head;

    opts.keep = true;
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    up(&opts);
    head = unaligned(d);
    drv_write_buffer(0, 5, BUF(40), 300);
    fill(BUF(10) + 512, 512, 99);

    assert_int_equal(be_request(VSH_REQ_DETACH), VSH_ERR_NONE);
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    assert_int_equal(env_visible(), 0);
    /* The request has a table, which the driver does not know of. */
    be_features = BE_FEATURES;
    assert_int_equal(be_attach(), VSH_ERR_CHANGED);
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    be_begin();

    head = be_take_chain(0, d, 5);
    be_expect(&d[1], 2);
    be_expect(&d[2], 2);
    return_status(d, head);

    head = be_take_chain(0, d, 1);
    be_fill(&d[0], 4);
    be_return(0, head, 300);
    expect(BUF(40), 300, 4);
    drv_assert_alive();
    nothing_left();
}

static void tables_in_place_are_not_for_what_is_copied(void)
{
    static const struct env_opts *const opts[] = {&copy, &hybrid};
    unsigned int i;

    for (i = 0; i < COUNT(opts); i++) {
        be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
        env_create(opts[i]);
        assert_int_equal(be_attach(), VSH_ERR_NONE);
        assert_false(drv_offered() & BIT(SVQ_F_INDIRECT_PAGES));
        assert_true(drv_offered() & BIT(SVQ_F_INDIRECT_DESC));
        env_release();
        env_destroy();
    }
}

static void grant_exposes_whole_pages(void)
{
    up(&(struct env_opts){0});
    drv_write_buffer(0, 0, BUF(0) + 4000, 200);
    assert_int_equal(stats()->bytes_requested, 200);
    assert_int_equal(stats()->bytes_exposed, 8192);
    assert_int_equal(stats()->bytes_copied, 0);
    be_serve(0, 200);
    assert_int_equal(stats()->bounces, 0);
    nothing_left();
}

static const struct CMUnitTest tests[] = {
    TEST(copy_takes_both_directions),
    TEST(hybrid_copies_up_to_the_threshold),
    TEST(used_length_is_cut_before_it_is_copied),
    TEST(what_was_sent_is_what_it_was_then),
    TEST(bounced_pages_are_aligned_like_pages),
    TEST(copy_never_grants),
    TEST(threshold_is_the_largest_that_is_copied),
    TEST(default_threshold),
    TEST(ends_are_bounced_in_a_table),
    TEST(ends_are_bounced_in_slots),
    TEST(withheld_tables_are_not_used_for_this_either),
    TEST(pages_alone_take_no_more_descriptors),
    TEST(used_bytes_are_counted_across_parts),
    TEST(no_page_is_granted_of_which_a_part_is_anothers),
    TEST(requests_that_share_a_page),
    TEST(request_waits_for_bounce_pages),
    TEST(request_waits_for_room_in_one_piece),
    TEST(more_than_all_bounce_pages_fails_the_device),
    TEST(more_than_all_after_a_wait_fails_the_device),
    TEST(hybrid_grants_what_is_more_than_all),
    TEST(hybrid_grants_what_finds_no_room),
    TEST(more_parts_than_slots_are_copied_as_a_whole),
    TEST(more_parts_than_slots_are_copied_also_where_there_are_tables),
    TEST(more_parts_than_slots_and_bytes_than_room),
    TEST(request_waits_for_slots),
    TEST(copying_is_work),
    TEST(outgoing_page_that_is_no_ram),
    TEST(incoming_page_that_is_no_ram),
    TEST(divided_request_with_a_page_that_is_no_ram),
    TEST(incoming_page_that_was_replaced),
    TEST(reset_forgets_bounces),
    TEST(queue_reset_forgets_bounces),
    TEST(another_backend_finds_what_was_copied),
    TEST(tables_in_place_are_not_for_what_is_copied),
    TEST(grant_exposes_whole_pages),
};

TEST_MAIN(tests)
