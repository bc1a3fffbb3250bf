/* SPDX-License-Identifier: MIT */
/*
 * Backends that go, in whatever way and at whatever moment, and others that take
 * their place; and the time that a driver waits for that.
 */
#include <stdio.h>
#include <stdlib.h>

#include "moment.h"
#include "rig.h"

#define RESTART_S 10
#define PAGES 300 /* in flight: several batches */
#define REQUESTS 3

#define DRV_OK                                                                                     \
    (SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK | SVQ_STATUS_DRIVER_OK)

static bool always(void)
{
    return true;
}

static void set_up(struct rig *r)
{
    unsigned int i;

    rig_domains(r);
    r->restart_s = RESTART_S;
    rig_device(r, 0, 1, 64);
    rig_up(r);
    for (i = 0; i < REQUESTS; i++) {
        rig_add(r, 0, RIG_BUFFER(i * PAGES / REQUESTS), PAGES / REQUESTS * PAGE_SIZE, true);
    }
    rig_kick(r, 0);
    assert_int_equal(rig_stats(r).pages_mapped, PAGES);
    assert_int_equal(rig_available(r, 0), REQUESTS);
    assert_int_equal(rig_stats(r).restart_s, RESTART_S);
}

static void assert_waiting(struct rig *r)
{
    unsigned int i;

    assert_int_equal(rig_stats(r).state, VSH_STATE_WAITING);
    assert_int_equal(rig_stats(r).pages_mapped, 0);
    assert_int_equal(rig_stats(r).failures, 0);
    assert_int_equal(rig_read(r, SVQ_MMIO_STATUS), DRV_OK);
    assert_int_equal(model_timers_active(), 1);
    for (i = 0; i < PAGES && !r->be->model->freed; i += 50) {
        assert_false(rig_sees(r, RIG_BUFFER(i), false));
    }
}

/* What was in flight is offered, and comes back to the driver. */
static void serve(struct rig *r, unsigned int nr)
{
    assert_int_equal(rig_stats(r).state, VSH_STATE_RUNNING);
    assert_int_equal(model_timers_active(), 0);
    assert_int_equal(rig_available(r, 0), nr);
    assert_true(rig_sees(r, RIG_BUFFER(PAGES - 1), true));
    rig_serve(r, 0, nr, PAGE_SIZE);
    assert_int_equal(rig_used(r, 0), nr);
    assert_int_equal(rig_stats(r).pages_mapped, 0);
    assert_int_equal(rig_queue_stats(r, 0).requests, rig_queue_stats(r, 0).returned);
    assert_int_equal(rig_queue_stats(r, 0).grants, rig_queue_stats(r, 0).revokes);
    assert_int_equal(rig_stats(r).failures, 0);
}

static int reassign(struct rig *r, domid_t be)
{
    struct xen_domctl_virtio_shadow op = {
        .op = XEN_DOMCTL_VIRTIO_SHADOW_REASSIGN, .id = r->id, .u.reassign.backend = be};
    bool copyback = false;
    int rc;

    do {
        rc = virtio_shadow_domctl(r->fe, &op, &copyback);
        assert_false(model_locked());
        assert_false(copyback);
    } while (rc == -ERESTART);

    return rc;
}

static void padding_is_refused(struct rig *r, domid_t be)
{
    for (unsigned int i = 0; i < 2; i++) {
        struct xen_domctl_virtio_shadow op = {
            .op = XEN_DOMCTL_VIRTIO_SHADOW_REASSIGN, .id = r->id, .u.reassign.backend = be};
        bool copyback = false;

        op.u.reassign.pad = i ? 0 : 0x100;
        op.u.reassign.lacks = i;
        assert_int_equal(virtio_shadow_domctl(r->fe, &op, &copyback), -EINVAL);
        assert_int_equal(rig_stats(r).backend, DOMID_INVALID);
    }
}

static void new_backend(struct rig *r, domid_t id)
{
    r->be = model_domain(id, 2);
    assert_int_equal(reassign(r, id), 0);
    rig_map_window(r);
    r->seq = rig_info(r)->reply_seq;
}

static void process_comes_back(void **state)
{
    struct rig r;

    (void)state;
    set_up(&r);
    rig_return(&r, 0, 1, PAGE_SIZE);
    assert_int_equal(rig_request(&r, VSH_REQ_DETACH), 0);
    assert_waiting(&r);
    /* Returned without a call. */
    assert_int_equal(rig_used(&r, 0), 1);
    rig_backend_comes(&r);
    serve(&r, REQUESTS - 1);
    assert_int_equal(rig_stats(&r).restarts, 1);
    model_end();
}

/*
 * Another domain may come as soon as the backend is let go of, which still has its p2m then, and
 * may have devices that use it: nothing of the window is there any more, nor in a TLB.
 */
static void window_is_gone_before_another_comes(void **state)
{
    struct domain *old;
    unsigned int i, nr, tries = 0;
    struct rig r;

    (void)state;
    set_up(&r);
    old = r.be;
    nr = rig_vsh(&r)->nr_frames;
    model_kill_begin(old);
    while (virtio_shadow_teardown(old)) {
        assert_true(++tries < 1000);
    }
    assert_null(rig_vsh(&r)->backend);

    for (i = 0; i < nr; i++) {
        struct model_entry *e = model_at(old, RIG_WINDOW(0) + i);

        assert_int_equal(e->type, p2m_invalid);
        assert_false(e->tlb_valid);
    }

    new_backend(&r, 7);
    model_kill_rest(old);
    model_end();
}

static void waiting_takes_no_longer_than_was_asked_for(void **state)
{
    unsigned int raised;
    struct rig r;

    (void)state;
    set_up(&r);
    rig_request(&r, VSH_REQ_DETACH);
    model_time_passes(SECONDS(RESTART_S) - 1);
    assert_waiting(&r);
    raised = r.fe->model->irq_raised[RIG_IRQ];
    model_time_passes(1);
    rig_settle(r.fe->vcpu[0]);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_FAILED);
    assert_int_equal(rig_stats(&r).last_error, SVQ_ERR_BACKEND_GONE);
    assert_true(rig_read(&r, SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET);
    assert_int_equal(r.fe->model->irq_raised[RIG_IRQ], raised + 1);
    assert_int_equal(model_timers_active(), 0);
    assert_non_null(strstr(model.log, svq_error_text(SVQ_ERR_BACKEND_GONE)));

    /* It is all as it was without waiting. */
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_IDLE);
    rig_backend_comes(&r);
    rig_driver_up(&r);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, true);
    assert_int_equal(rig_available(&r, 0), 1);
    model_end();
}

static void zero_is_not_at_all(void **state)
{
    struct rig r;

    (void)state;
    rig_domains(&r);
    rig_device(&r, 0, 1, 16);
    rig_up(&r);
    rig_request(&r, VSH_REQ_DETACH);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_FAILED);
    assert_int_equal(model_timers_active(), 0);
    model_end();
}

static void each_wait_has_its_own_time(void **state)
{
    struct timer *timer;
    struct rig r;

    (void)state;
    set_up(&r);
    rig_request(&r, VSH_REQ_DETACH);
    model_time_passes(SECONDS(RESTART_S) - 1);
    rig_backend_comes(&r);
    assert_int_equal(model_timers_active(), 0);
    model_time_passes(SECONDS(RESTART_S));
    rig_request(&r, VSH_REQ_DETACH);
    assert_waiting(&r);
    /* One that had begun to run, and had to wait for the lock. */
    timer = &rig_vsh(&r)->timer;
    timer->function(timer->data);
    assert_waiting(&r);
    model_time_passes(SECONDS(RESTART_S) - 1);
    assert_waiting(&r);
    rig_backend_comes(&r);
    timer->function(timer->data);
    serve(&r, REQUESTS);
    model_end();
}

static void domain_dies_and_another_comes(void **state)
{
    struct domain *old;
    unsigned int preempted;
    evtchn_port_t port;
    struct rig r;

    (void)state;
    for (preempted = 0; preempted < 2; preempted++) {
        model_start();
        set_up(&r);
        old = r.be;
        port = rig_vsh(&r)->control_port;
        assert_int_equal(reassign(&r, RIG_BE), -EBUSY);
        model.preempt = preempted ? always : NULL;
        model_kill_wholly(r.be);
        model.preempt = NULL;
        assert_true(old->model->freed);
        assert_waiting(&r);
        assert_int_equal(rig_stats(&r).backend, DOMID_INVALID);
        /* The driver goes on meanwhile. */
        rig_submit(&r, 0, RIG_BUFFER(PAGES), PAGE_SIZE, false);

        new_backend(&r, 7);
        assert_int_equal(rig_stats(&r).backend, 7);
        assert_int_equal(r.fe->model->port[rig_vsh(&r)->control_port].remote, 7);
        assert_int_equal(r.fe->model->port[rig_vsh(&r)->queue[0].port].remote, 7);
        assert_int_equal(rig_info(&r)->control_channel, rig_vsh(&r)->control_port);
        assert_int_equal(rig_queue_info(&r, 0)->event_channel, rig_vsh(&r)->queue[0].port);
        /* Two ports, as before. */
        assert_int_equal(model_ports(r.fe), 2);
        assert_true(port < MODEL_PORTS);
        assert_int_equal(rig_stats(&r).state, VSH_STATE_WAITING);
        assert_int_equal(reassign(&r, 7), -EBUSY);

        rig_backend_comes(&r);
        serve(&r, REQUESTS + 1);
        model_end();
    }
}

/* Another may not be its backend; the device waits on, for one that may. */
static void another_that_is_not_allowed(void **state)
{
    struct domain *other;
    struct rig r;

    (void)state;
    set_up(&r);
    other = model_domain(7, 2);
    model.denied_backend = other;
    model.denied_frontend = r.fe;
    assert_int_equal(reassign(&r, 7), -EPERM);
    assert_int_equal(rig_stats(&r).backend, RIG_BE);

    model_kill_wholly(r.be);
    assert_int_equal(reassign(&r, 7), -EPERM);
    assert_int_equal(rig_stats(&r).backend, DOMID_INVALID);
    assert_int_equal(other->refcnt, 1);
    assert_null(other->virtio_shadow);
    assert_int_equal(model_ports(r.fe), 2); /* of the one that died */
    assert_waiting(&r);

    new_backend(&r, 8);
    rig_backend_comes(&r);
    serve(&r, REQUESTS);
    model_end();
}

/* In the window that another domain maps, but for what is offered to it again. */
static unsigned int find_in_window(struct rig *r, uint64_t what)
{
    unsigned int f, i, found = 0;

    for (f = 0; f < rig_vsh(r)->nr_frames; f++) {
        const uint64_t *page = rig_window(r, f, false);

        for (i = 0; i < PAGE_SIZE / sizeof(what); i++) {
            found += page[i] == what;
        }
    }

    return found;
}

static void write_ram(struct rig *r, paddr_t addr, uint64_t what, unsigned int nr)
{
    unsigned int i;

    for (i = 0; i < nr; i++) {
        *(uint64_t *)rig_ram(r, addr + i * sizeof(what)) = what;
    }
}

static uint8_t *seen_at(struct rig *r, paddr_t addr, bool write)
{
    return model_access(r->be, (r->aperture << PAGE_SHIFT) + (addr - RIG_RAM), write);
}

static void another_does_not_see_what_one_was_sent(void **state)
{
    const uint64_t returned = 0x6465746e72757465, kept = 0x7470656b7470656b;
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY;
    r.restart_s = RESTART_S;
    rig_device(&r, 0, 2, 16);
    rig_up(&r);

    write_ram(&r, RIG_BUFFER(0), returned, 128);
    rig_submit(&r, 0, RIG_BUFFER(0), 1024, false);
    rig_serve(&r, 0, 1, 0);
    write_ram(&r, RIG_BUFFER(1), kept, 4);
    rig_submit(&r, 0, RIG_BUFFER(1), 32, false);
    assert_true(find_in_window(&r, returned) >= 64);
    assert_int_equal(find_in_window(&r, kept), 4);

    model_kill_wholly(r.be);
    new_backend(&r, 7);
    assert_int_equal(find_in_window(&r, returned), 0);
    assert_int_equal(find_in_window(&r, kept), 4);
    rig_backend_comes(&r);
    rig_serve(&r, 0, 1, 0);
    assert_int_equal(rig_used(&r, 0), 2);
    model_end();
}

/* Nor what that one wrote into pages of requests that it did not return. */
static void another_does_not_see_what_one_wrote(void **state)
{
    unsigned int scrub;
    struct rig r;

    (void)state;
    for (scrub = 0; scrub < 2; scrub++) {
        model_start();
        rig_domains(&r);
        r.restart_s = RESTART_S;
        r.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT;
        r.flags = scrub ? XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB : 0;
        rig_device(&r, 0, 2, 16);
        rig_up(&r);
        rig_submit(&r, 0, RIG_BUFFER(0), 2 * PAGE_SIZE, true);
        *seen_at(&r, RIG_BUFFER(1), true) = 0xee;
        model_kill_wholly(r.be);
        assert_int_equal(*(uint8_t *)rig_ram(&r, RIG_BUFFER(1)), 0xee);
        new_backend(&r, 7);
        rig_backend_comes(&r);
        assert_int_equal(*seen_at(&r, RIG_BUFFER(1), false), scrub ? 0 : 0xee);
        rig_serve(&r, 0, 1, 0);
        assert_int_equal(rig_used(&r, 0), 1);
        model_end();
    }
}

static void domain_dies_again_and_again(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    set_up(&r);
    for (i = 3; i < 8; i++) {
        model_kill_wholly(r.be);
        assert_waiting(&r);
        new_backend(&r, (domid_t)(10 + i));
        /* Some before they have attached. */
        if (i & 1) {
            rig_backend_comes(&r);
        }
    }
    serve(&r, REQUESTS);
    model_end();
}

static void nobody_comes(void **state)
{
    struct rig r;

    (void)state;
    set_up(&r);
    model_kill_wholly(r.be);
    assert_waiting(&r);
    model_time_passes(SECONDS(RESTART_S));
    rig_settle(r.fe->vcpu[0]);
    assert_int_equal(rig_stats(&r).state, VSH_STATE_FAILED);
    /* One that comes later has to wait for the driver. */
    new_backend(&r, 7);
    assert_int_equal(rig_request(&r, VSH_REQ_ATTACH), VSH_ERR_STATE);
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    rig_backend_comes(&r);
    rig_driver_up(&r);
    model_end();
}

static void who_may_take_over(void **state)
{
    struct domain *be;
    struct rig r;
    unsigned int i;

    (void)state;
    set_up(&r);
    model_kill_wholly(r.be);
    assert_int_equal(reassign(&r, RIG_BE), -ESRCH);
    assert_int_equal(reassign(&r, 99), -ESRCH);
    assert_int_equal(reassign(&r, RIG_FE), -EINVAL);
    r.id = 1;
    assert_int_equal(reassign(&r, RIG_FE), -ENOENT);
    r.id = ~0U;
    assert_int_equal(reassign(&r, RIG_FE), -ENOENT);
    r.id = 0;

    be = model_domain(7, 1);
    model_kill_begin(be);
    assert_int_equal(reassign(&r, 7), -ESRCH);
    model_kill_wholly(be);

    /* Whatever is missing, it can be tried again. */
    be = model_domain(8, 1);
    padding_is_refused(&r, 8);
    for (i = 1;; i++) {
        model.failed = false;
        model.fail_at = i;
        if (!reassign(&r, 8)) {
            break;
        }
        assert_true(model.failed);
        assert_int_equal(be->refcnt, 1);
        assert_int_equal(rig_stats(&r).backend, DOMID_INVALID);
        assert_int_equal(model_ports(r.fe), i > 2 ? 0 : 2);
    }
    model.fail_at = 0;
    assert_true(i > 3);
    r.be = be;
    rig_map_window(&r);
    r.seq = rig_info(&r)->reply_seq;
    rig_backend_comes(&r);
    serve(&r, REQUESTS);
    model_end();
}

static void closed_devices_take_nobody(void **state)
{
    struct rig r;

    (void)state;
    set_up(&r);
    model_kill_wholly(r.be);
    model_domain(7, 1);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    assert_int_equal(reassign(&r, 7), -ENOENT);
    assert_int_equal(model_timers_active(), 0);
    model_time_passes(SECONDS(RESTART_S));
    model_end();
}

static void frontend_dies_while_waiting(void **state)
{
    unsigned int how, preempted;
    struct rig r;

    (void)state;
    for (how = 0; how < 4; how++) {
        for (preempted = 0; preempted < 2; preempted++) {
            model_start();
            set_up(&r);
            if (how & 1) {
                model_kill_wholly(r.be);
            } else {
                rig_request(&r, VSH_REQ_DETACH);
            }
            if (how & 2) {
                rig_write(&r, SVQ_MMIO_STATUS, 0);
            }
            model.preempt = preempted ? always : NULL;
            model_kill_wholly(r.fe);
            assert_true(r.fe->model->freed);
            /* But for those of vCPUs that are still there. */
            assert_int_equal(model_timers(), how & 1 ? 0 : r.be->max_vcpus);
            model_time_passes(SECONDS(RESTART_S));
            model_end();
        }
    }
}

static void driver_resets_while_the_backend_is_dead(void **state)
{
    struct rig r;

    (void)state;
    set_up(&r);
    model_kill_wholly(r.be);
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_read(&r, SVQ_MMIO_STATUS), 0);
    rig_driver_up(&r);
    rig_submit(&r, 0, RIG_BUFFER(PAGES - 1), PAGE_SIZE, true);
    new_backend(&r, 7);
    rig_backend_comes(&r);
    assert_int_equal(rig_available(&r, 0), 1);
    rig_serve(&r, 0, 1, 1);
    assert_int_equal(rig_used(&r, 0), 1);
    model_end();
}

/*
 * One thing happens here, another elsewhere (moment.h).  Whatever it was, nothing is
 * left behind, and a device that is still there can be brought to work.
 */
static bool can_ask(struct rig *r)
{
    return !r->fe->is_dying && !r->be->is_dying && rig_vsh(r)->open && !rig_vsh(r)->closing &&
           rig_vsh(r)->backend == r->be && rig_window(r, 0, false) &&
           rig_info(r)->magic == VSH_MAGIC;
}

static void send(struct rig *r, evtchn_port_t port)
{
    if (r->fe->model->port[port].state == PORT_XEN) {
        model_send(r->be->vcpu[r->cpu], r->fe, port);
        rig_settle(r->be->vcpu[r->cpu]);
    }
}

/* Without a look at what becomes of it. */
static void ask(struct rig *r, uint32_t request)
{
    struct vsh_mailbox *m;

    if (can_ask(r)) {
        m = rig_window(r, VSH_FRAME_MAILBOX, true);
        m->request = request;
        m->request_seq = ++r->seq;
        send(r, rig_vsh(r)->control_port);
    }
}

static void detaches(struct rig *r)
{
    ask(r, VSH_REQ_DETACH);
}

static void attaches(struct rig *r)
{
    ask(r, VSH_REQ_ATTACH);
}

static void time_passes(struct rig *r)
{
    (void)r;
    model_time_passes(SECONDS(RESTART_S));
}

static void driver_kicks(struct rig *r)
{
    if (!r->fe->is_dying) {
        rig_kick(r, 0);
    }
}

static void device_returns(struct rig *r)
{
    if (can_ask(r)) {
        rig_return(r, 0, rig_available(r, 0), PAGE_SIZE);
        send(r, rig_vsh(r)->queue[0].port);
    }
}

static void reassigned(struct rig *r)
{
    if (!r->fe->is_dying) {
        reassign(r, 7);
    }
}

static void idle_all(struct domain *d)
{
    unsigned int i;

    rig_settle_all(d);
    for (i = 0; i < d->max_vcpus && !d->is_dying; i++) {
        rig_idle(d->vcpu[i]);
    }
}

static void every_moment(void **state)
{
    static void (*const here[])(struct rig * r) = {
        detaches, attaches, kill_backend, kill_frontend, time_passes, driver_resets, reassigned,
    };
    static void (*const there[])(struct rig * r) = {
        detaches,     attaches,      kill_backend,   kill_frontend, time_passes,
        driver_kicks, driver_resets, device_returns, reassigned,
    };
    unsigned int a, b, waits, moments = 0;

    (void)state;
    for (a = 0; a < ARRAY_SIZE(here); a++) {
        for (b = 0; b < ARRAY_SIZE(there); b++) {
            /* Under that domain's lock; under the domctl lock; one at a time. */
            if (here[a] == there[b]) {
                continue;
            }
            for (waits = 0; waits < 3; waits++) {
                for (at = 1;; at += 1 + at / 16) {
                    model_start();
                    if (getenv("MEDIATOR_TRACE")) {
                        fprintf(stderr, "here %u there %u waits %u moment %u\n", a, b, waits, at);
                    }
                    set_up(&world);
                    if (waits == 1) {
                        rig_request(&world, VSH_REQ_DETACH);
                    } else if (waits == 2) {
                        model_kill_wholly(world.be);
                    }
                    model_domain(7, 2);
                    get_knownalive_domain(world.fe);
                    if (waits < 2) {
                        get_knownalive_domain(world.be);
                    }
                    what = there[b];
                    happened = false;
                    model.elsewhere = elsewhere;
                    model.busy_elsewhere = here[a] == reassigned;
                    here[a](&world);
                    model.elsewhere = NULL;
                    model.busy_elsewhere = false;
                    put_domain(world.fe);
                    if (waits < 2) {
                        put_domain(world.be);
                    }
                    /* All the time that has passed was work, after which vCPUs rest. */
                    idle_all(world.fe);
                    idle_all(world.be);
                    if (!world.fe->is_dying) {
                        assert_int_equal(model_timers_active(), rig_vsh(&world)->dev.waiting);
                        if (rig_stats(&world).state != VSH_STATE_RUNNING) {
                            assert_int_equal(rig_stats(&world).pages_mapped, 0);
                        }
                    }
                    model_kill_rest(world.be);
                    model_end();
                    if (!happened) {
                        break;
                    }
                    moments++;
                }
            }
        }
    }
    assert_true(moments > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(process_comes_back),
        rig_test(window_is_gone_before_another_comes),
        rig_test(waiting_takes_no_longer_than_was_asked_for),
        rig_test(zero_is_not_at_all),
        rig_test(each_wait_has_its_own_time),
        rig_test(domain_dies_and_another_comes),
        rig_test(another_that_is_not_allowed),
        rig_test(another_does_not_see_what_one_was_sent),
        rig_test(another_does_not_see_what_one_wrote),
        rig_test(domain_dies_again_and_again),
        rig_test(nobody_comes),
        rig_test(who_may_take_over),
        rig_test(closed_devices_take_nobody),
        rig_test(frontend_dies_while_waiting),
        rig_test(driver_resets_while_the_backend_is_dead),
        rig_test(every_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
