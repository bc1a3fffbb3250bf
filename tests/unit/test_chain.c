/* SPDX-License-Identifier: MIT */
/* 2.7.4, 2.7.5, 2.7.6, 2.7.13: which chains are taken, and which fail the device. */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT

#define SIZE 16u

static void up16(void)
{
    up(&(struct env_opts){.size = SIZE});
}

/* What the driver just kicked reaches the backend, as a chain of nr descriptors. */
static void assert_accepted(unsigned int nr)
{
    unsigned int head, i, n = 1;

    drv_assert_alive();
    assert_true(be_next(0, &head));
    for (i = head; be_desc(0, i).flags & NEXT; i = be_desc(0, i).next)
        n++;
    assert_int_equal(n, nr);
}

static void assert_refused(enum svq_error err)
{
    drv_assert_failed(err, 0);
    assert_int_equal(env->dev.queue[0].stats.rejected, 1);
    assert_int_equal(env->dev.failures, 1);
    assert_int_equal(env->reports, 1);
    assert_false(svq_error_is_backend(err));
}

/* A read-only buffer of one descriptor. */
static void offer_one(uint64_t addr, uint32_t len)
{
    drv_read_buffer(0, 0, addr, len);
}

static void chain_reaches_the_backend_as_it_is(void)
{
    struct svq_desc d;
    unsigned int head;

    up16();
    drv_desc(0, 5, BUF(0) + 3, 16, NEXT, 2);
    drv_desc(0, 2, BUF(1), 5000, NEXT | W, 9);
    drv_desc(0, 9, BANK1 + 7, 1, W, 1234);
    drv_submit(0, 5);
    drv_assert_alive();

    head = be_take(0);
    d = be_desc(0, head);
    assert_int_equal(d.addr, BUF(0) + 3);
    assert_int_equal(d.len, 16);
    assert_int_equal(d.flags, NEXT);
    d = be_desc(0, d.next);
    assert_int_equal(d.addr, BUF(1));
    assert_int_equal(d.len, 5000);
    assert_int_equal(d.flags, NEXT | W);
    d = be_desc(0, d.next);
    assert_int_equal(d.addr, BANK1 + 7);
    assert_int_equal(d.len, 1);
    assert_int_equal(d.flags, W);

    assert_int_equal(env_entry(BUF(0)), SVQ_RO);
    assert_int_equal(env_entry(BUF(1)), SVQ_RW);
    assert_int_equal(env_entry(BUF(2)), SVQ_RW);
    assert_int_equal(env_entry(BANK1), SVQ_RW);
    assert_int_equal(env_visible(), 4);

    be_return(0, head, 5001);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env_refs(BUF(0)), 0);
}

static void length_of_one_byte_is_accepted(void)
{
    up16();
    offer_one(BUF(0) + PAGE - 1, 1);
    assert_accepted(1);
    assert_int_equal(env_visible(), 1);
}

static void length_zero_is_refused(void)
{
    up16();
    offer_one(BUF(0), 0);
    assert_refused(SVQ_ERR_LEN);
}

static void length_zero_later_in_the_chain_is_refused(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 16, NEXT, 1);
    drv_desc(0, 1, BUF(1), 0, W, 0);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_LEN);
}

static void two_bytes_across_a_page_grant_two_pages(void)
{
    up16();
    offer_one(BUF(1) - 1, 2);
    assert_accepted(1);
    assert_int_equal(env_visible(), 2);
}

static void buffer_up_to_the_end_of_a_page_grants_one_page(void)
{
    up16();
    offer_one(BUF(0), 4096);
    assert_accepted(1);
    assert_int_equal(env_visible(), 1);
}

static void address_at_both_ends_of_each_bank_is_accepted(void)
{
    up16();
    offer_one(BANK0 + 64 * MIB - 1, 1);
    assert_accepted(1);
    drv_read_buffer(0, 1, BANK1, 1);
    assert_accepted(1);
    drv_read_buffer(0, 2, BANK1 + 16 * MIB - 4096, 4096);
    assert_accepted(1);
    drv_read_buffer(0, 3, BANK0, 1);
    assert_accepted(1);
}

static void address_below_ram_is_refused(void)
{
    up16();
    offer_one(BANK0 - 1, 1);
    assert_refused(SVQ_ERR_ADDR);
}

static void address_below_ram_reaching_into_it_is_refused(void)
{
    up16();
    offer_one(BANK0 - 1, 2);
    assert_refused(SVQ_ERR_ADDR);
}

static void address_just_beyond_a_bank_is_refused(void)
{
    up16();
    offer_one(BANK0 + 64 * MIB, 1);
    assert_refused(SVQ_ERR_ADDR);
}

static void address_in_the_hole_between_banks_is_refused(void)
{
    up16();
    offer_one(BANK0 + 4 * GIB, 16);
    assert_refused(SVQ_ERR_ADDR);
}

static void buffer_that_crosses_the_end_of_a_bank_is_refused(void)
{
    up16();
    offer_one(BANK0 + 64 * MIB - 1, 2);
    assert_refused(SVQ_ERR_ADDR);
}

static void buffer_that_crosses_the_end_of_the_last_bank_is_refused(void)
{
    up16();
    offer_one(BANK1 + 16 * MIB - 4096, 4097);
    assert_refused(SVQ_ERR_ADDR);
}

static void address_that_wraps_64_bits_is_refused(void)
{
    up16();
    offer_one(~0ULL, 2);
    assert_refused(SVQ_ERR_ADDR);
}

static void address_whose_end_wraps_into_ram_is_refused(void)
{
    /* addr + len - 1 lies in bank 0. */
    up16();
    offer_one(0ULL - 0x10000, 0x10000 + (uint32_t)BANK0 + 4096);
    assert_refused(SVQ_ERR_ADDR);
}

static void address_zero_is_refused(void)
{
    up16();
    offer_one(0, 4096);
    assert_refused(SVQ_ERR_ADDR);
}

static void chain_of_exactly_the_queue_size_is_accepted(void)
{
    unsigned int i, head;

    up16();
    for (i = 0; i < SIZE; i++)
        drv_desc(0, SIZE - 1 - i, BUF(i), 100, i + 1 < SIZE ? NEXT : 0, SIZE - 2 - i);
    drv_submit(0, SIZE - 1);
    drv_assert_alive();
    head = be_take(0);
    assert_int_equal(env_visible(), SIZE);
    be_return(0, head, 0);
    drv_assert_alive();

    /* All slots are there again. */
    drv_submit(0, SIZE - 1);
    assert_accepted(SIZE);
}

static void chain_that_loops_is_refused(void)
{
    unsigned int i;

    up16();
    for (i = 0; i < SIZE; i++)
        drv_desc(0, i, BUF(i), 100, NEXT, (i + 1) % SIZE);
    drv_submit(0, 3);
    assert_refused(SVQ_ERR_CHAIN_LONG);
}

static void descriptor_that_is_its_own_next_is_refused(void)
{
    up16();
    drv_desc(0, 7, BUF(0), 100, NEXT, 7);
    drv_submit(0, 7);
    assert_refused(SVQ_ERR_CHAIN_LONG);
}

static void loop_of_two_is_refused(void)
{
    up16();
    drv_desc(0, 1, BUF(0), 100, NEXT | W, 2);
    drv_desc(0, 2, BUF(1), 100, NEXT | W, 1);
    drv_submit(0, 1);
    assert_refused(SVQ_ERR_CHAIN_LONG);
}

static void queue_of_one_takes_a_chain_of_one(void)
{
    up(&(struct env_opts){.size = 1});
    drv_desc(0, 0, BUF(0), 512, W, 0);
    drv_submit(0, 0);
    assert_accepted(1);
}

static void queue_of_one_refuses_a_next(void)
{
    up(&(struct env_opts){.size = 1});
    drv_desc(0, 0, BUF(0), 512, NEXT, 1);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_NEXT);
}

static void next_is_the_last_descriptor_is_accepted(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 512, NEXT, SIZE - 1);
    drv_desc(0, SIZE - 1, BUF(1), 512, 0, 0);
    drv_submit(0, 0);
    assert_accepted(2);
}

static void next_beyond_the_table_is_refused(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 512, NEXT, SIZE);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_NEXT);
}

static void next_beyond_the_table_without_the_flag_is_ignored(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 512, 0, 0xffff);
    drv_submit(0, 0);
    assert_accepted(1);
}

static void next_beyond_a_queue_smaller_than_its_window_is_refused(void)
{
    /* The driver may use a smaller queue than the device offers. */
    env_create(&(struct env_opts){.size = 64});
    be_attach();
    drv_start(8);
    drv_desc(0, 0, BUF(0), 512, NEXT, 8);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_NEXT);
}

static void head_is_the_last_descriptor_is_accepted(void)
{
    up16();
    drv_read_buffer(0, SIZE - 1, BUF(0), 512);
    assert_accepted(1);
}

static void head_beyond_the_table_is_refused(void)
{
    up16();
    drv_submit(0, SIZE);
    assert_refused(SVQ_ERR_HEAD);
}

static void head_of_ffff_is_refused(void)
{
    up16();
    drv_submit(0, 0xffff);
    assert_refused(SVQ_ERR_HEAD);
}

static void head_in_flight_is_refused(void)
{
    up16();
    drv_read_buffer(0, 4, BUF(0), 512);
    drv_read_buffer(0, 4, BUF(0), 512);
    assert_refused(SVQ_ERR_HEAD_BUSY);
}

static void head_twice_in_one_batch_is_refused(void)
{
    up16();
    drv_desc(0, 4, BUF(0), 512, 0, 0);
    drv_offer(0, 4);
    drv_submit(0, 4);
    assert_refused(SVQ_ERR_HEAD_BUSY);
}

static void head_that_came_back_is_accepted_again(void)
{
    up16();
    drv_read_buffer(0, 4, BUF(0), 512);
    be_serve(0, 0);
    drv_read_buffer(0, 4, BUF(0), 512);
    assert_accepted(1);
}

static void head_inside_of_a_chain_in_flight_costs_its_own_slots(void)
{
    /* Not a busy head: the tail of another chain.  Its descriptors are copies. */
    up16();
    drv_desc(0, 0, BUF(0), 100, NEXT, 1);
    drv_desc(0, 1, BUF(1), 100, 0, 0);
    drv_submit(0, 0);
    drv_submit(0, 1);
    drv_assert_alive();
    assert_int_equal(env->nr_flights, 2);
    be_serve(0, 0);
    assert_int_equal(env_visible(), 1);
    assert_int_equal(env_entry(BUF(1)), SVQ_RO);
    be_serve(0, 0);
    assert_int_equal(env_visible(), 0);
}

static void overcommit_by_shared_tails_is_refused(void)
{
    unsigned int i;

    /* 0 -> 1 -> ... -> 14 takes 15 slots; 15 -> 1 -> ... wants 15 more. */
    up16();
    for (i = 0; i < SIZE - 1; i++)
        drv_desc(0, i, BUF(i), 100, i + 2 < SIZE ? NEXT : 0, i + 1);
    drv_desc(0, SIZE - 1, BUF(40), 100, NEXT, 1);
    drv_submit(0, 0);
    drv_assert_alive();
    drv_submit(0, SIZE - 1);
    assert_refused(SVQ_ERR_OVERCOMMIT);
}

static void overcommit_of_a_queue_smaller_than_its_window_is_refused(void)
{
    unsigned int i;

    env_create(&(struct env_opts){.size = 64});
    be_attach();
    drv_start(8);
    for (i = 0; i < 7; i++)
        drv_desc(0, i, BUF(i), 100, i < 6 ? NEXT : 0, i + 1);
    drv_submit(0, 0);
    drv_desc(0, 7, BUF(40), 100, NEXT, 6);
    drv_submit(0, 7);
    assert_refused(SVQ_ERR_OVERCOMMIT);
}

static void last_free_slot_is_used(void)
{
    unsigned int i;

    up16();
    for (i = 0; i < SIZE - 1; i++)
        drv_desc(0, i, BUF(i), 100, i + 2 < SIZE ? NEXT : 0, i + 1);
    drv_submit(0, 0);
    drv_read_buffer(0, SIZE - 1, BUF(40), 100);
    drv_assert_alive();
    assert_int_equal(env->nr_flights, 2);
    assert_int_equal(env->dev.queue[0].ring_free, 0);
}

static void order_readable_then_writable_is_accepted(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 16, NEXT, 1);
    drv_desc(0, 1, BUF(1), 512, NEXT, 2);
    drv_desc(0, 2, BUF(2), 512, NEXT | W, 3);
    drv_desc(0, 3, BUF(3), 1, W, 0);
    drv_submit(0, 0);
    assert_accepted(4);
}

static void order_readable_after_writable_is_refused(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 16, NEXT | W, 1);
    drv_desc(0, 1, BUF(1), 512, 0, 0);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_ORDER);
}

static void indirect_is_refused(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 64, SVQ_DESC_F_INDIRECT, 0);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_INDIRECT);
}

static void indirect_with_next_and_a_bad_address_is_refused(void)
{
    up16();
    drv_desc(0, 0, 0, 0, SVQ_DESC_F_INDIRECT | NEXT | W, 99);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_INDIRECT);
}

static void indirect_at_the_end_of_a_chain_is_refused(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 64, NEXT, 1);
    drv_desc(0, 1, BUF(1), 64, SVQ_DESC_F_INDIRECT, 0);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_INDIRECT);
}

static void every_other_flag_is_refused(void)
{
    unsigned int bit;

    for (bit = 3; bit < 16; bit++) {
        up16();
        drv_desc(0, 0, BUF(0), 64, 1U << bit, 0);
        drv_submit(0, 0);
        assert_refused(SVQ_ERR_FLAGS);
        env_release();
        env_destroy();
    }
}

static void pages_of_exactly_the_limit_are_accepted(void)
{
    up16();
    offer_one(BUFFERS, SVQ_CHAIN_PAGES * 4096u);
    drv_assert_alive();
    assert_int_equal(env_visible(), SVQ_CHAIN_PAGES);
    be_serve(0, 0);
    assert_int_equal(env_visible(), 0);
}

static void pages_one_beyond_the_limit_are_refused(void)
{
    up16();
    offer_one(BUFFERS + 4095, SVQ_CHAIN_PAGES * 4096u);
    assert_refused(SVQ_ERR_CHAIN_PAGES);
    assert_int_equal(env->grants, 0);
}

static void pages_of_a_chain_are_counted_together(void)
{
    up16();
    drv_desc(0, 0, BUFFERS, (SVQ_CHAIN_PAGES - 1) * 4096u, NEXT, 1);
    drv_desc(0, 1, BUFFERS + 16 * MIB, 1, 0, 0);
    drv_submit(0, 0);
    assert_accepted(2);

    drv_desc(0, 2, BUFFERS, (SVQ_CHAIN_PAGES - 1) * 4096u, NEXT, 3);
    drv_desc(0, 3, BUFFERS + 16 * MIB - 1, 2, 0, 0);
    drv_submit(0, 2);
    assert_refused(SVQ_ERR_CHAIN_PAGES);
}

static void bytes_of_exactly_2_to_the_32_are_not_too_many(void)
{
    /* They are too many pages, which is looked at next: CHAIN_BYTES has no say. */
    up(&(struct env_opts){.size = SIZE, .bank1 = 5 * GIB});
    drv_desc(0, 0, BANK1, 4096, NEXT, 1);
    drv_desc(0, 1, BANK1 + 4096, 0xfffff000u, 0, 0);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_CHAIN_PAGES);
}

static void bytes_beyond_2_to_the_32_are_refused(void)
{
    up(&(struct env_opts){.size = SIZE, .bank1 = 5 * GIB});
    drv_desc(0, 0, BANK1, 4097, NEXT, 1);
    drv_desc(0, 1, BANK1 + 8192, 0xfffff000u, 0, 0);
    drv_submit(0, 0);
    assert_refused(SVQ_ERR_CHAIN_BYTES);
}

static void available_idx_by_the_queue_size_is_accepted(void)
{
    unsigned int i;

    up16();
    for (i = 0; i < SIZE; i++) {
        drv_desc(0, i, BUF(i), 64, 0, 0);
        drv_offer(0, i);
    }
    drv_kick(0);
    drv_assert_alive();
    assert_int_equal(env->nr_flights, SIZE);
}

static void available_idx_beyond_the_queue_size_is_refused(void)
{
    unsigned int i;

    up16();
    for (i = 0; i < SIZE; i++) {
        drv_desc(0, i, BUF(i), 64, 0, 0);
        drv_offer(0, i);
    }
    env_write16(drv_queue[0].avail + SVQ_AVAIL_IDX, SIZE + 1);
    drv_kick(0);
    assert_refused(SVQ_ERR_AVAIL_IDX);
    assert_int_equal(env->grants, 0);
}

static void available_idx_that_goes_back_is_refused(void)
{
    up16();
    drv_read_buffer(0, 0, BUF(0), 64);
    be_serve(0, 0);
    env_write16(drv_queue[0].avail + SVQ_AVAIL_IDX, 0);
    drv_kick(0);
    assert_refused(SVQ_ERR_AVAIL_IDX);
}

static void page_that_is_not_plain_ram_is_refused(void)
{
    static const enum env_kind kinds[] = {ENV_FOREIGN, ENV_HOLE};
    unsigned int i;

    for (i = 0; i < COUNT(kinds); i++) {
        up16();
        env_set_kind(BUF(2), kinds[i]);
        offer_one(BUF(0), 4 * 4096);
        assert_refused(SVQ_ERR_PAGE);
        assert_int_equal(env_refs(BUF(0)), 0);
        env_release();
        env_destroy();
    }
}

static void chains_before_a_bad_one_were_taken_back(void)
{
    up16();
    drv_desc(0, 0, BUF(0), 64, W, 0);
    drv_desc(0, 1, BUF(1), 64, W, 0);
    drv_desc(0, 2, 1, 64, W, 0);
    drv_offer(0, 0);
    drv_offer(0, 1);
    drv_submit(0, 2);
    assert_refused(SVQ_ERR_ADDR);
    assert_int_equal(drv_used_idx(0), 0);
}

/* A driver that changes everything the moment after it was read. */
static void scramble(struct env_where w, void *p, size_t bytes)
{
    if (w.area == ENV_DESC || w.area == ENV_AVAIL)
        memset(p, 0xff, bytes);
}

static void values_are_read_once(void)
{
    struct svq_desc d;
    unsigned int head;

    up16();
    drv_desc(0, 3, BUF(0), 700, NEXT, 1);
    drv_desc(0, 1, BUF(9), 9000, W, 0);
    drv_offer(0, 3);
    env->on_read = scramble;
    drv_kick(0);
    env->on_read = NULL;

    drv_assert_alive();
    head = be_take(0);
    d = be_desc(0, head);
    assert_int_equal(d.addr, BUF(0));
    assert_int_equal(d.len, 700);
    assert_int_equal(d.flags, NEXT);
    d = be_desc(0, d.next);
    assert_int_equal(d.addr, BUF(9));
    assert_int_equal(d.len, 9000);
    assert_int_equal(d.flags, W);
    assert_int_equal(env_visible(), 4);

    /* Nor does the way back look at the driver's descriptors. */
    be_return(0, head, 9000);
    drv_assert_alive();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(drv_used_idx(0), 1);
}

static void errors_have_texts_of_their_own(void)
{
    enum svq_error a, b;

    for (a = SVQ_ERR_NONE; a < SVQ_ERR_COUNT; a++) {
        if (a == SVQ_ERR_DRIVER_END)
            a = SVQ_ERR_USED_IDX;
        assert_non_null(svq_error_text(a));
        assert_string_not_equal(svq_error_text(a), svq_error_text(SVQ_ERR_COUNT));
        for (b = SVQ_ERR_NONE; b < a; b++)
            assert_string_not_equal(svq_error_text(a), svq_error_text(b));
    }
    assert_non_null(svq_error_text((enum svq_error)999));
    assert_false(svq_error_is_backend(SVQ_ERR_STATUS));
    assert_true(svq_error_is_backend(SVQ_ERR_USED_IDX));
    assert_true(svq_error_is_backend(SVQ_ERR_REVOKED));
}

static const struct CMUnitTest tests[] = {
    TEST(chain_reaches_the_backend_as_it_is),
    TEST(length_of_one_byte_is_accepted),
    TEST(length_zero_is_refused),
    TEST(length_zero_later_in_the_chain_is_refused),
    TEST(two_bytes_across_a_page_grant_two_pages),
    TEST(buffer_up_to_the_end_of_a_page_grants_one_page),
    TEST(address_at_both_ends_of_each_bank_is_accepted),
    TEST(address_below_ram_is_refused),
    TEST(address_below_ram_reaching_into_it_is_refused),
    TEST(address_just_beyond_a_bank_is_refused),
    TEST(address_in_the_hole_between_banks_is_refused),
    TEST(buffer_that_crosses_the_end_of_a_bank_is_refused),
    TEST(buffer_that_crosses_the_end_of_the_last_bank_is_refused),
    TEST(address_that_wraps_64_bits_is_refused),
    TEST(address_whose_end_wraps_into_ram_is_refused),
    TEST(address_zero_is_refused),
    TEST(chain_of_exactly_the_queue_size_is_accepted),
    TEST(chain_that_loops_is_refused),
    TEST(descriptor_that_is_its_own_next_is_refused),
    TEST(loop_of_two_is_refused),
    TEST(queue_of_one_takes_a_chain_of_one),
    TEST(queue_of_one_refuses_a_next),
    TEST(next_is_the_last_descriptor_is_accepted),
    TEST(next_beyond_the_table_is_refused),
    TEST(next_beyond_the_table_without_the_flag_is_ignored),
    TEST(next_beyond_a_queue_smaller_than_its_window_is_refused),
    TEST(head_is_the_last_descriptor_is_accepted),
    TEST(head_beyond_the_table_is_refused),
    TEST(head_of_ffff_is_refused),
    TEST(head_in_flight_is_refused),
    TEST(head_twice_in_one_batch_is_refused),
    TEST(head_that_came_back_is_accepted_again),
    TEST(head_inside_of_a_chain_in_flight_costs_its_own_slots),
    TEST(overcommit_by_shared_tails_is_refused),
    TEST(overcommit_of_a_queue_smaller_than_its_window_is_refused),
    TEST(last_free_slot_is_used),
    TEST(order_readable_then_writable_is_accepted),
    TEST(order_readable_after_writable_is_refused),
    TEST(indirect_is_refused),
    TEST(indirect_with_next_and_a_bad_address_is_refused),
    TEST(indirect_at_the_end_of_a_chain_is_refused),
    TEST(every_other_flag_is_refused),
    TEST(pages_of_exactly_the_limit_are_accepted),
    TEST(pages_one_beyond_the_limit_are_refused),
    TEST(pages_of_a_chain_are_counted_together),
    TEST(bytes_of_exactly_2_to_the_32_are_not_too_many),
    TEST(bytes_beyond_2_to_the_32_are_refused),
    TEST(available_idx_by_the_queue_size_is_accepted),
    TEST(available_idx_beyond_the_queue_size_is_refused),
    TEST(available_idx_that_goes_back_is_refused),
    TEST(page_that_is_not_plain_ram_is_refused),
    TEST(chains_before_a_bad_one_were_taken_back),
    TEST(values_are_read_once),
    TEST(errors_have_texts_of_their_own),
};

TEST_MAIN(tests)
