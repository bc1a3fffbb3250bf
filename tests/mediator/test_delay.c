/* SPDX-License-Identifier: MIT */
/*
 * Chains that the backend returns without a call, and that the driver offers without a kick: who
 * looks for them, and when.
 */
#include <xen/time.h>

#include "rig.h"

#define NR 32U

/* Requests with buffers from that one on, NR of them at a time. */
static void work(struct rig *r, unsigned int nr, unsigned int buffer)
{
    unsigned int i;

    for (i = 0; i < nr; i++) {
        rig_submit(r, 0, RIG_BUFFER(buffer + i % 64), PAGE_SIZE, true);
        if (i >= NR) {
            rig_serve(r, 0, 1, PAGE_SIZE);
        }
    }
    rig_used(r, 0);
}

/* A backend that has many requests, and has shown that it returns many. */
static void running_for(struct rig *r, uint32_t restart_s)
{
    rig_domains(r);
    r->restart_s = restart_s;
    r->features = 1ULL << SVQ_F_EVENT_IDX;
    rig_device(r, 0, 1, 64);
    rig_up(r);

    work(r, 200, 0);
    assert_true(rig_vsh(r)->dev.queue[0].delayed);
    assert_true(rig_vsh(r)->dev.queue[0].quiet);
}

static void running(struct rig *r)
{
    running_for(r, 0);
}

static void idle(struct rig *r)
{
    rig_idle(r->be->vcpu[0]);
}

static void frontend_idle(struct rig *r)
{
    rig_idle(r->fe->vcpu[0]);
}

static void time_passes(struct rig *r)
{
    assert_int_equal(model_timers_active(), 1);
    model_time_passes(MILLISECS(10));
    rig_settle_all(r->fe);
}

static void found_when_the_backend_is_idle(void **state)
{
    unsigned int flushes;
    struct rig r;

    (void)state;
    running(&r);
    flushes = r.be->model->flushes;
    rig_return(&r, 0, 5, PAGE_SIZE);
    assert_int_equal(rig_used(&r, 0), 0);
    idle(&r);
    assert_int_equal(rig_used(&r, 0), 5);
    assert_int_equal(r.be->model->flushes, flushes + 1);

    /* Nothing new, then something. */
    idle(&r);
    assert_int_equal(r.be->model->flushes, flushes + 1);
    rig_return(&r, 0, 2, PAGE_SIZE);
    idle(&r);
    assert_int_equal(rig_used(&r, 0), 2);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

static bool always(void)
{
    return true;
}

/* It looks, and leaves what it finds for after what is more urgent. */
static void softirqs_come_first(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    rig_return(&r, 0, 5, PAGE_SIZE);
    current = r.be->vcpu[0];
    model.softirqs = always;
    assert_false(virtio_shadow_idle(current));
    assert_int_equal(rig_used(&r, 0), 0);
    rig_settle(current);
    model.softirqs = NULL;
    assert_int_equal(rig_used(&r, 0), 5);
    model_end();
}

/* The timer is nobody's: the frontend's vCPU does what there is to do. */
static void timers_do_no_work(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    rig_return(&r, 0, 5, PAGE_SIZE);
    model_time_passes(MILLISECS(10));
    assert_int_equal(rig_used(&r, 0), 0);
    assert_true(r.fe->vcpu[0]->virtio_shadow_pending);
    rig_settle(r.fe->vcpu[0]);
    assert_int_equal(rig_used(&r, 0), 5);
    model_end();
}

static void found_in_time(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    running(&r);
    rig_return(&r, 0, 5, PAGE_SIZE);
    time_passes(&r);
    assert_int_equal(rig_used(&r, 0), 5);
    /* It is asked for less, and in the end to call each time: then nobody has to look. */
    assert_true(rig_vsh(&r)->dev.queue[0].delayed);
    for (i = 0; rig_vsh(&r)->dev.queue[0].delayed || rig_vsh(&r)->dev.queue[0].quiet; i++) {
        assert_true(i < 8);
        time_passes(&r);
    }
    assert_int_equal(model_timers_active(), 0);
    rig_serve(&r, 0, 1, PAGE_SIZE);
    assert_int_equal(rig_used(&r, 0), 1);
    assert_int_equal(model_timers_active(), 0);
    model_end();
}

/* How many it may return without a call. */
static unsigned int ahead(struct rig *r)
{
    const struct svq_queue *q = &rig_vsh(r)->dev.queue[0];

    return (uint16_t)(q->call_event - q->last_shadow_used);
}

/* Each time it is late it has as long again, even if it has returned nothing. */
static void late_with_nothing(void **state)
{
    unsigned int before;
    struct rig r;

    (void)state;
    running(&r);
    for (before = ahead(&r); before; before /= 2) {
        assert_int_equal(ahead(&r), before);
        assert_int_equal(model_timers_active(), 1);
        /* No time was passing while it was at work: it has the least there is. */
        model_time_passes(MICROSECS(50));
        assert_int_equal(ahead(&r), before);
        model_time_passes(MICROSECS(51));
        rig_settle_all(r.fe);
    }
    assert_int_equal(ahead(&r), 0);
    model_end();
}

/* Some that the driver has not kicked for, as the device has work. */
static void offer(struct rig *r, unsigned int nr)
{
    unsigned int before = rig_available(r, 0);

    while (nr--) {
        rig_add(r, 0, RIG_BUFFER(nr), PAGE_SIZE, true);
    }
    assert_int_equal(rig_available(r, 0), before);
    assert_true(rig_vsh(r)->dev.queue[0].quiet);
}

static void offers_are_found(struct rig *r, unsigned int nr, void (*look)(struct rig *r))
{
    unsigned int before = rig_available(r, 0);

    offer(r, nr);
    look(r);
    assert_int_equal(rig_available(r, 0), before + nr);
}

static void offers_are_found_when_the_frontend_is_idle(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    offers_are_found(&r, 2, frontend_idle);
    /* Again, as it was for more than one. */
    offers_are_found(&r, 1, frontend_idle);
    model_end();
}

static void offers_are_found_when_the_backend_is_idle(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    offers_are_found(&r, 2, idle);
    model_end();
}

static void offers_are_found_in_time(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    offers_are_found(&r, 2, time_passes);
    assert_false(rig_vsh(&r)->dev.queue[0].quiet);
    model_end();
}

/* More than what is done at a time: a vCPU that goes to sleep has to do all of it first. */
static void work_is_done_before_a_vcpu_sleeps(void **state)
{
    struct vcpu *v;
    unsigned int n;
    struct rig r;

    (void)state;
    running(&r);
    for (n = 0; n < 3; n++) {
        rig_add(&r, 0, RIG_BUFFER(0), 300 * PAGE_SIZE, true);
    }
    v = r.fe->vcpu[0];
    current = v;
    n = rig_vsh(&r)->dev.queue[0].in_flight;
    assert_false(virtio_shadow_idle(v));
    assert_true(rig_vsh(&r)->dev.queue[0].in_flight < n + 3);
    rig_settle(v);
    assert_true(virtio_shadow_idle(v));
    assert_int_equal(rig_vsh(&r)->dev.queue[0].in_flight, n + 3);
    model_end();
}

/* As long as chains come in time they have more of it. */
static void timer_follows(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    running(&r);
    for (i = 0; i < 100; i++) {
        model_time_passes(MICROSECS(90));
        rig_serve(&r, 0, 1, PAGE_SIZE);
        assert_int_equal(rig_used(&r, 0), 1);
        rig_submit(&r, 0, RIG_BUFFER(i % 64), PAGE_SIZE, true);
        assert_true(rig_vsh(&r)->dev.queue[0].delayed);
    }
    model_end();
}

static void only_devices_of_that_backend(void **state)
{
    struct domain *other;
    struct rig r;

    (void)state;
    running(&r);
    other = model_domain(9, 1);
    current = other->vcpu[0];
    virtio_shadow_idle(current);
    current = r.fe->vcpu[0];
    rig_return(&r, 0, 5, PAGE_SIZE);
    frontend_idle(&r);
    assert_int_equal(rig_used(&r, 0), 0);
    idle(&r);
    assert_int_equal(rig_used(&r, 0), 5);
    model_end();
}

static void several_devices(void **state)
{
    unsigned int i, k;
    struct rig r[3];

    (void)state;
    running(&r[0]);
    for (k = 1; k < 3; k++) {
        r[k] = r[0];
        rig_device(&r[k], k, 1, 64);
        rig_map_window(&r[k]);
        rig_attach(&r[k]);
        if (k == 2) {
            break;
        }
        rig_driver_up(&r[k]);
        work(&r[k], 60, 64);
    }
    for (i = 0; i < 3; i++) {
        rig_return(&r[0], 0, 2, PAGE_SIZE);
        rig_return(&r[1], 0, 3, PAGE_SIZE);
        idle(&r[0]);
        assert_int_equal(rig_used(&r[0], 0), 2);
        assert_int_equal(rig_used(&r[1], 0), 3);
    }
    model_end();
}

/* However many there are, each has its turn once a look, and is passed once for that. */
static void looked_for_once_each(void **state)
{
    enum { DEVICES = 16 };
    static struct rig r[DEVICES];
    unsigned int i, k, steps;

    (void)state;
    running(&r[0]);
    for (k = 1; k < DEVICES; k++) {
        r[k] = r[0];
        rig_device(&r[k], k, 1, 64);
    }
    for (k = 0; k < DEVICES; k++) {
        /* As if each of them had returned some. */
        set_bit(0, &rig_vsh(&r[k])->waiting);
    }
    for (i = 0; i < 3; i++) {
        rig_return(&r[0], 0, 2, PAGE_SIZE);
        rig_vsh(&r[0])->backend->virtio_shadow->delayed = true;
        steps = model_list_steps;
        current = r[0].be->vcpu[0];
        virtio_shadow_idle(current);
        assert_true(model_list_steps - steps <= 2 * DEVICES + 2);
        assert_int_equal(rig_used(&r[0], 0), 2);
    }
    model_end();
}

/* Nothing is left running for devices that are gone. */
static void deaths(void **state)
{
    unsigned int who;

    (void)state;
    for (who = 0; who < 4; who++) {
        struct rig r;

        model_start();
        running(&r);
        rig_return(&r, 0, 5, PAGE_SIZE);

        if (who == 0) {
            model_kill_wholly(r.fe);
        } else if (who == 1) {
            model_kill_wholly(r.be);
            model_time_passes(SECONDS(1));
        } else if (who == 2) {
            assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
            assert_int_equal(model_timers_active(), 0);
            idle(&r);
        } else {
            rig_write(&r, SVQ_MMIO_STATUS, 0);
            idle(&r);
            model_time_passes(SECONDS(1));
        }
        assert_int_equal(model_timers_active(), 0);
        model_end();
    }
}

/* The device process goes with many requests, and another comes: what was late before is not. */
static void nobody_is_late_while_the_driver_waits(void **state)
{
    struct rig r;

    (void)state;
    running_for(&r, 30);
    assert_int_equal(rig_request(&r, VSH_REQ_DETACH), 0);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_WAITING);
    model_time_passes(SECONDS(1));
    assert_false(rig_vsh(&r)->dev.queue[0].delayed);
    assert_false(rig_vsh(&r)->dev.queue[0].quiet);
    /* That of the wait. */
    assert_int_equal(model_timers_active(), 1);

    rig_backend_comes(&r);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_RUNNING);
    assert_int_equal(rig_available(&r, 0), NR);
    rig_serve(&r, 0, NR, PAGE_SIZE);
    idle(&r);
    assert_int_equal(rig_used(&r, 0), NR);
    work(&r, 200, 0);
    assert_true(rig_vsh(&r)->dev.queue[0].delayed);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

/* Not all of them on the CPU that has made the device, whoever that was. */
static void timers_are_where_the_work_is(void **state)
{
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.features = 1ULL << SVQ_F_EVENT_IDX;
    rig_device(&r, 0, 1, 64);
    rig_up(&r);
    model_cpu = 2;
    work(&r, 200, 0);
    assert_true(rig_vsh(&r)->queue[0].delay.timing);
    assert_int_equal(rig_vsh(&r)->queue[0].delay.timer.cpu, 2);
    model_cpu = 0;
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(found_when_the_backend_is_idle),
        rig_test(softirqs_come_first),
        rig_test(timers_do_no_work),
        rig_test(timers_are_where_the_work_is),
        rig_test(found_in_time),
        rig_test(late_with_nothing),
        rig_test(nobody_is_late_while_the_driver_waits),
        rig_test(offers_are_found_when_the_frontend_is_idle),
        rig_test(offers_are_found_when_the_backend_is_idle),
        rig_test(offers_are_found_in_time),
        rig_test(work_is_done_before_a_vcpu_sleeps),
        rig_test(timer_follows),
        rig_test(only_devices_of_that_backend),
        rig_test(several_devices),
        rig_test(looked_for_once_each),
        rig_test(deaths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
