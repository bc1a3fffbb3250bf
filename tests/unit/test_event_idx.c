/* SPDX-License-Identifier: MIT */
/*
 * VIRTIO_F_EVENT_IDX on both sides, on split and packed rings (2.7.7, 2.7.10,
 * 2.8.10).
 */
#include "backend.h"
#include "driver.h"
#include "ring.h"

#define EVENT_IDX (1ULL << SVQ_F_EVENT_IDX)
#define PACKED (1ULL << SVQ_F_RING_PACKED)

static const struct ring_buf buf = {BUF(0), 100, true};

/* driver: ring features; device: EVENT_IDX or nothing. */
static void up_with(uint64_t driver, uint64_t device, unsigned int size)
{
    ring_up(driver, device, size);
    ring_enable_interrupt(0);
}

static void add(void)
{
    assert_true(ring_add(0, &buf, 1, RING_DIRECT) >= 0);
}

/* ---- Kicks ---- */

static void kicks(uint64_t features)
{
    unsigned int n;

    up_with(features, 0, 11 & ~(features & PACKED ? 0u : 3u));
    for (n = 0; n < 200; n++) {
        /* What comes first after a rest is kicked for, what comes with it is not. */
        add();
        assert_true(ring_wants_kick(0));
        add();
        assert_false(ring_wants_kick(0));
        add();
        assert_false(ring_wants_kick(0));
        drv_kick(0);
        assert_int_equal(env->nr_flights, 3);
        be_serve(0, 1);
        be_serve(0, 1);
        be_serve(0, 1);
        while (ring_got(0))
            ;
    }
    drv_assert_alive();
}

static void first_of_a_batch_is_kicked_for(void)
{
    ring_each_kind(kicks);
}

static void race(uint64_t features)
{
    unsigned int n, k;

    up_with(features, 0, 8);
    for (n = 0; n < 60; n++)
        for (k = 1; k < 4; k++) {
            unsigned int before;
            bool wanted;

            add();
            ring_wants_kick(0);
            before = (unsigned int)env->dev.queue[0].stats.requests;
            ring_race_begin(&buf, k);
            drv_kick(0);
            if (ring_race_end(&wanted)) {
                /* Either it has been seen, or its kick will come. */
                assert_true(wanted || env->dev.queue[0].stats.requests == before + 2);
                if (wanted)
                    drv_kick(0);
                assert_int_equal(env->dev.queue[0].stats.requests, before + 2);
            }
            while (env->dev.queue[0].in_flight)
                be_serve(0, 1);
            while (ring_got(0))
                ;
        }
    drv_assert_alive();
}

static void no_kick_is_lost_to_a_race(void)
{
    ring_each_kind(race);
}

static void without_the_feature_no_event_is_written(void)
{
    uint32_t event;

    up_with(0, 0, 8);
    env_write16(drv_queue[0].used + SVQ_USED_AVAIL_EVENT(8), 0x1234);
    add();
    drv_kick(0);
    assert_int_equal(env_read16(drv_queue[0].used + SVQ_USED_AVAIL_EVENT(8)), 0x1234);
    env_release();
    env_destroy();

    up_with(PACKED, 0, 8);
    add();
    drv_kick(0);
    env_read(drv_queue[0].used, &event, 4);
    assert_int_equal(event, 0);
}

/* ---- Interrupts ---- */

static void interrupts(uint64_t features)
{
    unsigned int n, i, before;

    up_with(features, 0, 8);
    for (n = 0; n < 200; n++) {
        for (i = 0; i < 6; i++)
            add();
        ring_delay_interrupt(0, n % 6);
        drv_kick(0);
        for (i = 0; i < 6; i++) {
            before = env->interrupts;
            be_serve(0, 1);
            /* With the one that is asked for, and only with that. */
            assert_int_equal(env->interrupts - before, i == n % 6);
        }
        for (i = 0; i < 6; i++)
            assert_true(ring_got(0));
        assert_false(ring_got(0));
    }
    drv_assert_alive();
}

static void interrupt_comes_with_the_buffer_that_is_asked_for(void)
{
    ring_each_kind(interrupts);
}

static void batches(uint64_t features)
{
    unsigned int n, i, before, from, to;

    /* Several at once: the event may lie anywhere among them, or outside. */
    up_with(features, 0, features & PACKED ? 7 : 8);
    for (n = 0; n < 300; n++) {
        unsigned int nr = 1 + n % 6, ask = n / 6 % 8, head;

        for (i = 0; i < nr; i++)
            add();
        ring_delay_interrupt(0, ask % ring[0].size);
        drv_kick(0);
        for (i = 0; i < nr; i++) {
            head = be_take(0);
            be_put(0, head, 1);
        }
        before = env->interrupts;
        be_kick(0);
        from = 0;
        to = nr;
        assert_int_equal(env->interrupts - before,
                         ask % ring[0].size >= from && ask % ring[0].size < to);
        while (ring_got(0))
            ;
    }
    drv_assert_alive();
}

static void interrupt_comes_if_a_batch_passes_the_event(void)
{
    ring_each_kind(batches);
}

static void interrupts_can_be_disabled_altogether(void)
{
    unsigned int n, before;
    const uint64_t features[] = {0, EVENT_IDX, PACKED, PACKED | EVENT_IDX};
    unsigned int k;

    for (k = 0; k < COUNT(features); k++) {
        up_with(features[k], 0, 8);
        ring_disable_interrupt(0);
        before = env->interrupts;
        for (n = 0; n < 50; n++) {
            add();
            drv_kick(0);
            be_serve(0, 1);
            assert_true(ring_got(0));
        }
        assert_int_equal(env->interrupts, before);
        ring_enable_interrupt(0);
        add();
        drv_kick(0);
        be_serve(0, 1);
        assert_int_equal(env->interrupts, before + 1);
        env_release();
        env_destroy();
    }
}

static void packed_flags_without_the_feature(void)
{
    unsigned int flags, before;

    /* 2.8.10: DESC is valid only with VIRTIO_F_EVENT_IDX: interrupt rather than not. */
    for (flags = 0; flags < 4; flags++) {
        uint32_t event = flags << 16 | 5;

        up_with(PACKED, 0, 8);
        env_write(drv_queue[0].avail, &event, sizeof(event));
        add();
        drv_kick(0);
        before = env->interrupts;
        be_serve(0, 1);
        assert_int_equal(env->interrupts - before, flags != SVQ_EVENT_F_DISABLE);
        env_release();
        env_destroy();
    }
}

/* ---- The backend ---- */

static void backend_is_notified_when_it_asks(void)
{
    unsigned int n, i, before;

    up_with(0, EVENT_IDX, 8);
    for (n = 0; n < 100; n++) {
        uint16_t idx = (uint16_t)(6 * n);

        be_avail_event(0, (uint16_t)(idx + n % 6));
        /* Its old way of saying so counts for nothing. */
        be_used_flags(0, SVQ_USED_F_NO_NOTIFY);
        for (i = 0; i < 6; i++) {
            before = env->notify[0];
            add();
            drv_kick(0);
            assert_int_equal(env->notify[0] - before, i == n % 6);
        }
        for (i = 0; i < 6; i++)
            be_serve(0, 1);
        while (ring_got(0))
            ;
    }
    drv_assert_alive();
}

static void backend_is_asked_for_the_next_call(void)
{
    unsigned int n, head[3];

    up_with(0, EVENT_IDX, 8);
    assert_int_equal(be_used_event(0), 0);
    for (n = 0; n < 70000; n += 3) {
        add();
        add();
        add();
        drv_kick(0);
        head[0] = be_take(0);
        head[1] = be_take(0);
        head[2] = be_take(0);
        be_return(0, head[1], 1);
        assert_int_equal(be_used_event(0), (uint16_t)(n + 1));
        be_put(0, head[0], 1);
        be_return(0, head[2], 1);
        assert_int_equal(be_used_event(0), (uint16_t)(n + 3));
        while (ring_got(0))
            ;
    }
    drv_assert_alive();
}

static unsigned int late_head;
static bool late;

static void return_after_the_look(struct env_where w, void *p, size_t bytes)
{
    (void)p;
    (void)bytes;
    if (w.area != ENV_SHADOW_USED || w.off != SVQ_USED_IDX || !late)
        return;
    late = false;
    /* Its event is that of the last time, so it does not call. */
    be_put(0, late_head, 1);
}

static void no_call_is_lost_to_a_race(void)
{
    unsigned int n, head;

    up_with(0, EVENT_IDX, 8);
    for (n = 0; n < 50; n++) {
        add();
        add();
        drv_kick(0);
        head = be_take(0);
        late_head = be_take(0);
        be_put(0, head, 1);
        late = true;
        env->on_read = return_after_the_look;
        be_kick(0);
        env->on_read = NULL;
        assert_int_equal(env->dev.queue[0].in_flight, 0);
        assert_true(ring_got(0));
        assert_true(ring_got(0));
    }
    drv_assert_alive();
}

static void without_the_feature_the_backend_sees_no_event(void)
{
    unsigned int n;

    up_with(EVENT_IDX, 0, 8);
    for (n = 0; n < 10; n++) {
        unsigned int before = env->notify[0];

        be_avail_event(0, 0x4000);
        add();
        drv_kick(0);
        assert_int_equal(env->notify[0], before + 1);
        be_serve(0, 1);
        assert_int_equal(be_used_event(0), 0);
        assert_true(ring_got(0));
    }
}

/* Whatever is in these fields costs notifications, and nothing else. */
static void hostile_events_harm_nobody_else(void)
{
    unsigned int n;

    up_with(EVENT_IDX | PACKED, EVENT_IDX, 7);
    for (n = 0; n < 500; n++) {
        uint32_t event = n * 0x9e3779b1u;

        env_write(drv_queue[0].avail, &event, sizeof(event));
        be_avail_event(0, (uint16_t)(event >> 8));
        add();
        drv_kick(0);
        be_serve(0, 1);
        assert_true(ring_got(0));
    }
    drv_assert_alive();
}

static const struct CMUnitTest tests[] = {
    TEST(first_of_a_batch_is_kicked_for),
    TEST(no_kick_is_lost_to_a_race),
    TEST(without_the_feature_no_event_is_written),
    TEST(interrupt_comes_with_the_buffer_that_is_asked_for),
    TEST(interrupt_comes_if_a_batch_passes_the_event),
    TEST(interrupts_can_be_disabled_altogether),
    TEST(packed_flags_without_the_feature),
    TEST(backend_is_notified_when_it_asks),
    TEST(backend_is_asked_for_the_next_call),
    TEST(no_call_is_lost_to_a_race),
    TEST(without_the_feature_the_backend_sees_no_event),
    TEST(hostile_events_harm_nobody_else),
};

TEST_MAIN(tests)
