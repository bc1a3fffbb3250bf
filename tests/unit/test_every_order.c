/* SPDX-License-Identifier: MIT */
/*
 * All that drivers, backends and administrators can do to a device, in every order, and
 * with every part of the work that follows done in between, or not yet: in the end it
 * can be reset, gets a backend and works.  Without a reset it goes on with the next
 * backend, unless it has failed.
 */
#include <stdio.h>

#include "backend.h"
#include "driver.h"

#define BIT(n) (1ULL << (n))
#define LENGTH 4u
#define SIZE 16u
/* More than are granted, and taken away, in one step. */
#define PAGES 150u

/* As the two queues were set up by up(). */
static struct drv_queue rings[2];

static void reset(void)
{
    drv_write_only(SVQ_MMIO_STATUS, 0);
}

static void set_up_queue(unsigned int q)
{
    drv_write_only(SVQ_MMIO_QUEUE_SEL, q);
    drv_write_only(SVQ_MMIO_QUEUE_SIZE, SIZE);
    drv_write_only(SVQ_MMIO_DESC_LOW, (uint32_t)rings[q].desc);
    drv_write_only(SVQ_MMIO_AVAIL_LOW, (uint32_t)rings[q].avail);
    drv_write_only(SVQ_MMIO_USED_LOW, (uint32_t)rings[q].used);
    drv_write_only(SVQ_MMIO_QUEUE_READY, 1);
}

/* A driver that has been reset comes again; one that has reset a queue enables it. */
static void start(void)
{
    unsigned int q;

    if (!env->dev.status) {
        env_write16(rings[0].avail + SVQ_AVAIL_IDX, 0);
        env_write16(rings[1].avail + SVQ_AVAIL_IDX, 0);
        drv_write_only(SVQ_MMIO_DRV_FEAT_SEL, 1);
        drv_write_only(SVQ_MMIO_DRV_FEATURES,
                       1U << (SVQ_F_VERSION_1 - 32) | 1U << (SVQ_F_RING_RESET - 32));
        drv_write_only(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
        drv_write_only(SVQ_MMIO_STATUS, DRV_OK & ~SVQ_STATUS_DRIVER_OK);
    }

    for (q = 0; q < 2; q++)
        if (!env->dev.queue[q].ready)
            set_up_queue(q);

    drv_write_only(SVQ_MMIO_STATUS, DRV_OK);
}

static void reset_queue(void)
{
    drv_write_only(SVQ_MMIO_QUEUE_SEL, 1);
    drv_write_only(SVQ_MMIO_QUEUE_RESET, 1);
}

static void attach(void)
{
    be_attach_only();
}

static void gone(void)
{
    svq_dev_backend_gone(&env->dev);
}

static void acknowledge(void)
{
    be_describe();
    be_mailbox()->generation = env->dev.generation;
    be_request_only(VSH_REQ_RESET_ACK);
    be_describe();
    be_mailbox()->queue = 1;
    be_mailbox()->generation = env->dev.queue[1].generation;
    be_request_only(VSH_REQ_QUEUE_ACK);
}

static void wait_over(void)
{
    svq_dev_wait_over(&env->dev);
}

static void revoke(void)
{
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
}

static void step(void)
{
    svq_dev_run(&env->dev);
}

#define EVENT(f)                                                                                   \
    {                                                                                              \
#f, f                                                                                      \
    }
static const struct {
    const char *name;
    void (*happens)(void);
} events[] = {
    EVENT(reset),       EVENT(start),     EVENT(reset_queue), EVENT(attach), EVENT(gone),
    EVENT(acknowledge), EVENT(wait_over), EVENT(revoke),      EVENT(step),
};

/* What happens, for when it is too much. */
static const char *order[LENGTH];

static void tell_if_it_was(void)
{
    unsigned int i;

    for (i = 0; i < LENGTH && order[i]; i++)
        fprintf(stderr, "%s%s", i ? ", " : "it happened after: ", order[i]);
    if (i)
        fputc('\n', stderr);
}

static void begin(bool keep, bool started)
{
    unsigned int i;

    /* Of the case before this one. */
    tell_if_it_was();
    memset(order, 0, sizeof(order));

    be_features = BE_FEATURES | BIT(SVQ_F_RING_RESET);
    drv_ring_features = BIT(SVQ_F_RING_RESET);
    up(&(struct env_opts){.size = SIZE, .queues = 2, .keep = keep, .bank0 = 8 << 20});
    for (i = 0; i < 2; i++)
        rings[i] = drv_queue[i];
    if (started) {
        drv_write_buffer(1, 0, BUF(0), PAGES * SVQ_PAGE_SIZE);
        drv_write_buffer(0, 0, BUF(PAGES - 1), SVQ_PAGE_SIZE);
    } else {
        drv_reset();
        assert_int_equal(be_ack(), VSH_ERR_NONE);
    }
}

/* The events that the digits of a number stand for. */
static void play(unsigned int number)
{
    unsigned int i;

    for (i = 0; i < LENGTH; i++, number /= COUNT(events)) {
        order[i] = events[number % COUNT(events)].name;
        events[number % COUNT(events)].happens();
        env_check();
    }
}

static void come_back(void)
{
    unsigned int i;

    /* One that was there, and is not said to be gone, is to be told first when to come. */
    for (i = 0; i < 2 && !env->dev.attached; i++)
        be_attach();
    assert_true(env->dev.attached);
    if (env->dev.ack_needed)
        assert_int_equal(be_ack(), VSH_ERR_NONE);
    /* Where it waits for that. */
    be_queue_ack(1);
}

/* What has not failed goes on. */
static void goes_on(void)
{
    uint32_t status = env->dev.status;

    if (status & SVQ_STATUS_NEEDS_RESET)
        return;
    come_back();
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    assert_int_equal(be_info()->state,
                     status & SVQ_STATUS_DRIVER_OK ? VSH_STATE_RUNNING : VSH_STATE_READY);
}

static void end(void)
{
    env_release();
    env_destroy();
    memset(order, 0, sizeof(order));
}

static void works_again(void)
{
    drv_reset();
    come_back();
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    drv_start(0);
    be_begin();
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    drv_write_buffer(1, 3, BUF(3), 512);
    be_serve(1, 33);
    drv_expect_used(1, 3, 33);
}

static void every_order(bool keep, bool started)
{
    unsigned int i, n, nr = 1;

    for (i = 0; i < LENGTH; i++)
        nr *= COUNT(events);

    for (n = 0; n < nr; n++) {
        begin(keep, started);
        play(n);
        env_run();
        assert_true(be_info()->state != VSH_STATE_WAITING || env->dev.waiting);
        goes_on();
        works_again();
        end();
    }
}

static void a_device_that_waits_for_its_backend(void)
{
    every_order(true, true);
}

static void a_device_that_fails_with_its_backend(void)
{
    every_order(false, true);
}

static void a_device_that_waits_for_its_driver(void)
{
    every_order(true, false);
}

/* Whatever is left to be done: the end of each test looks for it. */
static void a_guest_that_dies(void)
{
    unsigned int i, n, nr = 1;

    for (i = 0; i < LENGTH - 1; i++)
        nr *= COUNT(events);

    for (n = 0; n < 2 * nr; n++) {
        begin(n & 1, true);
        /* The last event is the step. */
        play((n / 2) * (unsigned int)COUNT(events) + (unsigned int)COUNT(events) - 1);
        end();
    }
}

static const struct CMUnitTest tests[] = {
    TEST(a_device_that_waits_for_its_backend),
    TEST(a_device_that_fails_with_its_backend),
    TEST(a_device_that_waits_for_its_driver),
    TEST(a_guest_that_dies),
};

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (!cmocka_run_group_tests(tests, NULL, NULL))
        return 0;
    tell_if_it_was();
    return 1;
}
