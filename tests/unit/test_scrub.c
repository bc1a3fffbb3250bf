/* SPDX-License-Identifier: MIT */
/*
 * Another domain becomes the backend of a device: bounce pages have nothing of what the
 * one before was sent, or wrote, but what is offered again.
 */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define BIT(n) (1ULL << (n))

static void fill(uint64_t addr, uint32_t len, uint8_t val)
{
    uint8_t byte = val;

    while (len--)
        env_write(addr++, &byte, 1);
}

static uint8_t *at(unsigned int queue, bool write, uint64_t off)
{
    return &env->dev.queue[queue].bounce[write].page[off / PAGE][off % PAGE];
}

/* Bytes that are not zero in the bounce pages of a queue. */
static unsigned int left(unsigned int queue, bool write)
{
    uint64_t off, size = env->dev.queue[queue].bounce[write].frames * PAGE;
    unsigned int n = 0;

    for (off = 0; off < size; off++)
        n += !!*at(queue, write, off);

    return n;
}

static unsigned int scrub(void)
{
    unsigned int steps = 1;

    while (svq_dev_scrub(&env->dev))
        steps++;
    env_check_scrubbed();

    return steps;
}

static void up_policy(uint32_t policy, unsigned int queues)
{
    be_features = BE_FEATURES | BIT(SVQ_F_RING_RESET);
    drv_ring_features = BIT(SVQ_F_RING_RESET);
    up(&(struct env_opts){.policy = policy, .queues = queues, .size = 16, .keep = true});
}

/* A request with len bytes there and len bytes back, of which the backend has written all. */
static void serve(unsigned int q, uint32_t len)
{
    struct svq_desc chain[2];
    unsigned int head;

    fill(BUF(0), len, 0x11);
    drv_desc(q, 0, BUF(0), len, NEXT, 1);
    drv_desc(q, 1, BUF(100), len, W, 0);
    drv_submit(q, 0);
    head = be_take_chain(q, chain, 2);
    for (uint32_t i = 0; i < len; i++)
        be_write(chain[1].addr + i, "\x22", 1);
    be_return(q, head, len);
    drv_expect_used(q, 0, len);
}

static void goes(void)
{
    svq_dev_backend_gone(&env->dev);
    env_run();
}

static void comes(void)
{
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    be_begin();
}

static void returned(uint32_t policy)
{
    unsigned int q;

    up_policy(policy, 3);
    for (q = 0; q < 3; q++)
        serve(q, 3 * PAGE + 700);
    goes();
    for (q = 0; q < 3; q++) {
        assert_int_equal(left(q, false), 3 * PAGE + 700);
        assert_int_equal(left(q, true), 3 * PAGE + 700);
    }
    scrub();
    for (q = 0; q < 3; q++) {
        assert_int_equal(left(q, false), 0);
        assert_int_equal(left(q, true), 0);
    }
    comes();
    serve(0, 700);
}

static void nothing_of_what_was_returned(void)
{
    returned(VSH_POLICY_COPY);
}

static void nothing_of_what_was_returned_with_hybrid(void)
{
    returned(VSH_POLICY_HYBRID);
}

/* Without a call: it is taken in when the backend goes. */
static void nothing_of_what_was_returned_as_it_went(void)
{
    struct svq_desc d;

    up_policy(VSH_POLICY_COPY, 1);
    fill(BUF(0), 700, 0x11);
    drv_write_buffer(0, 0, BUF(0), 700);
    be_take_chain(0, &d, 1);
    be_write(d.addr, "\x22", 1);
    be_put(0, 0, 1);
    goes();
    assert_int_equal(drv_used_idx(0), 1);
    scrub();
    assert_int_equal(left(0, true), 0);
}

/* In flight: 700 bytes, where there have been 2048. */
static void nothing_beside_what_is_offered_again(void)
{
    unsigned int head;
    struct svq_desc d;
    uint32_t off, i;

    up_policy(VSH_POLICY_COPY, 1);
    serve(0, 2048);
    fill(BUF(7), 700, 0x33);
    drv_read_buffer(0, 3, BUF(7), 700);
    be_take_chain(0, &d, 1);
    off = (uint32_t)(d.addr - env_bounce(0, false));
    /* In the same place, or else this says nothing. */
    assert_int_equal(*at(0, false, off + 701), 0x11);
    goes();
    scrub();
    for (i = 0; i < 1024; i++)
        assert_int_equal(*at(0, false, off + i), i < 700 ? 0x33 : 0);
    assert_int_equal(left(0, false), 700);

    comes();
    head = be_take_chain(0, &d, 1);
    for (i = 0; i < 700; i++) {
        uint8_t byte;

        be_read(d.addr + i, &byte, 1);
        assert_int_equal(byte, 0x33);
    }
    be_return(0, head, 0);
    drv_expect_used(0, 3, 0);
}

/* The chain of head 0 and nr parts: so many bytes are offered again, and len come back. */
static void taken_over(unsigned int nr, unsigned int bytes, uint32_t len)
{
    struct svq_desc d[8];

    be_take_chain(0, d, nr);
    goes();
    scrub();
    assert_int_equal(left(0, false), bytes);
    comes();
    be_return(0, be_take_chain(0, d, nr), len);
    drv_expect_used(0, 0, len);
}

/* An end at the end of a granule, of a page, and of neither; and a part for the other way. */
static void nothing_beside_the_parts_of_a_chain(void)
{
    static const uint32_t len[] = {512, 4096, 1, 5000, 16};
    unsigned int i, sum = 0;

    up_policy(VSH_POLICY_COPY, 1);
    serve(0, 6 * PAGE);
    for (i = 0; i < 5; i++) {
        fill(BUF(10 * i + 1), len[i], 0x33);
        drv_desc(0, i, BUF(10 * i + 1), len[i], NEXT, i + 1);
        sum += len[i];
    }
    drv_desc(0, 5, BUF(80), 16, W, 0);
    drv_submit(0, 0);
    taken_over(6, sum, 16);
}

/* What is left of a large buffer at its ends. */
static void nothing_beside_the_parts_in_a_table(void)
{
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    up(&(struct env_opts){.policy = VSH_POLICY_HYBRID, .size = 16, .keep = true});
    serve(0, 6 * PAGE);
    fill(BUF(10), 21 * PAGE, 0x33);
    drv_read_buffer(0, 0, BUF(10) + 100, 20 * PAGE);
    taken_over(3, PAGE, 0);
}

/* It is in order that it is not given back: its granules are another's already. */
static void not_beside_what_was_returned_early(void)
{
    unsigned int early;

    be_features = BE_FEATURES | BIT(SVQ_F_IN_ORDER);
    drv_ring_features = BIT(SVQ_F_IN_ORDER);
    up(&(struct env_opts){.policy = VSH_POLICY_COPY, .size = 16, .keep = true});
    fill(BUF(0), 512, 0x33);
    drv_read_buffer(0, 0, BUF(0), 16);
    drv_read_buffer(0, 1, BUF(0), 16);
    be_take(0);
    early = be_take(0);
    be_return(0, early, 0);
    drv_read_buffer(0, 2, BUF(0), 512);
    be_take(0);
    goes();
    scrub();
    assert_int_equal(left(0, false), 16 + 512);
    comes();
    be_serve(0, 0);
    be_serve(0, 0);
    assert_int_equal(drv_used_idx(0), 3);
}

/* What the backend has written, and not returned, is not for the next one. */
static void nothing_of_what_was_not_returned(void)
{
    struct svq_desc d;

    up_policy(VSH_POLICY_COPY, 1);
    drv_write_buffer(0, 0, BUF(0), 700);
    be_take_chain(0, &d, 1);
    be_write(d.addr, "\x22", 1);
    goes();
    assert_int_equal(left(0, true), 1);
    scrub();
    assert_int_equal(left(0, true), 0);
    comes();
    be_serve(0, 700);
    drv_expect_used(0, 0, 700);
}

static void nothing_of_a_driver_that_has_reset_the_device(void)
{
    up_policy(VSH_POLICY_COPY, 2);
    fill(BUF(0), 700, 0x33);
    drv_read_buffer(1, 0, BUF(0), 700);
    goes();
    /* It goes on in the middle, and begins anew: what it has passed is not to stay. */
    while (!env->dev.scrub_queue)
        assert_true(svq_dev_scrub(&env->dev));
    while (env->dev.scrub_page < 16)
        assert_true(svq_dev_scrub(&env->dev));
    assert_int_equal(left(1, false), 700);
    drv_write(SVQ_MMIO_STATUS, 0);
    env_run();
    scrub();
    assert_int_equal(left(1, false), 0);
}

static void driver_that_resets_cannot_keep_it_from_an_end(void)
{
    unsigned int steps = 0;

    up_policy(VSH_POLICY_COPY, 4);
    goes();
    while (svq_dev_scrub(&env->dev)) {
        assert_true(steps++ < 1000);
        drv_write(SVQ_MMIO_STATUS, 0);
    }
}

static void nothing_of_a_queue_that_was_reset(void)
{
    up_policy(VSH_POLICY_COPY, 2);
    fill(BUF(0), 700, 0x33);
    drv_read_buffer(1, 0, BUF(0), 700);
    goes();
    while (!env->dev.scrub_queue)
        assert_true(svq_dev_scrub(&env->dev));
    assert_true(svq_dev_scrub(&env->dev));
    drv_write(SVQ_MMIO_QUEUE_SEL, 1);
    drv_write(SVQ_MMIO_QUEUE_RESET, 1);
    env_run();
    scrub();
    assert_int_equal(left(1, false), 0);
}

static void nothing_of_a_device_that_does_not_wait(void)
{
    up(&(struct env_opts){.policy = VSH_POLICY_COPY, .size = 16});
    fill(BUF(0), 700, 0x33);
    drv_read_buffer(0, 0, BUF(0), 700);
    goes();
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    assert_int_equal(left(0, false), 700);
    scrub();
    assert_int_equal(left(0, false), 0);
}

/* 256 KiB each way at a time. */
static void in_steps(void)
{
    unsigned int frames;

    up_policy(VSH_POLICY_COPY, 4);
    frames = env->dev.queue[0].bounce[0].frames;
    assert_true(frames >= 64);
    goes();
    assert_int_equal(scrub(), 4 * (frames / 64));
    /* And once more. */
    assert_int_equal(scrub(), 4 * (frames / 64));
}

/* Descriptors of a queue's ring that are not empty, and entries of its tables. */
static unsigned int described(unsigned int queue)
{
    static const struct svq_desc empty;
    struct svq_queue *q = &env->dev.queue[queue];
    unsigned int i, n = 0;

    for (i = 0; i < q->max_size; i++)
        n += !!memcmp(svq_mem_at(&q->shadow_desc, i * (uint32_t)sizeof(empty)), &empty,
                      sizeof(empty));
    for (i = 0; i < SVQ_TABLE_ENTRIES(q->max_size); i++) {
        uint32_t off = i * (uint32_t)sizeof(empty);

        n += !!memcmp(q->tables.page[off / PAGE] + off % PAGE, &empty, sizeof(empty));
    }

    return n;
}

/* Nor where the buffers were: what is left is the chain that is offered again. */
static void nothing_of_where_it_was(void)
{
    unsigned int i, one;

    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    up(&(struct env_opts){.policy = VSH_POLICY_HYBRID, .size = 16, .keep = true});
    /* Both ends are copied: three parts, in a table. */
    drv_read_buffer(0, 0, BUF(10) + 100, 20 * PAGE);
    one = described(0);
    assert_true(one >= 3);
    for (i = 1; i < 3; i++)
        drv_read_buffer(0, i, BUF(40 * i) + 100, 20 * PAGE);
    assert_int_equal(described(0), 3 * one);
    be_serve(0, 0);
    be_serve(0, 0);
    assert_int_equal(described(0), 3 * one);
    goes();
    scrub();
    assert_int_equal(described(0), one);
    comes();
    be_serve(0, 0);
    assert_int_equal(drv_used_idx(0), 3);
    goes();
    scrub();
    assert_int_equal(described(0), 0);
}

static void policy_without_bounce_pages(void)
{
    up_policy(VSH_POLICY_GRANT, 2);
    goes();
    assert_int_equal(scrub(), 2);
    comes();
    drv_write_buffer(1, 0, BUF(0), 700);
    be_serve(1, 700);
    drv_expect_used(1, 0, 700);
}

static const struct CMUnitTest tests[] = {
    TEST(nothing_of_what_was_returned),
    TEST(nothing_of_what_was_returned_with_hybrid),
    TEST(nothing_of_what_was_returned_as_it_went),
    TEST(nothing_beside_what_is_offered_again),
    TEST(nothing_beside_the_parts_of_a_chain),
    TEST(nothing_beside_the_parts_in_a_table),
    TEST(not_beside_what_was_returned_early),
    TEST(nothing_of_what_was_not_returned),
    TEST(nothing_of_a_driver_that_has_reset_the_device),
    TEST(driver_that_resets_cannot_keep_it_from_an_end),
    TEST(nothing_of_a_queue_that_was_reset),
    TEST(nothing_of_a_device_that_does_not_wait),
    TEST(in_steps),
    TEST(nothing_of_where_it_was),
    TEST(policy_without_bounce_pages),
};

TEST_MAIN(tests)
