/* SPDX-License-Identifier: MIT */
/* 2.7.5.3: indirect descriptors by bounded copy, on a split ring. */
#include "../../libvirtio-shadow/src/svq_tables.h"
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define IND SVQ_DESC_F_INDIRECT
#define INDIRECT (1ULL << SVQ_F_INDIRECT_DESC)

#define TABLE BUF(3000)

static void up_with_size(unsigned int size)
{
    be_features = BE_FEATURES | INDIRECT;
    drv_ring_features = INDIRECT;
    up(&(struct env_opts){.size = size});
}

static void entry(unsigned int i, uint64_t addr, uint32_t len, unsigned int flags,
                  unsigned int next)
{
    struct svq_desc d = {addr, len, (uint16_t)flags, (uint16_t)next};

    env_write(TABLE + 16 * i, &d, sizeof(d));
}

/* nr writable buffers of 512 bytes in a table at TABLE. */
static void fill_table(unsigned int nr)
{
    unsigned int i;

    for (i = 0; i < nr; i++)
        entry(i, BUF(i), 512, i + 1 < nr ? W | NEXT : W, i + 1);
}

static void submit_table(unsigned int head, uint32_t bytes, unsigned int flags)
{
    drv_desc(0, head, TABLE, bytes, IND | flags, 0);
    drv_submit(0, head);
}

static void refused(uint32_t bytes, enum svq_error err)
{
    submit_table(0, bytes, 0);
    drv_assert_failed(err, 0);
    assert_int_equal(env->notify[0], 0);
    up_again();
}

static void table_goes_through_and_comes_back(void)
{
    struct svq_desc d, chain[16];
    unsigned int head, i;

    up_with_size(16);
    entry(0, BUF(0) + 10, 16, NEXT, 1);
    entry(1, BUF(1), 5000, NEXT | W, 2);
    entry(2, BUF(5), 1, W, 0);
    submit_table(7, 48, 0);

    head = be_take(0);
    d = be_desc(0, head);
    assert_int_equal(d.flags, IND);
    assert_int_equal(d.len, 48);
    assert_int_equal(d.addr, env->dev.queue[0].tables.das);
    assert_int_equal(be_chain(0, head, chain), 3);
    for (i = 0; i < 3; i++) {
        struct svq_desc was;

        env_read(TABLE + 16 * i, &was, sizeof(was));
        assert_memory_equal(&chain[i], &was, sizeof(was));
    }
    /* The table itself is not shown to the backend. */
    assert_int_equal(env_access(TABLE), SVQ_NONE);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    assert_int_equal(env_access(BUF(1)), SVQ_RW);
    assert_int_equal(env_access(BUF(2)), SVQ_RW);
    assert_int_equal(env_access(BUF(5)), SVQ_RW);

    be_return(0, head, 6000);
    drv_expect_used(0, 7, 5001);
    assert_int_equal(env->dev.queue[0].stats.tables_copied, 1);
    assert_int_equal(env->dev.queue[0].tables.used[0], 0);
    assert_int_equal(env_visible(), 0);
    drv_assert_alive();
}

static void write_is_ignored_on_the_descriptor_that_points_to_a_table(void)
{
    up_with_size(16);
    entry(0, BUF(0), 16, 0, 0);
    submit_table(0, 16, W);
    assert_int_equal(env_access(BUF(0)), SVQ_RO);
    be_serve(0, 16);
    drv_assert_alive();
}

static void direct_descriptors_may_come_before_a_table(void)
{
    struct svq_desc chain[16];
    unsigned int head;

    up_with_size(16);
    drv_desc(0, 3, BUF(10), 16, NEXT, 1);
    drv_desc(0, 1, BUF(11), 16, NEXT, 2);
    drv_desc(0, 2, TABLE, 32, IND, 0);
    fill_table(2);
    drv_submit(0, 3);
    head = be_take_chain(0, chain, 4);
    assert_int_equal(chain[0].addr, BUF(10));
    assert_int_equal(chain[1].addr, BUF(11));
    assert_int_equal(chain[2].addr, BUF(0));
    assert_int_equal(chain[3].addr, BUF(1));
    assert_int_equal(env->dev.queue[0].ring_free, 13);
    be_return(0, head, 1024);
    drv_expect_used(0, 3, 1024);
    assert_int_equal(env->dev.queue[0].ring_free, 16);
    drv_assert_alive();
}

static void entries_are_linked_by_next_in_any_order(void)
{
    struct svq_desc chain[16];

    up_with_size(16);
    entry(0, BUF(0), 1, NEXT, 5);
    entry(5, BUF(5), 5, NEXT, 2);
    entry(2, BUF(2), 2, 0, 0xffff);
    /* Not part of the chain, so not looked at. */
    entry(1, 0, 0, 0xffff, 0xffff);
    entry(3, 0, 0, 0xffff, 0xffff);
    entry(4, 0, 0, 0xffff, 0xffff);
    submit_table(0, 96, 0);
    assert_int_equal(be_chain(0, be_take(0), chain), 3);
    assert_int_equal(chain[0].len, 1);
    assert_int_equal(chain[1].len, 5);
    assert_int_equal(chain[2].len, 2);
    drv_assert_alive();
}

/* vringh's trap: a length of 0 is a multiple of 16, and entry 0 is not there. */
static void table_of_no_bytes_is_refused_without_reading_it(void)
{
    up_with_size(16);
    fill_table(1);
    refused(0, SVQ_ERR_TABLE);
    assert_int_equal(env->table_reads, 0);
}

static void table_length_is_a_multiple_of_16(void)
{
    static const uint32_t bad[] = {1, 8, 15, 17, 31, 33, 255, 0xffffffff};
    unsigned int i;

    up_with_size(16);
    fill_table(16);
    for (i = 0; i < COUNT(bad); i++)
        refused(bad[i], SVQ_ERR_TABLE);
    assert_int_equal(env->table_reads, 0);
}

static void table_is_no_longer_than_the_queue(void)
{
    up_with_size(16);
    fill_table(16);
    refused(17 * 16, SVQ_ERR_TABLE);
    refused(0xfffffff0, SVQ_ERR_TABLE);
    assert_int_equal(env->table_reads, 0);

    submit_table(0, 16 * 16, 0);
    be_serve(0, 16 * 512);
    assert_int_equal(drv_used_idx(0), 1);
}

static void chain_with_its_table_is_no_longer_than_the_queue(void)
{
    struct svq_desc chain[16];

    up_with_size(16);
    fill_table(16);
    drv_desc(0, 0, BUF(50), 1, NEXT, 1);
    drv_desc(0, 1, TABLE, 16 * 16, IND, 0);
    drv_submit(0, 0);
    drv_assert_failed(SVQ_ERR_CHAIN_LONG, 0);

    up_again();
    fill_table(15);
    drv_desc(0, 0, BUF(50), 1, NEXT, 1);
    drv_desc(0, 1, TABLE, 16 * 16, IND, 0);
    drv_submit(0, 0);
    assert_int_equal(be_chain(0, be_take(0), chain), 16);
}

static void loop_in_a_table_is_refused(void)
{
    up_with_size(16);
    entry(0, BUF(0), 1, NEXT, 1);
    entry(1, BUF(1), 1, NEXT, 0);
    refused(32, SVQ_ERR_CHAIN_LONG);
    entry(0, BUF(0), 1, NEXT, 0);
    refused(16, SVQ_ERR_CHAIN_LONG);
}

static void next_beyond_the_table_is_refused(void)
{
    static const unsigned int bad[] = {2, 3, 15, 16, 0xffff};
    unsigned int i;

    up_with_size(16);
    for (i = 0; i < COUNT(bad); i++) {
        fill_table(16);
        entry(0, BUF(0), 1, NEXT, bad[i]);
        refused(32, SVQ_ERR_NEXT);
    }
}

static void table_in_a_table_is_refused(void)
{
    up_with_size(16);
    entry(0, TABLE, 16, IND, 0);
    refused(16, SVQ_ERR_TABLE_LINK);
    fill_table(3);
    entry(2, TABLE, 16, IND | W, 0);
    refused(48, SVQ_ERR_TABLE_LINK);
}

static void indirect_with_next_is_refused(void)
{
    up_with_size(16);
    fill_table(1);
    drv_desc(0, 1, BUF(0), 16, 0, 0);
    drv_desc(0, 0, TABLE, 16, IND | NEXT, 1);
    drv_submit(0, 0);
    drv_assert_failed(SVQ_ERR_TABLE_LINK, 0);
}

static void table_without_the_feature_is_refused(void)
{
    be_features = BE_FEATURES | INDIRECT;
    up(&(struct env_opts){0});
    fill_table(1);
    submit_table(0, 16, 0);
    drv_assert_failed(SVQ_ERR_INDIRECT, 0);
    assert_int_equal(env->table_reads, 0);
}

static void entries_are_checked_like_any_descriptor(void)
{
    up_with_size(16);
    entry(0, BUF(0), 0, 0, 0);
    refused(16, SVQ_ERR_LEN);
    entry(0, BUF(0), 1, 8, 0);
    refused(16, SVQ_ERR_FLAGS);
    entry(0, BANK0 + 64 * MIB - 1, 2, 0, 0);
    refused(16, SVQ_ERR_ADDR);
    entry(0, ~0ULL, 2, 0, 0);
    refused(16, SVQ_ERR_ADDR);
    entry(0, SVQ_WINDOW_DAS, 16, 0, 0);
    refused(16, SVQ_ERR_ADDR);
    entry(0, BUF(0), 16, W | NEXT, 1);
    entry(1, BUF(0), 16, 0, 0);
    refused(32, SVQ_ERR_ORDER);
    entry(0, BANK0, 0x400000, NEXT, 1);
    entry(1, BANK0, 0x400001, 0, 0);
    refused(32, SVQ_ERR_CHAIN_PAGES);
    env_set_kind(BUF(9), ENV_FOREIGN);
    entry(0, BUF(9), 16, 0, 0);
    refused(16, SVQ_ERR_PAGE);
}

static void writable_before_a_readable_table_is_refused(void)
{
    up_with_size(16);
    entry(0, BUF(0), 16, 0, 0);
    drv_desc(0, 0, BUF(1), 16, W | NEXT, 1);
    drv_desc(0, 1, TABLE, 16, IND, 0);
    drv_submit(0, 0);
    drv_assert_failed(SVQ_ERR_ORDER, 0);
}

static void table_place(uint64_t addr, enum svq_error err)
{
    drv_desc(0, 0, addr, 32, IND, 0);
    drv_submit(0, 0);
    drv_assert_failed(err, 0);
    up_again();
}

static void table_lies_in_plain_ram(void)
{
    up_with_size(16);
    table_place(0, SVQ_ERR_ADDR);
    table_place(BANK0 - 16, SVQ_ERR_ADDR);
    table_place(BANK0 + 64 * MIB - 16, SVQ_ERR_ADDR);
    table_place(~0ULL - 15, SVQ_ERR_ADDR);
    table_place(SVQ_WINDOW_DAS, SVQ_ERR_ADDR);
    env_set_kind(BUF(60), ENV_FOREIGN);
    env_set_kind(BUF(61), ENV_HOLE);
    table_place(BUF(60), SVQ_ERR_PAGE);
    table_place(BUF(61), SVQ_ERR_PAGE);
    /* Its second page. */
    table_place(BUF(60) - 16, SVQ_ERR_PAGE);
}

static void table_may_lie_anywhere_and_cross_pages(void)
{
    struct svq_desc chain[64], table[64];
    unsigned int off, i, head;

    up_with_size(64);
    for (off = 0; off < 64; off++) {
        /* 2.7.5.3 asks for no alignment. */
        uint64_t at = BUF(101) - 17 * off;

        for (i = 0; i < 64; i++)
            table[i] = (struct svq_desc){BUF(i), i + 1, i < 63 ? W | NEXT : W, (uint16_t)(i + 1)};
        env_write(at, table, sizeof(table));
        drv_desc(0, off, at, sizeof(table), IND, 0);
        drv_submit(0, off);
        head = be_take_chain(0, chain, 64);
        for (i = 0; i < 64; i++) {
            assert_int_equal(chain[i].addr, BUF(i));
            assert_int_equal(chain[i].len, i + 1);
        }
        be_return(0, head, 1);
    }
    drv_assert_alive();
}

/* ---- Time of check, time of use ---- */

static void spoil_table(struct env_where w, void *p, size_t bytes)
{
    if (w.area == ENV_TABLE)
        memset(p, 0xff, bytes);
}

static void table_is_read_once(void)
{
    struct svq_desc chain[16];
    unsigned int head, i;

    up_with_size(16);
    fill_table(16);
    env->on_read = spoil_table;
    submit_table(0, 256, 0);
    env->on_read = NULL;
    assert_int_equal(env->table_reads, 1);
    head = be_take_chain(0, chain, 16);
    for (i = 0; i < 16; i++)
        assert_int_equal(chain[i].addr, BUF(i));
    be_return(0, head, 16 * 512);
    assert_int_equal(env_visible(), 0);
    drv_assert_alive();
}

/* Xen's own knowledge of a table is not in the window. */
static void backend_that_could_write_tables_would_confuse_nobody(void)
{
    unsigned int head;

    up_with_size(16);
    fill_table(4);
    submit_table(0, 64, 0);
    head = be_take(0);
    memset(env->dev.queue[0].tables.page[0], 0xff, SVQ_PAGE_SIZE);
    be_return(0, head, 1);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
    env_check_records();
    drv_assert_alive();
}

/* ---- The pool ---- */

static void chain_waits_while_the_pool_is_full(void)
{
    unsigned int n, i, taken[64], nr = 0;
    struct svq_desc table[64];

    /* Tables of 64: 16 of them fit, in 64 descriptors. */
    up_with_size(64);
    for (n = 0; n < 20; n++) {
        for (i = 0; i < 64; i++)
            table[i] = (struct svq_desc){BUF(i), 8, i < 63 ? W | NEXT : W, (uint16_t)(i + 1)};
        env_write(TABLE + n * PAGE, table, sizeof(table));
        drv_desc(0, n, TABLE + n * PAGE, sizeof(table), IND, 0);
        drv_submit(0, n);
    }
    assert_true(env->dev.queue[0].stalled);
    assert_int_equal(env->dev.queue[0].in_flight, 16);
    assert_int_equal(env->dev.queue[0].stats.tables_copied, 16);

    for (n = 0; n < 20; n++) {
        while (be_next(0, &taken[nr]))
            nr++;
        be_return(0, taken[n], 8);
    }
    assert_int_equal(drv_used_idx(0), 20);
    assert_int_equal(env->dev.queue[0].stats.tables_copied, 20);
    for (i = 0; i < env->dev.queue[0].tables.words; i++)
        assert_int_equal(env->dev.queue[0].tables.used[i], 0);
    drv_assert_alive();
}

/* A chain that waits is not read again before there is room for it. */
static void chain_that_waits_is_left_alone_until_there_is_room(void)
{
    unsigned int n, i, taken[32], reads;
    struct svq_desc small[4], large[256];

    up_with_size(256);
    for (i = 0; i < 256; i++)
        large[i] = (struct svq_desc){BUF(i), 8, i < 255 ? W | NEXT : W, (uint16_t)(i + 1)};
    for (i = 0; i < 4; i++)
        small[i] = (struct svq_desc){BUF(i), 8, i < 3 ? W | NEXT : W, (uint16_t)(i + 1)};
    env_write(TABLE, large, sizeof(large));
    env_write(TABLE + 2 * PAGE, small, sizeof(small));

    for (n = 0; n < 15; n++) {
        drv_desc(0, n, TABLE, sizeof(large), IND, 0);
        drv_submit(0, n);
    }
    for (; n < 32; n++) {
        drv_desc(0, n, TABLE + 2 * PAGE, sizeof(small), IND, 0);
        drv_submit(0, n);
    }
    drv_desc(0, n, TABLE, sizeof(large), IND, 0);
    drv_submit(0, n);
    assert_true(env->dev.queue[0].stalled);

    for (i = 0; i < 32; i++)
        taken[i] = be_take(0);
    reads = env->table_reads;
    for (i = 31; i > 15; i--) {
        be_return(0, taken[i], 1);
        assert_true(env->dev.queue[0].stalled);
    }
    assert_int_equal(env->table_reads, reads);
    be_return(0, taken[0], 1);
    assert_false(env->dev.queue[0].stalled);
    assert_int_equal(env->table_reads, reads + 1);
    drv_assert_alive();
}

static void tables_never_overlap_and_always_fit_an_empty_pool(void)
{
    static uint8_t owner[SVQ_TABLE_ENTRIES(1024)];
    static struct svq_tables t;
    uint32_t size, seed = 1;

    for (size = 1; size <= 1024; size *= 2) {
        unsigned int first[64], nr[64], n = 0, round, i;

        memset(owner, 0, sizeof(owner));
        svq_tables_init(&t, size);
        for (round = 0; round < 3000; round++) {
            unsigned int want;

            seed = seed * 1664525 + 1013904223;
            want = 1 + (seed >> 8) % (seed & 1 ? size : (size + 15) / 16);
            if (n < 64 && (seed & 6)) {
                unsigned int at = svq_tables_alloc(&t, want);

                assert_int_equal(n == 0 && at == SVQ_NO_TABLE, 0);
                if (at == SVQ_NO_TABLE)
                    continue;
                assert_true(at + want <= SVQ_TABLE_ENTRIES(size));
                for (i = 0; i < want; i++)
                    assert_int_equal(owner[at + i]++, 0);
                first[n] = at;
                nr[n++] = want;
            } else if (n) {
                unsigned int k = (seed >> 8) % n;

                svq_tables_free(&t, first[k], nr[k]);
                for (i = 0; i < nr[k]; i++)
                    owner[first[k] + i]--;
                n--;
                first[k] = first[n];
                nr[k] = nr[n];
            }
        }
        while (n--)
            svq_tables_free(&t, first[n], nr[n]);
        /* Of the longest, 16, or one for every descriptor. */
        for (i = 0; i < (size < 16 ? size : 16); i++)
            assert_true(svq_tables_alloc(&t, size) != SVQ_NO_TABLE);
        if (size >= 16)
            assert_false(svq_tables_fit(&t, 1));
    }
}

static void work_on_tables_is_charged(void)
{
    unsigned int n, i;

    /* One entry that counts in a table of 256. */
    up_with_size(256);
    for (i = 0; i < 256; i++)
        entry(i, BUF(0), 1, 0, 0);
    for (n = 0; n < 100; n++) {
        drv_desc(0, n, TABLE, 256 * 16, IND, 0);
        drv_offer(0, n);
    }
    drv_kick(0);
    assert_in_range(env->steps, 100 * 258 / (SVQ_BUDGET + 258), 60);
    assert_int_equal(env->nr_flights, 100);
    drv_assert_alive();
}

static void longest_table_of_the_largest_queue_works(void)
{
    struct svq_desc chain[1024];
    unsigned int head, i, round;

    up_with_size(1024);
    for (i = 0; i < 1024; i++)
        entry(i, BUF(i % 500) + i, 64, i < 1023 ? W | NEXT : W, i + 1);
    for (round = 0; round < 3; round++) {
        submit_table(1023, 16 * 1024, 0);
        head = be_take_chain(0, chain, 1024);
        be_return(0, head, ~0U);
        drv_expect_used(0, 1023, 64 * 1024);
    }
    drv_assert_alive();
}

static const struct CMUnitTest tests[] = {
    TEST(table_goes_through_and_comes_back),
    TEST(write_is_ignored_on_the_descriptor_that_points_to_a_table),
    TEST(direct_descriptors_may_come_before_a_table),
    TEST(entries_are_linked_by_next_in_any_order),
    TEST(table_of_no_bytes_is_refused_without_reading_it),
    TEST(table_length_is_a_multiple_of_16),
    TEST(table_is_no_longer_than_the_queue),
    TEST(chain_with_its_table_is_no_longer_than_the_queue),
    TEST(loop_in_a_table_is_refused),
    TEST(next_beyond_the_table_is_refused),
    TEST(table_in_a_table_is_refused),
    TEST(indirect_with_next_is_refused),
    TEST(table_without_the_feature_is_refused),
    TEST(entries_are_checked_like_any_descriptor),
    TEST(writable_before_a_readable_table_is_refused),
    TEST(table_lies_in_plain_ram),
    TEST(table_may_lie_anywhere_and_cross_pages),
    TEST(table_is_read_once),
    TEST(backend_that_could_write_tables_would_confuse_nobody),
    TEST(chain_waits_while_the_pool_is_full),
    TEST(chain_that_waits_is_left_alone_until_there_is_room),
    TEST(tables_never_overlap_and_always_fit_an_empty_pool),
    TEST(work_on_tables_is_charged),
    TEST(longest_table_of_the_largest_queue_works),
};

TEST_MAIN(tests)
