/* SPDX-License-Identifier: MIT */
/* shadow_view.c: what the daemon makes of an info page. */
#include <errno.h>
#include <string.h>

#include "guest.h"
#include "shadow.h"
#include "test.h"

#define FRAMES ((uint32_t)(GUEST_WINDOW_SIZE >> VSH_FRAME_SHIFT))

static struct guest guest;
static struct shadow_info info;

static int view(unsigned int nr_queues)
{
    memset(&info, 0xcc, sizeof(info));
    return shadow_view(&info, guest.window, FRAMES, nr_queues);
}

static int set_up(void **state)
{
    (void)state;
    guest_create(&guest, 2, 64);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guest_destroy(&guest);
    return 0;
}

static void what_the_page_says(void **state)
{
    (void)state;
    guest_info(&guest)->policy = VSH_POLICY_HYBRID;
    guest_info(&guest)->state = VSH_STATE_RUNNING;
    guest_info(&guest)->generation = 7;
    guest_info(&guest)->reply_seq = 8;
    guest_info(&guest)->reply_error = VSH_ERR_STATE;
    guest_info(&guest)->driver_features = 1ULL << 40;
    guest_queue_info(&guest, 1)->size = 32;

    assert_int_equal(view(2), 0);
    assert_int_equal(info.policy, VSH_POLICY_HYBRID);
    assert_int_equal(info.state, VSH_STATE_RUNNING);
    assert_int_equal(info.generation, 7);
    assert_int_equal(info.reply_seq, 8);
    assert_int_equal(info.reply_error, VSH_ERR_STATE);
    assert_true(info.driver_features == 1ULL << 40);
    assert_int_equal(info.nr_queues, 2);
    assert_int_equal(info.queue[0].max_size, 64);
    assert_int_equal(info.queue[1].size, 32);
    assert_int_equal(info.queue[1].used, guest.queue[1].used);
    assert_int_equal(info.queue[2].max_size, 0);
}

static void other_pages(void **state)
{
    (void)state;
    /* Fewer queues than there were when the daemon attached. */
    assert_int_equal(view(3), -EPROTO);

    guest_info(&guest)->seq = 1;
    assert_int_equal(view(2), -EAGAIN);
    guest_info(&guest)->seq = 2;

    guest_info(&guest)->version--;
    assert_int_equal(view(2), -EPROTO);
    guest_info(&guest)->version++;

    guest_info(&guest)->queue_offset = VSH_FRAME_SIZE;
    assert_int_equal(view(2), -EPROTO);

    memset(guest.window, 0, VSH_FRAME_SIZE);
    assert_int_equal(view(2), 0);
    assert_int_equal(info.state, VSH_STATE_GONE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(what_the_page_says, set_up, tear_down),
    cmocka_unit_test_setup_teardown(other_pages, set_up, tear_down),
};

TEST_MAIN(tests)
