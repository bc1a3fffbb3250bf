/* SPDX-License-Identifier: MIT */
/* 4.2.2, 4.2.3, 3.1.1: the registers that the driver sees. */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE

#define FEATURES_OK_STATUS (SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK)

/* A device that is attached; the driver has done nothing yet. */
static void attached(void)
{
    env_create(&(struct env_opts){.queues = 2, .size = 64});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
}

/* ... and the features are agreed on. */
static void probed(void)
{
    attached();
    drv_probe();
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), FEATURES_OK_STATUS);
}

static void constants_identify_a_virtio_1_device(void)
{
    attached();
    assert_int_equal(drv_read(SVQ_MMIO_MAGIC), 0x74726976);
    assert_int_equal(drv_read(SVQ_MMIO_VERSION), 2);
    assert_int_equal(drv_read(SVQ_MMIO_DEVICE_ID), 2);
    assert_int_equal(drv_read(SVQ_MMIO_VENDOR_ID), 0x4b4d4551);
}

static void device_id_is_zero_until_a_backend_attaches(void)
{
    env_create(&(struct env_opts){0});
    assert_int_equal(drv_read(SVQ_MMIO_MAGIC), 0x74726976);
    assert_int_equal(drv_read(SVQ_MMIO_VERSION), 2);
    assert_int_equal(drv_read(SVQ_MMIO_DEVICE_ID), 0);
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_SIZE_MAX), 0);
    assert_int_equal(drv_offered(), 0);
}

static void registers_are_accessed_by_4_aligned_bytes_only(void)
{
    static const unsigned int sizes[] = {1, 2, 8};
    uint32_t off;
    unsigned int i;

    probed();
    for (off = 0; off < SVQ_MMIO_CONFIG; off++) {
        for (i = 0; i < COUNT(sizes); i++)
            assert_int_equal(svq_mmio_read(&env->dev, off, sizes[i]), 0);
        if (off % 4)
            assert_int_equal(svq_mmio_read(&env->dev, off, 4), 0);
    }

    for (i = 0; i < COUNT(sizes); i++) {
        svq_mmio_write(&env->dev, SVQ_MMIO_STATUS, sizes[i], 0);
        svq_mmio_write(&env->dev, SVQ_MMIO_QUEUE_SEL, sizes[i], 1);
    }
    for (i = 1; i < 4; i++)
        svq_mmio_write(&env->dev, SVQ_MMIO_STATUS + i, 4, 0);
    env_run();
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), FEATURES_OK_STATUS);
    assert_int_equal(env->dev.queue_sel, 0);
}

static void offsets_beyond_the_device_read_as_zero(void)
{
    attached();
    assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_SIZE, 4), 0);
    assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_SIZE, 1), 0);
    assert_int_equal(svq_mmio_read(&env->dev, 0xfffffffcu, 4), 0);
    assert_int_equal(svq_mmio_read(&env->dev, 0xffffffffu, 1), 0);
    svq_mmio_write(&env->dev, SVQ_MMIO_SIZE + SVQ_MMIO_STATUS, 4, 1);
    svq_mmio_write(&env->dev, 0xfffffffcu, 4, 1);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
}

static void read_only_registers_ignore_writes_and_others_read_as_zero(void)
{
    static const uint32_t write_only[] = {
        SVQ_MMIO_DEV_FEAT_SEL,
        SVQ_MMIO_DRV_FEATURES,
        SVQ_MMIO_DRV_FEAT_SEL,
        SVQ_MMIO_QUEUE_SEL,
        SVQ_MMIO_QUEUE_SIZE,
        SVQ_MMIO_QUEUE_NOTIFY,
        SVQ_MMIO_INT_ACK,
        SVQ_MMIO_DESC_LOW,
        SVQ_MMIO_DESC_HIGH,
        SVQ_MMIO_AVAIL_LOW,
        SVQ_MMIO_AVAIL_HIGH,
        SVQ_MMIO_USED_LOW,
        SVQ_MMIO_USED_HIGH,
        0x18,
        0x3c,
        0x54,
        0xc0,
        0xf8,
    };
    static const uint32_t read_only[] = {
        SVQ_MMIO_MAGIC,        SVQ_MMIO_VERSION,        SVQ_MMIO_DEVICE_ID,  SVQ_MMIO_VENDOR_ID,
        SVQ_MMIO_DEV_FEATURES, SVQ_MMIO_QUEUE_SIZE_MAX, SVQ_MMIO_INT_STATUS, SVQ_MMIO_CONFIG_GEN,
    };
    unsigned int i;

    probed();
    for (i = 0; i < COUNT(read_only); i++) {
        uint32_t was = drv_read(read_only[i]);

        drv_write(read_only[i], ~was);
        assert_int_equal(drv_read(read_only[i]), was);
    }
    for (i = 0; i < COUNT(write_only); i++) {
        drv_write(write_only[i], 1);
        assert_int_equal(drv_read(write_only[i]), 0);
    }
}

static void there_are_no_shared_memory_regions(void)
{
    attached();
    assert_int_equal(drv_read(SVQ_MMIO_SHM_LEN_LOW), 0xffffffffu);
    assert_int_equal(drv_read(SVQ_MMIO_SHM_LEN_HIGH), 0xffffffffu);
}

/* ---- Features ---- */

/* Ring features that the device need not know of; those that it has to take part in. */
#define OUR_FEATURES                                                                               \
    ((1ULL << SVQ_F_EVENT_IDX) | (1ULL << SVQ_F_RING_PACKED) | (1ULL << SVQ_F_IN_ORDER))

static bool goes_through(unsigned int bit)
{
    return bit < 24 || bit > 49 || bit == SVQ_F_VERSION_1 || bit == SVQ_F_INDIRECT_DESC ||
           bit == SVQ_F_RING_RESET;
}

static void offered_features_are_the_device_types_and_the_rings(void)
{
    unsigned int bit;

    for (bit = 0; bit < 64; bit++) {
        uint64_t through = goes_through(bit) ? 1ULL << bit : 0;

        /* Between the driver and us, where there are tables. */
        if (bit == SVQ_F_INDIRECT_DESC)
            through |= 1ULL << SVQ_F_INDIRECT_PAGES;

        env_create(&(struct env_opts){0});
        be_describe();
        be_mailbox()->device_features = (1ULL << SVQ_F_VERSION_1) | (1ULL << bit);
        assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
        assert_int_equal(drv_offered(), (1ULL << SVQ_F_VERSION_1) | OUR_FEATURES | through);
        env_release();
        env_destroy();
    }
}

static void nothing_is_offered_before_the_device_is_described(void)
{
    env_create(&(struct env_opts){0});
    assert_int_equal(drv_offered(), 0);
}

static void withheld_features_reach_neither_side(void)
{
    be_features = BE_FEATURES | DRV_RING_FEATURES;
    env_create(&(struct env_opts){.withheld = DRV_RING_FEATURES});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    assert_int_equal(drv_offered(), BE_FEATURES);
    drv_start(0);
    assert_int_equal(be_info()->driver_features, BE_FEATURES);
}

/* What the device process sees are the features of the shadow rings. */
static void device_sees_the_features_of_the_shadow_rings(void)
{
    const uint64_t ev = 1ULL << SVQ_F_EVENT_IDX, ind = 1ULL << SVQ_F_INDIRECT_DESC;
    const uint64_t all = DRV_RING_FEATURES & ~(1ULL << SVQ_F_ACCESS_PLATFORM);
    const struct {
        uint64_t device, driver, shadow;
    } cases[] = {
        {0, 0, 0},
        {0, OUR_FEATURES, 0},
        {ev, 0, ev},
        {ev, ev, ev},
        {ind, 0, 0},
        {ind, ind, ind},
        {ev | ind, ind | OUR_FEATURES, ev | ind},
        {DRV_RING_FEATURES, all, ev | ind},
    };
    unsigned int i;

    for (i = 0; i < COUNT(cases); i++) {
        be_features = BE_FEATURES | cases[i].device;
        drv_ring_features = cases[i].driver;
        up(&(struct env_opts){0});
        assert_int_equal(be_info()->driver_features, BE_FEATURES | cases[i].shadow);
        assert_int_equal(env->dev.driver_features, BE_FEATURES | cases[i].driver);
        env_release();
        env_destroy();
    }
}

static void feature_selectors_out_of_range_select_nothing(void)
{
    static const uint32_t sel[] = {2, 3, 32, 0x80000000u, 0xffffffffu};
    unsigned int i;

    attached();
    drv_accept(0x123456789abcdef0ULL);
    for (i = 0; i < COUNT(sel); i++) {
        drv_write(SVQ_MMIO_DEV_FEAT_SEL, sel[i]);
        assert_int_equal(drv_read(SVQ_MMIO_DEV_FEATURES), 0);
        drv_write(SVQ_MMIO_DRV_FEAT_SEL, sel[i]);
        drv_write(SVQ_MMIO_DRV_FEATURES, 0xffffffffu);
    }
    assert_int_equal(env->dev.driver_features, 0x123456789abcdef0ULL);
}

static void try_features(uint64_t features, bool accepted)
{
    drv_reset();
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    drv_accept(features);
    drv_write(SVQ_MMIO_STATUS, FEATURES_OK_STATUS);
    assert_int_equal(!!(drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK), accepted);
}

static void features_ok_is_refused_unless_the_set_is_offered(void)
{
    const uint64_t v1 = 1ULL << SVQ_F_VERSION_1;
    unsigned int bit;

    attached();
    try_features(BE_FEATURES, true);
    try_features(v1, true);
    try_features(v1 | 0x2, true);
    try_features(0, false); /* legacy */
    try_features(BE_FEATURES & ~v1, false);
    for (bit = 0; bit < 64; bit++)
        try_features(v1 | (1ULL << bit), ((BE_FEATURES | OUR_FEATURES) >> bit) & 1);
}

static void features_cannot_change_after_features_ok(void)
{
    probed();
    drv_accept(0);
    assert_int_equal(env->dev.driver_features, BE_FEATURES);
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    drv_accept(0);
    assert_int_equal(env->dev.driver_features, BE_FEATURES);
    assert_int_equal(be_info()->driver_features, BE_FEATURES);
}

static void features_ok_is_refused_without_a_backend(void)
{
    env_create(&(struct env_opts){0});
    drv_accept(1ULL << SVQ_F_VERSION_1);
    drv_write(SVQ_MMIO_STATUS, FEATURES_OK_STATUS);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
}

/* ---- Status ---- */

static void status_bits_are_set_one_by_one_and_never_cleared(void)
{
    probed();
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), FEATURES_OK_STATUS);
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_FAILED);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), FEATURES_OK_STATUS | SVQ_STATUS_FAILED);
}

static void driver_cannot_set_needs_reset(void)
{
    probed();
    drv_write(SVQ_MMIO_STATUS, FEATURES_OK_STATUS | SVQ_STATUS_NEEDS_RESET);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), FEATURES_OK_STATUS);
    assert_int_equal(env->dev.failures, 0);
}

static void bits_above_the_status_are_ignored(void)
{
    attached();
    drv_write(SVQ_MMIO_STATUS, 0xffffff00u | SVQ_STATUS_ACKNOWLEDGE);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), SVQ_STATUS_ACKNOWLEDGE);
    /* And are no reset. */
    drv_write(SVQ_MMIO_STATUS, 0x100);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), SVQ_STATUS_ACKNOWLEDGE);
}

static void driver_ok_without_features_ok_is_ignored(void)
{
    attached();
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_DRIVER_OK);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    assert_int_equal(be_info()->state, VSH_STATE_READY);

    /* Nor with a FEATURES_OK that is refused in the same write. */
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    assert_int_equal(be_info()->state, VSH_STATE_READY);
}

static void reset_restores_every_register(void)
{
    unsigned int q;

    up(&(struct env_opts){.queues = 2, .size = 64});
    drv_write_buffer(0, 0, BUF(0), 64);
    be_serve(0, 64);
    drv_write(SVQ_MMIO_QUEUE_SEL, 1);
    drv_write(SVQ_MMIO_DEV_FEAT_SEL, 1);
    drv_write(SVQ_MMIO_DRV_FEAT_SEL, 1);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), SVQ_INT_USED);
    assert_int_equal(env_refs(RINGS), 1);

    drv_reset();
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), 0);
    assert_int_equal(env->dev.driver_features, 0);
    assert_int_equal(env->dev.dev_feat_sel, 0);
    assert_int_equal(env->dev.drv_feat_sel, 0);
    assert_int_equal(env->dev.queue_sel, 0);
    for (q = 0; q < 2; q++) {
        drv_write(SVQ_MMIO_QUEUE_SEL, q);
        assert_int_equal(drv_read(SVQ_MMIO_QUEUE_READY), 0);
        assert_int_equal(env->dev.queue[q].size, 0);
        assert_int_equal(env->dev.queue[q].desc_addr, 0);
        assert_int_equal(env->dev.queue[q].avail_addr, 0);
        assert_int_equal(env->dev.queue[q].used_addr, 0);
        assert_int_equal(env_refs(RINGS + q * DRV_RING_BYTES), 0);
    }
}

static void writes_during_a_reset_are_ignored(void)
{
    probed();
    drv_write_only(SVQ_MMIO_STATUS, 0);
    drv_write_only(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE);
    drv_write_only(SVQ_MMIO_QUEUE_SEL, 1);
    env_run();
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
    assert_int_equal(env->dev.queue_sel, 0);

    /* Another vCPU that takes down a queue meanwhile does not fail the device. */
    drv_start(0);
    drv_write(SVQ_MMIO_QUEUE_SEL, 0);
    drv_write_only(SVQ_MMIO_STATUS, 0);
    drv_write_only(SVQ_MMIO_QUEUE_READY, 0);
    env_run();
    assert_int_equal(env->dev.failures, 0);
    assert_int_equal(be_info()->state, VSH_STATE_RESETTING);
}

/* ---- Queues ---- */

static void queue_selectors_out_of_range_select_nothing(void)
{
    static const uint32_t sel[] = {2, 3, VSH_MAX_QUEUES, 0x10000, 0xffffffffu};
    unsigned int i;

    probed();
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_SIZE_MAX), 64);
    for (i = 0; i < COUNT(sel); i++) {
        drv_write(SVQ_MMIO_QUEUE_SEL, sel[i]);
        assert_int_equal(drv_read(SVQ_MMIO_QUEUE_SIZE_MAX), 0);
        drv_write(SVQ_MMIO_QUEUE_SIZE, 16);
        drv_write(SVQ_MMIO_DESC_LOW, 0x1000);
        drv_write(SVQ_MMIO_QUEUE_READY, 1);
        assert_int_equal(drv_read(SVQ_MMIO_QUEUE_READY), 0);
    }
    assert_int_equal(env->dev.failures, 0);
    for (i = 0; i < 2; i++)
        assert_int_equal(env->dev.queue[i].size | env->dev.queue[i].desc_addr, 0);
}

static void queues_that_the_device_does_not_have_are_not_there(void)
{
    env_create(&(struct env_opts){.queues = 2, .size = 64});
    be_describe();
    be_mailbox()->nr_queues = 1;
    be_mailbox()->queue_size = 32;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
    drv_probe();
    drv_write(SVQ_MMIO_QUEUE_SEL, 0);
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_SIZE_MAX), 32);
    drv_write(SVQ_MMIO_QUEUE_SEL, 1);
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_SIZE_MAX), 0);
    assert_false(drv_setup(1, 16));
    assert_int_equal(env->dev.failures, 0);
    assert_int_equal(env_refs(RINGS + DRV_RING_BYTES), 0);
}

static void assert_ring_refused(void)
{
    unsigned int page;

    drv_assert_failed(SVQ_ERR_RING, 0);
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_READY), 0);
    for (page = 0; page < 16; page++)
        assert_int_equal(env_refs(RINGS + page * PAGE), 0);
    /* Before DRIVER_OK there is no configuration interrupt. */
    assert_int_equal(env->interrupts, 0);
    env_release();
    env_destroy();
}

static void queue_size_is_a_power_of_two_up_to_the_largest(void)
{
    static const uint32_t bad[] = {0,    3,      5,       63,      65,          128,        1024,
                                   2048, 0x8000, 0x10000, 0x10010, 0x80000000u, 0xffffffffu};
    unsigned int i, size;

    for (i = 0; i < COUNT(bad); i++) {
        probed();
        assert_false(drv_setup(0, bad[i]));
        assert_ring_refused();
    }
    for (size = 1; size <= 64; size *= 2) {
        probed();
        assert_true(drv_setup(0, size));
        env_release();
        env_destroy();
    }
}

static void queue_size_is_limited_by_the_device_not_only_by_the_window(void)
{
    env_create(&(struct env_opts){.size = 64});
    be_describe();
    be_mailbox()->queue_size = 16;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
    drv_probe();
    assert_false(drv_setup(0, 32));
    assert_ring_refused();
}

static void ring_parts_are_aligned_as_2_7_says(void)
{
    const uint64_t d = RINGS, a = RINGS + 0x5000, u = RINGS + 0x6000;
    unsigned int off;

    for (off = 0; off <= 16; off++) {
        probed();
        if (off % SVQ_DESC_ALIGN) {
            assert_false(drv_setup_at(0, 16, d + off, a, u));
            assert_ring_refused();
        } else {
            assert_true(drv_setup_at(0, 16, d + off, a, u));
            env_release();
            env_destroy();
        }
    }
    for (off = 0; off <= 4; off++) {
        probed();
        if (off % SVQ_AVAIL_ALIGN) {
            assert_false(drv_setup_at(0, 16, d, a + off, u));
            assert_ring_refused();
        } else {
            assert_true(drv_setup_at(0, 16, d, a + off, u));
            env_release();
            env_destroy();
        }
    }
    for (off = 0; off <= 4; off++) {
        probed();
        if (off % SVQ_USED_ALIGN) {
            assert_false(drv_setup_at(0, 16, d, a, u + off));
            assert_ring_refused();
        } else {
            assert_true(drv_setup_at(0, 16, d, a, u + off));
            env_release();
            env_destroy();
        }
    }
}

static void ring_parts_lie_in_one_bank_to_the_last_byte(void)
{
    const uint64_t ok[3] = {RINGS, RINGS + 0x5000, RINGS + 0x6000};
    /* Sizes for 64 descriptors: 1024, 134, 518 bytes; aligned starts around the end. */
    const uint64_t end[2] = {BANK0 + 64 * MIB, BANK1 + 16 * MIB};
    const uint64_t last[3] = {1024, 134, 520};
    const uint64_t step[3] = {16, 2, 4};
    unsigned int part, bank;

    for (part = 0; part < 3; part++)
        for (bank = 0; bank < 2; bank++) {
            uint64_t at[3] = {ok[0], ok[1], ok[2]};

            at[part] = end[bank] - last[part];
            probed();
            assert_true(drv_setup_at(0, 64, at[0], at[1], at[2]));
            env_release();
            env_destroy();

            at[part] += step[part];
            probed();
            assert_false(drv_setup_at(0, 64, at[0], at[1], at[2]));
            assert_ring_refused();
        }
}

static void ring_parts_outside_of_ram_are_refused(void)
{
    static const uint64_t bad[] = {0,
                                   BANK0 - 16,
                                   BANK0 + 64 * MIB,
                                   BANK0 + 2 * GIB,
                                   ~0ULL << 4,
                                   0x8000000000000000ULL,
                                   SVQ_WINDOW_DAS};
    const uint64_t ok[3] = {RINGS, RINGS + 0x5000, RINGS + 0x6000};
    unsigned int part, i;

    for (part = 0; part < 3; part++)
        for (i = 0; i < COUNT(bad); i++) {
            uint64_t at[3] = {ok[0], ok[1], ok[2]};

            at[part] = bad[i];
            probed();
            assert_false(drv_setup_at(0, 64, at[0], at[1], at[2]));
            assert_ring_refused();
        }
}

static void ring_parts_that_are_not_plain_ram_are_refused(void)
{
    static const uint64_t page[3] = {RINGS, RINGS + 0x5000, RINGS + 0x6000};
    unsigned int part;

    for (part = 0; part < 3; part++) {
        probed();
        env_set_kind(page[part], ENV_FOREIGN);
        assert_false(drv_setup(0, 64));
        env_set_kind(page[part], ENV_RAM);
        assert_ring_refused();
    }
}

static void queue_is_not_ready_before_features_ok(void)
{
    attached();
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    assert_false(drv_setup(0, 64));
    assert_int_equal(env->dev.failures, 0);
    assert_int_equal(env_refs(RINGS), 0);
}

static void queue_registers_are_fixed_while_ready(void)
{
    const struct svq_queue *q;

    probed();
    assert_true(drv_setup(0, 64));
    q = &env->dev.queue[0];
    drv_write(SVQ_MMIO_QUEUE_SIZE, 8);
    drv_write(SVQ_MMIO_DESC_LOW, 0xff0);
    drv_write(SVQ_MMIO_DESC_HIGH, 0xff0);
    drv_write(SVQ_MMIO_AVAIL_LOW, 0xff0);
    drv_write(SVQ_MMIO_AVAIL_HIGH, 0xff0);
    drv_write(SVQ_MMIO_USED_LOW, 0xff0);
    drv_write(SVQ_MMIO_USED_HIGH, 0xff0);
    assert_int_equal(q->size, 64);
    assert_int_equal(q->desc_addr, RINGS);
    assert_int_equal(q->avail_addr, RINGS + 0x5000);
    assert_int_equal(q->used_addr, RINGS + 0x6000);

    /* Ready once more takes no second reference. */
    drv_write(SVQ_MMIO_QUEUE_READY, 1);
    assert_int_equal(env_refs(RINGS), 1);
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_READY), 1);
}

static void queue_can_be_taken_down_before_driver_ok(void)
{
    probed();
    assert_true(drv_setup(0, 64));
    drv_write(SVQ_MMIO_QUEUE_READY, 0);
    assert_int_equal(drv_read(SVQ_MMIO_QUEUE_READY), 0);
    assert_int_equal(env_refs(RINGS), 0);
    assert_true(drv_setup(0, 8));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    be_begin();
    assert_int_equal(be_queue_info(0)->size, 8);
    drv_write_buffer(0, 7, BUF(0), 64);
    be_serve(0, 64);
    drv_assert_alive();
}

static void addresses_are_written_in_halves_of_64_bits(void)
{
    const struct svq_queue *q;

    probed();
    q = &env->dev.queue[1];
    drv_write(SVQ_MMIO_QUEUE_SEL, 1);
    drv_write(SVQ_MMIO_DESC_HIGH, 0x11111111);
    drv_write(SVQ_MMIO_DESC_LOW, 0xf2222222);
    drv_write(SVQ_MMIO_AVAIL_LOW, 0xf4444444);
    drv_write(SVQ_MMIO_AVAIL_HIGH, 0xf3333333);
    drv_write(SVQ_MMIO_USED_HIGH, 0x55555555);
    drv_write(SVQ_MMIO_USED_LOW, 0x66666666);
    assert_int_equal(q->desc_addr, 0x11111111f2222222ULL);
    assert_int_equal(q->avail_addr, 0xf3333333f4444444ULL);
    assert_int_equal(q->used_addr, 0x5555555566666666ULL);
}

static void live_queue_cannot_be_taken_down(void)
{
    up(&(struct env_opts){.size = 16});
    drv_write_buffer(0, 0, BUF(0), 64);
    drv_write(SVQ_MMIO_QUEUE_SEL, 0);
    drv_write(SVQ_MMIO_QUEUE_READY, 1);
    drv_assert_alive();
    drv_write(SVQ_MMIO_QUEUE_READY, 0);
    drv_assert_failed(SVQ_ERR_STATUS, 0);
}

static void queue_cannot_be_added_to_a_live_device(void)
{
    env_create(&(struct env_opts){.queues = 2, .size = 16});
    be_attach();
    drv_probe();
    assert_true(drv_setup(0, 16));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    drv_write(SVQ_MMIO_QUEUE_SEL, 1);
    drv_write(SVQ_MMIO_QUEUE_READY, 0);
    drv_assert_alive();
    assert_false(drv_setup(1, 16));
    drv_assert_failed(SVQ_ERR_STATUS, 1);
    assert_int_equal(env_refs(RINGS + DRV_RING_BYTES), 0);
}

static void queue_cannot_be_made_ready_on_a_failed_device(void)
{
    probed();
    assert_false(drv_setup(0, 3));
    drv_assert_failed(SVQ_ERR_RING, 0);
    assert_false(drv_setup(1, 16));
    assert_int_equal(env->dev.failures, 1);
    assert_int_equal(env_refs(RINGS + DRV_RING_BYTES), 0);
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    assert_int_equal(be_info()->state, VSH_STATE_FAILED);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), FEATURES_OK_STATUS | SVQ_STATUS_NEEDS_RESET);
}

/* ---- Interrupts, configuration space ---- */

static void interrupt_ack_clears_the_bits_named(void)
{
    up(&(struct env_opts){.size = 16});
    drv_write_buffer(0, 0, BUF(0), 64);
    be_serve(0, 1);
    be_mailbox()->config[0] ^= 1;
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_NONE);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), SVQ_INT_USED | SVQ_INT_CONFIG);
    drv_write(SVQ_MMIO_INT_ACK, SVQ_INT_CONFIG);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), SVQ_INT_USED);
    drv_write(SVQ_MMIO_INT_ACK, 0xfffffffcu);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), SVQ_INT_USED);
    drv_write(SVQ_MMIO_INT_ACK, 0xffffffffu);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), 0);
}

static uint64_t config_byte(uint32_t i)
{
    return i < BE_CONFIG_LEN ? (i + 1) & 0xff : 0;
}

static void config_is_read_at_every_offset_and_size(void)
{
    uint32_t off, i;
    unsigned int size;

    attached();
    for (off = 0; off < VSH_CONFIG_SIZE; off++)
        for (size = 1; size <= 8; size *= 2) {
            uint64_t expected = 0;

            for (i = 0; i < size; i++)
                expected |= config_byte(off + i) << (8 * i);
            assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG + off, size), expected);
        }
}

static void config_of_the_full_length_ends_with_the_device(void)
{
    env_create(&(struct env_opts){0});
    be_describe();
    be_mailbox()->config_len = VSH_CONFIG_SIZE;
    assert_int_equal(be_request(VSH_REQ_ATTACH), VSH_ERR_NONE);
    assert_int_equal(svq_mmio_read(&env->dev, 0x1fc, 4), 0x00fffefdu);
    assert_int_equal(svq_mmio_read(&env->dev, 0x1ff, 8), 0);
    assert_int_equal(svq_mmio_read(&env->dev, 0x1fe, 8), 0xff);
    assert_int_equal(svq_mmio_read(&env->dev, 0x1f9, 8), 0x00fffefdfcfbfaULL);
}

static void config_is_read_only_to_the_driver(void)
{
    unsigned int size;

    attached();
    for (size = 1; size <= 8; size *= 2)
        svq_mmio_write(&env->dev, SVQ_MMIO_CONFIG, size, ~0ULL);
    assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG, 4), 0x04030201);
}

static void config_change_moves_the_generation_and_interrupts(void)
{
    uint32_t gen;

    attached();
    gen = drv_read(SVQ_MMIO_CONFIG_GEN);
    be_mailbox()->config[0] = 0x77;
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_NONE);
    assert_int_not_equal(drv_read(SVQ_MMIO_CONFIG_GEN), gen);
    assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG, 1), 0x77);
    /* Not before DRIVER_OK. */
    assert_int_equal(env->interrupts, 0);

    drv_start(0);
    gen = drv_read(SVQ_MMIO_CONFIG_GEN);
    be_mailbox()->config[1] = 0x78;
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_NONE);
    assert_int_not_equal(drv_read(SVQ_MMIO_CONFIG_GEN), gen);
    assert_int_equal(env->interrupts, 1);
    assert_int_equal(drv_read(SVQ_MMIO_INT_STATUS), SVQ_INT_CONFIG);
    assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG, 2), 0x7877);
    drv_assert_alive();
}

static void config_cannot_change_its_length(void)
{
    uint32_t gen;

    attached();
    gen = drv_read(SVQ_MMIO_CONFIG_GEN);
    be_mailbox()->config_len++;
    be_mailbox()->config[0] = 0x77;
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_CONFIG);
    be_mailbox()->config_len = 0xffffffffu;
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_CONFIG);
    assert_int_equal(drv_read(SVQ_MMIO_CONFIG_GEN), gen);
    assert_int_equal(svq_mmio_read(&env->dev, SVQ_MMIO_CONFIG, 1), 1);
}

static void config_change_without_a_backend_is_refused(void)
{
    env_create(&(struct env_opts){0});
    be_describe();
    assert_int_equal(be_request(VSH_REQ_CONFIG), VSH_ERR_STATE);
}

static const struct CMUnitTest tests[] = {
    TEST(constants_identify_a_virtio_1_device),
    TEST(device_id_is_zero_until_a_backend_attaches),
    TEST(registers_are_accessed_by_4_aligned_bytes_only),
    TEST(offsets_beyond_the_device_read_as_zero),
    TEST(read_only_registers_ignore_writes_and_others_read_as_zero),
    TEST(there_are_no_shared_memory_regions),
    TEST(offered_features_are_the_device_types_and_the_rings),
    TEST(nothing_is_offered_before_the_device_is_described),
    TEST(withheld_features_reach_neither_side),
    TEST(device_sees_the_features_of_the_shadow_rings),
    TEST(feature_selectors_out_of_range_select_nothing),
    TEST(features_ok_is_refused_unless_the_set_is_offered),
    TEST(features_cannot_change_after_features_ok),
    TEST(features_ok_is_refused_without_a_backend),
    TEST(status_bits_are_set_one_by_one_and_never_cleared),
    TEST(driver_cannot_set_needs_reset),
    TEST(bits_above_the_status_are_ignored),
    TEST(driver_ok_without_features_ok_is_ignored),
    TEST(reset_restores_every_register),
    TEST(writes_during_a_reset_are_ignored),
    TEST(queue_selectors_out_of_range_select_nothing),
    TEST(queues_that_the_device_does_not_have_are_not_there),
    TEST(queue_size_is_a_power_of_two_up_to_the_largest),
    TEST(queue_size_is_limited_by_the_device_not_only_by_the_window),
    TEST(ring_parts_are_aligned_as_2_7_says),
    TEST(ring_parts_lie_in_one_bank_to_the_last_byte),
    TEST(ring_parts_outside_of_ram_are_refused),
    TEST(ring_parts_that_are_not_plain_ram_are_refused),
    TEST(queue_is_not_ready_before_features_ok),
    TEST(queue_registers_are_fixed_while_ready),
    TEST(queue_can_be_taken_down_before_driver_ok),
    TEST(addresses_are_written_in_halves_of_64_bits),
    TEST(live_queue_cannot_be_taken_down),
    TEST(queue_cannot_be_added_to_a_live_device),
    TEST(queue_cannot_be_made_ready_on_a_failed_device),
    TEST(interrupt_ack_clears_the_bits_named),
    TEST(config_is_read_at_every_offset_and_size),
    TEST(config_of_the_full_length_ends_with_the_device),
    TEST(config_is_read_only_to_the_driver),
    TEST(config_change_moves_the_generation_and_interrupts),
    TEST(config_cannot_change_its_length),
    TEST(config_change_without_a_backend_is_refused),
};

TEST_MAIN(tests)
