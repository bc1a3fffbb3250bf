/* SPDX-License-Identifier: MIT */
/* 2.6.1, 4.2.2: one queue is reset while others go on. */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define RING_RESET (1ULL << SVQ_F_RING_RESET)

/* Two queues, both live, with VIRTIO_F_RING_RESET. */
static void up_with(uint64_t more)
{
    be_features = BE_FEATURES | RING_RESET | (1ULL << SVQ_F_INDIRECT_DESC);
    drv_ring_features = RING_RESET | more;
    up(&(struct env_opts){.queues = 2, .size = 16});
}

static void select_queue(unsigned int q)
{
    drv_write(SVQ_MMIO_QUEUE_SEL, q);
}

static void write_reset(unsigned int q)
{
    select_queue(q);
    drv_write(SVQ_MMIO_QUEUE_RESET, 1);
}

static bool is_resetting(unsigned int q)
{
    select_queue(q);
    return drv_read(SVQ_MMIO_QUEUE_RESET);
}

static bool is_ready(unsigned int q)
{
    select_queue(q);
    return drv_read(SVQ_MMIO_QUEUE_READY);
}

static void works(unsigned int q)
{
    uint32_t id, len;

    /* What came back before is of no interest. */
    while (drv_used(q, &id, &len))
        ;
    drv_write_buffer(q, 3, BUF(200 + q), 100);
    be_serve(q, 100);
    drv_expect_used(q, 3, 100);
}

static void enable_again(unsigned int q, unsigned int size)
{
    assert_true(drv_setup(q, size));
    be_begin_queue(q);
}

static void reset_is_offered_only_if_the_backend_takes_part(void)
{
    env_create(&(struct env_opts){0});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    assert_false(drv_offered() & RING_RESET);
    drv_start(0);
    write_reset(0);
    assert_false(is_resetting(0));
    assert_true(is_ready(0));
    drv_assert_alive();
}

static void reset_takes_ack_and_begins_anew(void)
{
    uint32_t generation;

    up_with(0);
    generation = be_queue_info(0)->generation;
    drv_write_buffer(0, 0, BUF(0), 4096);
    drv_write_buffer(1, 0, BUF(1), 4096);
    assert_int_equal(env_visible(), 2);

    write_reset(0);
    assert_int_equal(be_queue_info(0)->size, 0);
    assert_int_equal(be_queue_info(0)->generation, generation + 1);
    assert_int_equal(be_queue_info(1)->size, 16);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);

    /* The pages are gone at once, the reset is not over. */
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    assert_int_equal(env_entry(BUF(1)), SVQ_RW);
    assert_int_equal(env_refs(BUF(0)), 0);
    assert_true(is_resetting(0));

    assert_int_equal(be_queue_ack(0), VSH_ERR_NONE);
    assert_false(is_resetting(0));
    assert_false(is_ready(0));
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);

    enable_again(0, 8);
    assert_int_equal(be_queue_info(0)->size, 8);
    assert_int_equal(be_queue_info(0)->generation, generation + 1);
    works(0);
    be_serve(1, 4096);
    works(1);
    drv_assert_alive();
}

static void reset_tells_the_backend_and_so_does_enabling(void)
{
    unsigned int told;

    up_with(0);
    told = env->notify_control;
    write_reset(0);
    assert_true(env->notify_control > told);
    be_queue_ack(0);
    told = env->notify_control;
    enable_again(0, 16);
    assert_true(env->notify_control > told);
    works(0);
}

static void others_go_on_meanwhile(void)
{
    unsigned int n;

    up_with(0);
    drv_write_buffer(0, 0, BUF(0), 4096);
    write_reset(0);
    for (n = 0; n < 100; n++)
        works(1);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    assert_int_equal(be_queue_ack(0), VSH_ERR_NONE);
    works(1);
    drv_assert_alive();
}

static void page_that_another_queue_uses_stays(void)
{
    up_with(0);
    /* Queue 0 writes both, queue 1 writes one and reads the other. */
    drv_write_buffer(0, 0, BUF(0), 100);
    drv_write_buffer(0, 1, BUF(1), 100);
    drv_write_buffer(1, 0, BUF(0) + 100, 100);
    drv_read_buffer(1, 1, BUF(1) + 100, 100);
    write_reset(0);
    assert_int_equal(env_access(BUF(0)), SVQ_RW);
    assert_int_equal(env_access(BUF(1)), SVQ_RO);
    assert_int_equal(env_visible(), 2);

    /* It goes when the other queue returns it, but not without a dummy. */
    be_serve(1, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    be_queue_ack(0);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    assert_int_equal(env_entry(BUF(1)), SVQ_RO);
    be_serve(1, 0);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    env_check_records();
    drv_assert_alive();
}

static void another_queue_can_use_the_rest_of_a_page_that_was_taken(void)
{
    up_with(0);
    drv_write_buffer(0, 0, BUF(0), 100);
    write_reset(0);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);

    drv_read_buffer(1, 0, BUF(0) + 100, 100);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    be_serve(1, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 1);

    /* Acknowledged while the other queue has it. */
    drv_write_buffer(1, 0, BUF(0) + 100, 100);
    be_queue_ack(0);
    assert_false(is_resetting(0));
    assert_int_equal(env_access(BUF(0)), SVQ_RW);
    be_serve(1, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    env_check_records();
    drv_assert_alive();
}

static void page_that_two_reset_queues_used_keeps_its_dummy_for_both(void)
{
    up_with(0);
    drv_write_buffer(0, 0, BUF(0), 100);
    drv_write_buffer(1, 0, BUF(0) + 100, 100);
    write_reset(0);
    write_reset(1);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    be_queue_ack(1);
    assert_false(is_resetting(1));
    assert_true(is_resetting(0));
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    be_queue_ack(0);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    enable_again(0, 16);
    enable_again(1, 16);
    works(0);
    works(1);
    drv_assert_alive();
}

static void acks_that_nobody_waits_for_are_refused(void)
{
    up_with(0);
    assert_int_equal(be_queue_ack(0), VSH_ERR_STATE);
    write_reset(0);

    be_mailbox()->queue = 2;
    assert_int_equal(be_request(VSH_REQ_QUEUE_ACK), VSH_ERR_QUEUES);
    be_mailbox()->queue = 0xffffffff;
    assert_int_equal(be_request(VSH_REQ_QUEUE_ACK), VSH_ERR_QUEUES);
    be_mailbox()->queue = 0;
    be_mailbox()->generation = be_queue_info(0)->generation - 1;
    assert_int_equal(be_request(VSH_REQ_QUEUE_ACK), VSH_ERR_STATE);
    assert_int_equal(be_queue_ack(1), VSH_ERR_STATE);
    assert_true(is_resetting(0));

    assert_int_equal(be_queue_ack(0), VSH_ERR_NONE);
    assert_int_equal(be_queue_ack(0), VSH_ERR_STATE);
    assert_false(is_resetting(0));
    drv_assert_alive();
}

static void registers_wait_for_the_end_of_the_reset(void)
{
    up_with(0);
    write_reset(0);
    assert_true(is_ready(0));
    select_queue(0);
    drv_write(SVQ_MMIO_QUEUE_SIZE, 4);
    drv_write(SVQ_MMIO_QUEUE_READY, 1);
    write_reset(0);
    assert_int_equal(env->dev.queue[0].size, 16);
    assert_int_equal(be_queue_info(0)->generation, 1);
    be_queue_ack(0);
    assert_int_equal(env->dev.queue[0].size, 0);
    drv_assert_alive();
}

static void values_other_than_1_do_nothing(void)
{
    up_with(0);
    select_queue(0);
    drv_write(SVQ_MMIO_QUEUE_RESET, 0);
    drv_write(SVQ_MMIO_QUEUE_RESET, 2);
    assert_false(is_resetting(0));
    works(0);
}

static void reset_of_a_queue_before_driver_ok_is_immediate(void)
{
    be_features = BE_FEATURES | RING_RESET;
    drv_ring_features = RING_RESET;
    env_create(&(struct env_opts){0});
    be_attach();
    drv_probe();
    assert_true(drv_setup(0, 16));
    write_reset(0);
    assert_false(is_resetting(0));
    assert_false(is_ready(0));
    assert_true(drv_setup(0, 8));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    be_begin();
    assert_int_equal(be_queue_info(0)->size, 8);
    works(0);
}

/* DRIVER_OK was written, but the device still waits for the last run's end. */
static void queue_enabled_before_the_device_runs_comes_with_the_others(void)
{
    up_with(0);
    drv_reset();
    drv_probe();
    assert_true(drv_setup(0, 16));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    assert_int_equal(be_info()->state, VSH_STATE_RESETTING);
    write_reset(0);
    assert_false(is_ready(0));
    assert_true(drv_setup(0, 4));
    assert_true(drv_setup(1, 8));
    assert_int_equal(be_queue_info(0)->size, 0);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    be_begin();
    assert_int_equal(be_queue_info(0)->size, 4);
    assert_int_equal(be_queue_info(1)->size, 8);
    works(0);
    works(1);
    drv_assert_alive();
}

static void queue_without_reset_cannot_be_enabled_late(void)
{
    up(&(struct env_opts){.queues = 2});
    select_queue(0);
    drv_write(SVQ_MMIO_QUEUE_READY, 0);
    drv_assert_failed(SVQ_ERR_STATUS, 0);
}

static void kicks_and_calls_of_a_queue_being_reset_do_nothing(void)
{
    unsigned int head;
    uint64_t kicks;

    up_with(0);
    drv_write_buffer(0, 0, BUF(0), 100);
    head = be_take(0);
    be_put(0, head, 100);
    kicks = env->dev.queue[0].stats.kicks;
    write_reset(0);
    drv_kick(0);
    be_kick(0);
    assert_int_equal(env->dev.queue[0].stats.kicks, kicks);
    assert_int_equal(drv_used_idx(0), 0);
    be_queue_ack(0);
    drv_kick(0);
    be_kick(0);
    drv_assert_alive();
}

static void device_reset_ends_a_queue_reset(void)
{
    up_with(0);
    drv_write_buffer(0, 0, BUF(0), 100);
    drv_write_buffer(1, 0, BUF(1), 100);
    write_reset(0);
    drv_reset();
    assert_false(is_resetting(0));
    assert_int_equal(be_queue_ack(0), VSH_ERR_STATE);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    assert_int_equal(env_entry(BUF(1)), SVQ_DUMMY);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    env_check_records();
    drv_start(0);
    be_begin();
    works(0);
    works(1);
}

static void failure_ends_a_queue_reset(void)
{
    up_with(0);
    drv_write_buffer(0, 0, BUF(0), 100);
    write_reset(0);
    drv_read_buffer(1, 0, 0, 100);
    drv_assert_failed(SVQ_ERR_ADDR, 1);
    assert_false(is_resetting(0));
    up_again();
    works(0);
    works(1);
    env_check_records();
}

static void backend_that_goes_ends_a_queue_reset(void)
{
    up_with(0);
    drv_write_buffer(0, 0, BUF(0), 100);
    write_reset(0);
    assert_int_equal(be_request(VSH_REQ_DETACH), VSH_ERR_NONE);
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    drv_reset();
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_start(0);
    be_begin();
    works(0);
    env_check_records();
}

static void release_in_the_middle_leaves_nothing(void)
{
    up_with(0);
    drv_write_buffer(0, 0, BUF(0), 3 * 4096);
    write_reset(0);
    /* env_release() comes with the end of the test. */
}

/* The work is bounded, and both walks are done in steps. */
static void large_queue_is_taken_in_steps(void)
{
    unsigned int i;

    be_features = BE_FEATURES | RING_RESET;
    drv_ring_features = RING_RESET;
    up(&(struct env_opts){.queues = 2, .size = 1024});
    for (i = 0; i < 1024; i++) {
        drv_desc(0, i, BUF(4 * i), 4 * 4096, W, 0);
        drv_offer(0, i);
    }
    drv_kick(0);
    assert_int_equal(env_visible(), 4096);

    select_queue(0);
    drv_write_only(SVQ_MMIO_QUEUE_RESET, 1);
    env_run();
    assert_in_range(env->steps, 8, 20);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 4096);
    assert_true(is_resetting(0));
    be_mailbox()->queue = 0;
    be_mailbox()->generation = be_queue_info(0)->generation;
    be_request_only(VSH_REQ_QUEUE_ACK);
    assert_int_equal(env->dev.queue[0].reset, SVQ_RESET_WAITING);
    env_run();
    assert_in_range(env->steps, 8, 20);
    assert_false(is_resetting(0));
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    env_check_records();
    enable_again(0, 1024);
    works(0);
}

static void ack_before_all_is_taken_is_remembered(void)
{
    unsigned int i;

    be_features = BE_FEATURES | RING_RESET;
    drv_ring_features = RING_RESET;
    up(&(struct env_opts){.queues = 2, .size = 256});
    for (i = 0; i < 256; i++) {
        drv_desc(0, i, BUF(8 * i), 8 * 4096, W, 0);
        drv_offer(0, i);
    }
    drv_kick(0);

    select_queue(0);
    drv_write_only(SVQ_MMIO_QUEUE_RESET, 1);
    svq_dev_run(&env->dev);
    env_check();
    assert_true(env_visible());
    be_mailbox()->queue = 0;
    be_mailbox()->generation = be_queue_info(0)->generation;
    assert_int_equal(be_request(VSH_REQ_QUEUE_ACK), VSH_ERR_NONE);
    assert_false(is_resetting(0));
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    env_check_records();
    enable_again(0, 256);
    works(0);
    drv_assert_alive();
}

static void reset_ends_what_was_stalled(void)
{
    unsigned int i;

    be_features = BE_FEATURES | RING_RESET;
    drv_ring_features = RING_RESET;
    up(&(struct env_opts){.queues = 2, .size = 16, .records = 64});
    for (i = 0; i < 6; i++)
        drv_write_buffer(0, i, BUF(10 * i), 10 * 4096);
    drv_write_buffer(0, 6, BUF(1000), 10 * 4096);
    assert_true(env->dev.queue[0].stalled);
    write_reset(0);
    assert_false(env->dev.queue[0].stalled);
    be_queue_ack(0);
    assert_int_equal(env_visible(), 0);
    enable_again(0, 16);
    works(0);
    works(1);
    drv_assert_alive();
}

static void tables_of_a_queue_are_taken_too(void)
{
    struct svq_desc table[3] = {
        {BUF(0), 100, SVQ_DESC_F_NEXT, 1},
        {BUF(1), 100, SVQ_DESC_F_NEXT | W, 2},
        {BUF(2), 5000, W, 0},
    };

    up_with(1ULL << SVQ_F_INDIRECT_DESC);
    env_write(BUF(100), table, sizeof(table));
    drv_desc(0, 0, BUF(100), sizeof(table), SVQ_DESC_F_INDIRECT, 0);
    drv_submit(0, 0);
    assert_int_equal(env_visible(), 4);
    write_reset(0);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 4);
    be_queue_ack(0);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    enable_again(0, 16);
    drv_desc(0, 0, BUF(100), sizeof(table), SVQ_DESC_F_INDIRECT, 0);
    drv_submit(0, 0);
    be_serve(0, 5100);
    works(0);
    env_check_records();
    drv_assert_alive();
}

/* Held back for VIRTIO_F_IN_ORDER: the backend has returned it, so it holds no page. */
static void chains_held_back_are_not_taken(void)
{
    unsigned int first, second;

    up_with(1ULL << SVQ_F_IN_ORDER);
    drv_write_buffer(0, 0, BUF(0), 100);
    drv_write_buffer(0, 1, BUF(1), 100);
    first = be_take(0);
    second = be_take(0);
    be_return(0, second, 100);
    assert_int_equal(env_visible(), 1);
    write_reset(0);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 1);
    be_queue_ack(0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    enable_again(0, 16);
    works(0);
    (void)first;
    env_check_records();
}

static void packed_queue_begins_anew_too(void)
{
    up_with(1ULL << SVQ_F_RING_PACKED);
    write_reset(1);
    assert_int_equal(be_queue_ack(1), VSH_ERR_NONE);
    assert_true(drv_setup(1, 11));
    assert_int_equal(be_queue_info(1)->size, 16);
    assert_true(env->dev.queue[1].avail_wrap && env->dev.queue[1].used_wrap);
    drv_assert_alive();
}

static const struct CMUnitTest tests[] = {
    TEST(reset_is_offered_only_if_the_backend_takes_part),
    TEST(reset_takes_ack_and_begins_anew),
    TEST(reset_tells_the_backend_and_so_does_enabling),
    TEST(others_go_on_meanwhile),
    TEST(page_that_another_queue_uses_stays),
    TEST(another_queue_can_use_the_rest_of_a_page_that_was_taken),
    TEST(page_that_two_reset_queues_used_keeps_its_dummy_for_both),
    TEST(acks_that_nobody_waits_for_are_refused),
    TEST(registers_wait_for_the_end_of_the_reset),
    TEST(values_other_than_1_do_nothing),
    TEST(reset_of_a_queue_before_driver_ok_is_immediate),
    TEST(queue_enabled_before_the_device_runs_comes_with_the_others),
    TEST(queue_without_reset_cannot_be_enabled_late),
    TEST(kicks_and_calls_of_a_queue_being_reset_do_nothing),
    TEST(device_reset_ends_a_queue_reset),
    TEST(failure_ends_a_queue_reset),
    TEST(backend_that_goes_ends_a_queue_reset),
    TEST(release_in_the_middle_leaves_nothing),
    TEST(large_queue_is_taken_in_steps),
    TEST(ack_before_all_is_taken_is_remembered),
    TEST(reset_ends_what_was_stalled),
    TEST(tables_of_a_queue_are_taken_too),
    TEST(chains_held_back_are_not_taken),
    TEST(packed_queue_begins_anew_too),
};

TEST_MAIN(tests)
