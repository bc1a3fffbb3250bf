/* SPDX-License-Identifier: MIT */
/* 2.7.8: a backend that lies.  It fails its device, and gains nothing by it. */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT

static unsigned int slot[16];

/* A queue of 16 with nr requests that the backend has taken: heads 0 to nr - 1. */
static void up_with(unsigned int nr)
{
    unsigned int i;

    up(&(struct env_opts){.size = 16});
    for (i = 0; i < nr; i++)
        drv_write_buffer(0, i, BUF(i), 512);
    for (i = 0; i < nr; i++)
        slot[i] = be_take(0);
}

static void assert_caught(enum svq_error err)
{
    drv_assert_failed(err, 0);
    assert_true(svq_error_is_backend(err));
    assert_int_equal(env->dev.queue[0].stats.rejected, 1);
    assert_int_equal(env->reports, 1);
}

static void used_idx_by_what_is_in_flight_is_accepted(void)
{
    unsigned int i;

    up_with(4);
    for (i = 0; i < 4; i++)
        be_put(0, slot[i], 0);
    be_kick(0);
    drv_assert_alive();
    assert_int_equal(drv_used_idx(0), 4);
}

static void used_idx_beyond_what_is_in_flight_is_refused(void)
{
    unsigned int i;

    up_with(4);
    for (i = 0; i < 4; i++)
        be_put(0, slot[i], 0);
    be_used_idx(0, 5);
    be_kick(0);
    assert_caught(SVQ_ERR_USED_IDX);
    assert_int_equal(drv_used_idx(0), 0);
}

static void used_idx_with_nothing_in_flight_is_refused(void)
{
    up_with(0);
    be_return(0, 0, 0);
    assert_caught(SVQ_ERR_USED_IDX);
}

static void used_idx_that_goes_back_is_refused(void)
{
    up_with(4);
    be_return(0, slot[0], 0);
    be_used_idx(0, 0);
    be_kick(0);
    assert_caught(SVQ_ERR_USED_IDX);
    assert_int_equal(drv_used_idx(0), 1);
}

static void used_idx_half_way_round_is_refused(void)
{
    up_with(4);
    be_used_idx(0, 0x8000);
    be_kick(0);
    assert_caught(SVQ_ERR_USED_IDX);
}

static void id_beyond_the_table_is_refused(void)
{
    up_with(4);
    be_return(0, 16, 0);
    assert_caught(SVQ_ERR_USED_ID);
}

static void id_of_all_ones_is_refused(void)
{
    up_with(4);
    be_return(0, ~0U, 0);
    assert_caught(SVQ_ERR_USED_ID);
}

static void id_that_is_right_but_for_its_high_half_is_refused(void)
{
    up_with(4);
    be_return(0, 0x10000 + slot[0], 0);
    assert_caught(SVQ_ERR_USED_ID);
}

static void id_of_a_free_slot_is_refused(void)
{
    unsigned int i, id;

    up_with(4);
    for (id = 0; id < 16; id++) {
        for (i = 0; i < 4 && slot[i] != id; i++)
            ;
        if (i == 4)
            break;
    }
    be_return(0, id, 0);
    assert_caught(SVQ_ERR_USED_ID);
}

static void id_in_the_middle_of_a_chain_is_refused(void)
{
    unsigned int head;

    up(&(struct env_opts){.size = 16});
    drv_desc(0, 0, BUF(0), 16, NEXT, 1);
    drv_desc(0, 1, BUF(1), 512, NEXT | W, 2);
    drv_desc(0, 2, BUF(2), 1, W, 0);
    drv_submit(0, 0);
    head = be_take(0);
    be_return(0, be_desc(0, head).next, 0);
    assert_caught(SVQ_ERR_USED_ID);
}

static void id_returned_twice_in_one_batch_is_refused(void)
{
    up_with(4);
    be_put(0, slot[2], 7);
    be_return(0, slot[2], 7);
    assert_caught(SVQ_ERR_USED_ID);
    /* The first time was right. */
    assert_int_equal(drv_used_idx(0), 1);
    drv_expect_used(0, 2, 7);
}

static void id_returned_twice_later_is_refused(void)
{
    up_with(4);
    be_return(0, slot[2], 0);
    be_return(0, slot[2], 0);
    assert_caught(SVQ_ERR_USED_ID);
    assert_int_equal(drv_used_idx(0), 1);
}

static void elements_before_a_bad_one_are_returned(void)
{
    up_with(4);
    be_put(0, slot[3], 30);
    be_put(0, slot[1], 10);
    be_put(0, 99, 0);
    be_put(0, slot[0], 0);
    be_kick(0);
    assert_caught(SVQ_ERR_USED_ID);
    assert_int_equal(drv_used_idx(0), 2);
    drv_expect_used(0, 3, 30);
    drv_expect_used(0, 1, 10);
}

static void length_is_cut_down_to_the_writable_bytes(void)
{
    static const uint32_t lens[] = {0, 1, 612, 613, 614, 4096, 0x80000000u, 0xffffffffu};
    unsigned int i;

    up_with(0);
    drv_desc(0, 0, BUF(0), 16, NEXT, 1);
    drv_desc(0, 1, BUF(1), 612, NEXT | W, 2);
    drv_desc(0, 2, BUF(2), 1, W, 0);
    for (i = 0; i < COUNT(lens); i++) {
        drv_submit(0, 0);
        be_serve(0, lens[i]);
        drv_expect_used(0, 0, lens[i] < 613 ? lens[i] : 613);
    }
    drv_assert_alive();
}

static void length_of_a_chain_that_is_only_read_is_zero(void)
{
    up_with(0);
    drv_read_buffer(0, 0, BUF(0), 512);
    be_serve(0, 512);
    drv_expect_used(0, 0, 0);
    drv_assert_alive();
}

static void kick_without_news_does_nothing(void)
{
    up_with(4);
    be_kick(0);
    drv_assert_alive();
    assert_int_equal(env->interrupts, 0);
    assert_int_equal(env->flushes, 0);
    assert_int_equal(drv_used_idx(0), 0);
}

static void kick_of_no_such_queue_does_nothing(void)
{
    up_with(4);
    be_kick(1);
    be_kick(VSH_MAX_QUEUES);
    be_kick(0xffffffffu);
    drv_assert_alive();
}

static void kick_while_not_running_does_nothing(void)
{
    env_create(&(struct env_opts){.size = 16});
    be_kick(0);
    be_attach();
    be_kick(0);
    drv_probe();
    assert_true(drv_setup(0, 16));
    be_kick(0);
    assert_int_equal(be_info()->state, VSH_STATE_READY);
    assert_int_equal(env->interrupts, 0);
    env_release();
    env_destroy();

    up_with(4);
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    be_kick_only(0);
    assert_false(env->dev.queue[0].collect);
    env_run();
    be_used_idx(0, 1);
    be_kick(0);
    assert_int_equal(drv_used_idx(0), 0);
    drv_reset();
    be_kick(0);
    assert_int_equal(be_info()->state, VSH_STATE_RESETTING);
    assert_int_equal(env->dev.failures, 1);
}

static void old_used_idx_does_not_count_after_a_reset(void)
{
    up_with(4);
    be_put(0, slot[0], 0);
    up_again();
    be_kick(0);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    assert_int_equal(env->dev.failures, 0);
    drv_write_buffer(0, 5, BUF(5), 512);
    be_serve(0, 4);
    drv_expect_used(0, 5, 4);
}

/* The backend changes each value of the used ring right after it was read. */
static void scramble(struct env_where w, void *p, size_t bytes)
{
    if (w.area == ENV_SHADOW_USED)
        memset(p, 0xff, bytes);
}

static void values_are_read_once(void)
{
    up_with(4);
    be_put(0, slot[2], 22);
    be_put(0, slot[0], 1000);
    env->on_read = scramble;
    be_kick(0);
    env->on_read = NULL;
    drv_assert_alive();
    drv_expect_used(0, 2, 22);
    drv_expect_used(0, 0, 512);
    assert_int_equal(env_visible(), 2);
}

static unsigned int swap_to;

/* ... and replaces an id by another that is in flight as well. */
static void swap_id(struct env_where w, void *p, size_t bytes)
{
    if (w.area == ENV_SHADOW_USED && bytes == 4 && w.off % 8 == SVQ_USED_ID(0) % 8)
        *(uint32_t *)p = swap_to;
}

static void id_that_changes_after_it_was_read_is_the_one_read(void)
{
    up_with(4);
    swap_to = slot[3];
    be_put(0, slot[1], 5);
    env->on_read = swap_id;
    be_kick(0);
    env->on_read = NULL;
    drv_assert_alive();
    drv_expect_used(0, 1, 5);
    assert_int_equal(env_entry(BUF(1)), SVQ_NONE);
    assert_int_equal(env_entry(BUF(3)), SVQ_RW);
}

static void return_that_comes_while_collecting_needs_its_own_kick(void)
{
    up_with(4);
    be_put(0, slot[0], 1);
    be_put(0, slot[1], 2);
    be_used_idx(0, 1);
    be_kick(0);
    assert_int_equal(drv_used_idx(0), 1);
    be_used_idx(0, 2);
    be_kick(0);
    drv_expect_used(0, 0, 1);
    drv_expect_used(0, 1, 2);
    drv_assert_alive();
}

/* ---- The mailbox ---- */

static void control_without_a_new_seq_does_nothing(void)
{
    unsigned int told;

    env_create(&(struct env_opts){0});
    be_describe();
    be_mailbox()->request = VSH_REQ_ATTACH;
    told = env->notify_control;
    svq_dev_control(&env->dev);
    assert_int_equal(env->notify_control, told);
    assert_int_equal(be_info()->state, VSH_STATE_IDLE);
}

static void unknown_requests_are_refused(void)
{
    static const uint32_t unknown[] = {VSH_REQ_NONE, VSH_REQ_QUEUE_ACK + 1, 0x101, ~0U};
    unsigned int i;

    up_with(1);
    for (i = 0; i < COUNT(unknown); i++)
        assert_int_equal(be_request(unknown[i]), VSH_ERR_REQUEST);
    drv_assert_alive();
}

static void other_versions_are_refused(void)
{
    unsigned int request;

    up_with(1);
    be_mailbox()->version = VSH_ABI_VERSION + 1;
    for (request = VSH_REQ_ATTACH; request <= VSH_REQ_DETACH; request++)
        assert_int_equal(be_request(request), VSH_ERR_REQUEST);
    drv_assert_alive();
}

static void scramble_mailbox(void)
{
    memset(be_mailbox(), 0xff, sizeof(*be_mailbox()));
}

static void scramble_seq(struct env_where w, void *p, size_t bytes)
{
    (void)p;
    (void)bytes;
    if (w.area == ENV_MAILBOX)
        be_mailbox()->request_seq += 5;
}

static void mailbox_is_copied_once_and_the_copy_is_checked(void)
{
    unsigned int i;

    env_create(&(struct env_opts){.size = 16});
    be_describe();
    be_mailbox()->request = VSH_REQ_ATTACH;
    be_mailbox()->request_seq = 1;
    env->aperture[0] = BE_APERTURE0;
    env->aperture[1] = BE_APERTURE1;
    env->on_copy = scramble_mailbox;
    env->on_read = scramble_seq;
    svq_dev_control(&env->dev);
    env->on_copy = NULL;
    env->on_read = NULL;

    assert_int_equal(be_info()->reply_error, VSH_ERR_NONE);
    assert_int_equal(be_info()->reply_seq, 1);
    assert_int_equal(be_info()->state, VSH_STATE_READY);
    assert_int_equal(drv_read(SVQ_MMIO_DEVICE_ID), 2);
    for (i = 0; i < VSH_CONFIG_SIZE; i++)
        assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG + i, 1),
                         i < BE_CONFIG_LEN ? i + 1 : 0);

    drv_start(0);
    be_begin();
    drv_write_buffer(0, 0, BANK1, 512);
    be_serve(0, 1);
    drv_assert_alive();
}

/* What others pay for can be too much: it waits, as if it had not been sent, and is not lost. */
static void requests_that_are_not_admitted_wait(void)
{
    static const uint32_t limited[] = {VSH_REQ_CONFIG, VSH_REQ_DETACH, VSH_REQ_ATTACH};
    unsigned int i, told;
    uint32_t state;

    up_with(0);
    for (i = 0; i < COUNT(limited); i++) {
        be_describe();
        be_mailbox()->config[0] ^= 1;
        be_mailbox()->request = limited[i];
        be_mailbox()->request_seq++;
        told = env->notify_control;
        state = be_info()->state;
        env->throttled = true;
        svq_dev_control(&env->dev);
        svq_dev_control(&env->dev);
        env_run();
        assert_int_equal(env->notify_control, told);
        assert_int_equal(be_info()->reply_seq, be_mailbox()->request_seq - 1);
        assert_int_equal(be_info()->state, state);
        assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG, 1), 1);

        env->throttled = false;
        if (limited[i] == VSH_REQ_ATTACH)
            drv_write(SVQ_MMIO_STATUS, 0);
        svq_dev_control(&env->dev);
        env_run();
        assert_int_equal(be_info()->reply_seq, be_mailbox()->request_seq);
        assert_int_equal(be_info()->reply_error, VSH_ERR_NONE);
        if (limited[i] == VSH_REQ_CONFIG) {
            assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG, 1), 0);
            be_describe();
            assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_NONE);
        }
    }
    assert_int_equal(be_info()->state, VSH_STATE_READY);

    /* The driver waits for these. */
    env->throttled = true;
    assert_int_equal(be_request(VSH_REQ_RESET_ACK), VSH_ERR_STATE);
    assert_int_equal(be_request(VSH_REQ_QUEUE_ACK), VSH_ERR_STATE);
}

static void configuration_that_is_no_news_interrupts_nobody(void)
{
    unsigned int i, interrupts;
    uint32_t gen;

    up_with(1);
    be_describe();
    interrupts = env->interrupts;
    gen = drv_read(SVQ_MMIO_CONFIG_GEN);
    for (i = 0; i < 100; i++)
        assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_NONE);
    assert_int_equal(env->interrupts, interrupts);
    assert_int_equal(drv_read(SVQ_MMIO_CONFIG_GEN), gen);
    assert_false(drv_read(SVQ_MMIO_INT_STATUS) & SVQ_INT_CONFIG);

    be_mailbox()->config[BE_CONFIG_LEN - 1] ^= 0x80;
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_NONE);
    assert_int_equal(env->interrupts, interrupts + 1);
    assert_true(drv_read(SVQ_MMIO_INT_STATUS) & SVQ_INT_CONFIG);
    drv_assert_alive();
}

/* Who has brought it about that pages are to be taken away?  A reset is the driver's, though. */
static void work_of_a_backend_that_lies(void)
{
    up_with(1);
    assert_false(svq_dev_is_backends(&env->dev));
    be_used_idx(0, 100);
    svq_queue_called(&env->dev, 0);
    svq_dev_run(&env->dev);
    assert_int_equal(be_info()->state, VSH_STATE_FAILED);
    assert_true(svq_dev_is_backends(&env->dev));
    svq_mmio_write(&env->dev, SVQ_MMIO_STATUS, 4, 0);
    assert_false(svq_dev_is_backends(&env->dev));
    env_run();
    assert_false(svq_dev_is_backends(&env->dev));
}

static void work_of_a_backend_that_leaves(void)
{
    up_with(1);
    be_mailbox()->request = VSH_REQ_DETACH;
    be_mailbox()->request_seq++;
    svq_dev_control(&env->dev);
    assert_true(svq_dev_is_backends(&env->dev));
    env_run();
    assert_false(svq_dev_is_backends(&env->dev));
}

static void work_of_a_driver_that_breaks_its_ring(void)
{
    up_with(1);
    svq_dev_fail(&env->dev, 0, SVQ_ERR_HEAD);
    assert_false(svq_dev_is_backends(&env->dev));
}

static void work_of_a_revocation(void)
{
    up_with(1);
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    assert_false(svq_dev_is_backends(&env->dev));
}

static const struct CMUnitTest tests[] = {
    TEST(used_idx_by_what_is_in_flight_is_accepted),
    TEST(used_idx_beyond_what_is_in_flight_is_refused),
    TEST(used_idx_with_nothing_in_flight_is_refused),
    TEST(used_idx_that_goes_back_is_refused),
    TEST(used_idx_half_way_round_is_refused),
    TEST(id_beyond_the_table_is_refused),
    TEST(id_of_all_ones_is_refused),
    TEST(id_that_is_right_but_for_its_high_half_is_refused),
    TEST(id_of_a_free_slot_is_refused),
    TEST(id_in_the_middle_of_a_chain_is_refused),
    TEST(id_returned_twice_in_one_batch_is_refused),
    TEST(id_returned_twice_later_is_refused),
    TEST(elements_before_a_bad_one_are_returned),
    TEST(length_is_cut_down_to_the_writable_bytes),
    TEST(length_of_a_chain_that_is_only_read_is_zero),
    TEST(kick_without_news_does_nothing),
    TEST(kick_of_no_such_queue_does_nothing),
    TEST(kick_while_not_running_does_nothing),
    TEST(old_used_idx_does_not_count_after_a_reset),
    TEST(values_are_read_once),
    TEST(id_that_changes_after_it_was_read_is_the_one_read),
    TEST(return_that_comes_while_collecting_needs_its_own_kick),
    TEST(control_without_a_new_seq_does_nothing),
    TEST(unknown_requests_are_refused),
    TEST(other_versions_are_refused),
    TEST(mailbox_is_copied_once_and_the_copy_is_checked),
    TEST(requests_that_are_not_admitted_wait),
    TEST(configuration_that_is_no_news_interrupts_nobody),
    TEST(work_of_a_backend_that_lies),
    TEST(work_of_a_backend_that_leaves),
    TEST(work_of_a_driver_that_breaks_its_ring),
    TEST(work_of_a_revocation),
};

TEST_MAIN(tests)
