/* SPDX-License-Identifier: MIT */
/* Indirect tables in place: VIRTIO_F_INDIRECT_PAGES. */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define IND SVQ_DESC_F_INDIRECT
#define BIT(n) (1ULL << (n))
#define INDIRECT BIT(SVQ_F_INDIRECT_DESC)
#define PAGES BIT(SVQ_F_INDIRECT_PAGES)

#define TABLE(n) BUF(3000 + 8 * (n))

static void up_as(enum svq_indirect policy, unsigned int size, uint64_t more)
{
    be_features = BE_FEATURES | INDIRECT | BIT(SVQ_F_RING_RESET);
    drv_ring_features = INDIRECT | PAGES | more;
    up(&(struct env_opts){.size = size, .indirect = policy});
}

static void up_remap(unsigned int size)
{
    up_as(SVQ_INDIRECT_REMAP, size, 0);
}

static void entry(uint64_t table, unsigned int i, uint64_t addr, uint32_t len, unsigned int flags,
                  unsigned int next)
{
    struct svq_desc d = {addr, len, (uint16_t)flags, (uint16_t)next};

    assert_true(env_vcpu_writes(table + 16 * i, &d, sizeof(d)));
}

/* nr writable buffers of 512 bytes. */
static void fill(uint64_t table, unsigned int nr)
{
    unsigned int i;

    for (i = 0; i < nr; i++)
        entry(table, i, BUF(i), 512, i + 1 < nr ? W | NEXT : W, i + 1);
}

static void submit_at(unsigned int head, uint64_t table, unsigned int nr)
{
    drv_desc(0, head, table, 16 * nr, IND, 0);
    drv_submit(0, head);
}

static void submit(unsigned int n, unsigned int nr)
{
    fill(TABLE(n), nr);
    submit_at(n, TABLE(n), nr);
}

static const struct svq_queue_stats *stats(void)
{
    return &env->dev.queue[0].stats;
}

/* The only request there is has a table in the window, and nothing is read-only. */
static void was_copied(void)
{
    unsigned int head = be_take(0);

    assert_in_range(be_desc(0, head).addr, SVQ_WINDOW_DAS, ~0ULL);
    assert_int_equal(env->protected, 0);
    assert_int_equal(stats()->tables_remapped, 0);
    assert_int_equal(stats()->tables_copied, 1);
    be_return(0, head, 1);
    drv_assert_alive();
}

static void table_stays_in_place_and_comes_back(void)
{
    struct svq_desc d, chain[16];
    unsigned int head, i;

    up_remap(16);
    submit(7, 3);
    head = be_take(0);
    d = be_desc(0, head);
    assert_int_equal(d.addr, TABLE(7));
    assert_int_equal(d.len, 48);
    assert_int_equal(d.flags, IND);
    assert_int_equal(be_chain(0, head, chain), 3);
    for (i = 0; i < 3; i++)
        assert_int_equal(chain[i].addr, BUF(i));

    assert_true(env_page(TABLE(7))->ro);
    assert_int_equal(env_access(TABLE(7)), SVQ_RO);
    assert_int_equal(env_access(BUF(0)), SVQ_RW);

    be_return(0, head, 600);
    drv_expect_used(0, 7, 600);
    assert_false(env_page(TABLE(7))->ro);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env_refs(TABLE(7)), 0);
    assert_int_equal(stats()->tables_copied, 0);
    assert_int_equal(stats()->tables_remapped, 1);
    assert_int_equal(stats()->tables_restored, 1);
    assert_int_equal(env->dev.queue[0].tables.used[0], 0);
    env_check_records();

    /* And again. */
    submit(7, 3);
    be_serve(0, 1);
    assert_int_equal(stats()->tables_restored, 2);
    drv_assert_alive();
}

static void many_tables_in_flight_come_back_in_any_order(void)
{
    unsigned int heads[256], n;

    up_remap(256);
    for (n = 0; n < 256; n++)
        submit(n, 1 + n % 16);
    for (n = 0; n < 256; n++)
        heads[n] = be_take(0);
    assert_int_equal(env->protected, 256);
    for (n = 0; n < 256; n++)
        be_put(0, heads[(n * 77) % 256], 1);
    be_kick(0);
    assert_int_equal(drv_used_idx(0), 256);
    assert_int_equal(env->protected, 0);
    assert_int_equal(stats()->tables_restored, 256);
    drv_assert_alive();
}

static void order_is_kept_and_tables_are_restored_early(void)
{
    unsigned int first, second;

    up_as(SVQ_INDIRECT_REMAP, 16, BIT(SVQ_F_IN_ORDER));
    submit(0, 2);
    submit(1, 2);
    first = be_take(0);
    second = be_take(0);
    be_return(0, second, 1);
    assert_int_equal(drv_used_idx(0), 0);
    assert_false(env_page(TABLE(1))->ro);
    assert_true(env_page(TABLE(0))->ro);
    be_return(0, first, 1);
    assert_int_equal(drv_used_idx(0), 2);
    drv_assert_alive();
}

static void longest_table_takes_pages_that_are_neighbours(void)
{
    static const unsigned int nr[] = {256, 257, 512, 1000, 1024};
    struct svq_desc chain[1024];
    unsigned int i, k, head;

    up_remap(1024);
    for (i = 0; i < COUNT(nr); i++) {
        for (k = 0; k < nr[i]; k++)
            entry(TABLE(0), k, BUF(k), 8, k + 1 < nr[i] ? NEXT : 0, k + 1);
        submit_at(i, TABLE(0), nr[i]);
        assert_int_equal(env->protected, (nr[i] + 255) / 256);
        head = be_take(0);
        assert_int_equal(be_chain(0, head, chain), nr[i]);
        assert_int_equal(chain[nr[i] - 1].addr, BUF(nr[i] - 1));
        be_return(0, head, 0);
        assert_int_equal(env->protected, 0);
    }
    assert_int_equal(stats()->tables_remapped, COUNT(nr));
    assert_int_equal(stats()->tables_restored, COUNT(nr));
    drv_assert_alive();
}

/* ---- Several at a time ---- */

static void offer_table(unsigned int n, unsigned int nr)
{
    fill(TABLE(n), nr);
    drv_desc(0, n, TABLE(n), 16 * nr, IND, 0);
    drv_offer(0, n);
}

static void tables_that_come_together_take_one_flush(void)
{
    unsigned int n;

    up_remap(64);
    for (n = 0; n < SVQ_REMAP_CHAINS; n++)
        offer_table(n, 3);
    drv_kick(0);
    assert_int_equal(env->protect_flushes, 1);
    assert_int_equal(env->protected, SVQ_REMAP_CHAINS);
    assert_int_equal(stats()->tables_remapped, SVQ_REMAP_CHAINS);

    for (; n < SVQ_REMAP_CHAINS + 11; n++)
        offer_table(n, 3);
    drv_kick(0);
    assert_int_equal(env->protect_flushes, 3);
    assert_int_equal(stats()->tables_copied, 0);
    while (n--)
        be_serve(0, 1);
    assert_int_equal(env->protected, 0);
    drv_assert_alive();
}

static void what_was_protected_in_vain_is_restored(void)
{
    unsigned int n;

    up_remap(64);
    for (n = 0; n < 6; n++)
        offer_table(n, 3);
    /* The third is malformed: nobody comes to the others. */
    entry(TABLE(2), 0, BUF(0), 0, W, 0);
    drv_kick(0);
    drv_assert_failed(SVQ_ERR_LEN, 0);
    assert_int_equal(env->protects, 6);
    assert_int_equal(env->unprotects, 6);
}

static void look_ahead_sees_the_strangest_things(void)
{
    struct svq_desc chain[16];

    up_remap(64);
    offer_table(0, 3);
    /* The same one again, in one descriptor, and then by another. */
    drv_offer(0, 0);
    drv_kick(0);
    drv_assert_failed(SVQ_ERR_HEAD_BUSY, 0);
    assert_int_equal(env->protected, 0);

    up_again();
    offer_table(0, 3);
    drv_offer(0, 64);
    drv_kick(0);
    drv_assert_failed(SVQ_ERR_HEAD, 0);
    assert_int_equal(env->protected, 0);

    /* A table in a page that was protected for another one, and is not it. */
    up_again();
    offer_table(0, 3);
    fill(TABLE(2) + 64, 2);
    drv_desc(0, 1, TABLE(2) + 64, 32, IND, 0);
    drv_offer(0, 1);
    offer_table(2, 3);
    drv_kick(0);
    assert_int_equal(env->dev.state, VSH_STATE_RUNNING);
    assert_int_equal(be_chain(0, be_take(0), chain), 3);
    assert_int_equal(be_chain(0, be_take(0), chain), 2);
    assert_int_equal(be_chain(0, be_take(0), chain), 3);
    assert_int_equal(stats()->tables_copied, 1);
}

/* ---- When not ---- */

static void short_tables_are_copied_if_that_costs_less(void)
{
    up_as(SVQ_INDIRECT_AUTO, SVQ_QUEUE_MAX, 0);
    submit(0, SVQ_REMAP_ENTRIES - 1);
    was_copied();
    submit(1, SVQ_REMAP_ENTRIES);
    assert_int_equal(be_desc(0, be_take(0)).addr, TABLE(1));
    assert_int_equal(stats()->tables_remapped, 1);
}

static void page_that_others_refer_to_is_copied(void)
{
    up_remap(16);
    env_page(TABLE(0))->shared = true;
    submit(0, 4);
    assert_int_equal(env->protects_refused, 1);
    was_copied();
}

static void table_of_which_one_page_is_shared_is_copied(void)
{
    unsigned int i;

    for (i = 0; i < 4; i++) {
        up_remap(1024);
        env_page(TABLE(0) + i * PAGE)->shared = true;
        submit(0, 1024);
        was_copied();
        env_release();
        env_destroy();
    }
}

/* The core itself refers to the page. */
static void table_in_the_page_of_a_ring_is_copied(void)
{
    up_as(SVQ_INDIRECT_REMAP, 16, 0);
    /* The descriptors, in a page of their own, move behind the table. */
    drv_write(SVQ_MMIO_STATUS, 0);
    be_ack();
    drv_probe();
    assert_true(drv_setup_at(0, 16, TABLE(0) + 2048, RINGS, RINGS + PAGE));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    be_begin();
    submit(0, 2);
    assert_int_equal(env->protects_refused, 1);
    was_copied();
}

static void table_that_does_not_begin_a_page_is_copied(void)
{
    up_remap(16);
    fill(TABLE(0) + 16, 4);
    submit_at(0, TABLE(0) + 16, 4);
    was_copied();
}

static void table_behind_direct_descriptors_is_copied(void)
{
    up_remap(16);
    fill(TABLE(0), 2);
    drv_desc(0, 3, BUF(10), 16, NEXT, 1);
    drv_desc(0, 1, TABLE(0), 32, IND, 0);
    drv_submit(0, 3);
    was_copied();
}

static void table_of_a_packed_queue_is_copied(void)
{
    struct svq_packed_desc t = {BUF(0), 16, 0, 0};
    struct svq_packed_desc d = {TABLE(0), 16 * SVQ_REMAP_ENTRIES, 5, IND | SVQ_PACKED_F_AVAIL};
    unsigned int i;

    up_as(SVQ_INDIRECT_AUTO, SVQ_QUEUE_MAX, BIT(SVQ_F_RING_PACKED));
    for (i = 0; i < SVQ_REMAP_ENTRIES; i++)
        env_write(TABLE(0) + 16 * i, &t, sizeof(t));
    env_write(drv_queue[0].desc, &d, sizeof(d));
    drv_kick(0);
    was_copied();
}

static void table_of_a_driver_that_promised_nothing_is_copied(void)
{
    be_features = BE_FEATURES | INDIRECT;
    drv_ring_features = INDIRECT;
    up(&(struct env_opts){.indirect = SVQ_INDIRECT_REMAP});
    submit(0, 4);
    was_copied();
}

static void page_of_a_buffer_in_flight_is_copied(void)
{
    unsigned int other;

    up_remap(16);
    drv_write_buffer(0, 5, TABLE(0) + 2048, 16);
    other = be_take(0);
    submit(0, 4);
    was_copied();
    be_return(0, other, 1);
}

static void policy_is_what_is_offered(void)
{
    static const struct {
        enum svq_indirect policy;
        uint64_t offered;
    } cases[] = {
        {SVQ_INDIRECT_AUTO, INDIRECT | PAGES},
        {SVQ_INDIRECT_COPY, INDIRECT},
        {SVQ_INDIRECT_REMAP, INDIRECT | PAGES},
        {SVQ_INDIRECT_OFF, 0},
    };
    unsigned int i, dev_has;

    for (i = 0; i < COUNT(cases); i++)
        for (dev_has = 0; dev_has < 2; dev_has++) {
            env_create(&(struct env_opts){.indirect = cases[i].policy});
            be_features = BE_FEATURES | (dev_has ? INDIRECT : PAGES);
            assert_int_equal(be_attach(), VSH_ERR_NONE);
            assert_int_equal(drv_offered() & (INDIRECT | PAGES), dev_has ? cases[i].offered : 0);
            /* Packed tables are not the device's, so there would be none in place. */
            assert_int_equal(!(drv_offered() & BIT(SVQ_F_RING_PACKED)),
                             dev_has && cases[i].policy == SVQ_INDIRECT_REMAP);
            env_release();
            env_destroy();
        }
}

static void pages_without_tables_are_not_agreed_to(void)
{
    be_features = BE_FEATURES | INDIRECT;
    env_create(&(struct env_opts){.indirect = SVQ_INDIRECT_REMAP});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_reset();
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    drv_accept(BIT(SVQ_F_VERSION_1) | PAGES);
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK);
    assert_false(drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK);
}

static void device_does_not_learn_of_the_feature(void)
{
    up_remap(16);
    assert_int_equal(be_info()->driver_features & PAGES, 0);
    assert_int_equal(be_info()->driver_features & INDIRECT, INDIRECT);
}

/* ---- Drivers that break the promise ---- */

static void write_in_flight_fails_the_device_alone(void)
{
    uint64_t evil = 0;

    up_remap(16);
    submit(0, 3);
    assert_false(env_vcpu_writes(TABLE(0), &evil, sizeof(evil)));
    env_run();
    drv_assert_failed(SVQ_ERR_TABLE_WRITE, 0);
    assert_false(env_page(TABLE(0))->ro);
    assert_int_equal(stats()->tables_restored, 1);
    assert_true(env_vcpu_writes(TABLE(0), &evil, sizeof(evil)));
    up_again();
    submit(0, 3);
    be_serve(0, 1);
    assert_int_equal(env->dev.failures, 1);
    assert_int_equal(stats()->tables_restored, 2);
}

static void write_elsewhere_is_nobodys_business(void)
{
    up_remap(16);
    submit(0, 3);
    assert_false(svq_dev_write_fault(&env->dev, BUF(0) / PAGE));
    assert_false(svq_dev_write_fault(&env->dev, TABLE(1) / PAGE));
    drv_assert_alive();
    be_serve(0, 1);
    assert_false(svq_dev_write_fault(&env->dev, TABLE(0) / PAGE));
    drv_assert_alive();
}

/* A vCPU that can still write, by its TLB, while the entry is read-only already. */
static void race_up_to_the_flush(void)
{
    struct svq_desc d = {BUF(77), 7, 0, 0};

    assert_true(env_vcpu_writes(TABLE(0), &d, sizeof(d)));
}

static void what_is_written_before_the_flush_is_what_is_checked(void)
{
    struct svq_desc chain[16];

    up_remap(16);
    fill(TABLE(0), 3);
    env_vcpu_touches(TABLE(0));
    env->on_protect = race_up_to_the_flush;
    submit_at(0, TABLE(0), 3);
    env->on_protect = NULL;
    assert_int_equal(be_chain(0, be_take(0), chain), 1);
    assert_int_equal(chain[0].addr, BUF(77));
    assert_int_equal(chain[0].len, 7);
    assert_int_equal(env_access(BUF(77)), SVQ_RO);
    assert_int_equal(env_access(BUF(0)), SVQ_NONE);
    drv_assert_alive();
}

static void bad_table_is_given_back_as_the_device_fails(void)
{
    up_remap(16);
    fill(TABLE(0), 3);
    entry(TABLE(0), 2, BUF(2), 0, W, 0);
    submit_at(0, TABLE(0), 3);
    drv_assert_failed(SVQ_ERR_LEN, 0);
    assert_int_equal(env->protects, 1);
    assert_int_equal(env->protected, 0);
    up_again();
    /* A chain that is longer than it may be, by a loop in the table. */
    entry(TABLE(0), 2, BUF(2), 1, W | NEXT, 0);
    submit_at(0, TABLE(0), 3);
    drv_assert_failed(SVQ_ERR_CHAIN_LONG, 0);
    assert_int_equal(env->protected, 0);
    up_again();
    /* Nested. */
    entry(TABLE(0), 2, TABLE(1), 16, IND, 0);
    submit_at(0, TABLE(0), 3);
    drv_assert_failed(SVQ_ERR_TABLE_LINK, 0);
    assert_int_equal(env->protected, 0);
}

static void odd_lengths_are_refused_before_anything_is_protected(void)
{
    static const uint32_t bad[] = {0, 1, 15, 17, 17 * 16, 0xfffffff0, ~0U};
    unsigned int i;

    up_remap(16);
    for (i = 0; i < COUNT(bad); i++) {
        drv_desc(0, 0, TABLE(0), bad[i], IND, 0);
        drv_submit(0, 0);
        drv_assert_failed(SVQ_ERR_TABLE, 0);
        up_again();
    }
    assert_int_equal(env->protects, 0);
}

static void buffer_in_its_own_table_is_refused(void)
{
    static const unsigned int flags[] = {0, W};
    unsigned int i;

    up_remap(16);
    for (i = 0; i < COUNT(flags); i++) {
        fill(TABLE(0), 2);
        entry(TABLE(0), 0, BUF(0), 16, NEXT, 1);
        entry(TABLE(0), 1, TABLE(0) + 256, 16, flags[i], 0);
        submit_at(0, TABLE(0), 2);
        drv_assert_failed(SVQ_ERR_TABLE_PAGE, 0);
        assert_int_equal(env->protected, 0);
        up_again();
    }
}

static void buffer_in_another_table_is_refused(void)
{
    up_remap(16);
    submit(0, 2);
    drv_write_buffer(0, 5, TABLE(0) + 256, 16);
    drv_assert_failed(SVQ_ERR_TABLE_PAGE, 0);
    assert_int_equal(env->protected, 0);
}

static void table_that_is_in_flight_already_is_refused(void)
{
    up_remap(16);
    submit(0, 2);
    submit_at(1, TABLE(0), 2);
    drv_assert_failed(SVQ_ERR_PAGE, 0);
    assert_int_equal(env->protected, 0);
}

static void page_that_is_no_plain_ram_is_refused(void)
{
    up_remap(16);
    env_set_kind(TABLE(0), ENV_FOREIGN);
    submit_at(0, TABLE(0), 2);
    drv_assert_failed(SVQ_ERR_PAGE, 0);
}

static void what_the_guest_puts_there_instead_is_left_alone(void)
{
    uint64_t evil = ~0ULL;
    unsigned int head;

    up_remap(16);
    submit(0, 3);
    head = be_take(0);
    env_replace(TABLE(0));
    /* It is another page. */
    assert_true(env_vcpu_writes(TABLE(0), &evil, sizeof(evil)));
    be_return(0, head, 1);
    assert_int_equal(stats()->tables_restored, 1);
    assert_int_equal(env->unprotects, 1);
    drv_assert_alive();
}

/* ---- The end of it ---- */

static void backend_that_removes_the_table_hurts_nobody(void)
{
    unsigned int head;

    up_remap(16);
    submit(0, 3);
    head = be_take(0);
    env_backend_removes(TABLE(0));
    be_return(0, head, 1);
    assert_int_equal(env->protected, 0);
    assert_int_equal(env_refs(TABLE(0)), 0);
    drv_assert_alive();
}

static void grant_that_fails_restores_all(void)
{
    unsigned int left;

    up_remap(16);
    for (left = 0; left < 4; left++) {
        env->grants_left = (int)left;
        env->grant_error = SVQ_ERR_BACKEND_MEM;
        submit(0, 3);
        drv_assert_failed(SVQ_ERR_BACKEND_MEM, 0);
        assert_int_equal(env->protected, 0);
        env->grants_left = -1;
        up_again();
    }
}

static void chain_that_waits_leaves_its_table_writable(void)
{
    unsigned int head, i;

    be_features = BE_FEATURES | INDIRECT;
    drv_ring_features = INDIRECT | PAGES;
    up(&(struct env_opts){.records = 16, .indirect = SVQ_INDIRECT_REMAP});
    submit(0, 10);
    head = be_take(0);
    for (i = 0; i < 10; i++)
        entry(TABLE(1), i, BUF(100 + i), 512, i < 9 ? W | NEXT : W, i + 1);
    submit_at(1, TABLE(1), 10);
    assert_true(env->dev.queue[0].stalled);
    assert_false(env_page(TABLE(1))->ro);
    be_return(0, head, 1);
    assert_true(env_page(TABLE(1))->ro);
    be_serve(0, 1);
    assert_int_equal(drv_used_idx(0), 2);
    assert_int_equal(stats()->tables_remapped, stats()->tables_restored);
    drv_assert_alive();
}

static void device_reset_restores_all(void)
{
    unsigned int n;

    up_remap(256);
    for (n = 0; n < 200; n++)
        submit(n, 4);
    drv_write(SVQ_MMIO_STATUS, 0);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
    assert_int_equal(env->protected, 0);
    assert_int_equal(stats()->tables_restored, 200);
}

static void queue_reset_restores_all(void)
{
    unsigned int n;

    up_as(SVQ_INDIRECT_REMAP, 64, BIT(SVQ_F_RING_RESET));
    for (n = 0; n < 64; n++)
        submit(n, 4);
    be_serve(0, 1);
    drv_write(SVQ_MMIO_QUEUE_SEL, 0);
    drv_write(SVQ_MMIO_QUEUE_RESET, 1);
    assert_int_equal(env->protected, 0);
    assert_int_equal(stats()->tables_restored, 64);
    assert_int_equal(be_queue_ack(0), VSH_ERR_NONE);
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_RESET), 0);
    assert_true(drv_setup(0, 64));
    be_begin();
    submit(3, 4);
    be_serve(0, 1);
    assert_int_equal(stats()->tables_restored, 65);
    drv_assert_alive();
}

static void revocation_restores_all(void)
{
    up_remap(16);
    submit(0, 3);
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    env_run();
    assert_int_equal(env->protected, 0);
}

static void backend_that_dies_restores_all(void)
{
    up_remap(16);
    submit(0, 3);
    env->backend_dead = true;
    svq_dev_backend_gone(&env->dev);
    env_run();
    assert_int_equal(env->protected, 0);
}

static void release_restores_all(void)
{
    unsigned int n;

    up_remap(256);
    for (n = 0; n < 256; n++)
        submit(n, 4);
    /* What env_release() checks, which is called next. */
    assert_int_equal(env->protected, 256);
}

static const struct CMUnitTest tests[] = {
    TEST(table_stays_in_place_and_comes_back),
    TEST(many_tables_in_flight_come_back_in_any_order),
    TEST(order_is_kept_and_tables_are_restored_early),
    TEST(longest_table_takes_pages_that_are_neighbours),
    TEST(tables_that_come_together_take_one_flush),
    TEST(what_was_protected_in_vain_is_restored),
    TEST(look_ahead_sees_the_strangest_things),
    TEST(short_tables_are_copied_if_that_costs_less),
    TEST(page_that_others_refer_to_is_copied),
    TEST(table_of_which_one_page_is_shared_is_copied),
    TEST(table_in_the_page_of_a_ring_is_copied),
    TEST(table_that_does_not_begin_a_page_is_copied),
    TEST(table_behind_direct_descriptors_is_copied),
    TEST(table_of_a_packed_queue_is_copied),
    TEST(table_of_a_driver_that_promised_nothing_is_copied),
    TEST(page_of_a_buffer_in_flight_is_copied),
    TEST(policy_is_what_is_offered),
    TEST(pages_without_tables_are_not_agreed_to),
    TEST(device_does_not_learn_of_the_feature),
    TEST(write_in_flight_fails_the_device_alone),
    TEST(write_elsewhere_is_nobodys_business),
    TEST(what_is_written_before_the_flush_is_what_is_checked),
    TEST(bad_table_is_given_back_as_the_device_fails),
    TEST(odd_lengths_are_refused_before_anything_is_protected),
    TEST(buffer_in_its_own_table_is_refused),
    TEST(buffer_in_another_table_is_refused),
    TEST(table_that_is_in_flight_already_is_refused),
    TEST(page_that_is_no_plain_ram_is_refused),
    TEST(what_the_guest_puts_there_instead_is_left_alone),
    TEST(backend_that_removes_the_table_hurts_nobody),
    TEST(grant_that_fails_restores_all),
    TEST(chain_that_waits_leaves_its_table_writable),
    TEST(device_reset_restores_all),
    TEST(queue_reset_restores_all),
    TEST(revocation_restores_all),
    TEST(backend_that_dies_restores_all),
    TEST(release_restores_all),
};

TEST_MAIN(tests)
