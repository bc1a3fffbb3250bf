/* SPDX-License-Identifier: MIT */
/* VIRTIO_F_IN_ORDER: what the backend returns out of order waits for what comes before it. */
#include "backend.h"
#include "driver.h"
#include "ring.h"

#define PACKED (1ULL << SVQ_F_RING_PACKED)
#define IN_ORDER (1ULL << SVQ_F_IN_ORDER)

static const struct ring_buf buf = {BUF(0), 100, true};

static void up_with(uint64_t driver, unsigned int size)
{
    ring_up(driver, 0, size);
    ring_enable_interrupt(0);
}

static void add(void)
{
    assert_true(ring_add(0, &buf, 1, RING_DIRECT) >= 0);
}

static void in_order(uint64_t features)
{
    unsigned int head[4], i;

    up_with(features | IN_ORDER, 8);
    for (i = 0; i < 4; i++) {
        struct ring_buf b = {BUF(i), 100 + i, true};

        ring_add(0, &b, 1, RING_DIRECT);
    }
    drv_kick(0);
    for (i = 0; i < 4; i++)
        head[i] = be_take(0);

    /* Held back, but the backend's access is gone. */
    be_return(0, head[2], 102);
    assert_int_equal(env_access(BUF(2)), SVQ_NONE);
    assert_int_equal(env_visible(), 3);
    assert_false(ring_got(0));
    be_return(0, head[1], 101);
    assert_false(ring_got(0));
    assert_int_equal(env->dev.queue[0].stats.returned, 0);

    be_return(0, head[0], 100);
    for (i = 0; i < 3; i++) {
        unsigned int id;
        uint32_t len;

        assert_true(ring_get(0, &id, &len));
        assert_int_equal(len, 100 + i);
    }
    assert_false(ring_got(0));
    be_return(0, head[3], 103);
    assert_true(ring_got(0));
    assert_int_equal(env->dev.queue[0].stats.returned, 4);
    drv_assert_alive();
}

static void returns_wait_for_those_before_them(void)
{
    ring_each_kind(in_order);
    env_release();
    env_destroy();
    in_order(0);
}

static void chain_held_back_cannot_be_returned_again(void)
{
    unsigned int head[2];

    up_with(IN_ORDER, 8);
    add();
    add();
    drv_kick(0);
    head[0] = be_take(0);
    head[1] = be_take(0);
    be_return(0, head[1], 1);
    be_return(0, head[1], 1);
    drv_assert_failed(SVQ_ERR_USED_ID, 0);
    (void)head[0];
}

static void chain_held_back_still_takes_its_descriptors(void)
{
    unsigned int head[8], i;

    up_with(IN_ORDER, 8);
    for (i = 0; i < 8; i++)
        drv_desc(0, i, BUF(i), 8, SVQ_DESC_F_WRITE, 0);
    for (i = 0; i < 8; i++)
        drv_offer(0, i);
    drv_kick(0);
    for (i = 0; i < 8; i++)
        head[i] = be_take(0);
    for (i = 7; i > 0; i--)
        be_return(0, head[i], 1);
    assert_int_equal(env->dev.queue[0].in_flight, 1);
    drv_submit(0, 5);
    drv_assert_failed(SVQ_ERR_HEAD_BUSY, 0);
}

static void used_idx_may_not_count_what_is_held_back(void)
{
    unsigned int i, head;

    up_with(IN_ORDER, 8);
    for (i = 0; i < 3; i++)
        add();
    drv_kick(0);
    head = be_take(0);
    (void)head;
    be_return(0, be_take(0), 1);
    be_return(0, be_take(0), 1);
    be_used_idx(0, 4);
    be_kick(0);
    drv_assert_failed(SVQ_ERR_USED_IDX, 0);
}

static void order_holds_over_many_wraps(void)
{
    unsigned int n, i, head[8];

    up_with(IN_ORDER | PACKED, 7);
    for (n = 0; n < 10000; n++) {
        unsigned int nr = 1 + n % 7;

        for (i = 0; i < nr; i++) {
            struct ring_buf b = {BUF(i), 1 + i, true};

            ring_add(0, &b, 1, RING_DIRECT);
        }
        drv_kick(0);
        for (i = 0; i < nr; i++)
            head[i] = be_take(0);
        for (i = nr; i--;)
            be_put(0, head[i], 100);
        be_kick(0);
        for (i = 0; i < nr; i++) {
            unsigned int id;
            uint32_t len;

            assert_true(ring_get(0, &id, &len));
            assert_int_equal(len, 1 + i);
        }
    }
    drv_assert_alive();
}

static const struct CMUnitTest tests[] = {
    TEST(returns_wait_for_those_before_them),
    TEST(chain_held_back_cannot_be_returned_again),
    TEST(chain_held_back_still_takes_its_descriptors),
    TEST(used_idx_may_not_count_what_is_held_back),
    TEST(order_holds_over_many_wraps),
};

TEST_MAIN(tests)
