/* SPDX-License-Identifier: MIT */
/* Notifications, and work that is left to the vCPU that caused it. */
#include <sanitizer/asan_interface.h>

#include "rig.h"

static void routed_by_port(void **state)
{
    unsigned int q, dev;
    struct rig r[2];

    (void)state;
    rig_domains(&r[0]);
    r[1] = r[0];
    for (dev = 0; dev < 2; dev++) {
        rig_device(&r[dev], dev * 5, 2, 16);
        rig_up(&r[dev]);
    }

    /* A request on each queue; each is returned by its own channel only. */
    for (dev = 0; dev < 2; dev++) {
        for (q = 0; q < 2; q++) {
            unsigned int port = rig_queue_info(&r[dev], q)->event_channel;
            unsigned int sent = r[0].fe->model->port[port].sent;

            rig_add(&r[dev], q, RIG_BUFFER(dev * 2 + q), 512, true);
            rig_kick(&r[dev], q);
            assert_int_equal(rig_available(&r[dev], q), 1);
            assert_int_equal(r[0].fe->model->port[port].sent, sent + 1);
            rig_return(&r[dev], q, 1, 512);
        }
    }
    for (dev = 0; dev < 2; dev++) {
        for (q = 0; q < 2; q++) {
            unsigned int irq = RIG_IRQ + dev * 5, raised = r[0].fe->model->irq_raised[irq];

            assert_int_equal(rig_used(&r[dev], q), 0);
            rig_call(&r[dev], q);
            assert_int_equal(rig_used(&r[dev], q), 1);
            assert_int_equal(r[0].fe->model->irq_raised[irq], raised + 1);
        }
    }
    model_end();
}

/*
 * Which queue an event is for is known by its port: no other device is looked at for that, nor
 * another queue, however many there are.
 */
static void no_other_is_looked_at(void **state)
{
    enum { NR = XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES, LAST = VSH_MAX_QUEUES - 1 };
    static struct rig r[NR];
    unsigned int i, port, control;
    struct vsh_device *s;

    (void)state;
    rig_domains(&r[0]);
    r[0].fe->model->nr_ports = MODEL_PORTS;
    for (i = 0; i < NR; i++) {
        r[i] = r[0];
        rig_device(&r[i], i, VSH_MAX_QUEUES, 16);
    }
    rig_map_window(&r[NR - 1]);
    s = rig_vsh(&r[NR - 1]);
    port = rig_queue_info(&r[NR - 1], LAST)->event_channel;
    control = rig_info(&r[NR - 1])->control_channel;

    for (i = 0; i < NR - 1; i++) {
        ASAN_POISON_MEMORY_REGION(rig_vsh(&r[i]), sizeof(*s));
    }
    model_send(r[0].be->vcpu[0], r[0].fe, control);
    ASAN_POISON_MEMORY_REGION(s->queue, LAST * sizeof(s->queue[0]));
    model_send(r[0].be->vcpu[0], r[0].fe, port);
    ASAN_UNPOISON_MEMORY_REGION(s->queue, sizeof(s->queue));
    for (i = 0; i < NR - 1; i++) {
        ASAN_UNPOISON_MEMORY_REGION(vsh_device_get(r[0].fe, i), sizeof(*s));
    }
    model_end();
}

/* Xen may have read the port's function before the port was closed. */
static void after_the_port_is_gone(void **state)
{
    xen_event_channel_notification_t notification;
    unsigned int control, queue, i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    control = rig_info(&r)->control_channel;
    queue = rig_queue_info(&r, 0)->event_channel;
    notification = r.fe->model->port[control].to_xen;
    assert_ptr_equal(notification, r.fe->model->port[queue].to_xen);
    current = r.be->vcpu[0];

    /* Ports that are none of ours, or none. */
    for (i = 0; i < MODEL_PORTS; i++) {
        if (i != control && i != queue) {
            notification(r.fe->vcpu[0], i);
        }
    }
    notification(r.be->vcpu[0], control);
    assert_int_equal(rig_stats(&r).failures, 0);

    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    current = r.be->vcpu[0];
    notification(r.fe->vcpu[0], control);
    notification(r.fe->vcpu[0], queue);

    /* While the frontend dies, and with the port being another device's. */
    r.id = 1;
    rig_device(&r, 1, 1, 16);
    current = r.be->vcpu[0];
    notification(r.fe->vcpu[0], control);
    notification(r.fe->vcpu[0], queue);
    assert_int_equal(rig_vsh(&r)->dev.request_seq, 0);
    get_knownalive_domain(r.fe); /* the sender's */
    model_kill_wholly(r.fe);
    current = r.be->vcpu[0];
    notification(r.fe->vcpu[0], control);
    put_domain(r.fe);
    model_end();
}

/* Work is handed to it after it has looked whether there is any, and before it sleeps. */
static void vcpu_does_not_sleep_on_work(void **state)
{
    struct vcpu *fe;
    unsigned int i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 1024);
    fe = r.fe->vcpu[0];
    for (i = 0; i < 1024; i++) {
        rig_add(&r, 0, RIG_BUFFER(i), PAGE_SIZE, true);
    }
    model_write(fe, RIG_BASE + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
    fe->blocked = true;
    current = fe;
    assert_true(virtio_shadow_process_pending(fe));
    assert_false(fe->blocked);
    rig_settle(fe);
    assert_int_equal(rig_available(&r, 0), 1024);
    model_end();
}

static bool always(void)
{
    return true;
}

/* Softirqs are not kept waiting by more than one of them, nor is any of them by others. */
static void softirqs_come_between_devices(void **state)
{
    struct rig r[3];
    unsigned int dev, i, seen = 0;
    struct vcpu *fe;

    (void)state;
    rig_domains(&r[0]);
    r[2] = r[1] = r[0];
    fe = r[0].fe->vcpu[0];
    for (dev = 0; dev < 3; dev++) {
        rig_device(&r[dev], dev * 2, 1, 1024);
        rig_up(&r[dev]);
    }
    for (dev = 0; dev < 3; dev++) {
        for (i = 0; i < 1024; i++) {
            rig_add(&r[dev], 0, RIG_BUFFER(i), PAGE_SIZE, true);
        }
        model_write(fe, rig_params(&r[dev]).base + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
        assert_int_equal(rig_available(&r[dev], 0), SVQ_BUDGET / 2);
    }
    model.softirqs = always;
    for (i = 0; i < 3; i++) {
        current = fe;
        assert_true(virtio_shadow_process_pending(fe));
        for (dev = 0; dev < 3; dev++) {
            if (rig_available(&r[dev], 0) > SVQ_BUDGET / 2) {
                seen |= 1U << dev;
            }
        }
        assert_int_equal(__builtin_popcount(seen), i + 1);
    }
    model.softirqs = NULL;
    rig_settle(fe);
    for (dev = 0; dev < 3; dev++) {
        assert_int_equal(rig_available(&r[dev], 0), 1024);
    }
    model_end();
}

/* One trap does a part; the rest is done before the vCPU runs on. */
static void a_full_ring_in_steps(void **state)
{
    unsigned int i, before, step, rounds;
    struct vcpu *fe, *be;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 1024);
    fe = r.fe->vcpu[0];
    be = r.be->vcpu[0];
    for (i = 0; i < 1024; i++) {
        rig_add(&r, 0, RIG_BUFFER(i), PAGE_SIZE, true);
    }

    model_write(fe, RIG_BASE + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
    before = rig_available(&r, 0);
    assert_int_equal(before, SVQ_BUDGET / 2); /* a descriptor and a page each */
    assert_true(fe->virtio_shadow_pending);
    assert_false(be->virtio_shadow_pending);

    for (rounds = 0; fe->virtio_shadow_pending; rounds++) {
        current = fe;
        virtio_shadow_process_pending(fe);
        step = rig_available(&r, 0) - before;
        assert_true(step <= SVQ_BUDGET / 2);
        before += step;
    }
    assert_int_equal(before, 1024);
    assert_true(rounds >= 3 && rounds <= 5);

    /* The way back is the backend's. */
    rig_return(&r, 0, 1024, PAGE_SIZE);
    model_send(be, r.fe, rig_queue_info(&r, 0)->event_channel);
    assert_true(be->virtio_shadow_pending);
    assert_false(fe->virtio_shadow_pending);
    for (i = rig_used(&r, 0), rounds = 0; be->virtio_shadow_pending; rounds++) {
        current = be;
        virtio_shadow_process_pending(be);
        step = rig_used(&r, 0);
        assert_true(step <= SVQ_BUDGET / 2);
        i += step;
    }
    assert_int_equal(i, 1024);
    assert_true(rounds >= 3 && rounds <= 6);
    assert_int_equal(rig_stats(&r).pages_mapped, 0);
    model_end();
}

/* A vCPU of a domain that has nothing to do with it, or nothing to do. */
static void nothing_to_do(void **state)
{
    struct domain *other;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    other = model_domain(7, 1);
    current = other->vcpu[0];
    current->virtio_shadow_pending = 1;
    assert_false(virtio_shadow_process_pending(current));
    assert_int_equal(current->virtio_shadow_pending, 0);
    current = r.fe->vcpu[1];
    current->virtio_shadow_pending = 5;
    assert_false(virtio_shadow_process_pending(current));
    assert_int_equal(current->virtio_shadow_pending, 0);
    model_end();
}

/*
 * A frontend that always has more must not keep a vCPU of its backend: what is
 * left after VSH_RUN_MAX is the frontend's.
 */
static void handed_over_to_the_frontend(void **state)
{
    unsigned int i, rounds = 0;
    struct vcpu *be;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 1024);
    be = r.be->vcpu[0];
    for (i = 0; i < 1024; i++) {
        rig_add(&r, 0, RIG_BUFFER(i), PAGE_SIZE, true);
    }
    rig_kick(&r, 0);
    rig_return(&r, 0, 1024, 0);
    model_send(be, r.fe, rig_queue_info(&r, 0)->event_channel);
    assert_true(be->virtio_shadow_pending);
    r.fe->vcpu[0]->pause_flags = 1UL << _VPF_down;
    model.step_takes = MICROSECS(100);

    do {
        /* Another CPU: the driver reuses what came back, the device returns it. */
        for (i = rig_used(&r, 0); i; i--) {
            rig_add(&r, 0, RIG_BUFFER(i), PAGE_SIZE, true);
        }
        rig_vsh(&r)->dev.queue[0].fetch = true;
        rig_return(&r, 0, rig_available(&r, 0), 0);
        rig_vsh(&r)->dev.queue[0].collect = true;
        current = be;
        rounds++;
    } while (virtio_shadow_process_pending(be) && rounds < 1000);

    model.step_takes = 0;
    assert_int_equal(rounds, VSH_RUN_MAX / MICROSECS(100));
    assert_false(be->virtio_shadow_pending);
    assert_int_equal(r.fe->vcpu[0]->kicked, 0); /* it is down */
    assert_int_equal(r.fe->vcpu[1]->kicked, 1);
    assert_true(r.fe->vcpu[1]->virtio_shadow_pending);

    /* Which the frontend then does. */
    r.fe->vcpu[0]->pause_flags = 0;
    rig_settle(r.fe->vcpu[1]);
    assert_int_equal(rig_available(&r, 0), 1024 - rig_vsh(&r)->dev.queue[0].ring_free);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

/* It has work left when it goes down: another one of its domain's goes on. */
static void vcpu_that_goes_down(void **state)
{
    struct vcpu *fe;
    unsigned int i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 1024);
    fe = r.fe->vcpu[0];
    for (i = 0; i < 1024; i++) {
        rig_add(&r, 0, RIG_BUFFER(i), PAGE_SIZE, true);
    }
    model_write(fe, RIG_BASE + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
    fe->pause_flags = 1UL << _VPF_down;
    current = fe;
    assert_false(virtio_shadow_process_pending(fe));
    assert_false(fe->virtio_shadow_pending);
    assert_int_equal(fe->kicked, 0);
    assert_int_equal(r.fe->vcpu[1]->kicked, 1);
    rig_settle(r.fe->vcpu[1]);
    assert_int_equal(rig_available(&r, 0), 1024);

    /* It was the last one: the work waits for it. */
    for (i = 0; i < r.fe->max_vcpus; i++) {
        r.fe->vcpu[i]->pause_flags = 1UL << _VPF_down;
    }
    rig_return(&r, 0, 1024, 0);
    rig_vsh(&r)->dev.queue[0].collect = true;
    rig_vsh(&r)->more = true;
    fe->virtio_shadow_pending = 1;
    current = fe;
    assert_true(virtio_shadow_process_pending(fe));
    assert_true(fe->virtio_shadow_pending);
    for (i = 0; i < r.fe->max_vcpus; i++) {
        r.fe->vcpu[i]->pause_flags = 0;
    }
    rig_settle(fe);
    assert_int_equal(rig_used(&r, 0), 1024);
    model_end();
}

/* Two devices of a backend take turns. */
static void devices_take_turns(void **state)
{
    unsigned int i, dev, turns[2] = {0, 0};
    struct rig r[2];
    struct vcpu *be;

    (void)state;
    rig_domains(&r[0]);
    r[1] = r[0];
    be = r[0].be->vcpu[0];
    for (dev = 0; dev < 2; dev++) {
        rig_device(&r[dev], dev, 1, 1024);
        rig_up(&r[dev]);
        for (i = 0; i < 1024; i++) {
            rig_add(&r[dev], 0, RIG_BUFFER(i), PAGE_SIZE, false);
        }
        rig_kick(&r[dev], 0);
        rig_return(&r[dev], 0, 1024, 0);
    }
    for (dev = 0; dev < 2; dev++) {
        model_send(be, r[0].fe, rig_queue_info(&r[dev], 0)->event_channel);
    }
    rig_used(&r[0], 0);
    rig_used(&r[1], 0);
    for (i = 0; i < 4; i++) {
        current = be;
        virtio_shadow_process_pending(be);
        for (dev = 0; dev < 2; dev++) {
            turns[dev] += !!rig_used(&r[dev], 0);
        }
    }
    assert_int_equal(turns[0], 2);
    assert_int_equal(turns[1], 2);
    rig_settle(be);
    assert_int_equal(rig_stats(&r[0]).pages_mapped + rig_stats(&r[1]).pages_mapped, 0);
    model_end();
}

/* A device that is being closed, in parts: nobody else gets it to do anything. */
static void while_it_is_being_closed(void **state)
{
    unsigned int queue, control, raised, mapped;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    queue = rig_queue_info(&r, 0)->event_channel;
    control = rig_info(&r)->control_channel;
    rig_submit(&r, 0, RIG_BUFFER(0), 300 * PAGE_SIZE, true);
    rig_return(&r, 0, 1, 0);
    model.preempt = always;
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), -ERESTART);
    mapped = svq_dev_mapped(&rig_vsh(&r)->dev);
    assert_true(mapped > 0 && mapped < 300);
    raised = r.fe->model->irq_raised[RIG_IRQ];

    rig_vsh(&r)->more = true;
    r.fe->vcpu[0]->virtio_shadow_pending = 1;
    current = r.fe->vcpu[0];
    virtio_shadow_process_pending(current);
    model_send(r.be->vcpu[0], r.fe, queue);
    model_send(r.be->vcpu[0], r.fe, control);
    assert_int_equal(rig_read(&r, SVQ_MMIO_MAGIC), 0);
    model_write(r.fe->vcpu[0], RIG_BASE + SVQ_MMIO_STATUS, 4, 0);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0), 0);
    current = r.be->vcpu[0];
    assert_int_equal(virtio_shadow_window_check(r.fe, 0), -EPERM);
    assert_int_equal(virtio_shadow_window_map(r.fe, 0, 0, _gfn(0xe000)), -EPERM);

    assert_int_equal(svq_dev_mapped(&rig_vsh(&r)->dev), mapped);
    assert_int_equal(r.fe->model->irq_raised[RIG_IRQ], raised);
    assert_int_equal(rig_used(&r, 0), 0);
    model.preempt = NULL;
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    model_end();
}

/* Registers: of any size, at any offset, and from a vCPU that is not the first. */
static void registers(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    assert_int_equal(model_read(r.fe->vcpu[1], RIG_BASE, 4), SVQ_MMIO_MAGIC_VALUE);
    assert_int_equal(model_read(r.fe->vcpu[1], RIG_BASE, 1), 0);
    assert_int_equal(model_read(r.fe->vcpu[1], RIG_BASE + 0x1ff, 1), 0);
    assert_int_equal(model_read(r.fe->vcpu[1], RIG_BASE + 0x1f8, 8), 0);
    model_write(r.fe->vcpu[1], RIG_BASE + 0x1ff, 1, 0xff);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(routed_by_port),
        rig_test(no_other_is_looked_at),
        rig_test(after_the_port_is_gone),
        rig_test(vcpu_does_not_sleep_on_work),
        rig_test(softirqs_come_between_devices),
        rig_test(vcpu_that_goes_down),
        rig_test(a_full_ring_in_steps),
        rig_test(nothing_to_do),
        rig_test(handed_over_to_the_frontend),
        rig_test(devices_take_turns),
        rig_test(while_it_is_being_closed),
        rig_test(registers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
