/* SPDX-License-Identifier: MIT */
/*
 * A backend goes while the device is in use, and another comes: nothing is lost,
 * nothing is returned twice, nothing is visible in between.  The environment
 * compares what is offered again with what was in flight (env_core.c).
 */
#include <stdlib.h>

#include "backend.h"
#include "driver.h"
#include "ring.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define IND SVQ_DESC_F_INDIRECT
#define BIT(n) (1ULL << (n))
#define TABLE(n) BUF(3000 + (n))

static unsigned int slot[VSH_MAX_QUEUE_SIZE];

/* A device that waits, with these features of the ring. */
static void up_kept(struct env_opts opts, uint64_t features)
{
    opts.keep = true;
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_RING_RESET);
    drv_ring_features = features;
    up(&opts);
}

/* A queue of 16 with nr requests, heads 0 to nr - 1, that the backend has taken. */
static void up_with(unsigned int nr)
{
    unsigned int i;

    up_kept((struct env_opts){.size = 16}, 0);
    for (i = 0; i < nr; i++)
        drv_write_buffer(0, i, BUF(i), 512);
    for (i = 0; i < nr; i++)
        slot[i] = be_take(0);
}

/* A queue of 64 that is full of requests of so many pages. */
static void up_full(unsigned int pages)
{
    unsigned int i;

    up_kept((struct env_opts){.size = 64}, 0);
    for (i = 0; i < 64; i++)
        drv_write_buffer(0, i, BUF(pages * i), pages * SVQ_PAGE_SIZE);
}

static void goes(void)
{
    assert_int_equal(be_request(VSH_REQ_DETACH), VSH_ERR_NONE);
}

static void goes_and_is_waited_for(void)
{
    goes();
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    assert_true(env->dev.waiting);
    assert_int_equal(env->dev.failures, 0);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), DRV_OK);
}

static void another_comes(void)
{
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    be_begin();
}

static void another_takes_over(void)
{
    another_comes();
    assert_false(env->dev.waiting);
    drv_assert_alive();
}

static void expect_at_rest(void)
{
    unsigned int head;

    assert_false(be_next(0, &head));
    assert_int_equal(env->dev.queue[0].in_flight, 0);
    assert_int_equal(env->dev.queue[0].stats.grants, env->dev.queue[0].stats.revokes);
    assert_int_equal(env_visible(), 0);
}

static void works(void)
{
    drv_write_buffer(0, 7, BUF(70), 512);
    be_serve(0, 77);
    drv_expect_used(0, 7, 77);
    expect_at_rest();
}

static void queue_1_works(void)
{
    be_begin_queue(1);
    drv_write_buffer(1, 5, BUF(5), 512);
    be_serve(1, 55);
    assert_int_equal(drv_used_idx(1), 1);
}

/* Of a device that was not reset. */
static void expect_nothing_more(void)
{
    uint32_t id, len;

    assert_false(drv_used(0, &id, &len));
    assert_int_equal(env->dev.queue[0].stats.requests, env->dev.queue[0].stats.returned);
    expect_at_rest();
}

static void requests_are_offered_again_in_their_order(void)
{
    up_with(4);
    be_return(0, slot[1], 11);
    drv_expect_used(0, 1, 11);
    goes_and_is_waited_for();
    another_takes_over();
    assert_int_equal(be_take(0), slot[0]);
    assert_int_equal(be_take(0), slot[2]);
    assert_int_equal(be_take(0), slot[3]);
    be_return(0, slot[3], 3);
    be_return(0, slot[0], 1);
    be_return(0, slot[2], 2);
    drv_expect_used(0, 3, 3);
    drv_expect_used(0, 0, 1);
    drv_expect_used(0, 2, 2);
    expect_nothing_more();
    assert_int_equal(env->dev.restarts, 1);
}

static void order_is_that_of_submission_not_of_slots(void)
{
    unsigned int i, old;

    up_with(0);
    /* Close to where the numbers wrap. */
    env->dev.queue[0].next_number = 0xffffffe0u;
    drv_write_buffer(0, 0, BUF(0), 512);
    old = be_take(0);
    for (i = 0; i < 100; i++) {
        drv_write_buffer(0, 1 + i % 8, BUF(1 + i), 512);
        if (i >= 5) {
            be_return(0, slot[(i - 5) % 8], 0);
            drv_expect_used(0, 1 + (i - 5) % 8, 0);
        }
        slot[i % 8] = be_take(0);
    }
    goes_and_is_waited_for();
    another_takes_over();
    assert_int_equal(be_take(0), old);
    for (i = 95; i < 100; i++)
        assert_int_equal(be_take(0), slot[i % 8]);
    be_return(0, old, 5);
    drv_expect_used(0, 0, 5);
}

static void what_was_returned_without_a_call_is_not_offered_again(void)
{
    up_with(4);
    be_put(0, slot[2], 22);
    be_put(0, slot[0], 20);
    goes_and_is_waited_for();
    drv_expect_used(0, 2, 22);
    drv_expect_used(0, 0, 20);
    assert_true(drv_read(SVQ_MMIO_INT_STATUS) & SVQ_INT_USED);
    another_takes_over();
    be_serve(0, 1);
    drv_expect_used(0, 1, 1);
    be_serve(0, 3);
    drv_expect_used(0, 3, 3);
    expect_nothing_more();
}

static void garbage_of_the_one_that_goes_fails_the_device(void)
{
    up_with(4);
    be_used_idx(0, 5);
    goes();
    drv_assert_failed(SVQ_ERR_USED_IDX, 0);
    drv_reset();
    drv_start(0);
    env_release();
    env_destroy();

    up_with(4);
    be_put(0, slot[1], 7);
    be_put(0, slot[1], 7);
    goes();
    drv_assert_failed(SVQ_ERR_USED_ID, 0);
    assert_int_equal(drv_used_idx(0), 1);
}

static void old_used_ring_is_nothing_to_the_new_one(void)
{
    up_with(2);
    goes_and_is_waited_for();
    /* By a process that is not gone after all. */
    memset(env->dev.queue[0].shadow_used.page[0], 0xff, 200);
    another_takes_over();
    be_kick(0);
    drv_assert_alive();
    be_serve(0, 1);
    be_serve(0, 1);
    drv_expect_used(0, 0, 1);
    drv_expect_used(0, 1, 1);
    expect_nothing_more();
}

static void calls_while_waiting_do_nothing(void)
{
    up_with(2);
    goes_and_is_waited_for();
    be_kick(0);
    env->window[VSH_FRAME_FIRST_QUEUE + 2][SVQ_USED_IDX] = 9;
    be_kick(0);
    assert_int_equal(env->dev.failures, 0);
    assert_int_equal(drv_used_idx(0), 0);
    another_takes_over();
}

static void kicks_while_waiting_are_made_up_for(void)
{
    unsigned int i;

    up_with(2);
    goes_and_is_waited_for();
    for (i = 2; i < 6; i++)
        drv_write_buffer(0, i, BUF(i), 512);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].in_flight, 2);
    another_takes_over();
    for (i = 0; i < 6; i++) {
        be_serve(0, i);
        drv_expect_used(0, i, i);
    }
    expect_nothing_more();
}

static void no_reference_is_held_while_waiting(void)
{
    unsigned int i;

    up_with(4);
    for (i = 0; i < 4; i++)
        assert_int_equal(env_refs(BUF(i)), 1);
    goes_and_is_waited_for();
    for (i = 0; i < 4; i++)
        assert_int_equal(env_refs(BUF(i)), 0);
    another_takes_over();
    for (i = 0; i < 4; i++)
        assert_int_equal(env_refs(BUF(i)), 1);
}

static void page_that_was_replaced_meanwhile_is_looked_up_anew(void)
{
    up_with(1);
    goes_and_is_waited_for();
    env_replace(BUF(0));
    another_takes_over();
    assert_int_equal(env_refs(BUF(0)), 1);
    be_serve(0, 1);
    drv_expect_used(0, 0, 1);
}

static void page_that_is_gone_meanwhile_fails_the_device(void)
{
    up_with(4);
    goes_and_is_waited_for();
    env_set_kind(BUF(2), ENV_FOREIGN);
    another_comes();
    drv_assert_failed(SVQ_ERR_PAGE, -1);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    env_set_kind(BUF(2), ENV_RAM);
    drv_reset();
    assert_int_equal(be_info()->state, VSH_STATE_READY);
    drv_start(0);
    be_begin();
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
}

/* Larger than one step, and interrupted at each step. */
static void both_ways_can_be_interrupted(void)
{
    unsigned int i, steps, n;

    up_full(20);
    assert_int_equal(env_visible(), 1280);
    for (steps = 0; steps < 25; steps++) {
        goes_and_is_waited_for();
        assert_int_equal(be_attach_only(), VSH_ERR_NONE);
        for (n = 0; n < steps && svq_dev_run(&env->dev); n++)
            env_check();
        assert_int_equal(be_request_only(VSH_REQ_DETACH), VSH_ERR_NONE);
        for (n = 0; n < steps && svq_dev_run(&env->dev); n++)
            env_check();
        n = (unsigned int)be_attach();
        assert_true(!n || be_info()->state == VSH_STATE_WAITING);
        if (n)
            another_comes();
        assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    }
    be_begin();
    for (i = 0; i < 64; i++) {
        be_serve(0, i);
        drv_expect_used(0, i, i);
    }
    expect_nothing_more();
}

static void one_that_comes_too_early_is_told_when_to_come(void)
{
    unsigned int told;

    up_full(4);
    be_request_only(VSH_REQ_DETACH);
    assert_int_equal(be_attach_only(), VSH_ERR_STATE);
    told = env->notify_control;
    env_run();
    assert_true(env->notify_control > told);
    another_takes_over();
}

static void attach_takes_over_from_one_that_did_not_say_good_bye(void)
{
    up_with(3);
    be_describe();
    /* What it had is to be taken first. */
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_STATE);
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    another_takes_over();
    assert_int_equal(be_take(0), slot[0]);
}

static void good_bye_twice_is_one(void)
{
    uint32_t generation;

    up_with(3);
    generation = be_info()->generation;
    goes_and_is_waited_for();
    goes_and_is_waited_for();
    assert_int_equal(be_info()->generation, generation + 1);
    another_takes_over();
    assert_int_equal(be_info()->generation, generation + 1);
}

static void waiting_ends(void)
{
    up_with(4);
    goes_and_is_waited_for();
    svq_dev_wait_over(&env->dev);
    env_run();
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    assert_false(env->dev.waiting);
    assert_int_equal(be_attach(), VSH_ERR_STATE);
    drv_reset();
    assert_int_equal(be_info()->state, VSH_STATE_IDLE);
    another_comes();
    drv_start(0);
    be_begin();
    drv_write_buffer(0, 0, BUF(0), 512);
    be_serve(0, 9);
    drv_expect_used(0, 0, 9);
}

static void waiting_ends_without_a_driver(void)
{
    up_with(0);
    drv_reset();
    be_ack();
    goes();
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    svq_dev_wait_over(&env->dev);
    env_run();
    assert_int_equal(be_info()->state, VSH_STATE_IDLE);
    assert_int_equal(drv_offered(), 0);
    assert_int_equal(env->dev.failures, 0);
    another_comes();
    assert_int_equal(be_info()->state, VSH_STATE_READY);
}

/* It came and went before anything was done for it. */
static void waiting_ends_for_one_that_came_and_went(void)
{
    up_with(0);
    drv_reset();
    be_ack();
    goes();
    assert_int_equal(be_attach_only(), VSH_ERR_NONE);
    assert_int_equal(be_request_only(VSH_REQ_DETACH), VSH_ERR_NONE);
    svq_dev_wait_over(&env->dev);
    assert_int_equal(be_info()->state, VSH_STATE_IDLE);
    env_run();
    assert_int_equal(be_info()->state, VSH_STATE_IDLE);
    assert_int_equal(drv_offered(), 0);
    another_comes();
    assert_int_equal(be_info()->state, VSH_STATE_READY);
}

static void waiting_ends_in_the_middle_of_leaving(void)
{
    up_full(4);
    be_request_only(VSH_REQ_DETACH);
    svq_dev_run(&env->dev);
    assert_true(env->dev.leaving);
    svq_dev_wait_over(&env->dev);
    env_run();
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
}

static void wait_that_is_over_is_no_concern_of_the_next(void)
{
    up_with(2);
    svq_dev_wait_over(&env->dev);
    drv_assert_alive();
    goes_and_is_waited_for();
    another_takes_over();
    svq_dev_wait_over(&env->dev);
    env_run();
    drv_assert_alive();
}

static void driver_resets_while_waiting(void)
{
    up_with(4);
    goes_and_is_waited_for();
    drv_reset();
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    /* The device is there for it, as it was. */
    assert_true(drv_offered() & BIT(SVQ_F_VERSION_1));
    drv_start(0);
    drv_write_buffer(0, 7, BUF(70), 512);
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    another_takes_over();
    be_serve(0, 77);
    drv_expect_used(0, 7, 77);
    expect_at_rest();
}

static void driver_resets_between_two_steps(void)
{
    unsigned int n, steps;

    for (steps = 0; steps < 12; steps++) {
        up_full(4);
        be_request_only(VSH_REQ_DETACH);
        for (n = 0; n < steps && svq_dev_run(&env->dev); n++)
            ;
        if (steps >= 6) {
            env_run();
            be_attach_only();
            for (n = 6; n < steps && svq_dev_run(&env->dev); n++)
                ;
        }
        drv_reset();
        assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
        if (be_info()->state == VSH_STATE_RESETTING)
            be_ack();
        assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
        if (be_info()->state == VSH_STATE_WAITING)
            another_comes();
        assert_int_equal(be_info()->state, VSH_STATE_READY);
        drv_start(0);
        be_begin();
        works();
        env_release();
        env_destroy();
    }
}

static void backend_goes_before_the_driver_comes(void)
{
    env_create(&(struct env_opts){.keep = true});
    another_comes();
    goes();
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    /* A driver that probes now finds its device. */
    drv_start(0);
    drv_write_buffer(0, 1, BUF(1), 512);
    another_takes_over();
    be_serve(0, 1);
    drv_expect_used(0, 1, 1);
}

static void backend_goes_while_it_is_reset(void)
{
    up_with(4);
    drv_reset();
    assert_int_equal(be_info()->state, VSH_STATE_RESETTING);
    goes();
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    drv_start(0);
    another_takes_over();
}

/* As above, before what the reset takes away was taken away. */
static void backend_goes_as_it_is_reset(void)
{
    up_with(4);
    drv_write_only(SVQ_MMIO_STATUS, 0);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    goes();
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    drv_start(0);
    another_takes_over();
    works();
}

static void backend_goes_after_it_has_failed(void)
{
    up_with(4);
    be_used_idx(0, 9);
    be_kick(0);
    drv_assert_failed(SVQ_ERR_USED_IDX, 0);
    goes();
    drv_assert_failed(SVQ_ERR_USED_IDX, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    assert_int_equal(be_attach(), VSH_ERR_STATE);
    drv_reset();
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    another_comes();
    assert_int_equal(be_info()->state, VSH_STATE_READY);
    drv_start(0);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
}

static void revoke_while_waiting_fails_the_device(void)
{
    up_with(4);
    goes_and_is_waited_for();
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    env_run();
    drv_assert_failed(SVQ_ERR_REVOKED, -1);
    drv_reset();
    drv_start(0);
    another_comes();
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
}

static void another_device_is_refused(void)
{
    struct vsh_mailbox *m;
    unsigned int i;

    up_with(4);
    goes_and_is_waited_for();
    for (i = 0; i < 5; i++) {
        be_describe();
        m = be_mailbox();
        if (i == 0)
            m->device_features &= ~0x200ULL;
        else if (i == 1)
            m->device_id = 1;
        else if (i == 2)
            m->queue_size = 8;
        else if (i == 3)
            m->config_len--;
        else
            m->nr_queues = 0;
        assert_int_equal(be_request(VSH_REQ_ATTACH), i < 4 ? VSH_ERR_CHANGED : VSH_ERR_QUEUES);
        assert_int_equal(be_info()->state, VSH_STATE_WAITING);
        assert_true(env->dev.waiting);
    }
    /* More than was negotiated is fine. */
    be_features |= BIT(3);
    another_takes_over();
    assert_int_equal(be_info()->driver_features & BIT(3), 0);
}

/* Tables are what the driver of now has agreed to, not one before it. */
static void device_without_tables_takes_over_from_a_driver_without(void)
{
    up_kept((struct env_opts){.size = 16}, BIT(SVQ_F_INDIRECT_DESC));
    drv_reset();
    be_ack();
    goes();
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    drv_ring_features = 0;
    drv_start(0);
    be_features &= ~BIT(SVQ_F_INDIRECT_DESC);
    another_takes_over();
    drv_write_buffer(0, 0, BUF(0), 512);
    be_serve(0, 1);
    drv_expect_used(0, 0, 1);
}

static void fewer_queues_are_refused(void)
{
    up_kept((struct env_opts){.size = 16, .queues = 2}, 0);
    goes_and_is_waited_for();
    be_describe();
    be_mailbox()->nr_queues = 1;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_CHANGED);
    another_takes_over();
}

static void other_aperture_is_used(void)
{
    up_with(2);
    goes_and_is_waited_for();
    be_describe();
    be_mailbox()->aperture_gfn[0] = 0x800000;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
    drv_assert_alive();
    assert_int_equal(env_visible(), 2);
}

static void changed_config_space_interrupts_the_driver(void)
{
    uint32_t gen, interrupts;

    up_with(2);
    goes_and_is_waited_for();
    gen = drv_read(SVQ_MMIO_CONFIG_GEN);
    interrupts = env->interrupts;
    another_takes_over();
    assert_int_equal(drv_read(SVQ_MMIO_CONFIG_GEN), gen);
    assert_int_equal(env->interrupts, interrupts);

    goes_and_is_waited_for();
    be_describe();
    be_mailbox()->config[0] = 99;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
    assert_int_equal(drv_read(SVQ_MMIO_CONFIG_GEN), gen + 1);
    assert_true(drv_read(SVQ_MMIO_INT_STATUS) & SVQ_INT_CONFIG);
    assert_int_equal(env->interrupts, interrupts + 1);
    assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG, 1), 99);
}

/* EVENT_IDX with the device comes and goes with the device. */
static void events_are_as_the_new_device_has_them(void)
{
    unsigned int i, told;

    up_with(1);
    be_features |= BIT(SVQ_F_EVENT_IDX);
    for (i = 0; i < 2; i++) {
        goes_and_is_waited_for();
        told = env->notify[0];
        another_takes_over();
        assert_int_equal(env->notify[0], told + 1);
        assert_int_equal(!!(be_info()->driver_features & BIT(SVQ_F_EVENT_IDX)), !i);
        be_serve(0, 1);
        drv_expect_used(0, 0, 1);
        drv_write_buffer(0, 0, BUF(0), 512);
        be_features &= ~BIT(SVQ_F_EVENT_IDX);
    }
    drv_assert_alive();
}

static void stalled_chain_goes_on(void)
{
    unsigned int i;

    /* Records for 8 pages. */
    up_kept((struct env_opts){.size = 16, .records = 8}, 0);
    for (i = 0; i < 5; i++)
        drv_write_buffer(0, i, BUF(4 * i), 3 * SVQ_PAGE_SIZE);
    assert_int_equal(env->dev.queue[0].in_flight, 2);
    assert_true(env->dev.queue[0].stalled);
    goes_and_is_waited_for();
    another_takes_over();
    for (i = 0; i < 5; i++) {
        be_serve(0, i);
        drv_expect_used(0, i, i);
    }
    expect_nothing_more();
}

static void in_order_what_came_back_early_is_not_offered_again(void)
{
    unsigned int i;

    up_kept((struct env_opts){.size = 16}, BIT(SVQ_F_IN_ORDER));
    for (i = 0; i < 5; i++)
        drv_write_buffer(0, i, BUF(i), 512);
    for (i = 0; i < 5; i++)
        slot[i] = be_take(0);
    be_return(0, slot[1], 11);
    be_put(0, slot[3], 13);
    goes_and_is_waited_for();
    assert_int_equal(drv_used_idx(0), 0);
    another_takes_over();
    assert_int_equal(be_take(0), slot[0]);
    assert_int_equal(be_take(0), slot[2]);
    assert_int_equal(be_take(0), slot[4]);
    be_return(0, slot[4], 14);
    be_return(0, slot[2], 12);
    be_return(0, slot[0], 10);
    for (i = 0; i < 5; i++)
        drv_expect_used(0, i, 10 + i);
    expect_nothing_more();
}

static void entry(uint64_t table, unsigned int i, uint64_t addr, uint32_t len, unsigned int flags,
                  unsigned int next)
{
    struct svq_desc d = {addr, len, (uint16_t)flags, (uint16_t)next};

    assert_true(env_vcpu_writes(table + 16 * i, &d, sizeof(d)));
}

static void submit_table(unsigned int head, unsigned int nr)
{
    unsigned int i;

    for (i = 0; i < nr; i++)
        entry(TABLE(head), i, BUF(16 * head + i), 512, i + 1 < nr ? W | NEXT : W, i + 1);
    drv_desc(0, head, TABLE(head), 16 * nr, IND, 0);
    drv_submit(0, head);
}

static void copied_tables_are_where_they_were(void)
{
    struct svq_desc chain[16];
    unsigned int head, i;

    up_kept((struct env_opts){.size = 16}, BIT(SVQ_F_INDIRECT_DESC));
    submit_table(0, 3);
    submit_table(1, 9);
    goes_and_is_waited_for();
    another_takes_over();
    head = be_take_chain(0, chain, 3);
    be_return(0, head, 3);
    head = be_take_chain(0, chain, 9);
    for (i = 0; i < 9; i++)
        assert_int_equal(chain[i].addr, BUF(16 + i));
    be_return(0, head, 9);
    drv_expect_used(0, 0, 3);
    drv_expect_used(0, 1, 9);
    expect_nothing_more();
}

/* What is to be written goes as it was when it was offered, and once. */
static void copies_are_where_they_were(void)
{
    uint8_t was[600], is[600];
    struct svq_desc d;
    unsigned int i;

    up_kept((struct env_opts){.size = 16, .policy = VSH_POLICY_COPY}, 0);
    for (i = 0; i < sizeof(was); i++)
        was[i] = (uint8_t)(i * 7 + 1);
    env_write(BUF(0) + 100, was, sizeof(was));
    drv_read_buffer(0, 0, BUF(0) + 100, sizeof(was));
    drv_write_buffer(0, 1, BUF(1), 512);
    be_take(0);
    memset(is, 0, sizeof(is));
    env_write(BUF(0) + 100, is, sizeof(is));
    goes_and_is_waited_for();
    another_takes_over();
    assert_int_equal(env_visible(), 0);
    i = be_take(0);
    d = be_desc(0, i);
    assert_int_equal(d.len, sizeof(was));
    for (i = 0; i < sizeof(was); i++)
        is[i] = env->window[(d.addr - SVQ_WINDOW_DAS + i) / PAGE][(d.addr + i) % PAGE];
    assert_memory_equal(is, was, sizeof(was));
    be_return(0, 0, 0);
    drv_expect_used(0, 0, 0);
    be_serve(0, 512);
    drv_expect_used(0, 1, 512);
    expect_nothing_more();
}

static void up_remap(void)
{
    up_kept((struct env_opts){.size = 16, .indirect = SVQ_INDIRECT_REMAP},
            BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_INDIRECT_PAGES));
    submit_table(0, 3);
    submit_table(1, 9);
    assert_int_equal(env->protected, 2);
}

static void tables_in_place_stay_protected(void)
{
    struct svq_desc chain[16];
    unsigned int head;

    up_remap();
    goes_and_is_waited_for();
    assert_int_equal(env->protected, 2);
    another_takes_over();
    assert_int_equal(env->protected, 2);
    head = be_take_chain(0, chain, 3);
    be_return(0, head, 3);
    assert_int_equal(env->protected, 1);
    head = be_take_chain(0, chain, 9);
    be_return(0, head, 9);
    drv_expect_used(0, 0, 3);
    drv_expect_used(0, 1, 9);
    assert_int_equal(env->protected, 0);
    expect_nothing_more();
}

static void table_in_place_that_is_written_while_waiting_fails_the_device(void)
{
    uint32_t junk = 0;

    up_remap();
    goes_and_is_waited_for();
    assert_false(env_vcpu_writes(TABLE(0), &junk, sizeof(junk)));
    env_run();
    drv_assert_failed(SVQ_ERR_TABLE_WRITE, 0);
    assert_int_equal(env->protected, 0);
}

static void tables_in_place_are_writable_again_after_a_reset(void)
{
    up_remap();
    goes_and_is_waited_for();
    drv_reset();
    assert_int_equal(env->protected, 0);
    env_release();
    env_destroy();

    up_remap();
    goes_and_is_waited_for();
    svq_dev_wait_over(&env->dev);
    env_run();
    assert_int_equal(env->protected, 0);
}

static void guest_dies_while_waiting(void)
{
    /* env_release() at the end of each test looks for what is left. */
    up_remap();
    goes_and_is_waited_for();
}

static void guest_dies_while_it_leaves_or_resumes(void)
{
    up_full(4);
    be_request_only(VSH_REQ_DETACH);
    svq_dev_run(&env->dev);
    env_release();
    env_destroy();

    up_full(4);
    goes_and_is_waited_for();
    be_attach_only();
    svq_dev_run(&env->dev);
}

static void start_queue_reset(unsigned int q)
{
    drv_write(SVQ_MMIO_QUEUE_SEL, q);
    drv_write(SVQ_MMIO_QUEUE_RESET, 1);
}

static bool is_resetting(unsigned int q)
{
    drv_write(SVQ_MMIO_QUEUE_SEL, q);
    return drv_read(SVQ_MMIO_QUEUE_RESET);
}

static void up_with_two_queues(void)
{
    up_kept((struct env_opts){.size = 16, .queues = 2}, BIT(SVQ_F_RING_RESET));
    drv_write_buffer(0, 0, BUF(0), 512);
    drv_write_buffer(1, 0, BUF(1), 512);
    drv_write_buffer(1, 1, BUF(0), 256);
}

static void queue_reset_ends_when_the_backend_goes(void)
{
    up_with_two_queues();
    start_queue_reset(1);
    assert_true(is_resetting(1));
    goes_and_is_waited_for();
    assert_false(is_resetting(1));
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    /* It is enabled again meanwhile, and goes on with the others. */
    assert_true(drv_setup(1, 16));
    drv_write_buffer(1, 5, BUF(5), 512);
    another_takes_over();
    assert_int_equal(be_size(1), 16);
    be_serve(0, 1);
    be_serve(1, 55);
    drv_expect_used(0, 0, 1);
    assert_int_equal(drv_used_idx(1), 1);
    expect_nothing_more();
}

static void queue_reset_while_waiting_ends_with_the_next_backend(void)
{
    up_with_two_queues();
    goes_and_is_waited_for();
    start_queue_reset(1);
    another_takes_over();
    assert_false(is_resetting(1));
    assert_int_equal(be_size(1), 0);
    assert_int_equal(env_entry(BUF(1)), SVQ_NONE);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    be_serve(0, 1);
    drv_expect_used(0, 0, 1);
    assert_true(drv_setup(1, 16));
    queue_1_works();
}

/*
 * A queue is reset while others are being made visible to a new backend, which goes: what
 * the new one has not seen yet leaves no dummy.
 */
static void queue_reset_between_two_backends(void)
{
    unsigned int i, n, steps;

    for (steps = 0; steps < 12; steps++) {
        up_kept((struct env_opts){.size = 64, .queues = 2}, BIT(SVQ_F_RING_RESET));
        for (i = 0; i < 64; i++)
            drv_write_buffer(1, i, BUF(8 * i), 8 * SVQ_PAGE_SIZE);
        drv_write_buffer(0, 0, BUF(0), 512);
        goes_and_is_waited_for();
        assert_int_equal(be_attach_only(), VSH_ERR_NONE);
        for (n = 0; n < steps && svq_dev_run(&env->dev); n++)
            env_check();
        drv_write_only(SVQ_MMIO_QUEUE_SEL, 1);
        drv_write_only(SVQ_MMIO_QUEUE_RESET, 1);
        assert_int_equal(be_request_only(VSH_REQ_DETACH), VSH_ERR_NONE);
        env_run();
        assert_int_equal(be_info()->state, VSH_STATE_WAITING);
        assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
        assert_int_equal(env_visible(), 0);
        another_takes_over();
        assert_false(is_resetting(1));
        be_serve(0, 1);
        drv_expect_used(0, 0, 1);
        assert_true(drv_setup(1, 64));
        queue_1_works();
        assert_int_equal(env_visible(), 0);
        env_release();
        env_destroy();
    }
}

/* ---- Anything at any time ---- */

static unsigned int seed;

static unsigned int below(unsigned int n)
{
    seed = seed * 1103515245u + 12345u;
    return seed / 65536 % n;
}

/* What became of each request: every id is offered, and comes back, once at a time. */
static struct {
    bool busy[64];
    unsigned int offered, returned;
} account;

/* What the backend has taken and not returned. */
static unsigned int taken[64], nr_taken;

static void drain(void)
{
    uint32_t len;
    unsigned int id;

    while (ring_get(0, &id, &len)) {
        assert_true(account.busy[id % 64]);
        account.busy[id % 64] = false;
        account.returned++;
    }
}

static void offer_some(void)
{
    struct ring_buf buf[4];
    unsigned int nr = 1 + below(4), i;
    int id;

    for (i = 0; i < nr; i++)
        buf[i] = (struct ring_buf){BUF(below(200)) + below(4000), 1 + below(9000), i > 0};
    id = ring_add(0, buf, nr, below(2) ? RING_TABLE_ONLY : RING_DIRECT);
    if (id < 0)
        return;
    assert_true(id < 64 && !account.busy[id]);
    account.busy[id] = true;
    account.offered++;
    if (ring_wants_kick(0))
        drv_kick(0);
}

static void take_all(void)
{
    unsigned int head;

    while (be_next(0, &head))
        taken[nr_taken++] = head;
}

static void return_one(bool call)
{
    unsigned int i = below(nr_taken ? nr_taken : 1);

    if (!nr_taken)
        return;
    be_put(0, taken[i], below(100));
    taken[i] = taken[--nr_taken];
    if (call)
        be_kick(0);
}

static void restart(unsigned int interrupts)
{
    nr_taken = 0;
    be_request_only(VSH_REQ_DETACH);
    while (interrupts--)
        svq_dev_run(&env->dev);
    env_run();
    assert_int_equal(be_info()->state, VSH_STATE_WAITING);
    drain();
    while (below(3))
        offer_some();
    another_takes_over();
}

static void anything(unsigned int number, uint64_t features, uint32_t policy)
{
    unsigned int i;

    seed = number;
    memset(&account, 0, sizeof(account));
    nr_taken = 0;
    up_kept((struct env_opts){.size = 64,
                              .indirect = SVQ_INDIRECT_COPY,
                              .policy = policy,
                              .threshold = 4096,
                              .scrub = number % 2,
                              .records = 128},
            features);
    ring_begin_all();
    for (i = 0; i < 400; i++) {
        switch (below(8)) {
        case 0:
            restart(below(3));
            break;
        case 1:
        case 2:
            take_all();
            break;
        case 3:
            return_one(false);
            break;
        case 4:
            return_one(true);
            break;
        default:
            offer_some();
            break;
        }
        drain();
    }
    /* What was returned without a call is collected with this one. */
    be_kick(0);
    for (i = 0; i < 200; i++) {
        take_all();
        return_one(true);
        drain();
    }
    assert_int_equal(account.offered, account.returned);
    assert_true(account.offered > 20);
    assert_true(env->offered_again > 20);
    drv_assert_alive();
    expect_at_rest();
    env_release();
    env_destroy();
}

static void nothing_is_lost_or_returned_twice(void)
{
    static const uint64_t features[] = {
        BIT(SVQ_F_INDIRECT_DESC),
        BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_EVENT_IDX),
        BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_IN_ORDER),
        BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_RING_PACKED),
        BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_RING_PACKED) | BIT(SVQ_F_IN_ORDER) |
            BIT(SVQ_F_EVENT_IDX),
    };
    static const uint32_t policies[] = {VSH_POLICY_GRANT, VSH_POLICY_COPY, VSH_POLICY_HYBRID};
    unsigned int n;

    for (n = 0; n < 60; n++)
        anything(n, features[n % COUNT(features)], policies[n % COUNT(policies)]);
}

static const struct CMUnitTest tests[] = {
    TEST(requests_are_offered_again_in_their_order),
    TEST(order_is_that_of_submission_not_of_slots),
    TEST(what_was_returned_without_a_call_is_not_offered_again),
    TEST(garbage_of_the_one_that_goes_fails_the_device),
    TEST(old_used_ring_is_nothing_to_the_new_one),
    TEST(calls_while_waiting_do_nothing),
    TEST(kicks_while_waiting_are_made_up_for),
    TEST(no_reference_is_held_while_waiting),
    TEST(page_that_was_replaced_meanwhile_is_looked_up_anew),
    TEST(page_that_is_gone_meanwhile_fails_the_device),
    TEST(both_ways_can_be_interrupted),
    TEST(one_that_comes_too_early_is_told_when_to_come),
    TEST(attach_takes_over_from_one_that_did_not_say_good_bye),
    TEST(good_bye_twice_is_one),
    TEST(waiting_ends),
    TEST(waiting_ends_without_a_driver),
    TEST(waiting_ends_for_one_that_came_and_went),
    TEST(waiting_ends_in_the_middle_of_leaving),
    TEST(wait_that_is_over_is_no_concern_of_the_next),
    TEST(driver_resets_while_waiting),
    TEST(driver_resets_between_two_steps),
    TEST(backend_goes_before_the_driver_comes),
    TEST(backend_goes_while_it_is_reset),
    TEST(backend_goes_as_it_is_reset),
    TEST(backend_goes_after_it_has_failed),
    TEST(revoke_while_waiting_fails_the_device),
    TEST(another_device_is_refused),
    TEST(device_without_tables_takes_over_from_a_driver_without),
    TEST(fewer_queues_are_refused),
    TEST(other_aperture_is_used),
    TEST(changed_config_space_interrupts_the_driver),
    TEST(events_are_as_the_new_device_has_them),
    TEST(stalled_chain_goes_on),
    TEST(in_order_what_came_back_early_is_not_offered_again),
    TEST(copied_tables_are_where_they_were),
    TEST(copies_are_where_they_were),
    TEST(tables_in_place_stay_protected),
    TEST(table_in_place_that_is_written_while_waiting_fails_the_device),
    TEST(tables_in_place_are_writable_again_after_a_reset),
    TEST(guest_dies_while_waiting),
    TEST(guest_dies_while_it_leaves_or_resumes),
    TEST(queue_reset_ends_when_the_backend_goes),
    TEST(queue_reset_while_waiting_ends_with_the_next_backend),
    TEST(queue_reset_between_two_backends),
    TEST(nothing_is_lost_or_returned_twice),
};

TEST_MAIN(tests)
