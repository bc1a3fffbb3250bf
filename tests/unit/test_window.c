/* SPDX-License-Identifier: MIT */
/* abi.h: where the parts of the window lie, and which of them can be written. */
#include "backend.h"
#include "driver.h"

#include <virtio-shadow/view.h>

static void parts_have_the_sizes_of_2_7(void)
{
    /* 16 n; 6 + 2 n; 6 + 8 n bytes. */
    assert_int_equal(svq_part_frames(1, SVQ_PART_DESC), 1);
    assert_int_equal(svq_part_frames(256, SVQ_PART_DESC), 1);
    assert_int_equal(svq_part_frames(512, SVQ_PART_DESC), 2);
    assert_int_equal(svq_part_frames(1024, SVQ_PART_DESC), 4);
    assert_int_equal(svq_part_frames(1024, SVQ_PART_AVAIL), 1);
    assert_int_equal(svq_part_frames(256, SVQ_PART_USED), 1);
    assert_int_equal(svq_part_frames(512, SVQ_PART_USED), 2);
    assert_int_equal(svq_part_frames(1024, SVQ_PART_USED), 3);
}

static void largest_window_is_the_constant(void)
{
    assert_int_equal(svq_window_frames(VSH_MAX_QUEUES, VSH_MAX_QUEUE_SIZE,
                                       svq_bounce_frames(VSH_POLICY_COPY, VSH_MAX_QUEUE_SIZE)),
                     SVQ_WINDOW_FRAMES_MAX);
}

static void check_writable(uint32_t size, uint32_t bounce)
{
    uint32_t q, f, frame, expected;

    assert_false(svq_window_writable(size, bounce, VSH_FRAME_INFO));
    assert_true(svq_window_writable(size, bounce, VSH_FRAME_MAILBOX));

    frame = VSH_FRAME_FIRST_QUEUE;
    for (q = 0; q < VSH_MAX_QUEUES; q++) {
        expected = svq_part_frames(size, SVQ_PART_DESC) + svq_part_frames(size, SVQ_PART_AVAIL);
        for (f = 0; f < expected; f++)
            assert_false(svq_window_writable(size, bounce, frame++));
        for (f = 0; f < svq_part_frames(size, SVQ_PART_USED); f++)
            assert_true(svq_window_writable(size, bounce, frame++));
        for (f = 0; f < svq_part_frames(size, SVQ_PART_TABLES) + bounce; f++)
            assert_false(svq_window_writable(size, bounce, frame++));
        for (f = 0; f < bounce; f++)
            assert_true(svq_window_writable(size, bounce, frame++));
    }
    assert_int_equal(frame, svq_window_frames(VSH_MAX_QUEUES, size, bounce));
}

static void writable_are_exactly_mailbox_used_and_incoming(void)
{
    uint32_t size, policy;

    for (size = 1; size <= VSH_MAX_QUEUE_SIZE; size *= 2)
        for (policy = VSH_POLICY_GRANT; policy <= VSH_POLICY_POOL; policy++)
            check_writable(size, svq_bounce_frames(policy, size));
}

/* None where nothing is copied, and no more than there is room for in the bitmap. */
static void bounce_pages_are_bounded(void)
{
    uint32_t size;

    for (size = 1; size <= VSH_MAX_QUEUE_SIZE; size *= 2) {
        assert_int_equal(svq_bounce_frames(VSH_POLICY_GRANT, size), 0);
        assert_int_equal(svq_bounce_frames(VSH_POLICY_TRUSTED, size), 0);
        assert_int_equal(svq_bounce_frames(VSH_POLICY_POOL, size), 0);
        assert_in_range(svq_bounce_frames(VSH_POLICY_COPY, size), 1280 * KIB / PAGE,
                        SVQ_BOUNCE_FRAMES);
        assert_in_range(svq_bounce_frames(VSH_POLICY_HYBRID, size), 16, SVQ_BOUNCE_FRAMES);
    }
}

static uint32_t load(const uint32_t *word)
{
    return *(const vsh_view_word *)word;
}

static void info_page_describes_the_window(void)
{
    static const unsigned int sizes[] = {1, 16, 256, 512, 1024};
    unsigned int i, q;

    for (i = 0; i < COUNT(sizes); i++) {
        uint64_t next = SVQ_WINDOW_DAS + VSH_FRAME_FIRST_QUEUE * PAGE;
        const struct vsh_info *info;
        struct vsh_view v;

        env_create(&(struct env_opts){.queues = 3, .size = sizes[i]});
        info = be_info();
        assert_int_equal(info->magic, VSH_MAGIC);
        assert_int_equal(info->version, VSH_ABI_VERSION);
        assert_int_equal(info->nr_queues, 3);
        assert_int_equal(info->state, VSH_STATE_IDLE);
        assert_int_equal(info->nr_banks, 2);
        assert_int_equal(info->window_base, SVQ_WINDOW_DAS);

        /* To a reader that goes by counts and offsets. */
        assert_int_equal(vsh_view_read(&v, info, info->nr_frames, load), VSH_VIEW_OK);
        assert_int_equal(v.bank[0].base, BANK0);
        assert_int_equal(v.bank[0].size, 64 * MIB);
        assert_int_equal(v.bank[1].base, BANK1);
        assert_int_equal(v.bank[1].size, 16 * MIB);

        for (q = 0; q < 3; q++) {
            assert_int_equal(v.queue[q].max_size, sizes[i]);
            assert_int_equal(v.queue[q].size, 0);
            assert_int_equal(v.queue[q].desc, next);
            next += svq_part_frames(sizes[i], SVQ_PART_DESC) * PAGE;
            assert_int_equal(v.queue[q].avail, next);
            next += svq_part_frames(sizes[i], SVQ_PART_AVAIL) * PAGE;
            assert_int_equal(v.queue[q].used, next);
            next += svq_part_frames(sizes[i], SVQ_PART_USED) * PAGE;
            assert_int_equal(env->dev.queue[q].tables.das, next);
            assert_int_equal(SVQ_WINDOW_DAS + v.queue[q].table_frame * PAGE, next);
            assert_int_equal(v.queue[q].bounce_frames, 0);
            next += svq_part_frames(sizes[i], SVQ_PART_TABLES) * PAGE;
        }
        assert_int_equal(next, SVQ_WINDOW_DAS + info->nr_frames * PAGE);
        assert_int_equal(info->nr_frames, env->nr_window);

        env_release();
        env_destroy();
    }
}

static void info_page_says_where_bounce_pages_are(void)
{
    struct vsh_view v;
    unsigned int q;

    env_create(&(struct env_opts){.queues = 2, .size = 64, .policy = VSH_POLICY_COPY});
    assert_int_equal(vsh_view_read(&v, be_info(), be_info()->nr_frames, load), VSH_VIEW_OK);
    for (q = 0; q < 2; q++) {
        const struct svq_bounce *b = env->dev.queue[q].bounce;
        const struct vsh_queue_info *qi = &v.queue[q];

        assert_int_equal(qi->bounce_frames, svq_bounce_frames(VSH_POLICY_COPY, 64));
        assert_int_equal(SVQ_WINDOW_DAS + qi->bounce_out_frame * PAGE, b[0].das);
        assert_int_equal(SVQ_WINDOW_DAS + qi->bounce_in_frame * PAGE, b[1].das);
        assert_ptr_equal(env->window[qi->bounce_out_frame], b[0].page[0]);
        assert_ptr_equal(env->window[qi->bounce_in_frame], b[1].page[0]);
        assert_false(svq_window_writable(64, qi->bounce_frames, qi->bounce_out_frame));
        assert_true(svq_window_writable(64, qi->bounce_frames, qi->bounce_in_frame));
    }
    env_release();
    env_destroy();
}

static void window_is_above_any_guest_ram(void)
{
    env_create(&(struct env_opts){0});
    assert_true(SVQ_WINDOW_DAS > BANK1 + 16 * MIB);
    /* A descriptor that names the window is outside of guest RAM. */
    env_destroy();

    up(&(struct env_opts){0});
    drv_read_buffer(0, 0, SVQ_WINDOW_DAS, 4096);
    drv_assert_failed(SVQ_ERR_ADDR, 0);
}

static void queue_sizes_are_shown_only_while_running(void)
{
    up(&(struct env_opts){.queues = 2, .size = 32});
    assert_int_equal(be_queue_info(0)->size, 32);
    assert_int_equal(be_queue_info(1)->size, 32);
    assert_int_equal(be_info()->driver_features, BE_FEATURES);
    assert_int_equal(be_info()->device_status, DRV_OK);

    drv_reset();
    assert_int_equal(be_queue_info(0)->size, 0);
    assert_int_equal(be_queue_info(1)->size, 0);
}

static void page_records_fit_two_of_the_largest_chains(void)
{
    uint32_t size;

    for (size = 1; size <= VSH_MAX_QUEUE_SIZE; size *= 2) {
        uint32_t nr = svq_page_records(size);

        assert_true(nr >= 2 * SVQ_CHAIN_PAGES);
        assert_true(nr == 2 * SVQ_CHAIN_PAGES || nr == size * SVQ_PAGES_PER_DESC);
        assert_int_equal(nr & (nr - 1), 0);
    }
}

static const struct CMUnitTest tests[] = {
    TEST(parts_have_the_sizes_of_2_7),
    TEST(largest_window_is_the_constant),
    TEST(writable_are_exactly_mailbox_used_and_incoming),
    TEST(bounce_pages_are_bounded),
    TEST(info_page_describes_the_window),
    TEST(info_page_says_where_bounce_pages_are),
    TEST(window_is_above_any_guest_ram),
    TEST(queue_sizes_are_shown_only_while_running),
    TEST(page_records_fit_two_of_the_largest_chains),
};

TEST_MAIN(tests)
