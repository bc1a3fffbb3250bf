/* SPDX-License-Identifier: MIT */
/*
 * A lock for each queue: what takes which, and what takes all.
 */
#include <xen/time.h>

#include "rig.h"

#define QUEUES 3U

/* Another CPU is at work for queue q, and stays so: whoever wants its lock has a deadlock. */
static void busy(struct rig *r, unsigned int q, bool is_busy)
{
    rig_vsh(r)->queue[q].lock.held = is_busy;
}

static void running(struct rig *r)
{
    rig_running(r, QUEUES, 64);
    busy(r, 0, true);
    busy(r, 2, true);
}

static void all_are_free(struct rig *r)
{
    busy(r, 0, false);
    busy(r, 2, false);
}

static void kick_and_call_take_their_own(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    rig_submit(&r, 1, RIG_BUFFER(0), 2 * PAGE_SIZE, true);
    assert_int_equal(rig_available(&r, 1), 1);
    assert_true(rig_sees(&r, RIG_BUFFER(1), true));
    rig_serve(&r, 1, 1, 2 * PAGE_SIZE);
    assert_int_equal(rig_used(&r, 1), 1);
    assert_false(rig_sees(&r, RIG_BUFFER(1), false));
    all_are_free(&r);
    assert_int_equal(rig_queue_stats(&r, 1).returned, 1);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

static void interrupt_registers_take_none(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    rig_submit(&r, 1, RIG_BUFFER(0), PAGE_SIZE, true);
    rig_serve(&r, 1, 1, PAGE_SIZE);
    busy(&r, 1, true);
    assert_int_equal(rig_read(&r, SVQ_MMIO_INT_STATUS), SVQ_INT_USED);
    rig_write(&r, SVQ_MMIO_INT_ACK, SVQ_INT_USED);
    assert_int_equal(rig_read(&r, SVQ_MMIO_INT_STATUS), 0);
    busy(&r, 1, false);
    all_are_free(&r);
    model_end();
}

/* More than is done at a time goes on by itself, with the same lock only. */
static void rest_of_the_work_takes_its_own(void **state)
{
    struct vcpu *v;
    unsigned int i;
    struct rig r;

    (void)state;
    running(&r);
    v = r.fe->vcpu[0];
    for (i = 0; i < 32; i++) {
        rig_add(&r, 1, RIG_BUFFER(32 * i), 32 * PAGE_SIZE, true);
    }
    model_write(v, RIG_BASE + SVQ_MMIO_QUEUE_NOTIFY, 4, 1);
    assert_in_range(rig_available(&r, 1), 1, 31);
    assert_true(v->virtio_shadow_pending);
    assert_in_range(rig_settle(v), 1, 10);
    assert_int_equal(rig_available(&r, 1), 32);
    all_are_free(&r);
    model_end();
}

/* Each has time of its own. */
static void timers_take_their_own(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.features = 1ULL << SVQ_F_EVENT_IDX;
    rig_device(&r, 0, QUEUES, 64);
    rig_up(&r);
    for (i = 0; i < 200; i++) {
        rig_submit(&r, 1, RIG_BUFFER(i % 64), PAGE_SIZE, true);
        if (i >= 32) {
            rig_serve(&r, 1, 1, PAGE_SIZE);
        }
    }
    rig_used(&r, 1);
    assert_int_equal(model_timers_active(), 1);

    busy(&r, 0, true);
    busy(&r, 2, true);
    rig_return(&r, 1, 3, PAGE_SIZE);
    assert_int_equal(rig_used(&r, 1), 0);
    model_time_passes(MILLISECS(10));
    rig_settle(r.fe->vcpu[0]);
    assert_int_equal(rig_used(&r, 1), 3);

    /* The same for a vCPU of the backend that goes idle. */
    rig_return(&r, 1, 2, PAGE_SIZE);
    current = r.be->vcpu[0];
    while (!virtio_shadow_idle(current)) {
        rig_settle(current);
    }
    assert_int_equal(rig_used(&r, 1), 2);
    all_are_free(&r);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

/* The p2m tells; then all locks are needed, and none is held before. */
static void page_of_two_queues(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, QUEUES, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, false);
    assert_true(rig_sees(&r, RIG_BUFFER(0), false));
    assert_false(rig_sees(&r, RIG_BUFFER(0), true));
    rig_submit(&r, 1, RIG_BUFFER(0), PAGE_SIZE, true);
    rig_submit(&r, 2, RIG_BUFFER(0), PAGE_SIZE, false);
    assert_int_equal(rig_available(&r, 1), 1);
    assert_int_equal(rig_available(&r, 2), 1);
    assert_true(rig_sees(&r, RIG_BUFFER(0), true));

    rig_serve(&r, 0, 1, 0);
    assert_true(rig_sees(&r, RIG_BUFFER(0), true));
    rig_serve(&r, 1, 1, PAGE_SIZE);
    assert_int_equal(rig_used(&r, 1), 1);
    assert_true(rig_sees(&r, RIG_BUFFER(0), false));
    assert_false(rig_sees(&r, RIG_BUFFER(0), true));
    rig_serve(&r, 2, 1, 0);
    assert_false(rig_sees(&r, RIG_BUFFER(0), false));
    assert_true(rig_is_back(r.fe, PFN_DOWN(RIG_BUFFER(0))));
    assert_int_equal(rig_stats(&r).pages_mapped, 0);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

/* Another queue's dummy is not a free place for one that is not alone. */
static void page_that_was_taken_from_another_queue(void **state)
{
    const struct model_entry *e;
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.features = 1ULL << SVQ_F_RING_RESET;
    rig_device(&r, 0, 2, 16);
    rig_up(&r);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, true);
    rig_write(&r, SVQ_MMIO_QUEUE_SEL, 0);
    rig_write(&r, SVQ_MMIO_QUEUE_RESET, 1);
    assert_false(rig_sees(&r, RIG_BUFFER(0), false));

    rig_submit(&r, 1, RIG_BUFFER(0), PAGE_SIZE, true);
    assert_true(rig_sees(&r, RIG_BUFFER(0), true));
    rig_serve(&r, 1, 1, PAGE_SIZE);
    assert_false(rig_sees(&r, RIG_BUFFER(0), false));
    /* As the device may still be at work for the queue that is being reset. */
    e = model_at(r.be, r.aperture + PFN_DOWN(RIG_BUFFER(0) - RIG_RAM));
    assert_true(mfn_eq(e->mfn, page_to_mfn(rig_vsh(&r)->dummy)));
    assert_true(p2m_is_foreign(e->type));
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

/* An error that one queue finds fails the device, with all locks. */
static void error_of_a_queue(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, QUEUES, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, true);
    rig_submit(&r, 1, 0x1000, PAGE_SIZE, true);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_FAILED);
    assert_int_equal(rig_stats(&r).failures, 1);
    assert_int_equal(rig_queue_stats(&r, 1).rejected, 1);
    assert_false(rig_sees(&r, RIG_BUFFER(0), false));
    model_end();
}

/* Between a queue's lock and all of them, others come: here one that closes the device. */
static struct rig *closing;

static void close_it(unsigned int occasion)
{
    (void)occasion;
    if (!rig_vsh(closing)->queue[1].device->dev.queue[1].wait_alone) {
        return;
    }
    model.elsewhere = NULL;
    assert_int_equal(rig_op(closing->fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
}

static void closed_before_all_locks_are_there(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, QUEUES, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, false);
    closing = &r;
    model.elsewhere = close_it;
    rig_submit(&r, 1, RIG_BUFFER(0), PAGE_SIZE, true);
    assert_null(model.elsewhere);
    assert_false(rig_vsh(&r)->open);
    assert_true(rig_is_back(r.fe, PFN_DOWN(RIG_BUFFER(0))));
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(kick_and_call_take_their_own),
        rig_test(interrupt_registers_take_none),
        rig_test(rest_of_the_work_takes_its_own),
        rig_test(timers_take_their_own),
        rig_test(page_of_two_queues),
        rig_test(page_that_was_taken_from_another_queue),
        rig_test(error_of_a_queue),
        rig_test(closed_before_all_locks_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
