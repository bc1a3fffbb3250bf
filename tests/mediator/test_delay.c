/* SPDX-License-Identifier: MIT */
/* Chains that the backend returns without a call: who looks for them, and when. */
#include <xen/time.h>

#include "rig.h"

#define NR 32U

/* A backend that has many requests, and has shown that it returns many. */
static void running(struct rig *r)
{
    unsigned int i;

    rig_domains(r);
    r->features = 1ULL << SVQ_F_EVENT_IDX;
    rig_device(r, 0, 1, 64);
    rig_map_window(r);
    rig_attach(r);
    rig_driver_up(r);

    for (i = 0; i < 200; i++) {
        rig_add(r, 0, RIG_BUFFER(i % 64), PAGE_SIZE, true);
        rig_kick(r, 0);
        if (i >= NR) {
            rig_return(r, 0, 1, PAGE_SIZE);
            rig_call(r, 0);
        }
    }
    rig_used(r, 0);
    assert_true(rig_vsh(r)->dev.delayed);
}

static void idle(struct rig *r)
{
    struct vcpu *before = current;

    current = r->be->vcpu[0];
    virtio_shadow_idle(current);
    assert_false(model_locked());
    current = before;
    rig_settle(r->be->vcpu[0]);
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

static void found_in_time(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    rig_return(&r, 0, 5, PAGE_SIZE);
    assert_int_equal(model_timers_active(), 1);
    model_time_passes(MILLISECS(10));
    assert_int_equal(rig_used(&r, 0), 5);
    /* From now on it calls each time, and nobody has to look. */
    assert_false(rig_vsh(&r)->dev.delayed);
    assert_int_equal(model_timers_active(), 0);
    rig_return(&r, 0, 1, PAGE_SIZE);
    rig_call(&r, 0);
    assert_int_equal(rig_used(&r, 0), 1);
    assert_int_equal(model_timers_active(), 0);
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
        rig_return(&r, 0, 1, PAGE_SIZE);
        rig_call(&r, 0);
        assert_int_equal(rig_used(&r, 0), 1);
        rig_add(&r, 0, RIG_BUFFER(i % 64), PAGE_SIZE, true);
        rig_kick(&r, 0);
        assert_true(rig_vsh(&r)->dev.delayed);
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
    virtio_shadow_idle(current);
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
        for (i = 0; i < 60; i++) {
            rig_add(&r[k], 0, RIG_BUFFER(64 + i), PAGE_SIZE, true);
            rig_kick(&r[k], 0);
            if (i >= NR) {
                rig_return(&r[k], 0, 1, PAGE_SIZE);
                rig_call(&r[k], 0);
            }
        }
        rig_used(&r[k], 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(found_when_the_backend_is_idle),
        rig_test(found_in_time),
        rig_test(timer_follows),
        rig_test(only_devices_of_that_backend),
        rig_test(several_devices),
        rig_test(deaths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
