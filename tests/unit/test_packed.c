/* SPDX-License-Identifier: MIT */
/* 2.8: packed rings of the driver. */
#include "backend.h"
#include "driver.h"
#include "ring.h"

#define W SVQ_DESC_F_WRITE
#define NEXT SVQ_DESC_F_NEXT
#define IND SVQ_DESC_F_INDIRECT
#define AVAIL SVQ_PACKED_F_AVAIL
#define USED SVQ_PACKED_F_USED
#define PACKED (1ULL << SVQ_F_RING_PACKED)
#define INDIRECT (1ULL << SVQ_F_INDIRECT_DESC)

#define TABLE BUF(3000)

static void up_with(unsigned int size, uint64_t more)
{
    ring_up(PACKED | more, INDIRECT, size);
}

static void again(void)
{
    unsigned int size = ring[0].size;

    drv_reset();
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    drv_start(size);
    be_begin();
    ring_begin_all();
}

/* A descriptor of the first round, as a test wants it. */
static void desc(unsigned int i, uint64_t addr, uint32_t len, unsigned int id, unsigned int flags)
{
    struct svq_packed_desc d = {addr, len, (uint16_t)id, (uint16_t)flags};

    env_write(drv_queue[0].desc + 16 * i, &d, sizeof(d));
}

static struct svq_packed_desc at(unsigned int i)
{
    struct svq_packed_desc d;

    env_read(drv_queue[0].desc + 16 * i, &d, sizeof(d));
    return d;
}

static void refused(enum svq_error err)
{
    drv_kick(0);
    drv_assert_failed(err, 0);
    assert_int_equal(env->notify[0], 0);
    again();
}

static void one(const struct ring_buf *buf, unsigned int nr, enum ring_how how, uint32_t used)
{
    struct svq_desc chain[64];
    unsigned int id, head, i;
    uint32_t len;
    int sent = ring_add(0, buf, nr, how);

    assert_true(sent >= 0);
    drv_kick(0);
    head = be_take_chain(0, chain, nr);
    for (i = 0; i < nr; i++)
        assert_int_equal(chain[i].addr, buf[i].addr);
    be_return(0, head, used);
    assert_true(ring_get(0, &id, &len));
    assert_int_equal(id, sent);
    assert_int_equal(len, used);
    assert_false(ring_get(0, &id, &len));
}

static void requests_go_round_at_every_size(void)
{
    static const struct ring_buf buf[] = {
        {BUF(0), 100, false},
        {BUF(1), 200, false},
        {BUF(2) + 7, 5000, true},
    };
    unsigned int size, n, shadow;

    for (size = 1; size <= 64; size++) {
        up_with(size, 0);
        for (shadow = 1; shadow < size; shadow *= 2)
            ;
        assert_int_equal(be_queue_info(0)->size, shadow);
        for (n = 0; n < 3 * size + 5; n++)
            one(buf + (size < 3 ? 2 : n % 3), size < 3 ? 1 : 3 - n % 3, RING_DIRECT, n % 5000);
        drv_assert_alive();
        assert_int_equal(env_visible(), 0);
        env_release();
        env_destroy();
    }
}

static void largest_packed_queue_works(void)
{
    static struct ring_buf buf[1000];
    unsigned int i, round;

    drv_ring_features = PACKED;
    env_create(&(struct env_opts){.size = 1024});
    be_attach();
    drv_start(1000);
    be_begin();
    ring_begin_all();
    assert_int_equal(be_queue_info(0)->size, 1024);
    for (round = 0; round < 3; round++) {
        int ids[1000];
        unsigned int id, head[1000];
        uint32_t len;

        for (i = 0; i < 1000; i++) {
            buf[i] = (struct ring_buf){BUF(i), 4096, true};
            ids[i] = ring_add(0, &buf[i], 1, RING_DIRECT);
        }
        assert_int_equal(ring_add(0, buf, 1, RING_DIRECT), -1);
        drv_kick(0);
        for (i = 0; i < 1000; i++)
            head[i] = be_take(0);
        for (i = 1000; i--;)
            be_put(0, head[i], i);
        be_kick(0);
        for (i = 1000; i--;) {
            assert_true(ring_get(0, &id, &len));
            assert_int_equal(id, ids[i]);
            assert_int_equal(len, i);
        }
    }
    drv_assert_alive();
}

static void size_is_up_to_the_devices(void)
{
    drv_ring_features = PACKED;
    env_create(&(struct env_opts){.size = 64});
    be_attach();
    drv_probe();
    assert_false(drv_setup(0, 65));
    drv_assert_failed(SVQ_ERR_RING, 0);
    drv_probe();
    assert_false(drv_setup(0, 0));
    drv_assert_failed(SVQ_ERR_RING, 0);
    drv_probe();
    assert_true(drv_setup(0, 63));
}

static void parts_are_aligned_as_2_8_10_1_says(void)
{
    unsigned int off;

    drv_ring_features = PACKED;
    env_create(&(struct env_opts){.size = 64});
    be_attach();
    for (off = 1; off < 16; off++) {
        drv_probe();
        assert_false(drv_setup_at(0, 8, RINGS + off, RINGS + 0x1000, RINGS + 0x2000));
        drv_probe();
        assert_int_equal(drv_setup_at(0, 8, RINGS, RINGS + 0x1000 + off, RINGS + 0x2000),
                         off % 4 == 0);
        drv_probe();
        assert_int_equal(drv_setup_at(0, 8, RINGS, RINGS + 0x1000, RINGS + 0x2000 + off),
                         off % 4 == 0);
    }
    /* To the last byte of RAM, and no further. */
    drv_probe();
    assert_true(drv_setup_at(0, 8, BANK0 + 64 * MIB - 128, BANK1 + 16 * MIB - 4, BANK0));
    drv_probe();
    assert_false(drv_setup_at(0, 8, BANK0 + 64 * MIB - 112, BANK0, BANK0 + 4));
}

static void id_is_that_of_the_last_descriptor_and_any_16_bits(void)
{
    static const unsigned int ids[] = {0, 1, 7, 8, 255, 0x7fff, 0x8000, 0xffff};
    unsigned int i, place = 0;
    bool wrap = true;

    up_with(8, 0);
    for (i = 0; i < COUNT(ids); i++) {
        unsigned int k, first = place;
        bool was = wrap;

        for (k = 0; k < 3; k++) {
            desc(place, BUF(k), 8, k == 2 ? ids[i] : 0x1111 * k,
                 (wrap ? AVAIL : USED) | W | (k < 2 ? NEXT : 0));
            place = (place + 1) % 8;
            wrap ^= place == 0;
        }
        drv_kick(0);
        be_serve(0, 24);
        assert_int_equal(at(first).id, ids[i]);
        assert_int_equal(at(first).len, 24);
        assert_int_equal(at(first).flags, W | (was ? AVAIL | USED : 0));
    }
    drv_assert_alive();
}

static void only_the_first_descriptor_of_a_list_is_written(void)
{
    struct svq_packed_desc before, after;

    up_with(8, 0);
    desc(0, BUF(0), 8, 0, AVAIL | NEXT);
    desc(1, BUF(1), 8, 5, AVAIL | W);
    before = at(1);
    drv_kick(0);
    be_serve(0, 0);
    after = at(1);
    assert_memory_equal(&before, &after, sizeof(after));
    /* 2.8.4: nothing was written, so the length does not count. */
    assert_int_equal(at(0).flags, AVAIL | USED);
    assert_int_equal(at(0).id, 5);
    /* The next one is used where the list ends. */
    desc(2, BUF(2), 8, 6, AVAIL | W);
    drv_kick(0);
    be_serve(0, 8);
    assert_int_equal(at(2).flags, AVAIL | USED | W);
    drv_assert_alive();
}

static void returns_out_of_order_are_written_in_ring_order(void)
{
    unsigned int head[3];

    up_with(8, 0);
    desc(0, BUF(0), 8, 10, AVAIL | W);
    desc(1, BUF(1), 8, 11, AVAIL | W | NEXT);
    desc(2, BUF(2), 8, 12, AVAIL | W);
    desc(3, BUF(3), 8, 13, AVAIL | W);
    drv_kick(0);
    head[0] = be_take(0);
    head[1] = be_take(0);
    head[2] = be_take(0);
    be_return(0, head[1], 16);
    assert_int_equal(at(0).id, 12);
    assert_int_equal(at(0).flags, AVAIL | USED | W);
    be_return(0, head[2], 8);
    assert_int_equal(at(2).id, 13);
    be_return(0, head[0], 8);
    assert_int_equal(at(3).id, 10);
    assert_int_equal(env->dev.queue[0].used_idx, 4);
    assert_int_equal(env->dev.queue[0].ring_free, 8);
    drv_assert_alive();
}

static void descriptors_of_the_other_round_are_not_available(void)
{
    up_with(4, 0);
    desc(0, BUF(0), 8, 0, USED);
    desc(1, BUF(0), 8, 0, AVAIL | USED);
    drv_kick(0);
    assert_int_equal(env->nr_flights, 0);
    desc(0, BUF(0), 8, 0, AVAIL | USED);
    drv_kick(0);
    desc(0, BUF(0), 8, 0, 0);
    drv_kick(0);
    assert_int_equal(env->nr_flights, 0);
    desc(0, BUF(0), 8, 0, AVAIL);
    drv_kick(0);
    assert_int_equal(env->nr_flights, 1);
    drv_assert_alive();
}

static void descriptor_is_taken_once(void)
{
    up_with(4, 0);
    desc(0, BUF(0), 8, 0, AVAIL);
    drv_kick(0);
    drv_kick(0);
    drv_kick(0);
    assert_int_equal(env->nr_flights, 1);
    drv_assert_alive();
}

static void list_that_is_available_in_part_is_refused(void)
{
    up_with(8, 0);
    desc(0, BUF(0), 8, 0, AVAIL | NEXT);
    desc(1, BUF(0), 8, 0, 0);
    refused(SVQ_ERR_CHAIN_PART);
    desc(0, BUF(0), 8, 0, AVAIL | NEXT);
    desc(1, BUF(0), 8, 0, USED);
    refused(SVQ_ERR_CHAIN_PART);
}

static void list_longer_than_the_ring_is_refused(void)
{
    unsigned int i;

    up_with(5, 0);
    for (i = 0; i < 5; i++)
        desc(i, BUF(i), 8, i, AVAIL | NEXT);
    refused(SVQ_ERR_CHAIN_LONG);
}

static void id_in_flight_is_refused(void)
{
    up_with(8, 0);
    desc(0, BUF(0), 8, 77, AVAIL);
    desc(1, BUF(1), 8, 77, AVAIL);
    drv_kick(0);
    drv_assert_failed(SVQ_ERR_HEAD_BUSY, 0);
    again();
    /* Once it is back it can be used again. */
    desc(0, BUF(0), 8, 77, AVAIL);
    drv_kick(0);
    be_serve(0, 0);
    desc(1, BUF(1), 8, 77, AVAIL);
    drv_kick(0);
    assert_int_equal(env->nr_flights, 1);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
}

static void more_descriptors_than_the_ring_has_are_refused(void)
{
    unsigned int i;

    up_with(4, 0);
    for (i = 0; i < 4; i++)
        desc(i, BUF(i), 8, i, AVAIL);
    drv_kick(0);
    assert_int_equal(env->nr_flights, 4);
    /* The second round, over what is in flight. */
    desc(0, BUF(0), 8, 4, USED);
    drv_kick(0);
    drv_assert_failed(SVQ_ERR_OVERCOMMIT, 0);
}

static void descriptors_are_checked_like_those_of_a_split_ring(void)
{
    up_with(8, 0);
    desc(0, BUF(0), 0, 0, AVAIL);
    refused(SVQ_ERR_LEN);
    desc(0, BUF(0), 8, 0, AVAIL | 8);
    refused(SVQ_ERR_FLAGS);
    desc(0, BUF(0), 8, 0, AVAIL | 0x4000);
    refused(SVQ_ERR_FLAGS);
    desc(0, 0, 8, 0, AVAIL);
    refused(SVQ_ERR_ADDR);
    desc(0, BANK0 + 64 * MIB - 4, 8, 0, AVAIL);
    refused(SVQ_ERR_ADDR);
    desc(0, BUF(0), 8, 0, AVAIL | W | NEXT);
    desc(1, BUF(0), 8, 0, AVAIL);
    refused(SVQ_ERR_ORDER);
    desc(0, BANK0, 16 * MIB, 0, AVAIL);
    refused(SVQ_ERR_CHAIN_PAGES);
    desc(0, TABLE, 16, 0, AVAIL | IND);
    refused(SVQ_ERR_INDIRECT);
}

/* ---- 2.8.7 ---- */

static void tables_go_round(void)
{
    static struct ring_buf buf[7];
    unsigned int n;

    for (n = 0; n < 7; n++)
        buf[n] = (struct ring_buf){BUF(n), 10 + n, n > 3};
    up_with(7, INDIRECT);
    for (n = 0; n < 40; n++)
        one(buf, 1 + n % 7, n % 3 ? RING_TABLE_ONLY : RING_DIRECT, n % 7 > 3 ? 5 : 0);
    assert_int_equal(env->dev.queue[0].stats.tables_copied, 26);
    drv_assert_alive();
}

static void in_a_table_only_write_means_something(void)
{
    struct svq_packed_desc table[3] = {
        {BUF(0), 8, 0xffff, (uint16_t)~W},
        {BUF(1), 8, 0, IND | NEXT},
        {BUF(2), 8, 3, 0xffff},
    };
    struct svq_desc chain[8];

    up_with(8, INDIRECT);
    env_write(TABLE, table, sizeof(table));
    desc(0, TABLE, sizeof(table), 9, AVAIL | IND | W);
    drv_kick(0);
    assert_int_equal(be_chain(0, be_take(0), chain), 3);
    assert_int_equal(chain[0].flags, NEXT);
    assert_int_equal(chain[1].flags, NEXT);
    assert_int_equal(chain[2].flags, W);
    drv_assert_alive();
}

static void table_in_a_list_is_refused(void)
{
    struct svq_packed_desc table = {BUF(0), 8, 0, 0};

    up_with(8, INDIRECT);
    env_write(TABLE, &table, sizeof(table));
    desc(0, BUF(0), 8, 0, AVAIL | NEXT);
    desc(1, TABLE, 16, 0, AVAIL | IND);
    refused(SVQ_ERR_TABLE_LINK);
    desc(0, TABLE, 16, 0, AVAIL | IND | NEXT);
    desc(1, BUF(0), 8, 0, AVAIL);
    refused(SVQ_ERR_TABLE_LINK);
    assert_int_equal(env->table_reads, 0);
}

static void table_lengths_are_checked(void)
{
    static const uint32_t bad[] = {0, 1, 15, 17, 33, 9 * 16, 0xfffffff0, 0xffffffff};
    unsigned int i;

    up_with(8, INDIRECT);
    for (i = 0; i < COUNT(bad); i++) {
        desc(0, TABLE, bad[i], 0, AVAIL | IND);
        refused(SVQ_ERR_TABLE);
    }
    assert_int_equal(env->table_reads, 0);
}

/* ---- Races ---- */

static void spoil(struct env_where w, void *p, size_t bytes)
{
    if (w.area == ENV_DESC || w.area == ENV_TABLE)
        memset(p, 0xff, bytes);
}

static void values_are_read_once(void)
{
    struct svq_packed_desc table = {BUF(5), 99, 0, W};
    struct svq_desc chain[8];

    up_with(8, INDIRECT);
    env_write(TABLE, &table, sizeof(table));
    desc(0, BUF(0), 8, 0, AVAIL | NEXT);
    desc(1, BUF(1), 9, 3, AVAIL | W);
    desc(2, TABLE, 16, 4, AVAIL | IND);
    env->on_read = spoil;
    drv_kick(0);
    env->on_read = NULL;
    assert_int_equal(be_chain(0, be_take(0), chain), 2);
    assert_int_equal(chain[0].addr, BUF(0));
    assert_int_equal(chain[1].len, 9);
    assert_int_equal(chain[1].flags, W);
    assert_int_equal(be_chain(0, be_take(0), chain), 1);
    assert_int_equal(chain[0].addr, BUF(5));
    assert_int_equal(chain[0].len, 99);
    drv_assert_alive();
}

/* The ring ends in the middle of a page, and crosses one. */
static void ring_may_begin_anywhere_that_is_aligned(void)
{
    static const struct ring_buf buf[] = {{BUF(0), 100, false}, {BUF(1), 200, true}};
    unsigned int n;

    drv_ring_features = PACKED;
    env_create(&(struct env_opts){.size = 64});
    be_attach();
    drv_probe();
    assert_true(drv_setup_at(0, 37, RINGS + 0x1000 - 16 * 5, RINGS + 0x3ffc, RINGS + 0x2ffc));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    be_begin();
    ring_begin(0, 37);
    for (n = 0; n < 100; n++)
        one(buf, 2, RING_DIRECT, n);
    drv_assert_alive();
}

static const struct CMUnitTest tests[] = {
    TEST(requests_go_round_at_every_size),
    TEST(largest_packed_queue_works),
    TEST(size_is_up_to_the_devices),
    TEST(parts_are_aligned_as_2_8_10_1_says),
    TEST(id_is_that_of_the_last_descriptor_and_any_16_bits),
    TEST(only_the_first_descriptor_of_a_list_is_written),
    TEST(returns_out_of_order_are_written_in_ring_order),
    TEST(descriptors_of_the_other_round_are_not_available),
    TEST(descriptor_is_taken_once),
    TEST(list_that_is_available_in_part_is_refused),
    TEST(list_longer_than_the_ring_is_refused),
    TEST(id_in_flight_is_refused),
    TEST(more_descriptors_than_the_ring_has_are_refused),
    TEST(descriptors_are_checked_like_those_of_a_split_ring),
    TEST(tables_go_round),
    TEST(in_a_table_only_write_means_something),
    TEST(table_in_a_list_is_refused),
    TEST(table_lengths_are_checked),
    TEST(values_are_read_once),
    TEST(ring_may_begin_anywhere_that_is_aligned),
};

TEST_MAIN(tests)
