// SPDX-License-Identifier: MIT
#include "drive.h"

#include <errno.h>

#include "test.h"

#define PATIENCE_MS 60000

static struct loop *loop;

void drive_begin(void)
{
    loop = loop_create();
    assert_non_null(loop);
}

void drive_end(void)
{
    loop_destroy(loop);
}

static void wake(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

void drive_init(struct session *s, int limit_ms)
{
    session_init(s, loop, limit_ms, wake, s);
}

static void too_late(void *arg)
{
    struct session *s = arg;

    fail_msg("the session stays in state %d, step %d", (int)s->state, s->step);
}

static void turn(struct session *s)
{
    struct timer patience = {0};

    loop_timer_set(loop, &patience, PATIENCE_MS, too_late, s);
    assert_int_equal(loop_run(loop), 0);
    loop_timer_cancel(loop, &patience);
}

enum session_state drive_while(struct session *s, enum session_state state)
{
    while (s->state == state) {
        turn(s);
    }
    return s->state;
}

static void over(void *arg)
{
    *(bool *)arg = true;
    loop_stop(loop);
}

void drive_for(int ms)
{
    struct timer timer = {0};
    bool is_over = false;

    loop_timer_set(loop, &timer, ms, over, &is_over);
    while (!is_over) {
        assert_int_equal(loop_run(loop), 0);
    }
}

void drive_until_live(struct session *s, uint32_t queue, bool live)
{
    while (s->state == SESSION_RUNNING && session_queue_live(s, queue) != live) {
        turn(s);
    }
    assert_int_equal(s->state, SESSION_RUNNING);
}

int drive_open(struct session *s, const char *path, const struct session_device *device)
{
    int err = session_open(s, path, device);

    /* Its socket is there already, and it is about to listen. */
    for (int i = 0; err == -ECONNREFUSED && i < 5000; i++) {
        drive_for(1);
        err = session_open(s, path, device);
    }
    if (err) {
        return err;
    }
    return drive_while(s, SESSION_OPENING) == SESSION_OPEN ? 0 : s->err;
}

int drive_start(struct session *s, uint64_t features, const struct vhost_user_region *regions,
                unsigned int nr_regions, const struct session_queue *queues, unsigned int nr_queues)
{
    session_start(s, features, regions, nr_regions, queues, nr_queues);
    return drive_while(s, SESSION_STARTING) == SESSION_RUNNING ? 0 : s->err;
}

int drive_stop(struct session *s)
{
    int err;

    session_stop(s);
    err = drive_while(s, SESSION_ENDING) == SESSION_ENDED ? 0 : s->err;
    session_close(s);
    return err;
}
