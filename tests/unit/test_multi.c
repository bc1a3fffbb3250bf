/* SPDX-License-Identifier: MIT */
/*
 * Pages in flight in several queues.  A queue by itself finds out that there are
 * others, and leaves what it was about to do to who is alone with the device; in
 * between, anything may happen.
 */
#include "../../libvirtio-shadow/src/svq_pages.h"
#include "backend.h"
#include "driver.h"
#include "ring.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define BIT(n) (1ULL << (n))
#define RING_RESET BIT(SVQ_F_RING_RESET)
#define INDIRECT BIT(SVQ_F_INDIRECT_DESC)

static void up_queues(unsigned int queues)
{
    be_features = BE_FEATURES | RING_RESET;
    drv_ring_features = RING_RESET;
    up(&(struct env_opts){.queues = queues});
}

static void up_tables(void)
{
    be_features = BE_FEATURES | RING_RESET | INDIRECT;
    drv_ring_features = RING_RESET | INDIRECT | BIT(SVQ_F_INDIRECT_PAGES);
    up(&(struct env_opts){.queues = 2, .indirect = SVQ_INDIRECT_REMAP});
}

/* Nothing is left, and the records are in order. */
static void rest(void)
{
    env_run();
    env_check();
    env_check_records();
}

static enum svq_run run(unsigned int q)
{
    enum svq_run rc = svq_queue_run(&env->dev, q);

    env_check();
    return rc;
}

/* The queue cannot go on by itself, however often it tries. */
static void pends(unsigned int q)
{
    assert_int_equal(run(q), SVQ_RUN_ALONE);
    assert_true(env->dev.queue[q].wait_alone);
    assert_int_equal(run(q), SVQ_RUN_ALONE);
}

static void put_buffer(unsigned int q, unsigned int i, uint64_t addr, unsigned int flags)
{
    drv_desc(q, i, addr, 100, flags, 0);
    drv_offer(q, i);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
}

/* One buffer, whatever has to be done for it; the backend's head. */
static unsigned int begin(unsigned int q, unsigned int i, uint64_t addr, unsigned int flags)
{
    put_buffer(q, i, addr, flags);
    rest();
    drv_assert_alive();
    return be_take(q);
}

static void end(unsigned int q, unsigned int head)
{
    be_return(q, head, 0);
    rest();
    drv_assert_alive();
}

/* The same up to where the queue cannot go on. */
static void begin_only(unsigned int q, unsigned int i, uint64_t addr, unsigned int flags)
{
    unsigned int told = env->notify[q];

    put_buffer(q, i, addr, flags);
    pends(q);
    assert_int_equal(env->dev.queue[q].unpublished, 1);
    assert_int_equal(env->notify[q], told);
}

static void end_only(unsigned int q, unsigned int head)
{
    uint16_t used = drv_used_idx(q);

    be_put(q, head, 0);
    be_kick_only(q);
    pends(q);
    assert_int_equal(env->dev.queue[q].nr_done, 1);
    assert_int_equal(drv_used_idx(q), used);
}

/* Nothing is held by anybody, and every queue goes on. */
static void all_work(void)
{
    unsigned int q;

    rest();
    assert_int_equal(env_visible(), 0);
    for (q = 0; q < env->dev.nr_queues; q++) {
        uint32_t id, len;

        while (drv_used(q, &id, &len))
            ;
        drv_write_buffer(q, 9, BUF(900), 100);
        be_serve(q, 100);
        drv_expect_used(q, 9, 100);
    }
    rest();
    drv_assert_alive();
}

/* ---- What the backend sees ---- */

static void readers_in_two_queues_are_one_grant(void)
{
    unsigned int a, b;

    up_queues(2);
    a = begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0) + 100, 0);
    assert_int_equal(env->others_found, 1);
    assert_int_equal(env->grants, 1);
    assert_int_equal(env_refs(BUF(0)), 1);
    assert_int_equal(env->dev.queue[1].stats.grants, 1);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);

    end(0, a);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    assert_int_equal(env->flushes, 0);
    end(1, b);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env->revokes, 1);
    assert_int_equal(env->flushes, 1);
    assert_int_equal(env_refs(BUF(0)), 0);
    assert_int_equal(env->dev.queue[1].stats.revokes, 1);
    all_work();
}

static void page_goes_with_the_last_queue_in_either_order(void)
{
    unsigned int a, b;

    up_queues(2);
    a = begin(0, 0, BUF(0), W);
    b = begin(1, 0, BUF(0) + 100, W);
    assert_int_equal(env->upgrades, 0);
    end(1, b);
    assert_int_equal(env_access(BUF(0)), SVQ_RW);
    assert_int_equal(env->flushes, 0);
    end(0, a);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    all_work();
}

/* The downgrade, flush included, is there before the writer's queue gets its chain back. */
static void writer_of_another_queue_upgrades_and_downgrades(void)
{
    unsigned int r, w;

    up_queues(2);
    r = begin(0, 0, BUF(0), 0);
    w = begin(1, 0, BUF(0) + 100, W);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    assert_int_equal(env->upgrades, 1);
    assert_int_equal(env->grants, 1);

    end_only(1, w);
    assert_int_equal(env_access(BUF(0)), SVQ_RW);
    rest();
    assert_int_equal(drv_used_idx(1), 1);
    assert_int_equal(env->downgrades, 1);
    assert_int_equal(env->flushes, 1);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    assert_int_equal(env_refs(BUF(0)), 1);

    end(0, r);
    all_work();
}

static void reader_beside_a_writer_changes_nothing(void)
{
    unsigned int r, w;

    up_queues(2);
    w = begin(0, 0, BUF(0), W);
    r = begin(1, 0, BUF(0) + 100, 0);
    assert_int_equal(env->upgrades, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    end(1, r);
    assert_int_equal(env->flushes, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);

    r = begin(1, 1, BUF(0) + 100, 0);
    end(0, w);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    end(1, r);
    all_work();
}

/* Two that read and one that writes, back in every order. */
static void three_queues_see_what_the_rest_of_them_asks_for(void)
{
    static const unsigned int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                              {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    unsigned int head[3], n, i;

    up_queues(3);
    for (n = 0; n < 6; n++) {
        bool written = true;

        for (i = 0; i < 3; i++)
            head[i] = begin(i, n, BUF(0) + 100 * i, i == n % 3 ? W : 0);
        assert_int_equal(env_access(BUF(0)), SVQ_RW);
        assert_int_equal(env_refs(BUF(0)), 1);
        for (i = 0; i < 3; i++) {
            end(orders[n][i], head[orders[n][i]]);
            written &= orders[n][i] != n % 3;
            assert_int_equal(env_access(BUF(0)), i == 2 ? SVQ_NONE : written ? SVQ_RW : SVQ_RO);
        }
    }
    all_work();
}

/* All there, all back, in one go. */
static void queues_that_return_together_leave_nothing(void)
{
    unsigned int a, b;

    up_queues(2);
    a = begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0) + 100, W);
    end_only(1, b);
    end_only(0, a);
    rest();
    assert_int_equal(drv_used_idx(0), 1);
    assert_int_equal(drv_used_idx(1), 1);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    all_work();
}

static void upgrade_for_a_queue_that_is_there_already(void)
{
    unsigned int a, b, c;

    up_queues(2);
    a = begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0) + 100, 0);
    c = begin(1, 1, BUF(0) + 200, W);
    assert_int_equal(env_access(BUF(0)), SVQ_RW);
    assert_int_equal(env->grants, 1);
    end(1, c);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    end(1, b);
    end(0, a);
    all_work();
}

/* What is granted before and after it, in the same batch and in others, is there as well. */
static void others_page_in_the_middle_of_a_large_chain(void)
{
    unsigned int a, b, i;

    up_queues(2);
    a = begin(0, 0, BUF(100), 0);
    drv_desc(1, 0, BUF(0), 200 * PAGE, W, 0);
    drv_offer(1, 0);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 1);
    pends(1);
    rest();
    b = be_take(1);
    for (i = 0; i < 200; i++)
        assert_int_equal(env_access(BUF(i)), SVQ_RW);

    end(1, b);
    assert_int_equal(env_visible(), 1);
    assert_int_equal(env_access(BUF(100)), SVQ_RO);
    end(0, a);
    all_work();
}

/* A chain of its own beside it does not have to wait for the next that is alone. */
static void queue_goes_on_by_itself_afterwards(void)
{
    unsigned int a, b;

    up_queues(2);
    a = begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0) + 100, 0);
    put_buffer(1, 1, BUF(5), W);
    assert_int_equal(run(1), SVQ_RUN_DONE);
    assert_int_equal(env_access(BUF(5)), SVQ_RW);
    be_put(1, be_take(1), 10);
    be_kick_only(1);
    assert_int_equal(run(1), SVQ_RUN_DONE);
    assert_int_equal(drv_used_idx(1), 1);

    /* When the other is gone, the page is this queue's alone in the end. */
    end(0, a);
    end(1, b);
    put_buffer(1, 2, BUF(0), W);
    assert_int_equal(run(1), SVQ_RUN_DONE);
    end(1, be_take(1));
    all_work();
}

/* ---- What is kept ---- */

static void reference_that_a_queue_has_kept_is_dropped_where_another_has_the_page(void)
{
    unsigned int a, b;

    up_queues(2);
    end(0, begin(0, 0, BUF(0), 0));
    assert_int_equal(env_kept(BUF(0)), 1);
    b = begin(1, 0, BUF(0), 0);
    assert_int_equal(env_kept(BUF(0)), 1);
    assert_int_equal(env_refs(BUF(0)), 1);

    /* There is one reference for the entry, whoever of them goes last. */
    a = begin(0, 1, BUF(0), 0);
    assert_int_equal(env->forgets, 1);
    assert_int_equal(env_kept(BUF(0)), 0);
    assert_int_equal(env_refs(BUF(0)), 1);
    end(1, b);
    end(0, a);
    assert_int_equal(env_refs(BUF(0)), 0);
    while (svq_dev_forget(&env->dev))
        ;
    assert_int_equal(env_kept(BUF(0)), 0);
    all_work();
}

/* Who joins gets what is there, which is as old as it was: it is not to be kept as new. */
static void frame_that_another_queue_looked_up_long_ago_is_not_kept(void)
{
    unsigned int a, b, c;

    up_queues(2);
    a = begin(0, 0, BUF(0), 0);
    env_replace(BUF(0));
    b = begin(1, 0, BUF(0), 0);
    end(0, a);
    /* Alone with it, so it is one of the queue's own from now on. */
    c = begin(1, 1, BUF(0), W);
    be_put(1, b, 0);
    be_put(1, c, 0);
    be_kick_only(1);
    assert_int_equal(run(1), SVQ_RUN_DONE);
    assert_int_equal(env_visible(), 0);

    /* The environment looks whether it is that which is there now. */
    end(1, begin(1, 2, BUF(0), W));
    all_work();
}

static void nor_if_it_became_writable_for_who_joined(void)
{
    unsigned int a, b, c;

    up_queues(2);
    a = begin(0, 0, BUF(0), 0);
    env_replace(BUF(0));
    b = begin(1, 0, BUF(0), W);
    end(0, a);
    c = begin(1, 1, BUF(0), 0);
    end(1, b);
    be_put(1, c, 0);
    be_kick_only(1);
    assert_int_equal(run(1), SVQ_RUN_DONE);
    assert_int_equal(env_visible(), 0);
    end(1, begin(1, 2, BUF(0), W));
    all_work();
}

/* What is kept in another queue does not make a page one of several. */
static void queue_has_a_page_alone_that_another_has_kept(void)
{
    up_queues(2);
    end(0, begin(0, 0, BUF(0), 0));
    assert_int_equal(env_kept(BUF(0)), 1);
    put_buffer(1, 0, BUF(0), 0);
    assert_false(svq_dev_run(&env->dev));
    be_put(1, be_take(1), 0);
    be_kick_only(1);
    assert_int_equal(run(1), SVQ_RUN_DONE);
    drv_expect_used(1, 0, 0);
    all_work();
}

/* ---- Tables ---- */

/* A table of one buffer, at BUF(3000), read by the device. */
static void put_table(unsigned int q, unsigned int head, uint64_t buffer)
{
    struct svq_desc d = {buffer, 100, 0, 0};

    assert_true(env_vcpu_writes(BUF(3000), &d, sizeof(d)));
    drv_desc(q, head, BUF(3000), sizeof(d), SVQ_DESC_F_INDIRECT, 0);
    drv_offer(q, head);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
}

/* The backend has removed its entry before the queue that wrote there reads only. */
static void backend_removes_what_queues_have_in_turns(void)
{
    unsigned int reader, writer, again, other;

    up_queues(2);
    reader = begin(0, 0, BUF(0), 0);
    writer = begin(0, 1, BUF(0), W);
    env_backend_removes(BUF(0));
    end(0, writer);
    /* Nothing is there, so it has the page by itself. */
    other = begin(1, 0, BUF(0), W);
    again = begin(0, 2, BUF(0), W);
    end(1, other);
    end(0, reader);
    end(0, again);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    all_work();
}

static void backend_removes_what_queues_read(void)
{
    unsigned int reader, writer, other, third;

    up_queues(3);
    reader = begin(0, 0, BUF(0), 0);
    writer = begin(0, 1, BUF(0), W);
    env_backend_removes(BUF(0));
    end(0, writer);
    other = begin(1, 0, BUF(0), 0);
    third = begin(2, 0, BUF(0), 0);
    end(1, other);
    end(0, reader);
    end(2, third);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    all_work();
}

/* The same while queues share it: what is left for one is not there any more. */
static void backend_removes_what_queues_share(void)
{
    unsigned int reader, writer, other, third, again;

    up_queues(3);
    reader = begin(0, 0, BUF(0), 0);
    writer = begin(0, 1, BUF(0), W);
    other = begin(1, 0, BUF(0), 0);
    env_backend_removes(BUF(0));
    end(0, writer);
    third = begin(2, 0, BUF(0), W);
    again = begin(0, 2, BUF(0), W);
    end(2, third);
    end(0, reader);
    end(0, again);
    end(1, other);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    all_work();
}

/* Both lie: queues have different pages at the same place, and go in every order. */
static void queues_that_have_different_pages_take_their_own_away(void)
{
    static const unsigned int order[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                            {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    unsigned int writes, i, k, failed = 0;

    for (i = 0; i < COUNT(order); i++)
        for (writes = 0; writes < 8; writes++) {
            unsigned int head[3];

            up_queues(3);
            head[0] = begin(0, 0, BUF(0), writes & 1 ? W : 0);
            env_replace(BUF(0));
            env_backend_removes(BUF(0));
            head[1] = begin(1, 0, BUF(0), writes & 2 ? W : 0);
            put_buffer(2, 0, BUF(0), writes & 4 ? W : 0);
            rest();
            if (env->dev.state == VSH_STATE_FAILED) {
                /* It is to write to what another has entered, and is not what is there. */
                drv_assert_failed(SVQ_ERR_APERTURE, 2);
                failed++;
            } else {
                head[2] = be_take(2);
                for (k = 0; k < 3; k++)
                    end(order[i][k], head[order[i][k]]);
                assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
                all_work();
            }
            assert_int_equal(env_visible(), 0);
            env_release();
            env_destroy();
        }
    assert_in_range(failed, 1, COUNT(order) * 2);
    up_queues(2);
}

static void buffer_in_the_table_of_another_queue_fails_the_device(void)
{
    up_tables();
    put_table(0, 0, BUF(0));
    rest();
    assert_true(env_page(BUF(3000))->ro);

    begin_only(1, 0, BUF(3000) + 256, 0);
    rest();
    drv_assert_failed(SVQ_ERR_TABLE_PAGE, 1);
    assert_int_equal(env->notify[1], 0);
    assert_false(env_page(BUF(3000))->ro);
    up_again();
}

static void table_in_the_page_of_another_queues_buffer_is_copied(void)
{
    unsigned int a;

    up_tables();
    a = begin(0, 0, BUF(3000) + 256, W);
    put_table(1, 0, BUF(0));
    rest();
    assert_int_equal(env->dev.queue[1].stats.tables_copied, 1);
    assert_int_equal(env->protected, 0);
    end(1, be_take(1));
    end(0, a);

    /* And of what was kept there is nothing left once it can be in place. */
    put_table(1, 0, BUF(0));
    rest();
    assert_int_equal(env->dev.queue[1].stats.tables_remapped, 1);
    end(1, be_take(1));
    assert_int_equal(env_refs(BUF(3000)), 0);
    all_work();
}

static void write_to_a_table_while_another_queue_is_pending(void)
{
    up_tables();
    put_table(0, 0, BUF(0));
    rest();
    begin_only(1, 0, BUF(0), W);
    assert_true(svq_dev_write_fault(&env->dev, BUF(3000) / PAGE));
    env_check();
    rest();
    drv_assert_failed(SVQ_ERR_TABLE_WRITE, 0);
    assert_int_equal(env_refs(BUF(0)), 0);
    up_again();
}

/* ---- What happens while something is pending ---- */

static void grant_that_fails_fails_the_device(void)
{
    static const unsigned int after[] = {0, 1, 70};
    unsigned int n;

    up_queues(2);
    for (n = 0; n < COUNT(after); n++) {
        drv_read_buffer(0, 0, BUF(90), 100);
        drv_desc(1, 0, BUF(0), 100 * PAGE, W, 0);
        drv_offer(1, 0);
        drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 1);
        pends(1);

        env->grants_left = (int)after[n];
        env->grant_error = SVQ_ERR_BACKEND_MEM;
        rest();
        drv_assert_failed(SVQ_ERR_BACKEND_MEM, 1);
        assert_int_equal(env->notify[1], 0);
        up_again();
    }
}

/* Its chain is neither in the shadow ring nor lost to the next driver. */
static void driver_resets_the_device_while_pending(void)
{
    unsigned int b;

    up_queues(2);
    begin(0, 0, BUF(0), 0);
    begin_only(1, 0, BUF(0), W);
    drv_write_only(SVQ_MMIO_STATUS, 0);
    assert_int_equal(run(1), SVQ_RUN_DONE);
    rest();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env_refs(BUF(0)), 0);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    drv_start(0);
    be_begin();

    /* The same on the way back. */
    begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0), W);
    end_only(1, b);
    drv_write_only(SVQ_MMIO_STATUS, 0);
    rest();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(drv_used_idx(1), 0);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    drv_start(0);
    be_begin();
    all_work();
}

static void forced_revocation_while_pending(void)
{
    unsigned int b;

    up_queues(2);
    begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0), W);
    end_only(1, b);
    begin_only(0, 1, BUF(0), W);
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    assert_int_equal(run(0), SVQ_RUN_DONE);
    rest();
    drv_assert_failed(SVQ_ERR_REVOKED, -1);
    assert_int_equal(drv_used_idx(1), 0);
    assert_int_equal(env_refs(BUF(0)), 0);
    up_again();
}

static void reset_queue(unsigned int q)
{
    drv_write_only(SVQ_MMIO_QUEUE_SEL, q);
    drv_write_only(SVQ_MMIO_QUEUE_RESET, 1);
}

static void queue_again(unsigned int q)
{
    assert_int_equal(be_queue_ack(q), VSH_ERR_NONE);
    assert_true(drv_setup(q, 16));
    be_begin_queue(q);
}

/* What the backend was never told of is neither offered nor returned. */
static void queue_that_pends_is_reset(void)
{
    unsigned int a, b, told;

    up_queues(2);
    a = begin(0, 0, BUF(0), 0);
    begin_only(1, 0, BUF(0), W);
    told = env->notify[1];
    reset_queue(1);
    assert_int_equal(run(1), SVQ_RUN_ALONE);
    rest();
    assert_int_equal(env->notify[1], told);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    queue_again(1);
    rest();
    assert_int_equal(env->dev.queue[1].pages.nr_free, env->dev.queue[1].pages.nr);

    b = begin(1, 0, BUF(0), W);
    end_only(1, b);
    reset_queue(1);
    rest();
    assert_int_equal(drv_used_idx(1), 0);
    queue_again(1);
    end(0, a);
    all_work();
}

static void other_queue_is_reset_meanwhile(void)
{
    unsigned int b;

    up_queues(2);
    begin(0, 0, BUF(0), W);
    begin_only(1, 0, BUF(0), 0);
    reset_queue(0);
    rest();
    b = be_take(1);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    end(1, b);
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    queue_again(0);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    all_work();
}

/* What one queue is being reset from can be used by another, which leaves the dummy behind. */
static void dummy_of_a_queue_makes_way_for_another(void)
{
    unsigned int b;

    up_queues(2);
    begin(0, 0, BUF(0), W);
    reset_queue(0);
    rest();
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    begin_only(1, 0, BUF(0), 0);
    rest();
    assert_int_equal(env_entry(BUF(0)), SVQ_RO);
    b = be_take(1);
    end_only(1, b);
    rest();
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    queue_again(0);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    all_work();
}

/* The backend has removed the page that another has, and so the dummy comes there. */
static void dummy_goes_with_its_queue_where_another_has_a_page(void)
{
    unsigned int a, c;

    up_queues(3);
    a = begin(0, 0, BUF(0), 0);
    env_backend_removes(BUF(0));
    begin(1, 0, BUF(0), 0);
    reset_queue(1);
    rest();
    assert_int_equal(env_entry(BUF(0)), SVQ_DUMMY);
    c = begin(2, 0, BUF(0), 0);
    queue_again(1);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    end(0, a);
    end(2, c);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    assert_int_equal(svq_pages_dummies(&env->dev), 0);
    all_work();
}

static void up_keep(void)
{
    up(&(struct env_opts){.queues = 2, .keep = true});
}

/* The next backend is the first to hear of it. */
static void backend_goes_while_a_chain_is_not_published(void)
{
    unsigned int a, b;

    up_keep();
    begin(0, 0, BUF(0), 0);
    begin_only(1, 0, BUF(0), W);
    svq_dev_backend_gone(&env->dev);
    assert_int_equal(run(1), SVQ_RUN_DONE);
    env_run();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    rest();
    be_begin();
    assert_int_equal(env->offered_again, 1);
    assert_int_equal(env_access(BUF(0)), SVQ_RW);
    b = be_take(1);
    a = be_take(0);
    end(1, b);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    end(0, a);
    all_work();
}

/* That one knows which slots are free, and so which one such a chain is in. */
static void backend_returns_what_is_not_published_as_it_goes(void)
{
    unsigned int slot = 0;

    up_keep();
    begin(0, 0, BUF(0), 0);
    begin_only(1, 0, BUF(0), W);
    while (!env->dev.queue[1].slot[slot].count)
        slot++;
    be_put(1, slot, 0);
    be_kick_only(1);
    svq_dev_backend_gone(&env->dev);
    rest();
    assert_int_equal(drv_used_idx(1), 0);
    drv_assert_failed(SVQ_ERR_USED_ID, 1);
}

/* It was done, so the driver gets it without waiting for the next. */
static void backend_goes_while_a_return_pends(void)
{
    unsigned int b;

    up_keep();
    begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0), W);
    end_only(1, b);
    svq_dev_backend_gone(&env->dev);
    env_run();
    assert_int_equal(drv_used_idx(1), 1);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    be_begin();
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    end(0, be_take(0));
    all_work();
}

/* What was never granted has no dummy in its place, and ends with the reset all the same. */
static void backend_goes_while_a_queue_that_pends_is_reset(void)
{
    be_features = BE_FEATURES | RING_RESET;
    drv_ring_features = RING_RESET;
    up_keep();
    /* Its frame is known, and there is a reference for that. */
    end(1, begin(1, 0, BUF(0), 0));
    begin(0, 0, BUF(0), 0);
    begin_only(1, 1, BUF(0), W);
    reset_queue(1);
    svq_dev_backend_gone(&env->dev);
    env_run();
    assert_int_equal(svq_pages_dummies(&env->dev), 0);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    be_begin();
    assert_true(drv_setup(1, 16));
    be_begin_queue(1);
    assert_int_equal(env_refs(BUF(0)), 1);
    end(0, be_take(0));
    all_work();
}

static void backend_goes_without_another_while_pending(void)
{
    up_queues(2);
    begin(0, 0, BUF(0), 0);
    begin_only(1, 0, BUF(0), W);
    svq_dev_backend_gone(&env->dev);
    rest();
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    assert_int_equal(env_refs(BUF(0)), 0);
}

static void frontend_goes_while_pending(void)
{
    unsigned int b;

    up_queues(3);
    begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0), W);
    end_only(1, b);
    begin_only(2, 0, BUF(0), 0);
    /* env_release() follows, and finds every reference. */
}

/* ---- Errors ---- */

static void error_of_a_queue_is_left_and_others_go_on(void)
{
    unsigned int n;

    up_queues(2);
    put_buffer(0, 0, BUF(0), 0);
    drv_desc(0, 1, BUF(1), 0, 0, 0);
    drv_offer(0, 1);
    assert_int_equal(run(0), SVQ_RUN_ALONE);
    assert_int_equal(env->dev.queue[0].error, SVQ_ERR_LEN);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);

    for (n = 0; n < 3; n++) {
        put_buffer(1, n, BUF(5), W);
        assert_int_equal(run(1), SVQ_RUN_DONE);
        be_put(1, be_take(1), 7);
        be_kick_only(1);
        assert_int_equal(run(1), SVQ_RUN_DONE);
        drv_expect_used(1, n, 7);
    }

    /* Nothing more is done for this one. */
    put_buffer(0, 2, BUF(2), 0);
    assert_int_equal(run(0), SVQ_RUN_ALONE);
    assert_int_equal(env_access(BUF(2)), SVQ_NONE);
    rest();
    drv_assert_failed(SVQ_ERR_LEN, 0);
    assert_int_equal(env->dev.failures, 1);
    up_again();
}

/* What was good before it reaches its end. */
static void error_comes_after_the_chain_that_pends(void)
{
    up_queues(2);
    begin(0, 0, BUF(0), 0);
    put_buffer(1, 0, BUF(0), W);
    drv_desc(1, 1, BUF(1), 0, 0, 0);
    drv_offer(1, 1);
    pends(1);
    assert_int_equal(env->dev.queue[1].error, SVQ_ERR_LEN);
    rest();
    drv_assert_failed(SVQ_ERR_LEN, 1);
    assert_int_equal(env->notify[1], 1);
    up_again();
}

static void error_comes_after_the_return_that_pends(void)
{
    unsigned int b;

    up_queues(2);
    begin(0, 0, BUF(0), 0);
    b = begin(1, 0, BUF(0), W);
    begin(1, 1, BUF(7), W);
    be_put(1, b, 33);
    be_put(1, 1000, 0);
    be_kick_only(1);
    pends(1);
    assert_int_equal(env->dev.queue[1].error, SVQ_ERR_USED_ID);
    rest();
    drv_assert_failed(SVQ_ERR_USED_ID, 1);
    drv_expect_used(1, 0, 33);
    up_again();
}

/* ---- Waiting, rings of other kinds ---- */

static void chain_that_waits_for_records_goes_on_after_what_pends(void)
{
    unsigned int a, b;

    be_features = BE_FEATURES;
    up(&(struct env_opts){.queues = 2, .records = 64});
    drv_desc(0, 0, BUF(0), 40 * PAGE, W, 0);
    drv_submit(0, 0);
    a = be_take(0);
    drv_desc(1, 0, BUF(0), 40 * PAGE, 0, 0);
    drv_submit(1, 0);
    b = be_take(1);

    drv_desc(1, 1, BUF(100), 40 * PAGE, 0, 0);
    drv_submit(1, 1);
    assert_true(env->dev.queue[1].stalled);
    end_only(1, b);
    assert_true(env->dev.queue[1].stalled);
    rest();
    assert_false(env->dev.queue[1].stalled);
    drv_expect_used(1, 0, 0);
    end(1, be_take(1));
    end(0, a);
    all_work();
}

/* A whole driver, split or packed, in order or not: pages of two queues, over and over. */
static void rings_with(uint64_t features)
{
    const struct ring_buf buf[2] = {{BUF(0), 100, false}, {BUF(1), 100, true}};
    unsigned int n, q, id, back[2] = {0, 0}, head[2][2];
    uint32_t len;

    be_features = BE_FEATURES;
    drv_ring_features = features;
    up(&(struct env_opts){.queues = 2});
    ring_begin_all();

    for (n = 0; n < 40; n++) {
        for (q = 0; q < 2; q++) {
            assert_true(ring_add(q, buf, 2, RING_DIRECT) >= 0);
            assert_true(ring_add(q, buf, 1, RING_DIRECT) >= 0);
            drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
            assert_int_equal(run(q), q ? SVQ_RUN_ALONE : SVQ_RUN_DONE);
        }
        rest();
        for (q = 0; q < 2; q++) {
            head[q][0] = be_take(q);
            head[q][1] = be_take(q);
        }
        /* The second first. */
        for (q = 0; q < 2; q++) {
            be_put(q, head[q][1], 0);
            be_kick_only(q);
            run(q);
            be_put(q, head[q][0], 50);
            be_kick_only(q);
            assert_int_equal(run(q), SVQ_RUN_ALONE);
        }
        rest();
        assert_int_equal(env_visible(), 0);
        for (q = 0; q < 2; q++)
            while (ring_get(q, &id, &len))
                back[q]++;
    }
    assert_int_equal(back[0], 80);
    assert_int_equal(back[1], 80);
    drv_assert_alive();
}

static void split_rings_in_order(void)
{
    rings_with(BIT(SVQ_F_IN_ORDER));
}

static void packed_rings(void)
{
    rings_with(BIT(SVQ_F_RING_PACKED));
}

static void packed_rings_in_order_with_events(void)
{
    rings_with(BIT(SVQ_F_RING_PACKED) | BIT(SVQ_F_IN_ORDER) | BIT(SVQ_F_EVENT_IDX));
}

static void queues_that_there_are_not_have_nothing_to_do(void)
{
    up_queues(2);
    assert_int_equal(run(2), SVQ_RUN_DONE);
    assert_int_equal(run(~0U), SVQ_RUN_DONE);
    drv_assert_alive();
}

/* Each may have left as much as is done at a time. */
static void queues_that_pend_are_settled_one_at_a_time(void)
{
    unsigned int q, n = 0, i, head;

    up_queues(4);
    head = begin(0, 0, BUF(0), 0);
    for (q = 1; q < 4; q++)
        begin_only(q, 0, BUF(0), 0);

    for (i = 0; i < 3; i++) {
        assert_int_equal(svq_dev_run(&env->dev), i < 2);
        for (q = 1, n = 0; q < 4; q++)
            n += env->dev.queue[q].wait_alone;
        assert_int_equal(n, 2 - i);
    }
    rest();
    end(0, head);
    for (q = 1; q < 4; q++)
        be_serve(q, 0);
    all_work();
}

static const struct CMUnitTest tests[] = {
    TEST(readers_in_two_queues_are_one_grant),
    TEST(page_goes_with_the_last_queue_in_either_order),
    TEST(writer_of_another_queue_upgrades_and_downgrades),
    TEST(reader_beside_a_writer_changes_nothing),
    TEST(three_queues_see_what_the_rest_of_them_asks_for),
    TEST(queues_that_return_together_leave_nothing),
    TEST(upgrade_for_a_queue_that_is_there_already),
    TEST(others_page_in_the_middle_of_a_large_chain),
    TEST(queue_goes_on_by_itself_afterwards),
    TEST(reference_that_a_queue_has_kept_is_dropped_where_another_has_the_page),
    TEST(frame_that_another_queue_looked_up_long_ago_is_not_kept),
    TEST(nor_if_it_became_writable_for_who_joined),
    TEST(queue_has_a_page_alone_that_another_has_kept),
    TEST(backend_removes_what_queues_have_in_turns),
    TEST(backend_removes_what_queues_read),
    TEST(backend_removes_what_queues_share),
    TEST(queues_that_have_different_pages_take_their_own_away),
    TEST(buffer_in_the_table_of_another_queue_fails_the_device),
    TEST(table_in_the_page_of_another_queues_buffer_is_copied),
    TEST(write_to_a_table_while_another_queue_is_pending),
    TEST(grant_that_fails_fails_the_device),
    TEST(driver_resets_the_device_while_pending),
    TEST(forced_revocation_while_pending),
    TEST(queue_that_pends_is_reset),
    TEST(other_queue_is_reset_meanwhile),
    TEST(dummy_of_a_queue_makes_way_for_another),
    TEST(dummy_goes_with_its_queue_where_another_has_a_page),
    TEST(backend_goes_while_a_chain_is_not_published),
    TEST(backend_returns_what_is_not_published_as_it_goes),
    TEST(backend_goes_while_a_return_pends),
    TEST(backend_goes_while_a_queue_that_pends_is_reset),
    TEST(backend_goes_without_another_while_pending),
    TEST(frontend_goes_while_pending),
    TEST(error_of_a_queue_is_left_and_others_go_on),
    TEST(error_comes_after_the_chain_that_pends),
    TEST(error_comes_after_the_return_that_pends),
    TEST(chain_that_waits_for_records_goes_on_after_what_pends),
    TEST(split_rings_in_order),
    TEST(packed_rings),
    TEST(packed_rings_in_order_with_events),
    TEST(queues_that_there_are_not_have_nothing_to_do),
    TEST(queues_that_pend_are_settled_one_at_a_time),
};

TEST_MAIN(tests)
