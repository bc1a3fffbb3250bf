/* SPDX-License-Identifier: MIT */
/* Calls for several returns at a time: they share the flush, and none is forgotten. */
#include "backend.h"
#include "driver.h"
#include "ring.h"

#define EVENT_IDX (1ULL << SVQ_F_EVENT_IDX)
#define SIZE 64u

static const struct svq_queue *queue(void)
{
    return &env->dev.queue[0];
}

static void up_with(uint64_t device)
{
    be_features = BE_FEATURES | device;
    up(&(struct env_opts){.size = SIZE});
}

/* So many requests of a page each, in flight; slots are used again by order[]. */
static unsigned int order[SIZE], first, last;

static void offer(unsigned int nr)
{
    while (nr--) {
        unsigned int i = last++ % SIZE;

        drv_desc(0, i, BUF(i), PAGE, SVQ_DESC_F_WRITE, 0);
        drv_offer(0, i);
    }
    drv_kick(0);
    while (first + SIZE > last && be_next(0, &order[first % SIZE]))
        first++;
    drv_assert_alive();
}

static unsigned int done;

/* As a device that keeps to 2.7.7: it calls if it has come past the event. True: it did. */
static bool complete(void)
{
    uint16_t event = be_used_event(0), at = (uint16_t)done;

    be_put(0, order[done++ % SIZE], 1);
    if (event != at)
        return false;
    be_kick(0);
    return true;
}

static void begin(uint64_t device)
{
    up_with(device);
    first = last = done = 0;
}

/* Until it has learnt that the backend can be asked for many at a time. */
static void warm_up(void)
{
    unsigned int n;

    for (n = 0; n < 400; n++) {
        offer(32 - (last - done));
        complete();
    }
}

static void few_in_flight_come_back_at_once(void)
{
    unsigned int n;

    begin(EVENT_IDX);
    for (n = 0; n < 200; n++) {
        offer(1 + n % (SVQ_PATIENCE_FROM - 1));
        while (done < last) {
            assert_true(complete());
            assert_int_equal(drv_used_idx(0), (uint16_t)done);
        }
        assert_false(env_delayed());
    }
}

static void many_in_flight_share_flushes(void)
{
    unsigned int n, flushes, returned;

    begin(EVENT_IDX);
    warm_up();
    flushes = env->flushes;
    returned = drv_used_idx(0);
    for (n = 0; n < 1000; n++) {
        offer(32 - (last - done));
        complete();
    }
    returned = (uint16_t)(drv_used_idx(0) - returned);
    assert_true(returned > 900);
    assert_true((env->flushes - flushes) * 8 <= returned);
    drv_assert_alive();
}

/* Never for more than half of those in flight: it calls before it has no more. */
static void call_comes_from_what_is_in_flight(void)
{
    unsigned int n;

    begin(EVENT_IDX);
    warm_up();
    env_poll(false);
    env_run();
    while (done < last) {
        unsigned int left = queue()->in_flight;
        unsigned int ahead = (uint16_t)(be_used_event(0) - queue()->last_shadow_used);

        assert_true(left < SVQ_PATIENCE_FROM ? !ahead : ahead < left / 2);
        for (n = 0; n <= ahead; n++)
            assert_int_equal(complete(), n == ahead);
        assert_int_equal(drv_used_idx(0), (uint16_t)done);
    }
    assert_false(env_delayed());
    assert_int_equal(env_visible(), 0);
}

static void what_it_has_not_called_for_is_found_when_it_is_idle(void)
{
    begin(EVENT_IDX);
    warm_up();
    assert_true(env_delayed());
    while (complete())
        continue;
    assert_true(drv_used_idx(0) != (uint16_t)done);
    assert_true(env_poll(false));
    env_run();
    assert_int_equal(drv_used_idx(0), (uint16_t)done);
    /* Nothing new. */
    assert_false(env_poll(false));
    drv_assert_alive();
}

/* How many it has been asked to return without a call. */
static unsigned int ahead(void)
{
    return (uint16_t)(be_used_event(0) - queue()->last_shadow_used);
}

/* It has returned some, and not as many as it was to call for, and is late. */
static void be_late(void)
{
    complete();
    assert_true(env_poll(true));
    env_run();
    assert_int_equal(drv_used_idx(0), (uint16_t)done);
    offer(32 - (last - done));
}

static void one_that_was_late_has_to_call_for_half_as_many(void)
{
    unsigned int n, calls, before;

    begin(EVENT_IDX);
    warm_up();
    be_late();
    before = ahead();
    assert_true(before > 1);
    be_late();
    assert_int_equal(ahead(), before / 2);
    before = ahead();
    /* Not more, for some time. */
    for (calls = 0; calls < SVQ_EAGER;) {
        assert_true(ahead() <= before);
        calls += complete();
        offer(32 - (last - done));
    }
    /* And then it is trusted again. */
    for (n = 0; n < 400; n++) {
        complete();
        offer(32 - (last - done));
    }
    assert_true(ahead() > before);
}

static void one_that_is_always_late_has_to_call_each_time(void)
{
    unsigned int n;

    begin(EVENT_IDX);
    warm_up();
    for (n = 0; env_delayed(); n++) {
        assert_true(n < 8);
        be_late();
    }
    for (n = 0; n < SVQ_EAGER; n++) {
        assert_true(complete());
        offer(32 - (last - done));
    }
    warm_up();
    assert_true(env_delayed());
}

/* It returns one while it is being asked to call for each: that one is found. */
static unsigned int armed;
static bool calls;

static void return_after_the_look(struct env_where w, void *p, size_t bytes)
{
    (void)p;
    (void)bytes;
    if (w.area != ENV_SHADOW_USED || w.off != SVQ_USED_IDX || !armed || --armed)
        return;
    be_put(0, order[done % SIZE], 1);
    calls = be_used_event(0) == (uint16_t)done++;
}

static void nothing_is_lost_to_a_race(void)
{
    unsigned int when;

    for (when = 1; when < 5; when++) {
        begin(EVENT_IDX);
        warm_up();
        while (ahead() > 1)
            be_late();
        complete();
        armed = when;
        calls = false;
        env->on_read = return_after_the_look;
        env_poll(true);
        env_run();
        env->on_read = NULL;
        armed = 0;
        if (calls)
            be_kick(0);
        assert_int_equal(drv_used_idx(0), (uint16_t)done);
        drv_assert_alive();
        env_release();
        env_destroy();
    }
}

static void without_the_feature_there_is_nothing_to_wait_for(void)
{
    unsigned int n;

    begin(0);
    for (n = 0; n < 100; n++) {
        offer(32 - (last - done));
        be_put(0, order[done++ % SIZE], 1);
        be_kick(0);
        assert_int_equal(drv_used_idx(0), (uint16_t)done);
        assert_false(env_delayed());
        assert_false(env_poll(true));
    }
}

static void begins_anew_after_a_reset(void)
{
    begin(EVENT_IDX);
    warm_up();
    up_again();
    assert_false(env_delayed());
    first = last = done = 0;
    offer(32);
    assert_true(complete());
}

static const struct CMUnitTest tests[] = {
    TEST(few_in_flight_come_back_at_once),
    TEST(many_in_flight_share_flushes),
    TEST(call_comes_from_what_is_in_flight),
    TEST(what_it_has_not_called_for_is_found_when_it_is_idle),
    TEST(one_that_was_late_has_to_call_for_half_as_many),
    TEST(one_that_is_always_late_has_to_call_each_time),
    TEST(nothing_is_lost_to_a_race),
    TEST(without_the_feature_there_is_nothing_to_wait_for),
    TEST(begins_anew_after_a_reset),
};

TEST_MAIN(tests)
