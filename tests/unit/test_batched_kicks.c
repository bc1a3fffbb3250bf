/* SPDX-License-Identifier: MIT */
/*
 * Kicks for several chains at a time, while the device has work: they share the trap, and none is
 * forgotten.  On split and packed rings, with VIRTIO_F_EVENT_IDX (2.7.10, 2.8.21).
 */
#include "backend.h"
#include "driver.h"
#include "ring.h"

#define EVENT_IDX (1ULL << SVQ_F_EVENT_IDX)
#define PACKED (1ULL << SVQ_F_RING_PACKED)
#define SIZE 64u

static const struct ring_buf buf = {BUF(0), PAGE, true};

static unsigned int kicks;

static void begin(uint64_t driver)
{
    ring_up(driver, 0, driver & PACKED ? SIZE - 3 : SIZE);
    ring_enable_interrupt(0);
    kicks = 0;
}

static struct svq_queue *queue(void)
{
    return &env->dev.queue[0];
}

/* A driver that makes available one by one, and kicks if it is to. */
static void add(unsigned int nr)
{
    while (nr--) {
        assert_true(ring_add(0, &buf, 1, RING_DIRECT) >= 0);
        if (ring_wants_kick(0)) {
            kicks++;
            drv_kick(0);
        }
    }
}

static void serve(unsigned int nr)
{
    unsigned int id;
    uint32_t len;

    while (nr--)
        be_serve(0, PAGE);
    while (ring_get(0, &id, &len))
        ;
}

/* So many in flight, with nothing that has not been fetched. */
static void fill(unsigned int nr)
{
    while (queue()->in_flight < nr) {
        add(1);
        env_poll_driver();
        env_run();
    }
    assert_int_equal(queue()->in_flight, nr);
}

/* There is one that was not kicked for, with the device at work. */
static void add_quietly(void)
{
    unsigned int before;

    fill(16);
    before = kicks;
    add(1);
    assert_int_equal(kicks, before);
    assert_int_equal(queue()->in_flight, 16);
    assert_true(env_quiet());
}

static void few(uint64_t features)
{
    unsigned int n;

    begin(features);
    for (n = 0; n < 200; n++) {
        unsigned int nr = 1 + n % (SVQ_PATIENCE_FROM - 1), before = kicks;

        add(nr);
        assert_int_equal(kicks - before, nr);
        assert_false(env_quiet());
        serve(nr);
    }
    drv_assert_alive();
}

static void few_in_flight_are_kicked_for_at_once(void)
{
    ring_each_kind(few);
}

static void many(uint64_t features)
{
    unsigned int n, before;

    begin(features);
    fill(32);
    before = kicks;
    for (n = 0; n < 100; n++) {
        serve(10);
        add(10);
        env_poll_driver();
        env_run();
        assert_int_equal(queue()->in_flight, 32);
    }
    assert_true((kicks - before) * 8 <= 1000);
    drv_assert_alive();
}

static void many_in_flight_share_kicks(void)
{
    ring_each_kind(many);
}

static void half(uint64_t features)
{
    unsigned int n, waiting;

    begin(features);
    fill(SVQ_PATIENCE_FROM);
    for (n = 0; n < 40; n++) {
        unsigned int had = queue()->in_flight;

        for (waiting = 0; queue()->in_flight == had; waiting++)
            add(1);
        assert_true(waiting <= had / 2);
        /* All of them, once it has kicked. */
        assert_int_equal(queue()->in_flight, had + waiting);
        if (queue()->in_flight > 40)
            serve(queue()->in_flight - SVQ_PATIENCE_FROM);
    }
    drv_assert_alive();
}

static void no_more_wait_than_half_of_those_in_flight(void)
{
    ring_each_kind(half);
}

static void driver_idle(uint64_t features)
{
    begin(features);
    add_quietly();
    assert_true(env_poll_driver());
    env_run();
    assert_int_equal(queue()->in_flight, 17);
    assert_false(env_poll_driver());
    drv_assert_alive();
}

static void found_when_the_driver_is_idle(void)
{
    ring_each_kind(driver_idle);
}

static void backend_idle(uint64_t features)
{
    begin(features);
    add_quietly();
    assert_true(env_poll(false));
    env_run();
    assert_int_equal(queue()->in_flight, 17);
    assert_false(env_poll(false));
    drv_assert_alive();
}

static void found_when_the_backend_is_idle(void)
{
    ring_each_kind(backend_idle);
}

static void with_returns(uint64_t features)
{
    begin(features);
    add_quietly();
    serve(1);
    assert_int_equal(queue()->in_flight, 16);
    assert_int_equal(queue()->stats.requests, 17);
    drv_assert_alive();
}

static void found_with_what_comes_back(void)
{
    ring_each_kind(with_returns);
}

/* The device does nothing for a long time: then it gets what comes, until it is alive again. */
static void in_time(uint64_t features)
{
    unsigned int before;

    begin(features);
    add_quietly();
    assert_true(env_poll(true));
    env_run();
    assert_int_equal(queue()->in_flight, 17);
    assert_false(env_quiet());
    before = kicks;
    add(5);
    assert_int_equal(kicks, before + 5);
    assert_int_equal(queue()->in_flight, 22);

    serve(1);
    add(1);
    assert_true(env_quiet());
    before = kicks;
    add(2);
    assert_int_equal(kicks, before);
    drv_assert_alive();
}

static void found_in_time(void)
{
    ring_each_kind(in_time);
}

/* There are fewer in flight than what the driver was told that goes for. */
static void race(uint64_t features)
{
    unsigned int when, left;

    for (left = 1; left < 16; left++)
        for (when = 1; when < 4; when++) {
            bool came, wanted;

            begin(features);
            fill(16);
            serve(16 - left);
            ring_race_begin(&buf, when);
            be_serve(0, PAGE);
            came = ring_race_end(&wanted);
            if (wanted)
                drv_kick(0);
            if (came && env_quiet() && env_poll_driver())
                env_run();
            assert_int_equal(queue()->stats.requests, 16 + came);
            /* Nobody has to look for it if the device may never say anything again. */
            assert_true(queue()->in_flight >= SVQ_PATIENCE_FROM || !env_quiet());
            drv_assert_alive();
            env_release();
            env_destroy();
        }
    begin(features);
}

static void nothing_is_lost_to_a_race(void)
{
    ring_each_kind(race);
}

static void without(uint64_t features)
{
    unsigned int before;

    begin(features & ~EVENT_IDX);
    before = kicks;
    add(32);
    assert_int_equal(kicks - before, 32);
    assert_false(env_quiet());
    assert_false(env_poll_driver());
    assert_false(env_poll(true));
}

static void without_the_feature_all_are_kicked_for(void)
{
    ring_each_kind(without);
}

static void reset(uint64_t features)
{
    begin(features);
    add_quietly();
    up_again();
    assert_false(env_quiet());
    ring_begin_all();
    add(1);
    assert_int_equal(queue()->in_flight, 1);
    drv_assert_alive();
}

static void begins_anew_after_a_reset(void)
{
    ring_each_kind(reset);
}

static const struct CMUnitTest tests[] = {
    TEST(few_in_flight_are_kicked_for_at_once),
    TEST(many_in_flight_share_kicks),
    TEST(no_more_wait_than_half_of_those_in_flight),
    TEST(found_when_the_driver_is_idle),
    TEST(found_when_the_backend_is_idle),
    TEST(found_with_what_comes_back),
    TEST(found_in_time),
    TEST(nothing_is_lost_to_a_race),
    TEST(without_the_feature_all_are_kicked_for),
    TEST(begins_anew_after_a_reset),
};

TEST_MAIN(tests)
