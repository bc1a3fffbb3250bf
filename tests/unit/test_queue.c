/* SPDX-License-Identifier: MIT */
/* 2.7.13, 2.7.14: requests go through and come back, at every place of the rings. */
#include <stdlib.h>

#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT

/* Put nr single writable buffers on the ring, heads 0 to nr - 1, without a kick. */
static void offer_many(unsigned int q, unsigned int nr)
{
    unsigned int i;

    for (i = 0; i < nr; i++) {
        drv_desc(q, i, BUF(i) + q * 16 * MIB, 512, W, 0);
        drv_offer(q, i);
    }
}

static void indices_wrap_after_65536_requests(void)
{
    unsigned int n, head;

    up(&(struct env_opts){.size = 8});
    for (n = 0; n < 66000; n++) {
        head = n * 5 % 8;
        drv_write_buffer(0, head, BUF(n % 100), 1 + n % 512);
        be_serve(0, 1 + n % 512);
        drv_expect_used(0, head, 1 + n % 512);
    }
    drv_assert_alive();
    assert_int_equal(env->dev.queue[0].stats.requests, n);
    assert_int_equal(env->dev.queue[0].stats.returned, n);
    assert_int_equal(env->dev.queue[0].stats.kicks, n);
    assert_int_equal(drv_used_idx(0), n & 0xffff);
}

static void full_ring_wraps_at_every_position(void)
{
    unsigned int start, i, order[4];

    up(&(struct env_opts){.size = 4});
    for (start = 0; start < 70000; start += 5) {
        /* One request alone shifts the place of the next full ring. */
        drv_write_buffer(0, 0, BUF(0), 64);
        be_serve(0, 1);
        drv_expect_used(0, 0, 1);

        offer_many(0, 4);
        drv_kick(0);
        for (i = 0; i < 4; i++)
            order[i] = be_take(0);
        for (i = 4; i--;)
            be_put(0, order[i], 10 + i);
        be_kick(0);
        for (i = 4; i--;)
            drv_expect_used(0, i, 10 + i);
    }
    drv_assert_alive();
}

static void every_queue_size_works(void)
{
    unsigned int size, n, head;

    for (size = 1; size <= VSH_MAX_QUEUE_SIZE; size *= 2) {
        up(&(struct env_opts){.size = size});
        assert_int_equal(be_queue_info(0)->size, size);

        for (n = 0; n < 2 * size + 3; n++) {
            drv_write_buffer(0, n % size, BUF(n), 4096);
            be_serve(0, 4096);
            drv_expect_used(0, n % size, 4096);
        }

        /* The whole table in one chain, then every descriptor on its own. */
        for (n = 0; n < size; n++)
            drv_desc(0, n, BUF(n), 8, n + 1 < size ? W | NEXT : W, n + 1);
        drv_submit(0, 0);
        be_serve(0, 8 * size);
        drv_expect_used(0, 0, 8 * size);

        offer_many(0, size);
        drv_kick(0);
        assert_int_equal(env->nr_flights, size);
        for (n = 0; n < size; n++) {
            head = be_take(0);
            be_put(0, head, n);
        }
        be_kick(0);
        for (n = 0; n < size; n++)
            drv_expect_used(0, n, n < 512 ? n : 512);

        drv_assert_alive();
        assert_int_equal(env_visible(), 0);
        env_release();
        env_destroy();
    }
}

static void queue_smaller_than_the_largest_works(void)
{
    unsigned int n;

    env_create(&(struct env_opts){.size = 256});
    be_attach();
    drv_start(4);
    be_begin();
    assert_int_equal(be_queue_info(0)->size, 4);
    assert_int_equal(be_queue_info(0)->max_size, 256);
    for (n = 0; n < 50; n++) {
        drv_write_buffer(0, n % 4, BUF(n), 100);
        be_serve(0, 100);
        drv_expect_used(0, n % 4, 100);
    }
    drv_assert_alive();
}

/* Rings where each part straddles pages in the worst way that its alignment allows. */
static void parts_that_straddle_pages_work(void)
{
    const uint64_t p = RINGS + 0x100000;
    unsigned int n, at;

    for (at = 0; at < 5; at++) {
        /* The at-th descriptor, entry and element begin at the end of a page. */
        uint64_t desc = p + 4096 - 16 * at, avail = p + 0x4000 + 4096 - 2 - 2 * at;
        uint64_t used = p + 0x8000 + 4096 - 8 - 8 * at;

        env_create(&(struct env_opts){.size = 256});
        be_attach();
        drv_probe();
        assert_true(drv_setup_at(0, 256, desc, avail, used));
        drv_write(SVQ_MMIO_STATUS, DRV_OK);
        be_begin();

        for (n = 0; n < 600; n++) {
            drv_write_buffer(0, n % 256, BUF(1000 + n), 4096);
            be_serve(0, n);
            drv_expect_used(0, n % 256, n);
        }
        drv_assert_alive();
        env_release();
        env_destroy();
    }
}

static void rings_in_one_page_and_in_both_banks_work(void)
{
    unsigned int n;

    env_create(&(struct env_opts){.queues = 2, .size = 16});
    be_attach();
    drv_probe();
    assert_true(drv_setup_at(0, 16, BANK1 + 16, BANK1 + 16 + 256, BANK1 + 16 + 256 + 40));
    assert_true(drv_setup_at(1, 16, BANK0, BANK1 + 16 * MIB - 38, BANK0 + 64 * MIB - 136));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    be_begin();
    for (n = 0; n < 40; n++) {
        drv_write_buffer(n % 2, n / 2 % 16, BUF(n), 4096);
        be_serve(n % 2, n);
        drv_expect_used(n % 2, n / 2 % 16, n);
    }
    drv_assert_alive();
}

static void driver_ring_is_only_written_where_2_7_8_says(void)
{
    uint8_t before[2][SVQ_PAGE_SIZE], after[2][SVQ_PAGE_SIZE], used[SVQ_PAGE_SIZE] = {0};
    unsigned int i;

    up(&(struct env_opts){.size = 16});
    offer_many(0, 16);
    env_write16(drv_queue[0].avail + SVQ_AVAIL_RING(16), 0x1234);
    env_write16(drv_queue[0].used + SVQ_USED_FLAGS, 0xabcd);
    env_write16(drv_queue[0].used + SVQ_USED_ID(16), 0x5678);
    env_read(drv_queue[0].desc, before[0], sizeof(before[0]));
    env_read(drv_queue[0].avail, before[1], sizeof(before[1]));

    drv_kick(0);
    for (i = 0; i < 16; i++)
        be_serve(0, 512);

    env_read(drv_queue[0].desc, after[0], sizeof(after[0]));
    env_read(drv_queue[0].avail, after[1], sizeof(after[1]));
    assert_memory_equal(before, after, sizeof(before));

    env_read(drv_queue[0].used, used, sizeof(used));
    assert_int_equal(used[0] | used[1] << 8, 0xabcd);
    assert_int_equal(used[SVQ_USED_ID(16)] | used[SVQ_USED_ID(16) + 1] << 8, 0x5678);
}

static void shadow_available_flags_ask_for_every_return(void)
{
    uint16_t flags;

    up(&(struct env_opts){.size = 16});
    offer_many(0, 16);
    drv_kick(0);
    flags = *(uint16_t *)svq_mem_at(&env->dev.queue[0].shadow_avail, SVQ_AVAIL_FLAGS);
    assert_int_equal(flags, 0);
}

static void fetching_stops_at_the_budget_and_goes_on(void)
{
    unsigned int n;

    up(&(struct env_opts){.size = 1024});
    offer_many(0, 1024);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 0);

    /* A request of one descriptor and one page costs two units. */
    assert_true(svq_dev_run(&env->dev));
    assert_int_equal(env->nr_flights, SVQ_BUDGET / 2);
    env_run();
    assert_int_equal(env->nr_flights, 1024);
    assert_in_range(env->steps, 2, 6);

    for (n = 0; n < 1024; n++)
        be_put(0, be_take(0), 1);
    be_kick_only(0);
    assert_true(svq_dev_run(&env->dev));
    assert_int_equal(drv_used_idx(0), SVQ_BUDGET / 2);
    env_run();
    assert_int_equal(drv_used_idx(0), 1024);
    for (n = 0; n < 1024; n++)
        drv_expect_used(0, n, 1);
    drv_assert_alive();
}

static void one_chain_may_exceed_the_budget(void)
{
    up(&(struct env_opts){.size = 16});
    drv_desc(0, 0, BUFFERS, SVQ_CHAIN_PAGES * 4096u, W, 0);
    drv_desc(0, 1, BUF(0), 1, 0, 0);
    drv_offer(0, 0);
    drv_offer(0, 1);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 0);
    assert_true(svq_dev_run(&env->dev));
    assert_int_equal(env->nr_flights, 1);
    assert_int_equal(env_visible(), SVQ_CHAIN_PAGES);
    assert_false(svq_dev_run(&env->dev));
    assert_int_equal(env->nr_flights, 2);
    env_check();
}

static void busy_queue_does_not_starve_another(void)
{
    unsigned int step;

    up(&(struct env_opts){.queues = 2, .size = 1024});
    offer_many(0, 1024);
    offer_many(1, 1);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 0);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 1);
    for (step = 0; step < 2; step++)
        assert_true(svq_dev_run(&env->dev));
    assert_int_equal(env->dev.queue[1].stats.requests, 1);
    assert_true(env->dev.queue[0].stats.requests < 1024);
    env_run();
    assert_int_equal(env->nr_flights, 1025);
}

/* ---- Page records ---- */

#define LARGE (SVQ_CHAIN_PAGES * PAGE)

static void offer_large(unsigned int q, unsigned int head, unsigned int n)
{
    drv_desc(q, head, BUFFERS + n * LARGE, (uint32_t)LARGE, W, 0);
    drv_offer(q, head);
}

static void chain_without_records_waits_for_a_return(void)
{
    unsigned int first;

    up(&(struct env_opts){.size = 16});
    assert_int_equal(env->dev.queue[0].pages.nr, 2 * SVQ_CHAIN_PAGES);
    offer_large(0, 0, 0);
    offer_large(0, 1, 1);
    offer_large(0, 2, 2);
    drv_kick(0);
    drv_assert_alive();
    assert_int_equal(env->nr_flights, 2);
    assert_true(env->dev.queue[0].stalled);
    assert_int_equal(env->dev.queue[0].pages.nr_free, 0);
    assert_int_equal(env_visible(), 2 * SVQ_CHAIN_PAGES);

    /* Neither a kick nor a run makes it spin or changes anything. */
    drv_kick(0);
    assert_int_equal(env->steps, 1);
    assert_int_equal(env->nr_flights, 2);

    first = be_take(0);
    be_return(0, first, 7);
    drv_expect_used(0, 0, 7);
    assert_int_equal(env->nr_flights, 2);
    assert_false(env->dev.queue[0].stalled);
    assert_int_equal(env->dev.queue[0].pages.nr_free, 0);

    be_serve(0, 8);
    be_serve(0, 9);
    drv_expect_used(0, 1, 8);
    drv_expect_used(0, 2, 9);
    drv_assert_alive();
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    env_check_records();
}

static void chain_that_waits_leaves_no_trace(void)
{
    up(&(struct env_opts){.size = 16});
    offer_large(0, 0, 0);
    /* Leaves room for half of the next one, which also shares a page with this one. */
    drv_desc(0, 1, BUFFERS + LARGE, (uint32_t)(LARGE / 2), 0, 0);
    drv_offer(0, 1);
    drv_desc(0, 2, BUFFERS + LARGE, 4096, NEXT, 3);
    drv_desc(0, 3, BUFFERS + 2 * LARGE, 3 * 4096, W | NEXT, 4);
    drv_desc(0, 4, BUFFERS + LARGE + 4096, 4096, W | NEXT, 5);
    drv_desc(0, 5, BUFFERS + 3 * LARGE, (uint32_t)LARGE / 2, W, 0);
    drv_offer(0, 2);
    drv_kick(0);

    drv_assert_alive();
    assert_int_equal(env->nr_flights, 2);
    assert_true(env->dev.queue[0].stalled);
    assert_int_equal(env->dev.queue[0].pages.nr_free, SVQ_CHAIN_PAGES / 2);
    assert_int_equal(env_entry(BUFFERS + LARGE + 4096), SVQ_RO);
    assert_int_equal(env_entry(BUFFERS + 2 * LARGE), SVQ_NONE);
    assert_int_equal(env->upgrades + env->downgrades, 0);
    env_check_records();

    be_serve(0, 0);
    assert_int_equal(env->nr_flights, 2);
    assert_int_equal(env_entry(BUFFERS + LARGE + 4096), SVQ_RW);
    be_serve(0, 0);
    be_serve(0, 0);
    drv_assert_alive();
    assert_int_equal(env_visible(), 0);
}

static void chains_behind_one_that_waits_keep_their_order(void)
{
    up(&(struct env_opts){.size = 16});
    offer_large(0, 0, 0);
    offer_large(0, 1, 1);
    offer_large(0, 2, 2);
    drv_desc(0, 3, BUFFERS, 16, W, 0); /* would fit */
    drv_offer(0, 3);
    drv_kick(0);
    assert_int_equal(env->nr_flights, 2);
    be_serve(0, 0);
    be_serve(0, 0);
    be_serve(0, 0);
    be_serve(0, 0);
    drv_expect_used(0, 0, 0);
    drv_expect_used(0, 1, 0);
    drv_expect_used(0, 2, 0);
    drv_expect_used(0, 3, 0);
}

static void queue_does_not_wait_for_what_another_has_in_flight(void)
{
    up(&(struct env_opts){.queues = 2, .size = 16});
    assert_int_equal(env->dev.queue[0].pages.nr, 2 * SVQ_CHAIN_PAGES);
    offer_large(0, 0, 0);
    offer_large(0, 1, 1);
    offer_large(0, 2, 3);
    drv_kick(0);
    assert_true(env->dev.queue[0].stalled);
    assert_int_equal(env->nr_flights, 2);
    offer_large(1, 0, 2);
    drv_kick(1);
    assert_false(env->dev.queue[1].stalled);
    assert_int_equal(env->nr_flights, 3);
    assert_int_equal(env->notify[1], 1);

    be_serve(0, 0);
    assert_false(env->dev.queue[0].stalled);
    be_serve(0, 0);
    be_serve(1, 5);
    drv_expect_used(1, 0, 5);
    be_serve(0, 0);
    drv_assert_alive();
    assert_int_equal(env_visible(), 0);
}

static void chain_that_has_to_wait_costs_its_budget(void)
{
    up(&(struct env_opts){.queues = 2, .size = 16});
    offer_large(0, 0, 0);
    offer_large(0, 1, 1);
    drv_kick(0);

    /* Looking at the third takes time; the other queue's turn is in the next step. */
    offer_large(0, 2, 2);
    drv_desc(1, 0, BUFFERS, 16, W, 0);
    drv_offer(1, 0);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 0);
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, 1);
    env->dev.next_queue = 0;
    assert_true(svq_dev_run(&env->dev));
    assert_true(env->dev.queue[0].stalled);
    assert_int_equal(env->dev.queue[1].stats.requests, 0);
    env_run();
    assert_int_equal(env->dev.queue[1].stats.requests, 1);
    drv_assert_alive();
}

static void reset_frees_a_queue_that_waits(void)
{
    up(&(struct env_opts){.size = 16});
    offer_large(0, 0, 0);
    offer_large(0, 1, 1);
    offer_large(0, 2, 2);
    drv_kick(0);
    assert_true(env->dev.queue[0].stalled);
    up_again();
    drv_write_buffer(0, 0, BUF(0), 64);
    be_serve(0, 64);
    drv_expect_used(0, 0, 64);
}

/* ---- Notifications ---- */

static void backend_is_notified_once_per_batch(void)
{
    up(&(struct env_opts){.size = 16});
    offer_many(0, 16);
    drv_kick(0);
    assert_int_equal(env->notify[0], 1);
    drv_kick(0);
    assert_int_equal(env->notify[0], 1);
    assert_int_equal(env->dev.queue[0].stats.notifications, 1);
}

static void backend_that_does_not_want_it_is_not_notified(void)
{
    up(&(struct env_opts){.size = 16});
    be_used_flags(0, SVQ_USED_F_NO_NOTIFY);
    drv_write_buffer(0, 0, BUF(0), 64);
    assert_int_equal(env->notify[0], 0);
    assert_int_equal(env->nr_flights, 1);
    be_used_flags(0, (uint16_t)~SVQ_USED_F_NO_NOTIFY);
    drv_write_buffer(0, 1, BUF(1), 64);
    assert_int_equal(env->notify[0], 1);
}

static void driver_is_interrupted_once_per_batch(void)
{
    unsigned int i;

    up(&(struct env_opts){.size = 16});
    offer_many(0, 16);
    drv_kick(0);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), 0);
    for (i = 0; i < 16; i++)
        be_put(0, be_take(0), 1);
    be_kick(0);
    assert_int_equal(env->interrupts, 1);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), SVQ_INT_USED);
    be_kick(0);
    assert_int_equal(env->interrupts, 1);
    drv_write(SVQ_MMIO_INT_ACK, SVQ_INT_USED);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), 0);
    assert_int_equal(env->dev.queue[0].stats.interrupts, 1);
}

static void driver_that_does_not_want_it_is_not_interrupted(void)
{
    up(&(struct env_opts){.size = 16});
    env_write16(drv_queue[0].avail, SVQ_AVAIL_F_NO_INTERRUPT);
    drv_write_buffer(0, 0, BUF(0), 64);
    be_serve(0, 1);
    assert_int_equal(env->interrupts, 0);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), 0);
    drv_expect_used(0, 0, 1);
    env_write16(drv_queue[0].avail, (uint16_t)~SVQ_AVAIL_F_NO_INTERRUPT);
    drv_write_buffer(0, 0, BUF(0), 64);
    be_serve(0, 1);
    assert_int_equal(env->interrupts, 1);
}

static unsigned int late_head;

static void offer_after_the_idx_was_read(struct env_where w, void *p, size_t bytes)
{
    (void)p;
    (void)bytes;
    if (w.area == ENV_AVAIL && w.off == SVQ_AVAIL_IDX && late_head) {
        drv_offer(0, late_head);
        late_head = 0;
    }
}

static void request_that_comes_while_fetching_needs_its_own_kick(void)
{
    up(&(struct env_opts){.size = 16});
    drv_desc(0, 1, BUF(1), 64, W, 0);
    drv_desc(0, 2, BUF(2), 64, W, 0);
    drv_offer(0, 1);
    late_head = 2;
    env->on_read = offer_after_the_idx_was_read;
    drv_kick(0);
    env->on_read = NULL;
    assert_int_equal(env->nr_flights, 1);
    drv_kick(0);
    assert_int_equal(env->nr_flights, 2);
    drv_assert_alive();
}

static void requests_from_before_driver_ok_are_fetched_without_a_kick(void)
{
    env_create(&(struct env_opts){.size = 16});
    be_attach();
    drv_probe();
    assert_true(drv_setup(0, 16));
    drv_desc(0, 0, BUF(0), 64, W, 0);
    drv_offer(0, 0);
    drv_kick(0);
    assert_int_equal(env->grants, 0);
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    be_begin();
    be_serve(0, 3);
    drv_expect_used(0, 0, 3);
}

static void kick_of_no_such_queue_does_nothing(void)
{
    up(&(struct env_opts){.queues = 2, .size = 16});
    offer_many(0, 1);
    drv_kick(2);
    drv_kick(VSH_MAX_QUEUES);
    drv_kick(0xffffffffu);
    drv_kick(0x10000);
    drv_assert_alive();
    assert_int_equal(env->nr_flights, 0);
    assert_int_equal(env->dev.queue[0].stats.kicks, 0);
}

static void queue_that_is_not_ready_is_left_alone(void)
{
    env_create(&(struct env_opts){.queues = 2, .size = 16});
    be_attach();
    drv_probe();
    assert_true(drv_setup(0, 16));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    be_begin();
    assert_int_equal(be_queue_info(1)->size, 0);
    drv_kick(1);
    be_kick(1);
    drv_assert_alive();
    assert_int_equal(env->dev.queue[1].stats.kicks, 0);
    drv_write_buffer(0, 0, BUF(0), 64);
    be_serve(0, 64);
    drv_expect_used(0, 0, 64);
}

static void requests_come_back_in_any_order(void)
{
    unsigned int slot[64], n = 64, i, k;

    up(&(struct env_opts){.size = 64});
    srand(7);
    for (k = 0; k < 20; k++) {
        unsigned char seen[64] = {0};
        uint32_t id, len;

        offer_many(0, 64);
        drv_kick(0);
        for (i = 0; i < 64; i++)
            slot[i] = be_take(0);
        for (n = 64; n; n--) {
            i = (unsigned int)rand() % n;
            be_put(0, slot[i], 100);
            slot[i] = slot[n - 1];
            if (rand() % 3 == 0)
                be_kick(0);
        }
        be_kick(0);
        while (drv_used(0, &id, &len)) {
            assert_in_range(id, 0, 63);
            assert_false(seen[id]++);
            assert_int_equal(len, 100);
        }
        for (i = 0; i < 64; i++)
            assert_true(seen[i]);
    }
    drv_assert_alive();
}

static const struct CMUnitTest tests[] = {
    TEST(indices_wrap_after_65536_requests),
    TEST(full_ring_wraps_at_every_position),
    TEST(every_queue_size_works),
    TEST(queue_smaller_than_the_largest_works),
    TEST(parts_that_straddle_pages_work),
    TEST(rings_in_one_page_and_in_both_banks_work),
    TEST(driver_ring_is_only_written_where_2_7_8_says),
    TEST(shadow_available_flags_ask_for_every_return),
    TEST(fetching_stops_at_the_budget_and_goes_on),
    TEST(one_chain_may_exceed_the_budget),
    TEST(busy_queue_does_not_starve_another),
    TEST(chain_without_records_waits_for_a_return),
    TEST(chain_that_waits_leaves_no_trace),
    TEST(chains_behind_one_that_waits_keep_their_order),
    TEST(queue_does_not_wait_for_what_another_has_in_flight),
    TEST(chain_that_has_to_wait_costs_its_budget),
    TEST(reset_frees_a_queue_that_waits),
    TEST(backend_is_notified_once_per_batch),
    TEST(backend_that_does_not_want_it_is_not_notified),
    TEST(driver_is_interrupted_once_per_batch),
    TEST(driver_that_does_not_want_it_is_not_interrupted),
    TEST(request_that_comes_while_fetching_needs_its_own_kick),
    TEST(requests_from_before_driver_ok_are_fetched_without_a_kick),
    TEST(kick_of_no_such_queue_does_nothing),
    TEST(queue_that_is_not_ready_is_left_alone),
    TEST(requests_come_back_in_any_order),
};

TEST_MAIN(tests)
