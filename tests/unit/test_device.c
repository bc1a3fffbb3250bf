/* SPDX-License-Identifier: MIT */
/* The device's states: attach, start, failure, reset, detach, release. */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE

static const struct env_opts two_queues = {.queues = 2, .size = 16};

static uint32_t state(void)
{
    return be_info()->state;
}

static void works(void)
{
    assert_int_equal(state(), VSH_STATE_RUNNING);
    drv_write_buffer(0, 3, BUF(100), 3 * 4096);
    assert_int_equal(env_entry(BUF(102)), SVQ_RW);
    be_serve(0, 77);
    drv_expect_used(0, 3, 77);
    assert_int_equal(env_entry(BUF(102)), SVQ_NONE);
}

static void works_once_started(void)
{
    drv_start(0);
    be_begin();
    works();
}

static void works_once_attached(void)
{
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    works_once_started();
}

static void is_ready_once_acked(void)
{
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(state(), VSH_STATE_READY);
}

/* Running, with requests in flight, some of them returned but not collected. */
static void up_busy(void)
{
    unsigned int i;

    up(&two_queues);
    for (i = 0; i < 8; i++) {
        drv_write_buffer(0, i, BUF(i), 8192);
        drv_read_buffer(1, i, BUF(4 + i), 4096);
    }
    be_put(0, be_take(0), 5);
    be_put(0, be_take(0), 6);
    be_put(1, be_take(1), 0);
    assert_int_equal(env->nr_flights, 16);
    assert_int_equal(env_visible(), 12);
}

/* ---- Attach ---- */

static void attach_makes_the_device_ready(void)
{
    env_create(&two_queues);
    assert_int_equal(state(), VSH_STATE_IDLE);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    assert_int_equal(state(), VSH_STATE_READY);
    assert_int_equal(be_info()->generation, 0);
    works_once_started();
}

static void refused(int32_t err)
{
    assert_int_equal(be_request(VSH_REQ_ATTACH), err);
    assert_int_equal(state(), VSH_STATE_IDLE);
    assert_int_equal(drv_read(SVQ_MMIO_DEVICE_ID), 0);
    assert_int_equal(drv_offered(), 0);
    be_describe();
}

static void attach_is_refused_for_a_description_beyond_the_limits(void)
{
    struct vsh_mailbox *m;

    env_create(&two_queues);
    be_describe();
    m = be_mailbox();

    m->device_id = 0;
    refused(VSH_ERR_DEVICE_ID);
    m->nr_queues = 0;
    refused(VSH_ERR_QUEUES);
    m->nr_queues = 3;
    refused(VSH_ERR_QUEUES);
    m->nr_queues = ~0U;
    refused(VSH_ERR_QUEUES);
    m->queue_size = 0;
    refused(VSH_ERR_QUEUE_SIZE);
    m->queue_size = 12;
    refused(VSH_ERR_QUEUE_SIZE);
    m->queue_size = 32;
    refused(VSH_ERR_QUEUE_SIZE);
    m->queue_size = 0x80000000u;
    refused(VSH_ERR_QUEUE_SIZE);
    m->config_len = VSH_CONFIG_SIZE + 1;
    refused(VSH_ERR_CONFIG);
    m->config_len = ~0U;
    refused(VSH_ERR_CONFIG);
    m->device_features = ~(1ULL << SVQ_F_VERSION_1);
    refused(VSH_ERR_FEATURES);

    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
}

static void attach_accepts_a_description_at_the_limits(void)
{
    struct vsh_mailbox *m;

    env_create(&two_queues);
    be_describe();
    m = be_mailbox();
    m->device_id = ~0U;
    m->nr_queues = 2;
    m->queue_size = 16;
    m->config_len = VSH_CONFIG_SIZE;
    m->device_features = ~0ULL;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
    be_mailbox()->config_len = 0;
    be_mailbox()->queue_size = 1;
    be_mailbox()->nr_queues = 1;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
}

static void aperture_lies_in_52_bits_and_banks_do_not_overlap(void)
{
    const uint64_t max = 1ULL << 40, nr0 = 64 * MIB / PAGE, nr1 = 16 * MIB / PAGE;
    const struct {
        uint64_t gfn0, gfn1;
        int32_t err;
    } t[] = {
        {0, nr0, VSH_ERR_NONE},
        {nr1, 0, VSH_ERR_NONE},
        {max - nr0, 0, VSH_ERR_NONE},
        {0, max - nr1, VSH_ERR_NONE},
        {max - nr0 + 1, 0, VSH_ERR_APERTURE},
        {0, max - nr1 + 1, VSH_ERR_APERTURE},
        {max, 0, VSH_ERR_APERTURE},
        {~0ULL, 0, VSH_ERR_APERTURE},
        {0, ~0ULL, VSH_ERR_APERTURE},
        {0ULL - nr0, 0, VSH_ERR_APERTURE},
        {0x1000, 0x1000, VSH_ERR_APERTURE},
        {0x1000, 0x1000 + nr0 - 1, VSH_ERR_APERTURE},
        {0x1000 + nr1 - 1, 0x1000, VSH_ERR_APERTURE},
        {0x1000, 0x1000 + nr0, VSH_ERR_NONE},
        {0x1000 + nr1, 0x1000, VSH_ERR_NONE},
    };
    unsigned int i;

    for (i = 0; i < COUNT(t); i++) {
        env_create(&two_queues);
        be_describe();
        be_mailbox()->aperture_gfn[0] = t[i].gfn0;
        be_mailbox()->aperture_gfn[1] = t[i].gfn1;
        if (t[i].err)
            refused(t[i].err);
        else {
            assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
            works_once_started();
        }
        env_release();
        env_destroy();
    }
}

static void second_bank_of_the_aperture_does_not_matter_without_one(void)
{
    env_create(&(struct env_opts){.banks = 1});
    be_describe();
    be_mailbox()->aperture_gfn[1] = ~0ULL;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
}

static void attach_again_before_the_driver_came_replaces_the_description(void)
{
    env_create(&two_queues);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    be_mailbox()->device_id = 26;
    be_mailbox()->nr_queues = 1;
    be_mailbox()->config_len = 4;
    be_mailbox()->config[0] = 0x99;
    be_mailbox()->aperture_gfn[0] = 0x10000000;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
    assert_int_equal(state(), VSH_STATE_READY);
    assert_int_equal(drv_read(SVQ_MMIO_DEVICE_ID), 26);
    /* Nothing of the longer one shows behind it. */
    assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG, 8), 0x04030299);
    works_once_started();
}

static void attach_that_is_refused_leaves_no_device(void)
{
    env_create(&two_queues);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    be_mailbox()->nr_queues = 9;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_QUEUES);
    assert_int_equal(state(), VSH_STATE_IDLE);
    assert_int_equal(drv_offered(), 0);
}

static void attach_under_a_running_driver_fails_the_device_first(void)
{
    up_busy();
    assert_int_equal(be_attach(), VSH_ERR_STATE);
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    assert_int_equal(be_attach(), VSH_ERR_STATE);
    drv_reset();
    assert_int_equal(state(), VSH_STATE_IDLE);
    works_once_attached();
}

static void attach_after_a_driver_that_only_negotiated_fails_the_device_first(void)
{
    env_create(&two_queues);
    be_attach();
    drv_probe();
    assert_int_equal(be_attach(), VSH_ERR_STATE);
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    drv_reset();
    works_once_attached();
}

static void attach_waits_until_the_old_dummies_are_gone(void)
{
    up_busy();
    drv_reset();
    assert_int_equal(state(), VSH_STATE_RESETTING);
    assert_int_equal(be_attach_only(), VSH_ERR_STATE);
    env_run();
    assert_int_equal(state(), VSH_STATE_IDLE);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    works_once_attached();
}

/* ---- Start ---- */

static void driver_ok_starts_the_queues(void)
{
    unsigned int told;

    env_create(&two_queues);
    be_attach();
    drv_probe();
    drv_setup(0, 16);
    drv_setup(1, 16);
    assert_int_equal(state(), VSH_STATE_READY);
    assert_int_equal(be_queue_info(0)->size, 0);
    told = env->notify_control;
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    assert_int_equal(state(), VSH_STATE_RUNNING);
    assert_int_equal(env->notify_control, told + 1);
    assert_int_equal(be_queue_info(1)->size, 16);
    be_begin();
    works();
}

static void driver_ok_while_resetting_waits_for_the_ack(void)
{
    up_busy();
    drv_reset();
    drv_start(0);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), DRV_OK);
    assert_int_equal(state(), VSH_STATE_RESETTING);
    assert_int_equal(be_queue_info(0)->size, 0);

    /* Requests wait as well: nothing becomes visible. */
    drv_desc(0, 3, BUF(100), 3 * 4096, W, 0);
    drv_submit(0, 3);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);

    assert_int_equal(be_ack(), VSH_ERR_NONE);
    be_begin();
    assert_int_equal(state(), VSH_STATE_RUNNING);
    assert_int_equal(env_entry(BUF(100)), SVQ_RW);
    be_serve(0, 1);
    assert_int_equal(drv_used_idx(0), 1);
}

static void driver_ok_while_dummies_are_cleared_waits_for_that(void)
{
    up_busy();
    drv_reset();
    drv_probe();
    drv_setup(0, 16);
    drv_setup(1, 16);
    assert_int_equal(be_ack_only(), VSH_ERR_NONE);
    assert_int_equal(state(), VSH_STATE_READY);
    drv_write_only(SVQ_MMIO_STATUS, DRV_OK);
    assert_int_equal(state(), VSH_STATE_READY);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    env_run();
    be_begin();
    works();
}

/* ---- Reset and acknowledgement ---- */

static void reset_of_an_idle_device_does_nothing(void)
{
    env_create(&two_queues);
    drv_reset();
    assert_int_equal(state(), VSH_STATE_IDLE);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_reset();
    assert_int_equal(state(), VSH_STATE_READY);
    assert_int_equal(be_info()->generation, 0);
}

static void reset_under_io_takes_everything_back_and_waits_for_the_ack(void)
{
    up_busy();
    drv_reset();
    assert_int_equal(state(), VSH_STATE_RESETTING);
    assert_int_equal(be_info()->generation, 1);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.failures, 0);
    assert_int_equal(env->reports, 0);
    /* What the backend had put into its used ring is not returned any more. */
    assert_int_equal(drv_used_idx(0), 0);

    is_ready_once_acked();
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    works_once_started();
    drv_assert_alive();
}

static void reset_is_not_over_before_the_pages_are_back(void)
{
    up(&two_queues);
    drv_write_buffer(0, 0, BUFFERS, 2000 * 4096);
    drv_write_only(SVQ_MMIO_STATUS, 0);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), DRV_OK);
    assert_true(svq_dev_run(&env->dev));
    env_check();
    assert_true(env_visible());
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), DRV_OK);
    be_kick_only(0);
    env_run();
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
}

static void ack_is_refused_when_none_is_wanted(void)
{
    env_create(&two_queues);
    be_describe();
    assert_int_equal(be_ack(), VSH_ERR_STATE);
    be_attach();
    assert_int_equal(be_ack(), VSH_ERR_STATE);
    drv_start(0);
    be_begin();
    assert_int_equal(be_ack(), VSH_ERR_STATE);
    works();
    drv_reset();
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(be_ack(), VSH_ERR_STATE);
    assert_int_equal(state(), VSH_STATE_READY);
}

static void ack_of_an_older_generation_is_refused(void)
{
    up_busy();
    up_again();
    drv_reset();
    assert_int_equal(be_info()->generation, 2);
    be_mailbox()->generation = 1;
    assert_int_equal(be_request(VSH_REQ_RESET_ACK), VSH_ERR_STATE);
    assert_int_equal(state(), VSH_STATE_RESETTING);
    be_mailbox()->generation = 3;
    assert_int_equal(be_request(VSH_REQ_RESET_ACK), VSH_ERR_STATE);
    be_mailbox()->generation = 2;
    assert_int_equal(be_request(VSH_REQ_RESET_ACK), VSH_ERR_NONE);
    assert_int_equal(state(), VSH_STATE_READY);
}

static void reset_while_resetting_asks_for_no_second_ack(void)
{
    up_busy();
    drv_reset();
    drv_reset();
    drv_start(0);
    drv_reset();
    assert_int_equal(state(), VSH_STATE_RESETTING);
    assert_int_equal(be_info()->generation, 1);
    is_ready_once_acked();
    works_once_started();
}

static void reset_is_cheap_over_and_over(void)
{
    unsigned int i;

    up_busy();
    for (i = 0; i < 100; i++)
        up_again();
    works();
    assert_int_equal(be_info()->generation, 100);
    env_check_records();
}

/* ---- Failure ---- */

static void failure_recovers_by_a_driver_reset(void)
{
    up_busy();
    drv_submit(1, 99);
    drv_assert_failed(SVQ_ERR_HEAD, 1);
    assert_int_equal(env->dev.queue[1].stats.rejected, 1);
    assert_int_equal(env->dev.queue[0].stats.rejected, 0);
    assert_int_equal(be_info()->generation, 1);
    assert_int_equal(be_info()->device_status, DRV_OK | SVQ_STATUS_NEEDS_RESET);

    drv_reset();
    assert_int_equal(state(), VSH_STATE_RESETTING);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), 0);
    is_ready_once_acked();
    works_once_started();
}

static void failure_acked_before_the_reset_is_ready_with_it(void)
{
    up_busy();
    drv_submit(1, 99);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(state(), VSH_STATE_FAILED);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    assert_true(drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET);
    drv_reset();
    assert_int_equal(state(), VSH_STATE_READY);
    works_once_started();
}

static void failed_device_does_nothing_more(void)
{
    unsigned int interrupts, notified;

    up_busy();
    drv_submit(1, 99);
    interrupts = env->interrupts;
    notified = env->notify[0] + env->notify[1];
    drv_kick(0);
    drv_kick(1);
    be_kick(0);
    be_kick(1);
    assert_int_equal(env->dev.queue[0].stats.kicks, 8);
    assert_int_equal(drv_used_idx(0), 0);
    assert_int_equal(env->interrupts, interrupts);
    assert_int_equal(env->notify[0] + env->notify[1], notified);
    assert_int_equal(env->dev.failures, 1);

    /* A second failure is not counted. */
    svq_dev_fail(&env->dev, 0, SVQ_ERR_REVOKED);
    env_run();
    assert_int_equal(env->dev.failures, 1);
    assert_int_equal(env->dev.last_error, SVQ_ERR_HEAD);
}

static void failure_of_one_queue_stops_the_work_of_all(void)
{
    up(&two_queues);
    drv_desc(0, 0, BUF(0), 64, W, 0);
    drv_desc(1, 0, 0, 64, W, 0);
    drv_offer(0, 0);
    drv_offer(1, 0);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 1);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 0);
    env_run();
    drv_assert_failed(SVQ_ERR_ADDR, 1);
}

static void failure_while_resetting_keeps_asking_for_the_first_ack(void)
{
    up_busy();
    drv_reset();
    drv_probe();
    assert_false(drv_setup(0, 7));
    drv_assert_failed(SVQ_ERR_RING, 0);
    assert_int_equal(be_info()->generation, 1);
    drv_reset();
    assert_int_equal(state(), VSH_STATE_RESETTING);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    works_once_started();
}

static void failure_before_driver_ok_raises_no_interrupt(void)
{
    env_create(&two_queues);
    be_attach();
    drv_probe();
    drv_setup(0, 3);
    drv_assert_failed(SVQ_ERR_RING, 0);
    assert_int_equal(env->interrupts, 0);
    assert_int_equal(be_info()->generation, 0);
    drv_reset();
    /* The device never ran: there is nothing to acknowledge. */
    assert_int_equal(state(), VSH_STATE_READY);
    works_once_started();
}

static void revocation_on_request_fails_the_device(void)
{
    up_busy();
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    env_run();
    drv_assert_failed(SVQ_ERR_REVOKED, -1);
    assert_int_equal(env->dev.queue[0].stats.rejected + env->dev.queue[1].stats.rejected, 0);
    up_again();
    works();
}

static void revocation_at_every_state_recovers(void)
{
    unsigned int at;

    for (at = 1; at < 5; at++) {
        env_create(&two_queues);
        be_attach();
        if (at > 1)
            drv_start(0);
        if (at > 2)
            drv_reset();
        if (at > 3)
            drv_start(0);
        svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
        env_run();
        drv_assert_failed(SVQ_ERR_REVOKED, -1);
        drv_reset();
        if (at > 1)
            assert_int_equal(be_ack(), VSH_ERR_NONE);
        assert_int_equal(state(), VSH_STATE_READY);
        works_once_started();
        env_release();
        env_destroy();
    }
}

static void revocation_of_an_idle_device_does_not_keep_backends_out(void)
{
    /* No driver resets what has no device id, so a failure would be for ever. */
    env_create(&two_queues);
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    env_run();
    assert_int_equal(state(), VSH_STATE_IDLE);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
    works_once_attached();
}

static void failure_during_a_reset_ends_in_the_reset(void)
{
    up_busy();
    drv_write_only(SVQ_MMIO_STATUS, 0);
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    env_run();
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
    assert_int_equal(state(), VSH_STATE_RESETTING);
    is_ready_once_acked();
    works_once_started();
}

static void statistics_survive_a_reset(void)
{
    up(&two_queues);
    works();
    up_again();
    works();
    assert_int_equal(env->dev.queue[0].stats.requests, 2);
    assert_int_equal(env->dev.queue[0].stats.returned, 2);
    assert_int_equal(env->dev.queue[0].stats.grants, 6);
    assert_int_equal(env->dev.queue[0].stats.revokes, 6);
    assert_int_equal(env->dev.queue[0].stats.flushes, 2);
    assert_int_equal(env->dev.queue[0].stats.interrupts, 2);
}

/* ---- The backend goes ---- */

static void detach_before_the_driver_came_makes_the_device_idle(void)
{
    env_create(&two_queues);
    be_attach();
    assert_int_equal(be_request(VSH_REQ_DETACH), VSH_ERR_NONE);
    assert_int_equal(state(), VSH_STATE_IDLE);
    assert_int_equal(env->dev.failures, 0);
    assert_int_equal(drv_offered(), 0);
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_SIZE_MAX), 0);
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_STATE);
    works_once_attached();
}

static void detach_under_io_fails_the_device(void)
{
    up_busy();
    assert_int_equal(be_request(VSH_REQ_DETACH), VSH_ERR_NONE);
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    /* It waits for nobody: there is no one to acknowledge. */
    drv_reset();
    assert_int_equal(state(), VSH_STATE_IDLE);
    /* The driver finds nothing to negotiate with. */
    drv_probe();
    assert_false(drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK);
    drv_reset();
    works_once_attached();
}

static void detach_without_an_attach_does_nothing(void)
{
    env_create(&two_queues);
    be_describe();
    assert_int_equal(be_request(VSH_REQ_DETACH), VSH_ERR_NONE);
    assert_int_equal(state(), VSH_STATE_IDLE);
}

/* 0 idle, 1 ready, 2 negotiated, 3 running, 4 busy, 5 failed, 6 failed and acked,
 * 7 resetting, 8 resetting with DRIVER_OK, 9 acked but not yet cleared,
 * 10 reset not yet run, 11 failure not yet run. */
#define STATES 12u

static void go_to(unsigned int at)
{
    if (at < 3) {
        env_create(&two_queues);
        if (at > 0)
            be_attach();
        if (at > 1)
            drv_probe();
        return;
    }
    if (at == 3) {
        up(&two_queues);
        return;
    }

    up_busy();
    if (at == 5 || at == 6)
        drv_submit(0, 99);
    if (at == 6)
        assert_int_equal(be_ack(), VSH_ERR_NONE);
    if (at >= 7 && at <= 9)
        drv_reset();
    if (at == 8)
        drv_start(0);
    if (at == 9)
        assert_int_equal(be_ack_only(), VSH_ERR_NONE);
    if (at == 10)
        drv_write_only(SVQ_MMIO_STATUS, 0);
    if (at == 11)
        svq_dev_fail(&env->dev, 1, SVQ_ERR_REVOKED);
}

static void backend_gone_at_every_state_can_come_back(void)
{
    unsigned int at, how;

    for (at = 0; at < STATES; at++)
        for (how = 0; how < 4; how++) {
            bool in_use;

            go_to(at);
            be_describe();
            in_use = drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK;
            env->backend_dead = how == 1;
            if (how == 2)
                assert_int_equal(be_request(VSH_REQ_DETACH), VSH_ERR_NONE);
            else if (how == 3) {
                be_request(VSH_REQ_ATTACH);
                if (be_info()->reply_error == VSH_ERR_NONE)
                    be_request(VSH_REQ_DETACH);
            } else
                svq_dev_backend_gone(&env->dev);
            env_run();

            assert_int_equal(env_visible(), 0);
            assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
            if (in_use && at != 10)
                assert_int_equal(state(), VSH_STATE_FAILED);
            if (in_use && at != 10)
                assert_true(drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET);

            env->backend_dead = false;
            drv_reset();
            assert_int_equal(state(), VSH_STATE_IDLE);
            works_once_attached();
            env_check_records();
            env_release();
            env_destroy();
        }
}

static void backend_gone_twice_is_gone_once(void)
{
    up_busy();
    svq_dev_backend_gone(&env->dev);
    svq_dev_backend_gone(&env->dev);
    env_run();
    svq_dev_backend_gone(&env->dev);
    env_run();
    assert_int_equal(env->dev.failures, 1);
    assert_int_equal(env->reports, 1);
}

/* ---- The frontend goes ---- */

static void release_at_every_state_leaves_nothing(void)
{
    unsigned int at, gone;

    for (at = 0; at < STATES; at++)
        for (gone = 0; gone < 2; gone++) {
            go_to(at);
            if (gone)
                svq_dev_backend_gone(&env->dev);
            /* The environment checks pages, rings and every reference. */
            env_release();
            assert_int_equal(state(), VSH_STATE_GONE);
            assert_int_equal(be_queue_info(0)->size, 0);
            env_destroy();
        }
}

static void release_is_done_in_bounded_steps(void)
{
    unsigned int steps = 0, before;

    up(&two_queues);
    drv_write_buffer(0, 0, BUFFERS, SVQ_CHAIN_PAGES * 4096u);
    before = env_visible();
    while (svq_dev_release(&env->dev)) {
        assert_true(before - env_visible() <= SVQ_PAGE_BATCH);
        before = env_visible();
        /* Rings are held until nothing is in flight. */
        assert_int_equal(env_refs(RINGS), 1);
        steps++;
    }
    assert_true(steps >= SVQ_CHAIN_PAGES / SVQ_PAGE_BATCH - 1);
    assert_int_equal(env_refs(RINGS), 0);
}

static void nothing_happens_after_a_release_has_begun(void)
{
    unsigned int told;

    up(&two_queues);
    drv_write_buffer(0, 0, BUFFERS, SVQ_CHAIN_PAGES * 4096u);
    assert_true(svq_dev_release(&env->dev));

    told = env->notify_control;
    drv_write_only(SVQ_MMIO_STATUS, 0);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 0);
    be_kick_only(0);
    be_describe();
    be_mailbox()->request = VSH_REQ_ATTACH;
    be_mailbox()->request_seq++;
    svq_dev_control(&env->dev);
    svq_dev_backend_gone(&env->dev);
    svq_dev_fail(&env->dev, 0, SVQ_ERR_REVOKED);
    assert_false(svq_dev_run(&env->dev));
    assert_int_equal(state(), VSH_STATE_GONE);
    assert_int_equal(env->notify_control, told);
    assert_int_equal(env->reports, 0);
}

/* ---- The info page ---- */

static void info_page_is_marked_while_it_is_written(void)
{
    uint32_t seq;

    env_create(&two_queues);
    seq = be_info()->seq;
    assert_int_equal(seq & 1, 0);
    be_attach();
    assert_true(be_info()->seq > seq);
    assert_int_equal(be_info()->seq & 1, 0);
}

static void replies_name_the_request(void)
{
    env_create(&two_queues);
    be_describe();
    be_mailbox()->request_seq = 0xfffffffeu;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
    assert_int_equal(be_info()->reply_seq, 0xffffffffu);
    be_mailbox()->config[0] = 7;
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_NONE);
    assert_int_equal(be_info()->reply_seq, 0);
}

static const struct CMUnitTest tests[] = {
    TEST(attach_makes_the_device_ready),
    TEST(attach_is_refused_for_a_description_beyond_the_limits),
    TEST(attach_accepts_a_description_at_the_limits),
    TEST(aperture_lies_in_52_bits_and_banks_do_not_overlap),
    TEST(second_bank_of_the_aperture_does_not_matter_without_one),
    TEST(attach_again_before_the_driver_came_replaces_the_description),
    TEST(attach_that_is_refused_leaves_no_device),
    TEST(attach_under_a_running_driver_fails_the_device_first),
    TEST(attach_after_a_driver_that_only_negotiated_fails_the_device_first),
    TEST(attach_waits_until_the_old_dummies_are_gone),
    TEST(driver_ok_starts_the_queues),
    TEST(driver_ok_while_resetting_waits_for_the_ack),
    TEST(driver_ok_while_dummies_are_cleared_waits_for_that),
    TEST(reset_of_an_idle_device_does_nothing),
    TEST(reset_under_io_takes_everything_back_and_waits_for_the_ack),
    TEST(reset_is_not_over_before_the_pages_are_back),
    TEST(ack_is_refused_when_none_is_wanted),
    TEST(ack_of_an_older_generation_is_refused),
    TEST(reset_while_resetting_asks_for_no_second_ack),
    TEST(reset_is_cheap_over_and_over),
    TEST(failure_recovers_by_a_driver_reset),
    TEST(failure_acked_before_the_reset_is_ready_with_it),
    TEST(failed_device_does_nothing_more),
    TEST(failure_of_one_queue_stops_the_work_of_all),
    TEST(failure_while_resetting_keeps_asking_for_the_first_ack),
    TEST(failure_before_driver_ok_raises_no_interrupt),
    TEST(revocation_on_request_fails_the_device),
    TEST(revocation_at_every_state_recovers),
    TEST(revocation_of_an_idle_device_does_not_keep_backends_out),
    TEST(failure_during_a_reset_ends_in_the_reset),
    TEST(statistics_survive_a_reset),
    TEST(detach_before_the_driver_came_makes_the_device_idle),
    TEST(detach_under_io_fails_the_device),
    TEST(detach_without_an_attach_does_nothing),
    TEST(backend_gone_at_every_state_can_come_back),
    TEST(backend_gone_twice_is_gone_once),
    TEST(release_at_every_state_leaves_nothing),
    TEST(release_is_done_in_bounded_steps),
    TEST(nothing_happens_after_a_release_has_begun),
    TEST(info_page_is_marked_while_it_is_written),
    TEST(replies_name_the_request),
};

TEST_MAIN(tests)
