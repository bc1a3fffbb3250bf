/* SPDX-License-Identifier: MIT */
/*
 * VSH_POLICY_TRUSTED and VSH_POLICY_POOL: what the backend sees, and when; and that
 * the mediator has nothing to do with the rings.
 */
#include "backend.h"
#include "driver.h"

#define BIT(n) (1ULL << (n))

#define SMALL_PAGES ((2 * MIB + 1 * MIB) / PAGE)

static const struct env_opts trusted = {
    .queues = 2, .size = 16, .bank0 = 2 * MIB, .bank1 = 1 * MIB, .policy = VSH_POLICY_TRUSTED};

/* The rings of drv_setup(), and a page more, in a bank that goes on. */
#define POOL_BYTES (2 * DRV_RING_BYTES + PAGE)
static const struct env_opts pool = {.queues = 2,
                                     .size = 16,
                                     .bank0 = 2 * MIB,
                                     .bank1 = 1 * MIB,
                                     .policy = VSH_POLICY_POOL,
                                     .pool = {BANK0, POOL_BYTES}};

static void go(const struct env_opts *opts)
{
    if (opts->policy == VSH_POLICY_POOL)
        drv_ring_features |= BIT(SVQ_F_ACCESS_PLATFORM);
    up(opts);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
}

static void all_ram_is_visible_while_the_device_runs(void)
{
    env_create(&trusted);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    assert_int_equal(env_visible(), 0);
    drv_probe();
    assert_int_equal(env_visible(), 0);
    drv_start(0);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    assert_int_equal(be_info()->policy, VSH_POLICY_TRUSTED);
    assert_int_equal(env_visible(), SMALL_PAGES);
    assert_int_equal(env->dev.queue[0].pages.nr_mapped, SMALL_PAGES);
    assert_int_equal(env_entry(BANK1 + 1 * MIB - PAGE), SVQ_RW);

    drv_reset();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env_entry(BANK0), SVQ_DUMMY);
    assert_int_equal(be_info()->state, VSH_STATE_RESETTING);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(env_entry(BANK0), SVQ_NONE);
    assert_int_equal(be_info()->state, VSH_STATE_READY);
    assert_int_equal(env->dev.queue[0].stats.grants, SMALL_PAGES);
    assert_int_equal(env->dev.queue[0].stats.revokes, SMALL_PAGES);
}

static void driver_that_comes_early_waits_for_the_ack(void)
{
    go(&trusted);
    drv_reset();
    drv_start(0);
    assert_int_equal(be_info()->state, VSH_STATE_RESETTING);
    assert_int_equal(env_visible(), 0);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    assert_int_equal(env_visible(), SMALL_PAGES);
}

static void start_is_done_in_steps(void)
{
    unsigned int steps = 0;

    env_create(&(struct env_opts){.policy = VSH_POLICY_TRUSTED});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_probe();
    assert_true(drv_setup(0, 16));
    drv_write_only(SVQ_MMIO_STATUS, drv_read(SVQ_MMIO_STATUS) | SVQ_STATUS_DRIVER_OK);
    while (svq_dev_run(&env->dev)) {
        assert_int_equal(be_info()->state, VSH_STATE_READY);
        /* A step has an end. */
        assert_true(env_visible() <= ++steps * SVQ_BUDGET);
    }
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    assert_int_equal(env_visible(), 80 * MIB / PAGE);
    assert_true(steps > 20);
}

static void reset_in_the_middle_of_the_start(void)
{
    unsigned int i;

    env_create(&(struct env_opts){.policy = VSH_POLICY_TRUSTED});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_probe();
    assert_true(drv_setup(0, 16));
    drv_write_only(SVQ_MMIO_STATUS, drv_read(SVQ_MMIO_STATUS) | SVQ_STATUS_DRIVER_OK);
    for (i = 0; i < 5; i++)
        assert_true(svq_dev_run(&env->dev));
    assert_true(env_visible() > 0);

    drv_reset();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_mapped, 0);
    drv_start(0);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    assert_int_equal(env_visible(), 80 * MIB / PAGE);
}

static void rings_are_the_drivers(void)
{
    const struct vsh_queue_info *qi;

    go(&trusted);
    qi = be_queue_info(1);
    assert_int_equal(qi->desc, drv_queue[1].desc);
    assert_int_equal(qi->avail, drv_queue[1].avail);
    assert_int_equal(qi->used, drv_queue[1].used);
    assert_int_equal(qi->size, 16);
    assert_int_equal(env_refs(drv_queue[1].desc), 1); /* that of the backend's entry */

    drv_reset();
    assert_int_equal(be_queue_info(1)->size, 0);
}

static void size_is_the_drivers(void)
{
    be_features = BE_FEATURES | BIT(SVQ_F_RING_PACKED);
    drv_ring_features = BIT(SVQ_F_RING_PACKED);
    env_create(&trusted);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_start(11);
    assert_int_equal(be_queue_info(0)->size, 11);
    assert_true(be_info()->driver_features & BIT(SVQ_F_RING_PACKED));
}

static unsigned int reads;

static void count_reads(struct env_where where, void *p, size_t bytes)
{
    (void)p;
    (void)bytes;
    reads += where.area != ENV_MAILBOX && where.area != ENV_ELSEWHERE;
}

static void notifications_pass_without_a_look_at_the_rings(void)
{
    unsigned int interrupts;

    go(&trusted);
    env->on_read = count_reads;
    reads = 0;
    interrupts = env->interrupts;

    drv_desc(1, 0, ~0ULL, 0, 0xffff, 77);
    drv_offer(1, 0);
    drv_kick(1);
    assert_int_equal(env->notify[1], 1);
    assert_int_equal(env->notify[0], 0);
    be_kick(1);
    assert_int_equal(env->interrupts, interrupts + 1);
    assert_true(drv_read(SVQ_MMIO_INT_STATUS) & SVQ_INT_USED);

    assert_int_equal(reads, 0);
    assert_int_equal(env->dev.queue[1].stats.kicks, 1);
    assert_int_equal(env->dev.queue[1].stats.notifications, 1);
    assert_int_equal(env->dev.queue[1].stats.interrupts, 1);
    drv_assert_alive();

    /* Not while there is nobody to hear it. */
    drv_reset();
    drv_kick(1);
    be_kick(1);
    assert_int_equal(env->notify[1], 1);
    assert_int_equal(env->interrupts, interrupts + 1);
}

static void ring_features_are_the_devices(void)
{
    static const unsigned int bits[] = {SVQ_F_INDIRECT_DESC, SVQ_F_EVENT_IDX, SVQ_F_RING_PACKED,
                                        SVQ_F_IN_ORDER};
    unsigned int i;

    env_create(&trusted);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    assert_int_equal(drv_offered(), BE_FEATURES);
    be_request(VSH_REQ_DETACH);

    be_features = BE_FEATURES;
    for (i = 0; i < COUNT(bits); i++)
        be_features |= BIT(bits[i]);
    drv_ring_features = be_features & ~BE_FEATURES;
    /* Queues of which Xen knows nothing cannot be reset one by one. */
    be_features |= BIT(SVQ_F_RING_RESET) | BIT(SVQ_F_ACCESS_PLATFORM) | BIT(SVQ_F_INDIRECT_PAGES);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    assert_int_equal(drv_offered(), BE_FEATURES | drv_ring_features);
    drv_start(0);
    assert_int_equal(be_info()->driver_features, BE_FEATURES | drv_ring_features);
}

static void ring_features_can_be_withheld(void)
{
    struct env_opts opts = trusted;

    opts.withheld = BIT(SVQ_F_EVENT_IDX);
    opts.indirect = SVQ_INDIRECT_OFF;
    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_EVENT_IDX);
    env_create(&opts);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    assert_int_equal(drv_offered(), BE_FEATURES);
}

static void pages_that_are_no_ram_stay_invisible(void)
{
    env_create(&trusted);
    env_set_kind(BANK0 + 1 * MIB, ENV_HOLE);
    env_set_kind(BANK0 + 1 * MIB + PAGE, ENV_FOREIGN);
    env_set_kind(BANK1, ENV_HOLE);
    env_set_kind(BANK1 + 1 * MIB - PAGE, ENV_HOLE);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_start(0);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    assert_int_equal(env_visible(), SMALL_PAGES - 4);
    assert_int_equal(env_access(BANK0 + 1 * MIB), SVQ_NONE);
    drv_reset();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].stats.grants, env->dev.queue[0].stats.revokes);
}

static void aperture_that_is_occupied_fails_the_device(void)
{
    env_create(&trusted);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    env_backend_occupies(BANK0 + 1 * MIB);
    drv_start(0);
    drv_assert_failed(SVQ_ERR_APERTURE, -1);
    assert_int_equal(env_visible(), 0);

    env_backend_removes(BANK0 + 1 * MIB);
    drv_reset();
    drv_start(0);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    assert_int_equal(env_visible(), SMALL_PAGES);
}

static void backend_that_changes_its_aperture_loses_no_reference(void)
{
    go(&trusted);
    env_backend_removes(BANK0 + 5 * PAGE);
    env_backend_occupies(BANK0 + 6 * PAGE);
    env_replace(BANK0 + 7 * PAGE);
    assert_int_equal(env_visible(), SMALL_PAGES - 2);
    drv_reset();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(env_entry(BANK0 + 6 * PAGE), ENV_OTHER);
    assert_int_equal(env->dev.queue[0].stats.grants, env->dev.queue[0].stats.revokes);
}

static void revocation_takes_all_of_it(void)
{
    go(&trusted);
    svq_dev_fail(&env->dev, -1, SVQ_ERR_REVOKED);
    env_run();
    drv_assert_failed(SVQ_ERR_REVOKED, -1);
    assert_int_equal(env_visible(), 0);
    drv_kick(0);
    assert_int_equal(env->notify[0], 0);
    up_again();
    assert_int_equal(env_visible(), SMALL_PAGES);
}

static void backend_that_goes_leaves_nothing(void)
{
    go(&trusted);
    svq_dev_backend_gone(&env->dev);
    env_run();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env->dev.queue[0].pages.nr_dummy, 0);
    drv_reset();
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_start(0);
    assert_int_equal(env_visible(), SMALL_PAGES);
}

static void frontend_that_goes_takes_all_with_it(void)
{
    /* env_release() counts references. */
    go(&trusted);
    env_release();
    env_destroy();

    /* While memory becomes visible. */
    env_create(&trusted);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_probe();
    drv_write_only(SVQ_MMIO_STATUS, drv_read(SVQ_MMIO_STATUS) | SVQ_STATUS_DRIVER_OK);
    assert_true(svq_dev_run(&env->dev));
    assert_true(env_visible() > 0);
}

/* How many pages of the first bank have the dummy in their place. */
static unsigned int dummies(void)
{
    unsigned int i, nr = 0;

    for (i = 0; i < env->dev.bank[0].size / PAGE; i++)
        nr += env_entry(BANK0 + i * PAGE) == SVQ_DUMMY;
    return nr;
}

static void dummies_go_with_a_backend_that_has_let_go(void)
{
    unsigned int steps;

    for (steps = 0; steps < 40; steps += 3) {
        unsigned int i;

        go(&trusted);
        assert_int_equal(be_request_only(VSH_REQ_DETACH), VSH_ERR_NONE);
        for (i = 0; i < steps && svq_dev_run(&env->dev); i++)
            ;
        env_release();
        assert_int_equal(dummies(), 0);
        env_destroy();
    }
    /* In all of the steps that it takes: the guest went in the middle of both. */
    assert_true(steps > 2 * SMALL_PAGES / SVQ_PAGE_BATCH);
    go(&trusted);
}

static void dummies_stay_for_a_backend_that_has_not(void)
{
    go(&trusted);
    env_release();
    assert_int_equal(dummies(), 2 * MIB / PAGE);
    env_destroy();
    go(&trusted);
}

static void bad_rings_are_refused(void)
{
    env_create(&trusted);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_probe();
    assert_false(drv_setup_at(0, 16, BANK0 + 2 * MIB - 16, BANK0, BANK0 + PAGE));
    drv_probe();
    assert_false(drv_setup_at(0, 16, BANK0 + 8, BANK0, BANK0 + PAGE));
    drv_probe();
    assert_false(drv_setup_at(0, 12, BANK0, BANK0 + PAGE, BANK0 + 2 * PAGE));
    drv_probe();
    assert_true(drv_setup_at(0, 8, BANK0, BANK0 + PAGE, BANK0 + 2 * PAGE));
}

/* ---- The pool ---- */

static void only_the_pool_is_visible(void)
{
    go(&pool);
    assert_int_equal(env_visible(), POOL_BYTES / PAGE);
    assert_int_equal(env_entry(BANK0), SVQ_RW);
    assert_int_equal(env_entry(BANK0 + POOL_BYTES - PAGE), SVQ_RW);
    assert_int_equal(env_entry(BANK0 + POOL_BYTES), SVQ_NONE);
    assert_int_equal(env_entry(BANK1), SVQ_NONE);
    drv_reset();
    assert_int_equal(env_visible(), 0);
    assert_int_equal(env_entry(BANK0 + POOL_BYTES - PAGE), SVQ_DUMMY);
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    assert_int_equal(env_entry(BANK0 + POOL_BYTES - PAGE), SVQ_NONE);
}

static void pool_in_the_middle_of_the_second_bank(void)
{
    struct env_opts opts = pool;
    uint64_t base = BANK1 + 512 * KIB;

    opts.pool = (struct vsh_bank){base, 128 * KIB};
    drv_ring_features = BIT(SVQ_F_ACCESS_PLATFORM);
    env_create(&opts);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_probe();
    assert_true(drv_setup_at(0, 16, base, base + PAGE, base + 2 * PAGE));
    drv_write(SVQ_MMIO_STATUS, DRV_OK);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    assert_int_equal(env_visible(), 32);
    assert_int_equal(env_entry(base - PAGE), SVQ_NONE);
    assert_int_equal(env_entry(base), SVQ_RW);
    assert_int_equal(env_entry(base + 31 * PAGE), SVQ_RW);
    assert_int_equal(env_entry(base + 32 * PAGE), SVQ_NONE);
}

static void driver_must_know_of_the_pool(void)
{
    env_create(&pool);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    assert_true(drv_offered() & BIT(SVQ_F_ACCESS_PLATFORM));
    drv_reset();
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    drv_accept(BE_FEATURES);
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK);
    assert_false(drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK);

    drv_ring_features = BIT(SVQ_F_ACCESS_PLATFORM);
    drv_start(0);
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
    /* To a vhost-user device it would mean another thing: addresses to be translated. */
    assert_int_equal(be_info()->driver_features, BE_FEATURES);
}

static void rings_outside_of_the_pool_are_refused(void)
{
    drv_ring_features = BIT(SVQ_F_ACCESS_PLATFORM);
    env_create(&pool);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_probe();
    assert_false(drv_setup_at(0, 16, BANK0, BANK0 + PAGE, BANK0 + POOL_BYTES));
    drv_probe();
    assert_false(drv_setup_at(0, 16, BANK0 + POOL_BYTES - 128, BANK0 + PAGE, BANK0));
    drv_probe();
    assert_false(drv_setup_at(0, 16, BANK1, BANK0 + PAGE, BANK0));
    drv_probe();
    assert_true(drv_setup_at(0, 16, BANK0 + POOL_BYTES - 256, BANK0 + PAGE, BANK0));
}

static const struct CMUnitTest tests[] = {
    TEST(all_ram_is_visible_while_the_device_runs),
    TEST(driver_that_comes_early_waits_for_the_ack),
    TEST(start_is_done_in_steps),
    TEST(reset_in_the_middle_of_the_start),
    TEST(rings_are_the_drivers),
    TEST(size_is_the_drivers),
    TEST(notifications_pass_without_a_look_at_the_rings),
    TEST(ring_features_are_the_devices),
    TEST(ring_features_can_be_withheld),
    TEST(pages_that_are_no_ram_stay_invisible),
    TEST(aperture_that_is_occupied_fails_the_device),
    TEST(backend_that_changes_its_aperture_loses_no_reference),
    TEST(revocation_takes_all_of_it),
    TEST(backend_that_goes_leaves_nothing),
    TEST(frontend_that_goes_takes_all_with_it),
    TEST(dummies_go_with_a_backend_that_has_let_go),
    TEST(dummies_stay_for_a_backend_that_has_not),
    TEST(bad_rings_are_refused),
    TEST(only_the_pool_is_visible),
    TEST(pool_in_the_middle_of_the_second_bank),
    TEST(driver_must_know_of_the_pool),
    TEST(rings_outside_of_the_pool_are_refused),
};

TEST_MAIN(tests)
