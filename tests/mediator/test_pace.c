/* SPDX-License-Identifier: MIT */
/*
 * Who pays for what, and how much at a time: work that a backend asks for by its mailbox, how often
 * it may ask, and how long a vCPU is kept from its guest.
 */
#include <xen/time.h>

#include "rig.h"

/* More than 20 MiB in flight: some 90 steps to take them away, and as many to show them again. */
#define CHAINS 64U
#define PER_CHAIN 88U
#define PAGES (CHAINS * PER_CHAIN)

/* As in control.c. */
#define REQUESTS 16U
#define REQUEST_PERIOD MILLISECS(50)

static void fill(struct rig *r)
{
    unsigned int i;

    for (i = 0; i < CHAINS; i++) {
        rig_add(r, 0, RIG_BUFFER(i * PER_CHAIN), PER_CHAIN * PAGE_SIZE, true);
    }
    rig_kick(r, 0);
    rig_settle_all(r->fe);
    assert_int_equal(rig_stats(r).pages_mapped, PAGES);
}

static void full(struct rig *r, uint32_t restart_s)
{
    rig_domains_with(r, PAGES + 0x80);
    r->restart_s = restart_s;
    rig_device(r, 0, 1, 256);
    rig_up(r);
    fill(r);
    /* The bucket is full. */
    model_time_passes(SECONDS(2));
}

static void served(struct rig *r)
{
    assert_int_equal(rig_stats(r).state, VSH_STATE_RUNNING);
    assert_int_equal(rig_available(r, 0), CHAINS);
    rig_serve(r, 0, CHAINS, PAGE_SIZE);
    rig_settle_all(r->fe);
    assert_int_equal(rig_used(r, 0), CHAINS);
    assert_int_equal(rig_stats(r).pages_mapped, 0);
}

/* ---- At whose expense ---- */

/* However much is in flight, the backend's vCPUs do all that its coming and going takes. */
static void coming_and_going_is_the_backends(void **state)
{
    unsigned int i, before, fe_steps, kicked;
    struct rig r;

    (void)state;
    full(&r, 60);
    fe_steps = r.fe->model->steps;
    kicked = r.fe->vcpu[0]->kicked + r.fe->vcpu[1]->kicked;
    for (i = 0; i < 4; i++) {
        before = r.be->model->steps;
        assert_int_equal(rig_request(&r, VSH_REQ_DETACH), 0);
        rig_settle_all(r.fe);
        assert_true(r.be->model->steps - before > 64);
        assert_int_equal(rig_stats(&r).state, VSH_STATE_WAITING);
        assert_int_equal(rig_stats(&r).pages_mapped, 0);

        rig_backend_comes(&r);
        rig_settle_all(r.fe);
        assert_int_equal(rig_stats(&r).state, VSH_STATE_RUNNING);
        assert_int_equal(rig_stats(&r).pages_mapped, PAGES);
    }
    assert_int_equal(r.fe->model->steps, fe_steps);
    assert_int_equal(r.fe->vcpu[0]->kicked + r.fe->vcpu[1]->kicked, kicked);
    served(&r);
    model_end();
}

/* So is what a lie takes, and what is left when it does not come back; whoever notices. */
static void failures_of_the_backend_are_the_backends(void **state)
{
    unsigned int how, fe_steps;
    struct rig r;

    (void)state;
    for (how = 0; how < 3; how++) {
        model_start();
        full(&r, how == 1 ? 1 : 0);
        fe_steps = r.fe->model->steps;
        if (how == 0) {
            rig_send(&r, VSH_REQ_DETACH);
        } else if (how == 1) {
            assert_int_equal(rig_request(&r, VSH_REQ_DETACH), 0);
            model_time_passes(SECONDS(1));
        } else {
            /* A used idx that is none, which the driver's kick comes across. */
            uint16_t *idx =
                model_access(r.be,
                             (RIG_WINDOW(0) << PAGE_SHIFT) + rig_queue_info(&r, 0)->used -
                                 SVQ_WINDOW_DAS + SVQ_USED_IDX,
                             true);

            *idx = 5000;
            rig_vsh(&r)->dev.queue[0].collect = true;
            model_write(r.fe->vcpu[0], RIG_BASE + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
            /* The step that has found it. */
            fe_steps += 2;
        }
        assert_int_equal(rig_stats(&r).state, VSH_STATE_FAILED);
        assert_false(r.fe->vcpu[0]->virtio_shadow_pending);
        assert_false(r.fe->vcpu[1]->virtio_shadow_pending);

        /* A driver that does this and that, and waits for nothing, does not do it either. */
        model_write(r.fe->vcpu[0], RIG_BASE + SVQ_MMIO_QUEUE_SEL, 4, 0);
        assert_false(r.fe->vcpu[0]->virtio_shadow_pending);
        assert_true(r.fe->model->steps <= fe_steps);
        rig_settle_all(r.be);
        assert_int_equal(rig_stats(&r).pages_mapped, 0);
        assert_true(r.fe->model->steps <= fe_steps);
        model_end();
    }
}

/* A driver that resets the device does not wait for a backend that is not there to do its part. */
static void resets_wait_for_nobody(void **state)
{
    unsigned int down, before;
    struct rig r;

    (void)state;
    for (down = 0; down < 2; down++) {
        model_start();
        full(&r, 0);
        rig_send(&r, VSH_REQ_DETACH);
        assert_true(r.be->vcpu[0]->virtio_shadow_pending);
        before = rig_stats(&r).pages_mapped;
        assert_true(before > 0);
        rig_write(&r, SVQ_MMIO_STATUS, 0);
        assert_int_equal(rig_read(&r, SVQ_MMIO_STATUS), 0);
        assert_int_equal(rig_stats(&r).pages_mapped, 0);
        model_end();
    }
}

/* One whose vCPUs are all down does nothing any more. */
static void backend_without_vcpus(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    full(&r, 1);
    assert_int_equal(rig_request(&r, VSH_REQ_DETACH), 0);
    for (i = 0; i < r.be->max_vcpus; i++) {
        r.be->vcpu[i]->pause_flags = 1UL << _VPF_down;
    }
    model_time_passes(SECONDS(1));
    rig_settle_all(r.fe);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_FAILED);
    assert_int_equal(rig_stats(&r).pages_mapped, 0);
    assert_false(rig_vsh(&r)->more);
    model_end();
}

/*
 * Two devices, and a backend that does nothing but come and go; a step takes 25 us, and both vCPUs
 * run at the same time.  The driver's vCPU has nothing to do in Xen.
 */
static void detach_storm(void **state)
{
    unsigned int dev, slots, requests = 0, in_xen = 0, restarts;
    struct vcpu *fe, *be;
    struct rig r[2];

    (void)state;
    full(&r[0], 60);
    r[1] = r[0];
    rig_device(&r[1], 1, 1, 256);
    r[1].aperture = 0xb000;
    rig_up(&r[1]);
    fe = r[0].fe->vcpu[0];
    be = r[0].be->vcpu[0];

    for (slots = 0; slots < 40000; slots++) {
        model_time_passes(MICROSECS(25));
        if (be->virtio_shadow_pending) {
            current = be;
            virtio_shadow_process_pending(be);
        } else {
            for (dev = 0; dev < 2; dev++) {
                const struct vsh_info *info = rig_info(&r[dev]);

                if (info->reply_seq == r[dev].seq) {
                    rig_send(&r[dev],
                             info->state == VSH_STATE_RUNNING ? VSH_REQ_DETACH : VSH_REQ_ATTACH);
                    requests++;
                }
            }
        }
        if (fe->virtio_shadow_pending) {
            current = fe;
            virtio_shadow_process_pending(fe);
            in_xen++;
        }
    }
    assert_int_equal(in_xen, 0);
    /* A second has passed. */
    assert_true(requests <= 2 * (REQUESTS + SECONDS(1) / REQUEST_PERIOD + 1));
    restarts = rig_stats(&r[0]).restarts;
    assert_true(restarts >= 4 && restarts <= 20);
    assert_int_equal(rig_stats(&r[0]).failures + rig_stats(&r[1]).failures, 0);
    model_end();
}

/* ---- How often ---- */

static void throttled_requests_are_late(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.restart_s = 60;
    rig_device(&r, 0, 1, 16);
    rig_up(&r);
    model_time_passes(SECONDS(2));

    rig_describe(&r);
    for (i = 0; i < REQUESTS; i++) {
        rig_send(&r, i & 1 ? VSH_REQ_ATTACH : VSH_REQ_DETACH);
        rig_settle_all(r.be);
        assert_int_equal(rig_info(&r)->reply_seq, r.seq);
        assert_int_equal(rig_info(&r)->reply_error, 0);
    }

    /* From now on one each period, and however often it is sent. */
    for (i = 0; i < 10; i++) {
        rig_send(&r, i & 1 ? VSH_REQ_ATTACH : VSH_REQ_DETACH);
        rig_settle_all(r.be);
        model_send(r.be->vcpu[1], r.fe, rig_info(&r)->control_channel);
        rig_settle_all(r.be);
        assert_int_equal(rig_info(&r)->reply_seq, r.seq - 1);
        model_time_passes(REQUEST_PERIOD - 1);
        rig_settle_all(r.be);
        assert_int_equal(rig_info(&r)->reply_seq, r.seq - 1);

        /* Nobody does it but a vCPU of the backend's. */
        model_time_passes(1);
        assert_false(r.fe->vcpu[0]->virtio_shadow_pending);
        assert_int_equal(rig_info(&r)->reply_seq, r.seq - 1);
        rig_settle_all(r.be);
        assert_int_equal(rig_info(&r)->reply_seq, r.seq);
        assert_int_equal(rig_info(&r)->reply_error, 0);
    }
    assert_int_equal(rig_stats(&r).failures, 0);
    rig_submit(&r, 0, RIG_BUFFER(0), 512, true);
    r.queue[0].taken = r.queue[0].given = 0;
    rig_serve(&r, 0, 1, 512);
    assert_int_equal(rig_used(&r, 0), 1);

    /* What the driver waits for is not among them. */
    rig_send(&r, VSH_REQ_DETACH);
    assert_int_equal(rig_info(&r)->reply_seq, r.seq - 1);
    rig_send(&r, VSH_REQ_RESET_ACK);
    assert_int_equal(rig_info(&r)->reply_seq, r.seq);
    model_end();
}

/*
 * A driver that comes up whenever there is a device, and a backend that leaves it each time: how
 * long this takes is bounded by the tokens, and each of the two always gets on.
 */
static void coming_up_between_throttled_requests(void **state)
{
    struct vsh_info *info;
    unsigned int i, ms;
    struct rig r;

    (void)state;
    model.log_limited = true;
    rig_domains(&r);
    rig_device(&r, 0, 1, 16);
    rig_map_window(&r);
    info = rig_info(&r);
    rig_describe(&r);
    for (i = 0; i < 100; i++) {
        rig_send(&r, i & 1 ? VSH_REQ_DETACH : VSH_REQ_ATTACH);
        for (ms = 0; info->reply_seq != r.seq; ms++) {
            assert_true(ms <= 50);
            model_time_passes(MILLISECS(1));
            /* One that sleeps in between, and one that does not. */
            if (i & 2) {
                rig_idle(r.be->vcpu[0]);
            }
            rig_settle_all(r.be);
            rig_settle_all(r.fe);
        }
        rig_settle_all(r.be);
        assert_int_equal(info->reply_error, 0);
        assert_int_equal(ms > 0, i >= REQUESTS);
        if (!(i & 1)) {
            rig_driver_up(&r);
            assert_int_equal(info->state, VSH_STATE_RUNNING);
            rig_submit(&r, 0, RIG_BUFFER(0), 512, true);
            continue;
        }
        assert_int_equal(info->state, VSH_STATE_FAILED);
        assert_true(rig_read(&r, SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET);
        rig_write(&r, SVQ_MMIO_STATUS, 0);
        rig_settle_all(r.be);
        assert_int_equal(info->state, VSH_STATE_IDLE);
        assert_int_equal(rig_stats(&r).pages_mapped, 0);
    }
    assert_int_equal(rig_stats(&r).failures, 50);
    model_end();
}

/* The backend's vCPU comes to one that has waited when it has done enough for another device. */
static void late_requests_are_not_forgotten(void **state)
{
    struct rig r[2];
    unsigned int i;

    (void)state;
    rig_running(&r[0], 1, 1024);
    r[1] = r[0];
    rig_device(&r[1], 1, 1, 1024);
    r[1].aperture = 0xb000;
    rig_up(&r[1]);
    model_time_passes(SECONDS(2));

    rig_describe(&r[0]);
    for (i = 0; i <= REQUESTS; i++) {
        rig_send(&r[0], VSH_REQ_CONFIG);
    }
    rig_settle_all(r[0].be);
    assert_int_equal(rig_info(&r[0])->reply_seq, r[0].seq - 1);

    /* Both have requests of their driver's left, and it is the turn of the other one. */
    for (i = 0; i < 1024; i++) {
        rig_add(&r[0], 0, RIG_BUFFER(i), PAGE_SIZE, true);
        rig_add(&r[1], 0, RIG_BUFFER(i), PAGE_SIZE, true);
    }
    model_write(r[0].fe->vcpu[0], RIG_BASE + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
    current = r[0].be->vcpu[0];
    virtio_shadow_process_pending(current);
    model_write(r[0].fe->vcpu[0], RIG_BASE + 0x200 + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
    assert_true(rig_vsh(&r[0])->more_queues && rig_vsh(&r[1])->more_queues);
    model_time_passes(REQUEST_PERIOD);
    assert_true(rig_vsh(&r[0])->control.due);

    model.step_takes = MILLISECS(3);
    rig_settle_all(r[0].be);
    model.step_takes = 0;
    assert_true(rig_vsh(&r[0])->control.due);
    rig_settle_all(r[0].fe);
    model_time_passes(MILLISECS(3));
    rig_settle_all(r[0].be);
    assert_int_equal(rig_info(&r[0])->reply_seq, r[0].seq);
    model_end();
}

/* Whoever goes before it is carried out. */
static void throttled_and_dead(void **state)
{
    unsigned int who, i;
    struct rig r;

    (void)state;
    for (who = 0; who < 3; who++) {
        model_start();
        rig_domains(&r);
        rig_device(&r, 0, 1, 16);
        rig_up(&r);
        rig_describe(&r);
        for (i = 0; i < REQUESTS + 1; i++) {
            rig_send(&r, VSH_REQ_CONFIG);
        }
        assert_int_equal(rig_info(&r)->reply_seq, REQUESTS);
        assert_int_equal(model_timers_active(), 1);
        if (who == 0) {
            model_kill_wholly(r.be);
        } else if (who == 1) {
            model_kill_wholly(r.fe);
        } else {
            assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
        }
        assert_int_equal(model_timers_active(), 0);
        model_time_passes(SECONDS(1));
        rig_settle_all(r.be);
        model_end();
    }
}

/* The driver is interrupted by what is new, and so often at most. */
static void config_storm(void **state)
{
    unsigned int i, raised, *irq;
    struct vsh_mailbox *m;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    model_time_passes(SECONDS(2));
    irq = &r.fe->model->irq_raised[RIG_IRQ];
    raised = *irq;
    rig_describe(&r);
    for (i = 0; i < 1000; i++) {
        rig_send(&r, VSH_REQ_CONFIG);
        model_time_passes(MILLISECS(1));
        rig_settle_all(r.be);
    }
    assert_int_equal(*irq, raised);

    model_time_passes(SECONDS(2));
    m = rig_window(&r, VSH_FRAME_MAILBOX, true);
    for (i = 0; i < 1000; i++) {
        m->config[0] ^= 1;
        rig_send(&r, VSH_REQ_CONFIG);
        model_time_passes(MILLISECS(1));
        rig_settle_all(r.be);
    }
    assert_true(*irq - raised >= REQUESTS / 2);
    assert_true(*irq - raised <= REQUESTS + SECONDS(1) / REQUEST_PERIOD + 1);
    model_end();
}

/* ---- For how long ---- */

/* Work that it has been handed: VSH_RUN_MAX, then its guest runs for as long. */
static void vcpus_rest(void **state)
{
    unsigned int n, rounds, rests = 0;
    struct vcpu *fe;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 1024);
    fe = r.fe->vcpu[0];
    for (n = 0; n < 1024; n++) {
        rig_add(&r, 0, RIG_BUFFER(n), PAGE_SIZE, true);
    }
    model.step_takes = MICROSECS(1100);
    model_write(fe, RIG_BASE + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);

    while (rig_available(&r, 0) < 1024) {
        assert_true(fe->virtio_shadow_pending || r.fe->vcpu[1]->virtio_shadow_pending);
        fe = r.fe->vcpu[!fe->virtio_shadow_pending ? !fe->vcpu_id : fe->vcpu_id];
        for (rounds = 0; fe->virtio_shadow_pending; rounds++) {
            current = fe;
            virtio_shadow_process_pending(fe);
        }
        assert_true(rounds <= 2);
        if (rig_available(&r, 0) == 1024) {
            break;
        }
        /* Whatever is handed to it meanwhile, or to others of that guest. */
        rests++;
        assert_int_equal(model_timers_active(), 1);
        assert_true(vsh_hand_over(r.fe));
        assert_false(r.fe->vcpu[0]->virtio_shadow_pending);
        assert_false(r.fe->vcpu[1]->virtio_shadow_pending);
        n = rig_available(&r, 0);
        fe->virtio_shadow_pending = 1;
        assert_false(virtio_shadow_process_pending(fe));
        model_time_passes(2 * MICROSECS(1100) - 1);
        assert_int_equal(rig_available(&r, 0), n);
        model_time_passes(1);
    }
    assert_true(rests >= 1);
    assert_true(rig_stats(&r).longest_ns <= (uint64_t)VSH_RUN_MAX + MICROSECS(1100));
    model.step_takes = 0;
    model_end();
}

/* It has nothing else to do. */
static void idle_vcpus_do_not_rest(void **state)
{
    struct vcpu *fe;
    unsigned int n;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 1024);
    fe = r.fe->vcpu[0];
    for (n = 0; n < 1024; n++) {
        rig_add(&r, 0, RIG_BUFFER(n), PAGE_SIZE, true);
    }
    model.step_takes = MILLISECS(3);
    model_write(fe, RIG_BASE + SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
    rig_settle(fe);
    assert_true(rig_available(&r, 0) < 1024);
    rig_idle(fe);
    assert_int_equal(rig_available(&r, 0), 1024);
    assert_int_equal(model_timers_active(), 0);
    model.step_takes = 0;
    model_end();
}

/* A driver takes a reset to be done when the register is written. */
static void resets_are_done_at_once(void **state)
{
    struct rig r;

    (void)state;
    full(&r, 0);
    model.step_takes = MILLISECS(1);
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_read(&r, SVQ_MMIO_STATUS), 0);
    assert_int_equal(rig_stats(&r).pages_mapped, 0);
    assert_int_equal(model_timers_active(), 0);

    /* Even if its vCPU has had its share already. */
    assert_int_equal(rig_request(&r, VSH_REQ_RESET_ACK), 0);
    model.step_takes = 0;
    rig_settle_all(r.be);
    rig_idle(r.be->vcpu[0]);
    rig_driver_up(&r);
    r.queue[0].next_desc = 0;
    fill(&r);
    model.step_takes = MILLISECS(1);
    vsh_pace_begin(current = r.fe->vcpu[0]);
    model_time_passes(VSH_RUN_MAX);
    vsh_pace_worked(current, true);
    vsh_pace_rest(current);
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_read(&r, SVQ_MMIO_STATUS), 0);
    assert_int_equal(rig_stats(&r).pages_mapped, 0);
    model.step_takes = 0;
    model_end();
}

/* They expire where they were set, and not all of them where the device was made. */
static void timers_follow(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.restart_s = 60;
    rig_device(&r, 0, 1, 16);
    rig_up(&r);
    model_cpu = 1;
    rig_describe(&r);
    for (i = 0; i < REQUESTS; i++) {
        rig_send(&r, VSH_REQ_CONFIG);
    }
    rig_send(&r, VSH_REQ_DETACH);
    assert_int_equal(rig_vsh(&r)->control.timer.cpu, 1);
    assert_int_equal(rig_vsh(&r)->timer.cpu, 0);
    model_time_passes(REQUEST_PERIOD);
    model_cpu = 2;
    rig_settle_all(r.be);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_WAITING);
    assert_int_equal(rig_vsh(&r)->timer.cpu, 2);
    assert_int_equal(rig_vsh(&r)->control.timer.cpu, 1);
    model_end();
}

/* Not the first one each time, and none that is down. */
static void handed_over_in_turn(void **state)
{
    unsigned int i, k, before[4];
    struct domain *d;

    (void)state;
    d = model_domain(7, 4);
    assert_non_null(vsh_domain(d));
    for (i = 0; i < 8; i++) {
        assert_true(vsh_hand_over(d));
        assert_int_equal(d->vcpu[i % 4]->kicked, i / 4 + 1);
        assert_true(d->vcpu[i % 4]->virtio_shadow_pending);
        rig_settle_all(d);
    }
    d->vcpu[0]->pause_flags = d->vcpu[2]->pause_flags = 1UL << _VPF_down;
    for (k = 0; k < 4; k++) {
        before[k] = d->vcpu[k]->kicked;
    }
    for (i = 0; i < 8; i++) {
        assert_true(vsh_hand_over(d));
    }
    for (k = 0; k < 4; k++) {
        assert_int_equal(d->vcpu[k]->kicked - before[k], k & 1 ? 4 : 0);
    }
    d->vcpu[1]->pause_flags = d->vcpu[3]->pause_flags = 1UL << _VPF_down;
    assert_false(vsh_hand_over(d));
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(coming_and_going_is_the_backends),
        rig_test(failures_of_the_backend_are_the_backends),
        rig_test(resets_wait_for_nobody),
        rig_test(backend_without_vcpus),
        rig_test(detach_storm),
        rig_test(throttled_requests_are_late),
        rig_test(coming_up_between_throttled_requests),
        rig_test(late_requests_are_not_forgotten),
        rig_test(throttled_and_dead),
        rig_test(config_storm),
        rig_test(vcpus_rest),
        rig_test(idle_vcpus_do_not_rest),
        rig_test(resets_are_done_at_once),
        rig_test(timers_follow),
        rig_test(handed_over_in_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
