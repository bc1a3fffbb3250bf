/* SPDX-License-Identifier: MIT */
/* Pages in flight: granted by direction, counted, revoked with the last buffer. */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define LARGE (SVQ_CHAIN_PAGES * PAGE)

static void up16(void)
{
    up(&(struct env_opts){.size = 16});
}

/* One buffer as a request of its own; the backend's head for it. */
static unsigned int begin(unsigned int i, uint64_t addr, uint32_t len, unsigned int flags)
{
    drv_desc(0, i, addr, len, flags, 0);
    drv_submit(0, i);
    drv_assert_alive();
    return be_take(0);
}

static void page_that_two_buffers_read_stays_until_the_second_is_back(void)
{
    unsigned int a, b;

    up16();
    a = begin(0, BUF(0), 512, 0);
    b = begin(1, BUF(0) + 512, 512, 0);
    assert_int_equal(env->grants, 1);
    assert_int_equal(env_entry(BUF(0)), SVQ_RO);
    be_return(0, a, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_RO);
    assert_int_equal(env->flushes, 0);
    be_return(0, b, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env->flushes, 1);
    assert_int_equal(env_refs(BUF(0)), 0);
}

static void page_that_two_buffers_write_stays_until_the_second_is_back(void)
{
    unsigned int a, b;

    up16();
    a = begin(0, BUF(0), 512, W);
    b = begin(1, BUF(0) + 512, 512, W);
    be_return(0, b, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    be_return(0, a, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
}

static void page_is_upgraded_for_a_writer_and_downgraded_after_it(void)
{
    unsigned int r, w;

    up16();
    r = begin(0, BUF(0), 512, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_RO);
    w = begin(1, BUF(0) + 512, 512, W);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    assert_int_equal(env->upgrades, 1);
    assert_int_equal(env->grants, 1);
    assert_int_equal(env_refs(BUF(0)), 1);

    be_return(0, w, 0);
    assert_int_equal(env->downgrades, 1);
    assert_int_equal(env->flushes, 1);
    /* By the TLB as well: the flush came before the used idx. */
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    assert_int_equal(env_refs(BUF(0)), 1);

    be_return(0, r, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env->revokes, 1);
    assert_int_equal(env->dev.queue[0].stats.grants, 1);
    assert_int_equal(env->dev.queue[0].stats.revokes, 1);
}

static void page_stays_writable_when_only_its_reader_is_back(void)
{
    unsigned int r, w;

    up16();
    w = begin(1, BUF(0) + 512, 512, W);
    r = begin(0, BUF(0), 512, 0);
    assert_int_equal(env->upgrades, 0);
    be_return(0, r, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    assert_int_equal(env->flushes, 0);
    be_return(0, w, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env->downgrades, 0);
}

static void reader_and_writer_back_in_one_batch_are_one_revoke(void)
{
    unsigned int r, w;

    up16();
    r = begin(0, BUF(0), 512, 0);
    w = begin(1, BUF(0) + 512, 512, W);
    be_put(0, w, 0);
    be_return(0, r, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env->revokes, 1);
    assert_int_equal(env->downgrades, 0);
    assert_int_equal(env->flushes, 1);
}

static void page_both_read_and_written_by_one_chain_is_granted_once(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 16, NEXT, 1);
    drv_desc(0, 1, BUF(0) + 16, 512, NEXT | W, 2);
    drv_desc(0, 2, BUF(0) + 600, 1, W, 0);
    drv_submit(0, 0);
    drv_assert_alive();
    assert_int_equal(env->grants, 1);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    be_serve(0, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env->revokes, 1);
}

static void page_returned_and_offered_again_in_one_run_is_granted_anew(void)
{
    unsigned int a;

    up16();
    a = begin(0, BUF(0), 512, W);
    be_put(0, a, 0);
    be_kick_only(0);
    drv_desc(0, 1, BUF(0), 512, 0, 0);
    drv_submit(0, 1);
    drv_assert_alive();
    assert_int_equal(drv_used_idx(0), 1);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    assert_int_equal(env->grants, 2);
    assert_int_equal(env->revokes, 1);
}

static void many_buffers_in_a_page_are_one_grant(void)
{
    unsigned int i;

    up(&(struct env_opts){.size = 1024});
    for (i = 0; i < 1024; i++) {
        drv_desc(0, i, BUF(0) + 4 * i, 4, i % 2 ? W : 0, 0);
        drv_offer(0, i);
    }
    drv_kick(0);
    drv_assert_alive();
    assert_int_equal(env->nr_flights, 1024);
    assert_int_equal(env->grants, 1);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr - 1);

    for (i = 0; i < 1023; i++)
        be_serve(0, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    assert_int_equal(env->flushes, 0);
    be_serve(0, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env->flushes, 1);
}

static void same_page_in_every_descriptor_of_a_chain_is_counted(void)
{
    unsigned int i, head, other;

    up(&(struct env_opts){.size = 256});
    for (i = 0; i < 255; i++)
        drv_desc(0, i, BUF(0), 4096, i < 254 ? NEXT | W : W, i + 1);
    drv_submit(0, 0);
    head = be_take(0);
    other = begin(255, BUF(0), 1, 0);
    be_return(0, head, 0);
    drv_assert_alive();
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    be_return(0, other, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
}

static void buffers_of_two_queues_share_a_page(void)
{
    up(&(struct env_opts){.queues = 2, .size = 16});
    drv_read_buffer(0, 0, BUF(0), 100);
    drv_write_buffer(1, 0, BUF(0) + 100, 100);
    assert_int_equal(env->grants, 1);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    be_serve(0, 0);
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    be_serve(1, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    drv_assert_alive();
}

static void returns_of_a_batch_share_one_flush(void)
{
    unsigned int i;

    up16();
    for (i = 0; i < 16; i++) {
        drv_desc(0, i, BUF(4 * i), 3 * 4096, i % 2 ? W : 0, 0);
        drv_offer(0, i);
    }
    drv_kick(0);
    assert_int_equal(env->flushes, 0);
    assert_int_equal(env->grants, 48);
    for (i = 0; i < 16; i++)
        be_put(0, be_take(0), 0);
    be_kick(0);
    assert_int_equal(env->flushes, 1);
    assert_int_equal(env->revokes, 48);
    assert_int_equal(env->dev.queue[0].stats.flushes, 1);
    assert_int_equal(env_visible(), 0);
}

/* At the flush nothing of the batch has been told to the driver yet. */
static uint16_t used_idx_at_flush;
static unsigned int flushes_at_used;

static void look_at_flush(void)
{
    used_idx_at_flush = drv_used_idx(0);
}

static void look_at_used(unsigned int q)
{
    (void)q;
    flushes_at_used = env->flushes;
}

static void flush_comes_before_the_used_idx(void)
{
    unsigned int a;

    up16();
    a = begin(0, BUF(0), 512, W);
    used_idx_at_flush = 99;
    env->on_flush = look_at_flush;
    env->on_used = look_at_used;
    be_return(0, a, 1);
    env->on_flush = NULL;
    env->on_used = NULL;
    assert_int_equal(used_idx_at_flush, 0);
    assert_int_equal(flushes_at_used, 1);
    assert_int_equal(drv_used_idx(0), 1);
}

static void page_revoked_is_the_page_granted(void)
{
    unsigned int a;

    /* The guest puts another frame behind the gfn while it is in flight. */
    up16();
    a = begin(0, BUF(0), 512, W);
    env_replace(BUF(0));
    be_return(0, a, 0);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    assert_int_equal(env_refs(BUF(0)), 0);

    a = begin(0, BUF(0), 512, W);
    assert_int_equal(env_refs(BUF(0)), 1);
    env_replace(BUF(0));
    env_set_kind(BUF(0), ENV_HOLE);
    be_return(0, a, 0);
    drv_assert_alive();
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
}

/* ---- The hash ---- */

static void pages_in_one_bucket_do_not_disturb_each_other(void)
{
    unsigned int order, n = 1, i, head[5];
    uint64_t gfn[5] = {BUF(0) / PAGE};
    uint64_t addr;

    up16();
    /* Find pages that share a bucket with the first: two records linked together. */
    for (addr = BUF(1); n < 5; addr += PAGE) {
        const struct svq_pages *p = &env->dev.queue[0].pages;
        uint32_t r;
        bool linked = false;

        assert_true(addr < BANK0 + 64 * MIB);
        head[0] = begin(0, BUF(0), 16, 0);
        head[1] = begin(1, addr, 16, 0);
        for (r = 0; r < p->nr; r++)
            linked |= p->page[r].in_use && p->page[r].hash_next != ~0U;
        be_put(0, head[0], 0);
        be_return(0, head[1], 0);
        if (linked)
            gfn[n++] = addr / PAGE;
    }

    for (order = 0; order < 120; order++) {
        unsigned int left = 5, rest = order;

        for (i = 0; i < 5; i++)
            head[i] = begin(i, gfn[i] * PAGE, 16, i % 2 ? W : 0);
        while (left) {
            unsigned int pick = rest % left, k;

            rest /= left;
            for (i = 0; i < 5; i++)
                if (head[i] != ~0U && !pick--)
                    break;
            be_return(0, head[i], 0);
            head[i] = ~0U;
            left--;
            for (k = 0; k < 5; k++)
                assert_int_equal(env_access(gfn[k] * PAGE), head[k] == ~0U ? SVQ_NONE
                                                            : k % 2        ? SVQ_RW
                                                                           : SVQ_RO);
        }
    }
    drv_assert_alive();
    env_check_records();
}

static void all_records_are_used_and_come_back(void)
{
    unsigned int i;

    up16();
    for (i = 0; i < 2; i++)
        begin(i, BUFFERS + i * LARGE, (uint32_t)LARGE, W);
    assert_int_equal(env->dev.queue[0].pages.nr_free, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_mapped, 2 * SVQ_CHAIN_PAGES);
    env_check_records();

    /* No record is needed for pages that have one. */
    begin(2, BUFFERS + 5 * PAGE, 10 * 4096, 0);
    be_begin();
    for (i = 0; i < 3; i++)
        be_serve(0, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    assert_int_equal(env->dev.queue[0].stats.grants, 2 * SVQ_CHAIN_PAGES);
    assert_int_equal(env->dev.queue[0].stats.revokes, 2 * SVQ_CHAIN_PAGES);
    env_check_records();
}

/* ---- The backend changes its own p2m ---- */

static void entry_that_the_backend_removed_is_no_reference_of_ours(void)
{
    unsigned int a;

    up16();
    a = begin(0, BUF(0), 2 * 4096, W);
    env_backend_removes(BUF(0));
    assert_int_equal(env_refs(BUF(0)), 0);
    be_return(0, a, 8192);
    drv_assert_alive();
    assert_int_equal(drv_used_idx(0), 1);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env_refs(BUF(1)), 0);
    env->tampered = false;
    begin(0, BUF(0), 2 * 4096, W);
}

static void entry_that_the_backend_replaced_is_left_alone(void)
{
    unsigned int a;

    up16();
    a = begin(0, BUF(0), 512, W);
    env_backend_occupies(BUF(0));
    be_return(0, a, 0);
    drv_assert_alive();
    assert_int_equal(env_entry(BUF(0)), ENV_OTHER);

    drv_write_buffer(0, 0, BUF(0), 512);
    drv_assert_failed(SVQ_ERR_APERTURE, 0);
    assert_int_equal(env_entry(BUF(0)), ENV_OTHER);
    assert_int_equal(env_refs(BUF(0)), 0);
}

static void removed_entry_cannot_be_upgraded(void)
{
    up16();
    begin(0, BUF(0), 512, 0);
    env_backend_removes(BUF(0));
    drv_write_buffer(0, 1, BUF(0), 512);
    drv_assert_failed(SVQ_ERR_APERTURE, 0);
    assert_int_equal(env_refs(BUF(0)), 0);
}

static void removed_entry_is_downgraded_and_revoked_without_harm(void)
{
    unsigned int r, w;

    up16();
    r = begin(0, BUF(0), 512, 0);
    w = begin(1, BUF(0), 512, W);
    env_backend_removes(BUF(0));
    be_return(0, w, 0);
    assert_int_equal(env_refs(BUF(0)), 0);
    be_return(0, r, 0);
    drv_assert_alive();
    assert_int_equal(env->dev.queue[0].pages.nr_mapped, 0);
    assert_int_equal(env_refs(BUF(0)), 0);
    env_check_records();
}

static void removed_entry_that_was_downgraded_is_taken_away_without_harm(void)
{
    unsigned int w;

    up16();
    begin(0, BUF(0), 512, 0);
    w = begin(1, BUF(0), 512, W);
    env_backend_removes(BUF(0));
    be_return(0, w, 0);
    drv_reset();
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(env_refs(BUF(0)), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
}

/* ---- Grants that fail ---- */

static void failed_grant_at_every_page_leaves_nothing(void)
{
    static const enum svq_error errors[] = {SVQ_ERR_PAGE, SVQ_ERR_APERTURE, SVQ_ERR_BACKEND_MEM};
    unsigned int e;
    int at;

    for (e = 0; e < COUNT(errors); e++)
        for (at = 0; at <= 200; at += at < 3 || (at > 60 && at < 68) ? 1 : 19) {
            up16();
            begin(0, BUF(0), 10 * 4096, 0);
            drv_desc(0, 1, BUF(5), 190 * 4096, W | NEXT, 2);
            drv_desc(0, 2, BUF(300), 16 * 4096, W, 0);
            drv_offer(0, 1);
            env->grants_left = at;
            env->grant_error = errors[e];
            drv_kick(0);

            drv_assert_failed(errors[e], 0);
            assert_int_equal(env->dev.queue[0].stats.requests, 1);
            assert_int_equal(env_refs(BUF(0)) + env_refs(BUF(7)) + env_refs(BUF(300)), 0);
            env_check_records();

            /* And the device works again. */
            env->grants_left = -1;
            up_again();
            assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
            drv_write_buffer(0, 1, BUF(5), 190 * 4096);
            be_serve(0, 5);
            assert_int_equal(drv_used_idx(0), 1);
            env_release();
            env_destroy();
        }
}

/* ---- Taking away, clearing ---- */

static void pages_are_taken_away_in_bounded_steps(void)
{
    unsigned int i, steps = 0, before = 2 * SVQ_CHAIN_PAGES;

    up16();
    for (i = 0; i < 2; i++)
        begin(i, BUFFERS + i * LARGE, (uint32_t)LARGE, i ? W : 0);
    svq_dev_fail(&env->dev, 0, SVQ_ERR_REVOKED);
    assert_int_equal(env_visible(), before);
    while (svq_dev_run(&env->dev)) {
        env_check();
        assert_true(env_visible() < before);
        assert_true(before - env_visible() <= SVQ_PAGE_BATCH);
        before = env_visible();
        assert_true(++steps < 200);
    }
    assert_true(steps >= 2 * SVQ_CHAIN_PAGES / SVQ_PAGE_BATCH - 1);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->taken_away, 2 * SVQ_CHAIN_PAGES);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 2 * SVQ_CHAIN_PAGES);
    assert_int_equal(env->dev.queue[0].pages.nr_mapped, 0);
    assert_int_equal(env->dev.queue[0].stats.grants, env->dev.queue[0].stats.revokes);
    for (i = 0; i < 2 * SVQ_CHAIN_PAGES; i++) {
        assert_int_equal(env_entry(BUFFERS + i * PAGE), SVQ_DUMMY);
        assert_int_equal(env_refs(BUFFERS + i * PAGE), 0);
    }
    env_check_records();
}

static void pages_are_found_wherever_the_last_search_stopped(void)
{
    unsigned int i, n;

    /* More records than a step looks at: searches end, and begin, in between. */
    up(&(struct env_opts){.size = 1024});
    for (n = 0; n < 6; n++) {
        for (i = 0; i < 100; i++)
            begin(i, BUF(20 * i), (uint32_t)(1 + n) * 4096, W);
        drv_reset();
        assert_int_equal(env->dev.queue[0].pages.nr_dummy, 100 * (1 + n));
        /* The driver is back first: no search is between this one and the next reset. */
        drv_start(0);
        assert_int_equal(be_ack(), VSH_ERR_NONE);
        assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
        env_check_records();
        be_begin();
    }
    begin(0, BUF(0), 4096, W);
}

static void dummies_stay_until_the_device_has_stopped(void)
{
    unsigned int i, steps = 0;

    up16();
    for (i = 0; i < 2; i++)
        begin(i, BUFFERS + i * LARGE, (uint32_t)LARGE, W);
    drv_reset();
    assert_int_equal(be_info()->state, VSH_STATE_RESETTING);
    assert_int_equal(env_entry(BUFFERS), SVQ_DUMMY);

    assert_int_equal(be_ack_only(), VSH_ERR_NONE);
    while (svq_dev_run(&env->dev)) {
        env_check();
        assert_true(++steps < 200);
    }
    assert_true(steps >= 2 * SVQ_CHAIN_PAGES / SVQ_PAGE_BATCH - 1);
    for (i = 0; i < 2 * SVQ_CHAIN_PAGES; i++)
        assert_int_equal(env_entry(BUFFERS + i * PAGE), SVQ_NONE);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    env_check_records();
}

static void dead_backend_gets_no_dummies(void)
{
    up16();
    begin(0, BUF(0), 64 * 4096, W);
    env->backend_dead = true;
    svq_dev_backend_gone(&env->dev);
    env_run();
    drv_assert_failed(SVQ_ERR_BACKEND_GONE, -1);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
}

static void place_that_the_backend_emptied_of_its_dummy_is_left_alone(void)
{
    up16();
    begin(0, BUF(0), 2 * 4096, W);
    drv_reset();
    env_backend_removes(BUF(0));
    env_backend_occupies(BUF(1));
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(env_entry(BUF(0)), SVQ_NONE);
    assert_int_equal(env_entry(BUF(1)), ENV_OTHER);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
}

static void both_banks_appear_where_the_backend_asked(void)
{
    /* The environment checks backend_gfn against the aperture with each op. */
    up16();
    begin(0, BANK0 + 64 * MIB - 4096, 4096, W);
    begin(1, BANK1 + 16 * MIB - 4096, 4096, W);
    begin(2, BANK1, 4096, W);
    assert_int_equal(env_visible(), 3);
    drv_reset();
    assert_int_equal(env_entry(BANK1), SVQ_DUMMY);
}

static const struct CMUnitTest tests[] = {
    TEST(page_that_two_buffers_read_stays_until_the_second_is_back),
    TEST(page_that_two_buffers_write_stays_until_the_second_is_back),
    TEST(page_is_upgraded_for_a_writer_and_downgraded_after_it),
    TEST(page_stays_writable_when_only_its_reader_is_back),
    TEST(reader_and_writer_back_in_one_batch_are_one_revoke),
    TEST(page_both_read_and_written_by_one_chain_is_granted_once),
    TEST(page_returned_and_offered_again_in_one_run_is_granted_anew),
    TEST(many_buffers_in_a_page_are_one_grant),
    TEST(same_page_in_every_descriptor_of_a_chain_is_counted),
    TEST(buffers_of_two_queues_share_a_page),
    TEST(returns_of_a_batch_share_one_flush),
    TEST(flush_comes_before_the_used_idx),
    TEST(page_revoked_is_the_page_granted),
    TEST(pages_in_one_bucket_do_not_disturb_each_other),
    TEST(all_records_are_used_and_come_back),
    TEST(entry_that_the_backend_removed_is_no_reference_of_ours),
    TEST(entry_that_the_backend_replaced_is_left_alone),
    TEST(removed_entry_cannot_be_upgraded),
    TEST(removed_entry_is_downgraded_and_revoked_without_harm),
    TEST(removed_entry_that_was_downgraded_is_taken_away_without_harm),
    TEST(failed_grant_at_every_page_leaves_nothing),
    TEST(pages_are_taken_away_in_bounded_steps),
    TEST(pages_are_found_wherever_the_last_search_stopped),
    TEST(dummies_stay_until_the_device_has_stopped),
    TEST(dead_backend_gets_no_dummies),
    TEST(place_that_the_backend_emptied_of_its_dummy_is_left_alone),
    TEST(both_banks_appear_where_the_backend_asked),
};

TEST_MAIN(tests)
