/* SPDX-License-Identifier: MIT */
/* What is kept of pages that are in no flight: their frames, and a reference on each. */
#include "backend.h"
#include "driver.h"

#define W SVQ_DESC_F_WRITE
#define BIT(n) (1ULL << (n))

static void up16(void)
{
    up(&(struct env_opts){.size = 16});
}

/* A request of one buffer, from the driver and back to it. */
static void use(uint64_t addr, uint32_t len)
{
    drv_write_buffer(0, 0, addr, len);
    drv_assert_alive();
    be_serve(0, len);
    assert_int_equal(env_access(addr), SVQ_NONE);
}

static void page_is_looked_up_once(void)
{
    unsigned int i;

    up16();
    for (i = 0; i < 10; i++)
        use(BUF(0), 3 * PAGE);
    assert_int_equal(env->lookups, 3);
    assert_int_equal(env->uses, 27);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 3);
    assert_int_equal(env_frame(env_page(BUF(0))->frame)->refs, 2);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
}

static void nothing_is_kept_where_that_is_not_wanted(void)
{
    up(&(struct env_opts){.size = 16, .forgetful = true});
    use(BUF(0), 3 * PAGE);
    use(BUF(0), 3 * PAGE);
    assert_int_equal(env->lookups, 6);
    assert_int_equal(env->uses, 0);
    assert_int_equal(env_frame(env_page(BUF(0))->frame)->refs, 1);
}

static void page_that_was_replaced_is_looked_up_again(void)
{
    uint64_t old;

    up16();
    use(BUF(0), PAGE);
    use(BUF(5), PAGE);
    old = env_page(BUF(0))->frame;
    env_replace(BUF(0));
    assert_int_equal(env_frame(old)->refs, 1);
    use(BUF(0), PAGE);
    assert_int_equal(env_frame(old)->refs, 0);
    /* What the others are is not known any more either. */
    use(BUF(5), PAGE);
    assert_int_equal(env->lookups, 4);
    use(BUF(0), PAGE);
    use(BUF(5), PAGE);
    assert_int_equal(env->lookups, 4);
}

/* The guest's memory has changed 2^32 times in between: that is no "not at all". */
static void page_replaced_2_32_changes_ago_is_looked_up_again(void)
{
    uint64_t old;

    up16();
    use(BUF(0), PAGE);
    old = env_page(BUF(0))->frame;
    env_replace(BUF(0));
    env->generation += (1ULL << 32) - 1;
    use(BUF(0), PAGE);
    assert_int_equal(env->lookups, 2);
    assert_int_equal(env_frame(old)->refs, 0);
}

static void page_that_is_no_ram_any_more_is_refused(void)
{
    up16();
    use(BUF(0), PAGE);
    env_set_kind(BUF(0), ENV_HOLE);
    drv_write_buffer(0, 0, BUF(0), PAGE);
    drv_assert_failed(SVQ_ERR_PAGE, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
}

static void page_replaced_in_flight_is_not_kept(void)
{
    uint64_t old;

    up16();
    drv_write_buffer(0, 0, BUF(0), PAGE);
    old = env_page(BUF(0))->frame;
    env_replace(BUF(0));
    be_serve(0, 1);
    assert_int_equal(env_frame(old)->refs, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
}

static void page_whose_entry_the_backend_removed_is_not_kept(void)
{
    up16();
    drv_write_buffer(0, 0, BUF(0), PAGE);
    env_backend_removes(BUF(0));
    be_serve(0, 1);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
    assert_int_equal(env_frame(env_page(BUF(0))->frame)->refs, 1);
    use(BUF(0), PAGE);
    assert_int_equal(env->lookups, 2);
}

static void all_of_it_can_be_forgotten(void)
{
    unsigned int i;

    up16();
    for (i = 0; i < 100; i++)
        use(BUF(8 * i), 8 * PAGE);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 800);
    /* In steps. */
    assert_true(svq_dev_forget(&env->dev));
    while (svq_dev_forget(&env->dev))
        continue;
    env_check_records();
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
    assert_int_equal(env->forgets, 800);
    assert_int_equal(env->dev.queue[0].pages.nr_free, env->dev.queue[0].pages.nr);
}

static void forgetting_leaves_what_is_in_flight(void)
{
    up16();
    use(BUF(1), PAGE);
    drv_write_buffer(0, 0, BUF(0), PAGE);
    assert_false(svq_dev_forget(&env->dev));
    assert_int_equal(env_entry(BUF(0)), SVQ_RW);
    assert_int_equal(env_refs(BUF(0)), 1);
    be_serve(0, 1);
    drv_assert_alive();
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 1);
}

static void one_page_can_be_forgotten(void)
{
    up16();
    use(BUF(0), 3 * PAGE);
    svq_dev_forget_page(&env->dev, BUF(1) / PAGE);
    svq_dev_forget_page(&env->dev, BUF(9) / PAGE);
    assert_int_equal(env_frame(env_page(BUF(1))->frame)->refs, 1);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 2);
    env_check_records();
    /* One in flight is another matter. */
    drv_write_buffer(0, 0, BUF(0), PAGE);
    svq_dev_forget_page(&env->dev, BUF(0) / PAGE);
    assert_int_equal(env_refs(BUF(0)), 1);
    be_serve(0, 1);
    drv_assert_alive();
}

static void oldest_goes_when_records_are_needed(void)
{
    unsigned int i;

    up(&(struct env_opts){.size = 16, .records = 8});
    for (i = 0; i < 8; i++)
        use(BUF(i), PAGE);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 8);
    use(BUF(0), PAGE); /* the newest again */
    use(BUF(100), PAGE);
    assert_int_equal(env_kept(BUF(0)), 1);
    assert_int_equal(env_kept(BUF(1)), 0);
    assert_int_equal(env_refs(BUF(1)), 0);
    use(BUF(101), 8 * PAGE);
    assert_int_equal(env_kept(BUF(0)), 0);
    env_check_records();
}

static void no_more_are_kept_than_allowed(void)
{
    unsigned int i;

    up16();
    env->dev.queue[0].pages.max_kept = 4;
    for (i = 0; i < 10; i++)
        use(BUF(i), PAGE);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 4);
    assert_int_equal(env_kept(BUF(9)), 1);
    assert_int_equal(env_kept(BUF(5)), 0);
    assert_int_equal(env_frame(env_page(BUF(5))->frame)->refs, 1);
    env_check_records();
}

static void reset_lets_go(void)
{
    up16();
    use(BUF(0), 5 * PAGE);
    drv_reset();
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
    assert_int_equal(env->forgets, 5);
    be_ack();
}

static void failure_lets_go(void)
{
    up16();
    use(BUF(0), 5 * PAGE);
    drv_write_buffer(0, 0, BUF(7), PAGE);
    be_return(0, 99, 0);
    drv_assert_failed(SVQ_ERR_USED_ID, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
    assert_int_equal(env->forgets, 5);
    up_again();
}

static void backends_death_lets_go(void)
{
    up16();
    use(BUF(0), 5 * PAGE);
    env->backend_dead = true;
    svq_dev_backend_gone(&env->dev);
    env_run();
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
    assert_int_equal(env->forgets, 5);
}

static void grant_that_fails_loses_no_reference(void)
{
    unsigned int left;

    for (left = 0; left < 4; left++) {
        up16();
        use(BUF(0), 4 * PAGE);
        env->grants_left = (int)left;
        env->grant_error = SVQ_ERR_BACKEND_MEM;
        drv_write_buffer(0, 0, BUF(0), 4 * PAGE);
        drv_assert_failed(SVQ_ERR_BACKEND_MEM, 0);
        assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
        assert_int_equal(env_frame(env_page(BUF(3))->frame)->refs, 1);
        env_release();
        env_destroy();
    }
}

static void chain_that_waits_keeps_what_was_known(void)
{
    up(&(struct env_opts){.size = 16, .records = 8});
    use(BUF(0), 4 * PAGE);
    drv_write_buffer(0, 1, BUF(20), 6 * PAGE);
    /* No room: what it has taken until then is put back. */
    drv_write_buffer(0, 2, BUF(0), 4 * PAGE);
    assert_true(env->dev.queue[0].stalled);
    be_serve(0, 1);
    be_serve(0, 1);
    drv_assert_alive();
    env_check_records();
    assert_int_equal(env->grants, env->revokes);
}

static void page_of_a_buffer_becomes_a_tables(void)
{
    struct svq_desc d = {BUF(50), 512, W, 0};

    be_features = BE_FEATURES | BIT(SVQ_F_INDIRECT_DESC);
    drv_ring_features = BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_INDIRECT_PAGES);
    up(&(struct env_opts){.size = 16, .indirect = SVQ_INDIRECT_REMAP});
    use(BUF(0), PAGE);
    assert_int_equal(env_kept(BUF(0)), 1);

    /* A reference that is kept would be in the way. */
    assert_true(env_vcpu_writes(BUF(0), &d, sizeof(d)));
    drv_desc(0, 1, BUF(0), 16, SVQ_DESC_F_INDIRECT, 0);
    drv_submit(0, 1);
    drv_assert_alive();
    assert_int_equal(env->protects, 1);
    assert_int_equal(env->protects_refused, 0);
    be_serve(0, 1);

    /* And back: nothing is kept of a table. */
    assert_int_equal(env_kept(BUF(0)), 0);
    use(BUF(0), PAGE);
    assert_int_equal(env_kept(BUF(0)), 1);
}

static void up_copying(bool forgetful)
{
    up(&(struct env_opts){.size = 16, .policy = VSH_POLICY_COPY, .forgetful = forgetful});
}

/* The driver has len bytes of one kind at addr, which the device reads. */
static void send(uint64_t addr, uint32_t len, uint8_t byte)
{
    uint8_t bytes[3 * PAGE];
    struct svq_desc d;
    unsigned int head;

    memset(bytes, byte, len);
    env_write(addr, bytes, len);
    drv_desc(0, 0, addr, len, 0, 0);
    drv_submit(0, 0);
    drv_assert_alive();

    head = be_take(0);
    assert_int_equal(be_chain(0, head, &d), 1);
    memset(bytes, 0, len);
    be_read(d.addr, bytes, len);
    assert_true(bytes[0] == byte && bytes[len / 2] == byte && bytes[len - 1] == byte);
    be_return(0, head, 0);
}

static void page_that_is_copied_is_looked_up_once(void)
{
    unsigned int i;

    up_copying(false);
    for (i = 0; i < 10; i++) {
        send(BUF(0) + 100, 2 * PAGE, (uint8_t)i);
        use(BUF(1), PAGE);
    }
    assert_int_equal(env->lookups, 3);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 3);
    assert_int_equal(env_frame(env_page(BUF(0))->frame)->refs, 2);
    env_check_records();
    while (svq_dev_forget(&env->dev))
        continue;
    assert_int_equal(env_frame(env_page(BUF(0))->frame)->refs, 1);
}

static void page_that_is_copied_is_let_go_of_where_nothing_is_kept(void)
{
    up_copying(true);
    send(BUF(0) + 100, 2 * PAGE, 1);
    /* Once for each piece that is in one page on either side. */
    assert_in_range(env->lookups, 3, 4);
    assert_int_equal(env->forgets, env->lookups);
    assert_int_equal(env_frame(env_page(BUF(0))->frame)->refs, 1);
}

static void page_replaced_between_two_copies_is_looked_up_again(void)
{
    uint64_t old;

    up_copying(false);
    send(BUF(0), PAGE, 1);
    send(BUF(5), PAGE, 2);
    old = env_page(BUF(0))->frame;
    env_replace(BUF(0));
    send(BUF(0), PAGE, 3);
    assert_int_equal(env_frame(old)->refs, 0);
    assert_int_equal(env->lookups, 3);
    send(BUF(5), PAGE, 4);
    assert_int_equal(env->lookups, 4);
    env_set_kind(BUF(5), ENV_HOLE);
    drv_desc(0, 0, BUF(5), PAGE, 0, 0);
    drv_submit(0, 0);
    drv_assert_failed(SVQ_ERR_PAGE, 0);
    assert_int_equal(env->dev.queue[0].pages.nr_kept, 0);
}

/* Its record's reference may be the entry's, which is the backend's to drop. */
static void page_in_flight_is_copied_by_a_reference_of_its_own(void)
{
    up(&(struct env_opts){.size = 16, .policy = VSH_POLICY_HYBRID, .threshold = PAGE});
    drv_write_buffer(0, 1, BUF(0), 4 * PAGE);
    assert_int_equal(env_entry(BUF(3)), SVQ_RW);
    env_backend_removes(BUF(3));
    drv_write_buffer(0, 2, BUF(3) + 50, 200);
    be_return(0, 1, 200);
    drv_assert_alive();
    assert_int_equal(env_frame(env_page(BUF(3))->frame)->refs, 1);
    be_serve(0, 1);
    drv_assert_alive();
}

static const struct CMUnitTest tests[] = {
    TEST(page_is_looked_up_once),
    TEST(nothing_is_kept_where_that_is_not_wanted),
    TEST(page_that_was_replaced_is_looked_up_again),
    TEST(page_replaced_2_32_changes_ago_is_looked_up_again),
    TEST(page_that_is_no_ram_any_more_is_refused),
    TEST(page_replaced_in_flight_is_not_kept),
    TEST(page_whose_entry_the_backend_removed_is_not_kept),
    TEST(all_of_it_can_be_forgotten),
    TEST(forgetting_leaves_what_is_in_flight),
    TEST(one_page_can_be_forgotten),
    TEST(oldest_goes_when_records_are_needed),
    TEST(no_more_are_kept_than_allowed),
    TEST(reset_lets_go),
    TEST(failure_lets_go),
    TEST(backends_death_lets_go),
    TEST(grant_that_fails_loses_no_reference),
    TEST(chain_that_waits_keeps_what_was_known),
    TEST(page_of_a_buffer_becomes_a_tables),
    TEST(page_that_is_copied_is_looked_up_once),
    TEST(page_that_is_copied_is_let_go_of_where_nothing_is_kept),
    TEST(page_replaced_between_two_copies_is_looked_up_again),
    TEST(page_in_flight_is_copied_by_a_reference_of_its_own),
};

TEST_MAIN(tests)
