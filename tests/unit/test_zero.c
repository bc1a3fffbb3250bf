/* SPDX-License-Identifier: MIT */
/*
 * svq_dev.scrub: what is granted for the device to write is zeroed before, so that the
 * backend is not shown what was there; those bytes, and no others, and not twice.
 */
#include "backend.h"
#include "driver.h"
#include "ring.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define IND SVQ_DESC_F_INDIRECT
#define BIT(n) (1ULL << (n))
#define OLD 0x5a    /* what the guest had there */
#define ANSWER 0xa7 /* what the device writes */

static const struct env_opts hybrid = {.policy = VSH_POLICY_HYBRID, .threshold = 1, .scrub = true};
static const struct env_opts grant = {.policy = VSH_POLICY_GRANT, .scrub = true};

static void fill(uint64_t addr, uint64_t len, uint8_t val)
{
    for (; len; addr++, len--)
        env_write(addr, &val, 1);
}

static void expect(uint64_t addr, uint64_t len, uint8_t val)
{
    uint8_t byte;

    for (; len; addr++, len--) {
        env_read(addr, &byte, 1);
        assert_int_equal(byte, val);
    }
}

static void be_expect(uint64_t das, uint64_t len, uint8_t val)
{
    uint8_t byte;

    for (; len; das++, len--) {
        be_read(das, &byte, 1);
        assert_int_equal(byte, val);
    }
}

static void be_fill(uint64_t das, uint64_t len, uint8_t val)
{
    for (; len; das++, len--)
        be_write(das, &val, 1);
}

/* The control: the same as the next, as it is without. */
static void not_asked_for(void)
{
    up(&(struct env_opts){.policy = VSH_POLICY_HYBRID, .threshold = 1});
    fill(BUF(0), 3 * PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0), 3 * PAGE);
    be_expect(BUF(0), 3 * PAGE, OLD);
    be_return(0, be_take(0), 0);
    expect(BUF(0), 3 * PAGE, OLD);
    assert_int_equal(env->zeroed, 0);
}

static void whole_pages(void)
{
    unsigned int head;

    up(&hybrid);
    fill(BUF(0), 5 * PAGE, OLD);
    drv_write_buffer(0, 0, BUF(1), 3 * PAGE);
    be_expect(BUF(1), 3 * PAGE, 0);
    assert_int_equal(env->zeroed, 3 * PAGE);

    head = be_take(0);
    be_fill(BUF(1), 2 * PAGE, ANSWER);
    be_return(0, head, 2 * PAGE);
    drv_expect_used(0, 0, 2 * PAGE);
    expect(BUF(0), PAGE, OLD);
    expect(BUF(1), 2 * PAGE, ANSWER);
    expect(BUF(3), PAGE, 0);
    expect(BUF(4), PAGE, OLD);
    env_check_records();
}

/* The ends are not granted but copied, so they are not zeroed either. */
static void ends_that_are_copied(void)
{
    struct svq_desc d[3];
    unsigned int head;

    up(&hybrid);
    fill(BUF(0), 4 * PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0) + 1000, 3 * PAGE);
    assert_int_equal(env->zeroed, 2 * PAGE);
    head = be_take_chain(0, d, 3);
    assert_int_equal(d[1].addr, BUF(1));
    be_expect(BUF(1), 2 * PAGE, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env_access(BUF(3)), SVQ_NONE);
    be_fill(d[0].addr, d[0].len, ANSWER);
    be_return(0, head, d[0].len);
    expect(BUF(0), 1000, OLD);
    expect(BUF(0) + 1000, PAGE - 1000, ANSWER);
    expect(BUF(1), 2 * PAGE, 0);
    expect(BUF(3), PAGE, OLD);
}

/* All of its pages are shown, and of them what lies beside the buffer as it is. */
static void parts_of_pages_with_grant(void)
{
    up(&grant);
    fill(BUF(0), 3 * PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0) + 100, 2 * PAGE);
    be_expect(BUF(0), 100, OLD);
    be_expect(BUF(0) + 100, 2 * PAGE, 0);
    be_expect(BUF(2) + 100, PAGE - 100, OLD);
    assert_int_equal(env->zeroed, 2 * PAGE);
    be_serve(0, 0);
}

static void nothing_that_the_device_reads(void)
{
    up(&hybrid);
    fill(BUF(0), 4 * PAGE, OLD);
    drv_desc(0, 0, BUF(0), 2 * PAGE, NEXT, 1);
    drv_desc(0, 1, BUF(2), 2 * PAGE, W, 0);
    drv_submit(0, 0);
    be_expect(BUF(0), 2 * PAGE, OLD);
    be_expect(BUF(2), 2 * PAGE, 0);
    assert_int_equal(env->zeroed, 2 * PAGE);
    be_serve(0, 0);
}

/* As encryption does it: the answer goes where the question is. */
static void in_place(void)
{
    unsigned int head;

    up(&hybrid);
    fill(BUF(0), 2 * PAGE, OLD);
    drv_desc(0, 0, BUF(0), 2 * PAGE, NEXT, 1);
    drv_desc(0, 1, BUF(0), 2 * PAGE, W, 0);
    drv_submit(0, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_RW);
    be_expect(BUF(0), 2 * PAGE, OLD);
    assert_int_equal(env->zeroed, 0);
    head = be_take(0);
    be_fill(BUF(0), 2 * PAGE, ANSWER);
    be_return(0, head, 2 * PAGE);
    expect(BUF(0), 2 * PAGE, ANSWER);
}

static void page_of_two_requests(void)
{
    unsigned int first, second;

    up(&grant);
    fill(BUF(0), PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0), 1024);
    first = be_take(0);
    be_fill(BUF(0), 1024, ANSWER);
    drv_write_buffer(0, 1, BUF(0) + 1024, 1024);
    second = be_take(0);
    be_expect(BUF(0), 1024, ANSWER);
    be_expect(BUF(0) + 1024, 1024, 0);
    be_expect(BUF(0) + 2048, 2048, OLD);
    be_return(0, first, 1024);
    be_return(0, second, 0);
    expect(BUF(0), 1024, ANSWER);
    expect(BUF(0) + 1024, 1024, 0);
    expect(BUF(0) + 2048, 2048, OLD);
    env_check_records();
}

/* Of which one reads it: what is to be read is left as it is. */
static void page_that_another_request_reads(void)
{
    up(&hybrid);
    fill(BUF(0), PAGE, OLD);
    drv_read_buffer(0, 0, BUF(0), PAGE);
    drv_write_buffer(0, 1, BUF(0), PAGE);
    be_expect(BUF(0), PAGE, OLD);
    be_serve(0, 0);
    be_serve(0, 0);

    /* In the other order it has been zeroed already. */
    drv_write_buffer(0, 2, BUF(0), PAGE);
    drv_read_buffer(0, 3, BUF(0), PAGE);
    be_expect(BUF(0), PAGE, 0);
    be_serve(0, 0);
    be_serve(0, 0);
    env_check_records();
}

static void copies(void)
{
    up(&(struct env_opts){.policy = VSH_POLICY_COPY, .scrub = true});
    fill(BUF(0), 2 * PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0), 2 * PAGE);
    assert_int_equal(env_visible(), 0);
    be_serve(0, 0);
    expect(BUF(0), 2 * PAGE, OLD);
    assert_int_equal(env->zeroed, 0);
}

static void one_of_each(uint64_t features, enum ring_how how)
{
    const struct ring_buf buf[] = {
        {BUF(0), PAGE, false}, {BUF(1), 2 * PAGE, true}, {BUF(4), PAGE, true}};
    unsigned int id;
    uint32_t len;

    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    drv_ring_features = features | BIT(SVQ_F_INDIRECT_DESC);
    up(&hybrid);
    ring_begin_all();
    fill(BUF(0), 6 * PAGE, OLD);
    assert_true(ring_add(0, buf, COUNT(buf), how) >= 0);
    drv_kick(0);
    be_expect(BUF(0), PAGE, OLD);
    be_expect(BUF(1), 2 * PAGE, 0);
    be_expect(BUF(4), PAGE, 0);
    expect(BUF(3), PAGE, OLD);
    expect(BUF(5), PAGE, OLD);
    be_serve(0, 0);
    assert_true(ring_get(0, &id, &len));
    env_release();
    env_destroy();
}

static void rings_and_tables_of_every_kind(void)
{
    static const uint64_t features[] = {0, BIT(SVQ_F_RING_PACKED)};
    unsigned int i;

    for (i = 0; i < COUNT(features); i++) {
        one_of_each(features[i], RING_DIRECT);
        one_of_each(features[i], RING_TABLE_ONLY);
    }
    one_of_each(0, RING_MIXED);
}

static void up_remap(unsigned int queues)
{
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    drv_ring_features = BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_INDIRECT_PAGES);
    up(&(struct env_opts){.queues = queues, .indirect = SVQ_INDIRECT_REMAP, .scrub = true});
}

static void offer_table(uint64_t table, uint64_t addr)
{
    struct svq_desc d = {addr, PAGE, W, 0};

    env_write(table, &d, sizeof(d));
    drv_desc(0, 0, table, sizeof(d), IND, 0);
    drv_submit(0, 0);
}

static void tables_in_place(void)
{
    struct svq_desc d;

    up_remap(1);
    fill(BUF(0), PAGE, OLD);
    offer_table(BUF(3000), BUF(0));
    assert_int_equal(env->protected, 1);
    be_expect(BUF(0), PAGE, 0);
    be_read(BUF(3000), &d, sizeof(d));
    assert_int_equal(d.addr, BUF(0));
    be_serve(0, 0);
    drv_assert_alive();
}

/* A table in place is nothing for anybody to write to: the core not excepted. */
static void buffer_on_a_table_of_another_queue(void)
{
    struct svq_desc d;

    up_remap(2);
    offer_table(BUF(3000), BUF(0));
    assert_int_equal(env->protected, 1);
    drv_write_buffer(1, 0, BUF(3000), PAGE);
    drv_assert_failed(SVQ_ERR_PAGE, 1);
    env_read(BUF(3000), &d, sizeof(d));
    assert_int_equal(d.addr, BUF(0));
    assert_int_equal(d.len, PAGE);
}

/* Both see it, and neither takes away what the other one has. */
static void page_of_two_queues(void)
{
    up(&(struct env_opts){.queues = 2, .scrub = true});
    fill(BUF(0), PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0), 1024);
    be_fill(BUF(0), 1024, ANSWER);
    drv_write_buffer(1, 0, BUF(0) + 1024, 1024);
    be_expect(BUF(0), 1024, ANSWER);
    be_expect(BUF(0) + 1024, 1024, 0);
    be_expect(BUF(0) + 2048, 2048, OLD);
    be_serve(1, 0);
    be_serve(0, 1024);
    expect(BUF(0), 1024, ANSWER);
    assert_int_equal(env_visible(), 0);
    env_check_records();
}

static void pages_are_looked_up_once(void)
{
    unsigned int i;

    up(&hybrid);
    for (i = 0; i < 4; i++) {
        fill(BUF(0), 3 * PAGE, OLD);
        drv_write_buffer(0, 0, BUF(0), 3 * PAGE);
        be_expect(BUF(0), 3 * PAGE, 0);
        be_serve(0, 0);
    }
    assert_int_equal(env->lookups, 3);
    assert_int_equal(env_refs(BUF(0)), 0);
}

/* What is zeroed is what is granted, also where the guest has put another page there. */
static void page_that_was_replaced(void)
{
    up(&hybrid);
    drv_write_buffer(0, 0, BUF(0), PAGE);
    be_serve(0, 0);
    env_replace(BUF(0));
    fill(BUF(0), PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0), PAGE);
    be_expect(BUF(0), PAGE, 0);
    be_serve(0, 0);
}

/* The page that is in the record is nobody's any more; what is zeroed is what is there. */
static void page_that_the_backend_removed(void)
{
    up(&grant);
    drv_write_buffer(0, 0, BUF(0), 1024);
    env_backend_removes(BUF(0));
    env_replace(BUF(0));
    fill(BUF(0), PAGE, OLD);
    drv_write_buffer(0, 1, BUF(0) + 1024, 1024);
    expect(BUF(0), 1024, OLD);
    expect(BUF(0) + 1024, 1024, 0);
    assert_int_equal(env_refs(BUF(0)), 0);
    drv_assert_alive();
}

static void page_that_is_not_there(void)
{
    up(&hybrid);
    fill(BUF(0), 2 * PAGE, OLD);
    env_set_kind(BUF(1), ENV_HOLE);
    drv_write_buffer(0, 0, BUF(0), 2 * PAGE);
    drv_assert_failed(SVQ_ERR_PAGE, 0);
    assert_int_equal(env_refs(BUF(0)), 0);
    assert_int_equal(env_visible(), 0);
}

static void nothing_is_kept_where_that_is_not_wanted(void)
{
    up(&(struct env_opts){
        .policy = VSH_POLICY_HYBRID, .threshold = 1, .scrub = true, .forgetful = true});
    fill(BUF(0), 2 * PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0), 2 * PAGE);
    be_expect(BUF(0), 2 * PAGE, 0);
    be_serve(0, 0);
    assert_int_equal(env_frame(env_page(BUF(0))->frame)->refs, 1);
}

/* Not before its turn comes, and then once. */
static void chain_that_waits(void)
{
    up(&(struct env_opts){.policy = VSH_POLICY_GRANT, .size = 16, .records = 64, .scrub = true});
    fill(BUF(0), 120 * PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0), 60 * PAGE);
    drv_write_buffer(0, 1, BUF(60), 60 * PAGE);
    assert_true(env->dev.queue[0].stalled);
    assert_int_equal(env->zeroed, 60 * PAGE);
    expect(BUF(60), 60 * PAGE, OLD);
    be_serve(0, 0);
    assert_int_equal(env->zeroed, 120 * PAGE);
    be_expect(BUF(60), 60 * PAGE, 0);
    be_serve(0, 0);
}

/* Requests of 16 pages that one call of the core fetches. */
static unsigned int in_one_go(bool scrub)
{
    unsigned int n, nr;

    up(&(struct env_opts){.policy = VSH_POLICY_HYBRID, .threshold = 1, .size = 64, .scrub = scrub});
    for (n = 0; n < 64; n++) {
        drv_desc(0, n, BUF(16 * n), 16 * PAGE, W, 0);
        drv_offer(0, n);
    }
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 0);
    assert_true(svq_dev_run(&env->dev));
    nr = env->nr_flights;
    env_run();
    assert_int_equal(env->nr_flights, 64);
    for (n = 0; n < 64; n++)
        be_serve(0, 0);
    env_release();
    env_destroy();

    return nr;
}

static void costs_its_budget(void)
{
    /* A unit for each page, and one for the descriptor; then one more for each page. */
    assert_int_equal(in_one_go(false), SVQ_BUDGET / 17 + 1);
    assert_int_equal(in_one_go(true), SVQ_BUDGET / 33 + 1);
}

/* ---- Another backend ---- */

static void up_kept(void)
{
    up(&(struct env_opts){
        .policy = VSH_POLICY_HYBRID, .threshold = 1, .size = 64, .scrub = true, .keep = true});
}

static void goes(void)
{
    assert_int_equal(be_request(VSH_REQ_DETACH), VSH_ERR_NONE);
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    assert_int_equal(env_visible(), 0);
}

static void another_comes(void)
{
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    be_begin();
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
}

static void another_backend_finds_nothing_of_the_first(void)
{
    up_kept();
    fill(BUF(0), 6 * PAGE, OLD);
    drv_write_buffer(0, 0, BUF(0), 2 * PAGE);
    drv_read_buffer(0, 1, BUF(2), 2 * PAGE);
    drv_write_buffer(0, 2, BUF(4), 2 * PAGE);
    be_fill(BUF(0), PAGE, ANSWER);
    be_fill(BUF(4), PAGE, ANSWER);
    be_take(0);
    be_take(0);
    be_put(0, be_take(0), PAGE);
    goes();
    another_comes();

    be_expect(BUF(0), 2 * PAGE, 0);
    be_expect(BUF(2), 2 * PAGE, OLD);
    /* It was returned: the driver's. */
    expect(BUF(4), PAGE, ANSWER);
    assert_int_equal(env_access(BUF(4)), SVQ_NONE);
    assert_int_equal(env->zeroed, 6 * PAGE);

    be_serve(0, 0);
    be_serve(0, 0);
    assert_int_equal(env_visible(), 0);
    env_check_records();
}

/* It has been returned, although the driver does not have it yet. */
static void what_waits_for_its_turn_is_left_alone(void)
{
    unsigned int first;

    drv_ring_features = BIT(SVQ_F_IN_ORDER);
    up_kept();
    drv_write_buffer(0, 0, BUF(0), PAGE);
    drv_write_buffer(0, 1, BUF(1), PAGE);
    be_fill(BUF(0), PAGE, OLD);
    be_fill(BUF(1), PAGE, ANSWER);
    be_take(0);
    be_return(0, be_take(0), PAGE);
    assert_int_equal(drv_used_idx(0), 0);
    goes();
    another_comes();
    be_expect(BUF(0), PAGE, 0);
    expect(BUF(1), PAGE, ANSWER);
    first = be_take(0);
    be_fill(BUF(0), PAGE, ANSWER);
    be_return(0, first, PAGE);
    drv_expect_used(0, 0, PAGE);
    drv_expect_used(0, 1, PAGE);
    expect(BUF(0), 2 * PAGE, ANSWER);
}

static void page_that_was_replaced_while_waiting(void)
{
    up_kept();
    drv_write_buffer(0, 0, BUF(0), PAGE);
    goes();
    env_replace(BUF(0));
    fill(BUF(0), PAGE, OLD);
    another_comes();
    be_expect(BUF(0), PAGE, 0);
    be_serve(0, 0);
}

static void page_that_is_gone_while_waiting(void)
{
    up_kept();
    drv_write_buffer(0, 0, BUF(0), 2 * PAGE);
    goes();
    env_set_kind(BUF(1), ENV_HOLE);
    be_attach();
    drv_assert_failed(SVQ_ERR_PAGE, -1);
    assert_int_equal(env_refs(BUF(0)), 0);
}

/* 64 requests of 16 pages: in parts, at any of which the second one may go as well. */
static void in_steps(void)
{
    unsigned int after, n, steps;

    for (after = 0; after < 6; after++) {
        up_kept();
        fill(BUF(0), 64 * 16 * PAGE, OLD);
        for (n = 0; n < 64; n++)
            drv_write_buffer(0, n, BUF(16 * n), 16 * PAGE);
        goes();

        be_attach_only();
        env->zeroed = 0;
        for (n = 0; n < after; n++)
            assert_true(svq_dev_run(&env->dev));
        if (after == 1)
            assert_in_range(env->zeroed, 1, (SVQ_BUDGET + 16) * PAGE);
        be_request_only(VSH_REQ_DETACH);
        for (steps = 0; svq_dev_run(&env->dev); steps++)
            assert_int_equal(env->dev.failures, 0);
        assert_int_equal(env_visible(), 0);
        for (n = 0; n < 64 * 16; n++)
            assert_int_equal(env_refs(BUF(n)), 0);

        env->zeroed = 0;
        another_comes();
        assert_int_equal(env->zeroed, 64 * 16 * PAGE);
        for (n = 0; n < 64; n++)
            be_serve(0, 0);
        assert_int_equal(env_visible(), 0);
        env_check_records();
        env_release();
        env_destroy();
    }
}

static const struct CMUnitTest tests[] = {
    TEST(not_asked_for),
    TEST(whole_pages),
    TEST(ends_that_are_copied),
    TEST(parts_of_pages_with_grant),
    TEST(nothing_that_the_device_reads),
    TEST(in_place),
    TEST(page_of_two_requests),
    TEST(page_that_another_request_reads),
    TEST(copies),
    TEST(rings_and_tables_of_every_kind),
    TEST(tables_in_place),
    TEST(buffer_on_a_table_of_another_queue),
    TEST(page_of_two_queues),
    TEST(pages_are_looked_up_once),
    TEST(page_that_was_replaced),
    TEST(page_that_the_backend_removed),
    TEST(page_that_is_not_there),
    TEST(nothing_is_kept_where_that_is_not_wanted),
    TEST(chain_that_waits),
    TEST(costs_its_budget),
    TEST(another_backend_finds_nothing_of_the_first),
    TEST(what_waits_for_its_turn_is_left_alone),
    TEST(page_that_was_replaced_while_waiting),
    TEST(page_that_is_gone_while_waiting),
    TEST(in_steps),
};

TEST_MAIN(tests)
