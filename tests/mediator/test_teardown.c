/* SPDX-License-Identifier: MIT */
/*
 * Deaths, in every order, and at every moment.  That nothing is left behind
 * (pages, references, ports, memory, zombies) is checked by model_end() and by
 * what it calls.
 */
#include <stdio.h>
#include <stdlib.h>

#include "moment.h"
#include "rig.h"

enum state_of {
    CREATED,
    MAPPED,
    ATTACHED,
    IDLE,
    IN_FLIGHT,
    FAILED,
    RESETTING,
    GONE_PROCESS,
    STATES
};

#define PAGES 300 /* in flight: several batches */

static void set_up(struct rig *r, enum state_of state)
{
    unsigned int i;

    rig_domains(r);
    rig_device(r, 0, 2, 64);
    if (state >= MAPPED) {
        rig_map_window(r);
    }
    if (state >= ATTACHED) {
        rig_attach(r);
    }
    if (state >= IDLE) {
        rig_driver_up(r);
    }
    if (state >= IN_FLIGHT) {
        for (i = 0; i < 3; i++) {
            rig_add(r, i & 1, RIG_BUFFER(i * PAGES / 3), PAGES / 3 * PAGE_SIZE, i & 1);
        }
        rig_kick(r, 0);
        rig_kick(r, 1);
        assert_int_equal(rig_stats(r).pages_mapped, PAGES);
    }
    if (state == FAILED) {
        /* Taken away in part. */
        model.preempt = NULL;
        svq_dev_fail(&rig_vsh(r)->dev, -1, SVQ_ERR_REVOKED);
        svq_dev_run(&rig_vsh(r)->dev);
        assert_int_not_equal(rig_stats(r).pages_mapped, 0);
    }
    if (state == RESETTING) {
        rig_write(r, SVQ_MMIO_STATUS, 0);
        assert_int_equal(rig_stats(r).state, VSH_STATE_RESETTING);
    }
    if (state == GONE_PROCESS) {
        assert_int_equal(rig_request(r, VSH_REQ_DETACH), 0);
    }
}

static bool always(void)
{
    return true;
}

static void after_death_of_backend(struct rig *r)
{
    struct xen_domctl_virtio_shadow_stats s = rig_stats(r);

    assert_int_equal(s.backend, DOMID_INVALID);
    assert_int_equal(s.pages_mapped, 0);
    assert_true(r->be->model->freed);
    /* The frontend lives, and may do what it likes. */
    rig_read(r, SVQ_MMIO_STATUS);
    rig_kick(r, 0);
    rig_write(r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_read(r, SVQ_MMIO_STATUS), 0);
    assert_int_equal(rig_stats(r).state, VSH_STATE_IDLE);
}

static void after_death_of_frontend(struct rig *r)
{
    struct page_info *dummy = NULL;
    unsigned long gfn;

    assert_true(r->fe->model->freed);
    assert_int_equal(r->be->refcnt, 1);
    assert_true(list_empty(&r->be->virtio_shadow->served));
    assert_false(virtio_shadow_is_aperture(r->be, _gfn(RIG_APERTURE)));
    for (gfn = 0; gfn < MODEL_P2M; gfn++) {
        if (p2m_is_foreign(model_at(r->be, gfn)->type)) {
            if (!dummy) {
                dummy = mfn_to_page(model_at(r->be, gfn)->mfn);
            }
            assert_ptr_equal(mfn_to_page(model_at(r->be, gfn)->mfn), dummy);
        }
    }
    /* It is there as long as the backend looks at it. */
    assert_int_equal(model.xen_pages, dummy ? 1 : 0);
}

static void one_after_the_other(void **state)
{
    unsigned int from, frontend_first, preempted;

    (void)state;
    for (from = 0; from < STATES; from++) {
        for (frontend_first = 0; frontend_first < 2; frontend_first++) {
            for (preempted = 0; preempted < 2; preempted++) {
                struct rig r;

                model_start();
                set_up(&r, from);
                model.preempt = preempted ? always : NULL;
                if (frontend_first) {
                    model_kill_wholly(r.fe);
                    after_death_of_frontend(&r);
                    model_kill_wholly(r.be);
                } else {
                    model_kill_wholly(r.be);
                    after_death_of_backend(&r);
                    model_kill_wholly(r.fe);
                }
                if (preempted && from == IN_FLIGHT) {
                    assert_true(model.preempt_checks >= PAGES / SVQ_PAGE_BATCH);
                }
                model_end();
            }
        }
    }
}

/* Thousands of pages, which nobody has mapped any more. */
static void window_goes_in_steps(void **state)
{
    unsigned int frames, checks;
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY;
    rig_device(&r, 0, 2, 256);
    rig_up(&r);
    frames = rig_vsh(&r)->nr_frames;
    assert_true(frames > 1000);
    model_kill_wholly(r.be);
    checks = model.preempt_checks;
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    assert_true(model.preempt_checks - checks >= frames / SVQ_PAGE_BATCH - 1);
    model_end();
}

/* Both die, and each gets on by one step at a time, in all orders of 12 steps. */
static void step_by_step(void **state)
{
    unsigned int order;

    (void)state;
    for (order = 0; order < 1U << 12; order += 7) {
        bool fe_done = false, be_done = false;
        unsigned int step;
        struct rig r;

        model_start();
        set_up(&r, IN_FLIGHT);
        model.preempt = always;
        for (step = 0; step < 64 && !(fe_done && be_done); step++) {
            bool fe = step < 12 ? order >> step & 1 : !fe_done;

            if (fe && !fe_done) {
                fe_done = !model_kill(r.fe);
            } else if (!fe && !be_done) {
                be_done = !model_kill(r.be);
            }
        }
        assert_true(fe_done && be_done);
        model_end();
    }
}

/* One thing happens here, another elsewhere: moment.h. */

static void mark_frontend(struct rig *r)
{
    if (!r->fe->is_dying) {
        model_kill_begin(r->fe);
    }
}

static void mark_backend(struct rig *r)
{
    if (!r->be->is_dying) {
        model_kill_begin(r->be);
    }
}

static void destroy(struct rig *r)
{
    rig_op(r->fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0);
}

static void revoke(struct rig *r)
{
    rig_op(r->fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0);
}

static void driver_kicks(struct rig *r)
{
    if (!r->fe->is_dying) {
        rig_submit(r, 0, RIG_BUFFER(900), 4 * PAGE_SIZE, true);
    }
}

static void call_port(struct rig *r, unsigned int port)
{
    if (!r->be->is_dying && port && r->fe->model->port[port].state == PORT_XEN) {
        model_send(r->be->vcpu[r->cpu], r->fe, port);
        rig_settle(r->be->vcpu[r->cpu]);
    }
}

static void device_returns(struct rig *r)
{
    if (!r->fe->model->freed && rig_vsh(r)->open && !rig_vsh(r)->closing && !r->be->is_dying &&
        rig_window(r, 0, false) && rig_info(r)->magic == VSH_MAGIC) {
        rig_return(r, 0, rig_available(r, 0), PAGE_SIZE);
        call_port(r, rig_vsh(r)->queue[0].port);
    }
}

static void device_lies(struct rig *r)
{
    if (!r->fe->model->freed && rig_vsh(r)->open && !r->be->is_dying && rig_window(r, 0, false) &&
        rig_info(r)->magic == VSH_MAGIC) {
        r->queue[0].given = (uint16_t)(r->queue[0].given + 5000);
        rig_return(r, 0, 0, 0);
        call_port(r, rig_vsh(r)->queue[0].port);
    }
}

static void backend_remaps(struct rig *r)
{
    unsigned int i;

    if (!r->be->is_dying && !r->fe->model->freed) {
        current = r->be->vcpu[r->cpu];
        for (i = 0; i < 4; i++) {
            virtio_shadow_window_map(r->fe, 0, i, _gfn(0xe000 + i));
        }
    }
}

static void backend_unmaps(struct rig *r)
{
    unsigned int i;

    if (!r->be->is_dying) {
        for (i = 0; i < 0x300; i += 3) {
            model_remove(r->be, RIG_APERTURE + i);
        }
        model_remove(r->be, RIG_WINDOW(0) + 1);
    }
}

static void statistics(struct rig *r)
{
    if (!r->fe->model->freed && rig_vsh(r)->open) {
        rig_stats(r);
    }
}

static void backend_faults(struct rig *r)
{
    if (!r->be->model->freed) {
        virtio_shadow_is_aperture(r->be, _gfn(RIG_APERTURE));
    }
}

static void create(struct rig *r)
{
    struct rig second = *r;
    struct xen_domctl_virtio_shadow_create c;

    if (!r->fe->is_dying) {
        second.id = 1;
        c = rig_params(&second);
        rig_create(&second, &c);
    }
}

static bool is_domctl(void (*f)(struct rig *r))
{
    return f == create || f == destroy || f == revoke || f == statistics;
}

static bool is_death(void (*f)(struct rig *r))
{
    return f == kill_frontend || f == kill_backend;
}

static void every_moment(void **state)
{
    /* The first happens here, the second there. */
    static void (*const here[])(struct rig * r) = {
        create,       kill_frontend, kill_backend,   destroy,        revoke,
        driver_kicks, driver_resets, device_returns, backend_remaps,
    };
    static void (*const there[])(struct rig * r) = {
        kill_frontend,  kill_backend,   mark_frontend, mark_backend,   destroy,
        revoke,         driver_kicks,   driver_resets, device_returns, device_lies,
        backend_remaps, backend_unmaps, statistics,    backend_faults,
    };
    unsigned int a, b, moments = 0;

    (void)state;
    for (a = 0; a < ARRAY_SIZE(here); a++) {
        for (b = 0; b < ARRAY_SIZE(there); b++) {
            /* Under the domctl lock, which killing a domain does without. */
            if (is_domctl(here[a]) && is_domctl(there[b])) {
                continue;
            }
            /* Under that domain's lock. */
            if (here[a] == there[b] && is_death(here[a])) {
                continue;
            }

            for (at = 1;; at++) {
                /* Who acts holds his own domain, and domctls that of others. */
                model_start();
                if (getenv("MEDIATOR_TRACE")) {
                    fprintf(stderr, "here %u there %u moment %u\n", a, b, at);
                }
                set_up(&world, IN_FLIGHT);
                get_knownalive_domain(world.fe);
                get_knownalive_domain(world.be);
                what = there[b];
                happened = false;
                model.elsewhere = elsewhere;
                model.busy_elsewhere = is_domctl(here[a]);
                here[a](&world);
                model.elsewhere = NULL;
                model.busy_elsewhere = false;
                put_domain(world.fe);
                put_domain(world.be);

                model_kill_rest(world.fe);
                model_kill_rest(world.be);
                model_end();
                if (!happened) {
                    break;
                }
                moments++;
                /* Long ones repeat themselves. */
                if (at > 40) {
                    at += at / 8;
                }
            }
        }
    }
    assert_true(moments > 500);
}

/*
 * The domctls of a toolstack give way to others between their parts, so also to
 * those that kill.
 */
static void between_the_parts_of_a_hypercall(void **state)
{
    static void (*const there[])(struct rig * r) = {kill_frontend, kill_backend, destroy, revoke};
    unsigned int op, b, moments = 0;

    (void)state;
    for (op = 0; op < 4; op++) {
        for (b = 0; b < ARRAY_SIZE(there); b++) {
            for (at = 1;; at++) {
                unsigned int tries = 0;
                int rc;

                model_start();
                set_up(&world, IN_FLIGHT);
                happened = false;
                what = there[b];

                do {
                    bool done = false;

                    /* Every call ends at its first chance, then others come. */
                    model.preempt = always;
                    get_knownalive_domain(world.fe);
                    get_knownalive_domain(world.be);
                    if (op == 0) {
                        rc = rig_op(world.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0);
                    } else if (op == 1) {
                        rc = rig_op(world.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0);
                    } else {
                        struct domain *d = op == 2 ? world.fe : world.be;

                        done = d->is_dying == DOMDYING_dead;
                        rc = done ? 0 : model_kill(d);
                    }
                    put_domain(world.fe);
                    put_domain(world.be);
                    if (++tries == at) {
                        happened = true;
                        model.preempt = NULL;
                        if (!world.fe->model->freed) {
                            what(&world);
                        }
                        if (world.fe->model->freed || world.be->model->freed) {
                            break;
                        }
                    }
                } while (rc == -ERESTART && tries < 1000);
                assert_true(tries < 1000);
                model.preempt = NULL;
                model_kill_rest(world.fe);
                model_kill_rest(world.be);
                model_end();
                if (!happened) {
                    break;
                }
                moments++;
            }
        }
    }
    assert_true(moments > 30);
}

/* A backend of several frontends dies; a frontend of several backends dies. */
static void several(void **state)
{
    struct domain *fe2, *be2;
    unsigned int i, dies;

    (void)state;
    for (dies = 0; dies < 4; dies++) {
        struct domain *all[4];
        struct rig r;

        model_start();
        rig_domains(&r);
        fe2 = model_domain(3, 1);
        be2 = model_domain(4, 1);
        for (i = 0; i < RIG_RAM_PAGES; i++) {
            model_populate(fe2, PFN_DOWN(RIG_RAM) + i);
        }
        all[0] = r.fe;
        all[1] = fe2;
        all[2] = r.be;
        all[3] = be2;
        for (i = 0; i < 4; i++) {
            r.fe = all[i & 1];
            r.be = all[2 + (i >> 1)];
            rig_device(&r, i, 1, 16);
            rig_up(&r);
            rig_submit(&r, 0, RIG_BUFFER(0), PAGES * PAGE_SIZE, true);
            assert_int_equal(rig_stats(&r).pages_mapped, PAGES);
        }
        model.preempt = always;
        model_kill_wholly(all[dies]);
        assert_true(all[dies]->model->freed);
        for (i = 0; i < 4; i++) {
            if (i != dies) {
                assert_false(all[i]->model->freed);
                model_kill_wholly(all[i]);
            }
        }
        model_end();
    }
}

/* Frontend and backend of each other. */
static void each_others_backend(void **state)
{
    struct domain *fe, *be;
    unsigned int i;
    struct rig r;

    (void)state;
    rig_domains(&r);
    fe = r.fe;
    be = r.be;
    for (i = 0; i < 64; i++) {
        model_populate(be, PFN_DOWN(RIG_RAM) + i);
    }
    rig_device(&r, 0, 1, 16);
    rig_up(&r);
    r.fe = be;
    r.be = fe;
    r.aperture = 0xc000;
    rig_device(&r, 1, 1, 16);
    model.preempt = always;
    while (model_kill(fe)) {
        if (be->is_dying != DOMDYING_dead) {
            model_kill(be);
        }
    }
    if (be->is_dying != DOMDYING_dead) {
        model_kill_wholly(be);
    }
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(one_after_the_other),
        rig_test(window_goes_in_steps),
        rig_test(step_by_step),
        rig_test(every_moment),
        rig_test(between_the_parts_of_a_hypercall),
        rig_test(several),
        rig_test(each_others_backend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
