/* SPDX-License-Identifier: MIT */
/* XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED and _POOL: the frontend's memory in the backend's p2m. */
#include "rig.h"

static void up(struct rig *r, uint16_t policy)
{
    rig_domains(r);
    r->policy = policy;
    if (policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL) {
        r->pool = (struct vsh_bank){RIG_RAM, 16 * PAGE_SIZE};
        r->features = 1ULL << SVQ_F_ACCESS_PLATFORM;
    }
    rig_device(r, 0, 2, 16);
    rig_up(r);
}

/* How many of the frontend's pages the backend sees, with the references that this takes. */
static unsigned int seen(struct rig *r)
{
    unsigned int i, nr = 0;

    for (i = 0; i < RIG_RAM_PAGES; i++) {
        unsigned long gfn = PFN_DOWN(RIG_RAM) + i;
        bool sees = rig_sees(r, RIG_RAM + i * PAGE_SIZE, true);

        if (model_at(r->fe, gfn)->type == p2m_ram_rw)
            assert_int_equal(rig_page(r->fe, gfn)->refs, sees ? 2 : 1);
        nr += sees;
    }

    return nr;
}

static void all_of_it_while_the_device_runs(void **state)
{
    struct rig r;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED);
    assert_int_equal(rig_info(&r)->state, VSH_STATE_RUNNING);
    assert_int_equal(rig_queue_info(&r, 1)->desc, RIG_RINGS(1));
    assert_int_equal(rig_stats(&r).pages_mapped, RIG_RAM_PAGES);
    assert_int_equal(rig_stats(&r).policy, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED);
    assert_int_equal(seen(&r), RIG_RAM_PAGES);

    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_stats(&r).pages_mapped, 0);
    assert_int_equal(seen(&r), 0);
    /* A dummy is there until the backend has said that it stopped. */
    assert_non_null(model_access(r.be, r.aperture << PAGE_SHIFT, true));
    assert_int_equal(rig_request(&r, VSH_REQ_RESET_ACK), VSH_ERR_NONE);
    assert_null(model_access(r.be, r.aperture << PAGE_SHIFT, true));

    rig_driver_up(&r);
    assert_int_equal(seen(&r), RIG_RAM_PAGES);
    model_end();
}

static void only_the_pool(void **state)
{
    struct rig r;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL);
    assert_int_equal(rig_info(&r)->state, VSH_STATE_RUNNING);
    assert_int_equal(seen(&r), 16);
    assert_true(rig_sees(&r, RIG_RAM + 15 * PAGE_SIZE, true));
    assert_false(rig_sees(&r, RIG_RAM + 16 * PAGE_SIZE, false));
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0), 0);
    assert_int_equal(seen(&r), 0);
    model_end();
}

static void notifications(void **state)
{
    struct rig r;
    unsigned int irqs, sent;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED);
    irqs = r.fe->model->irq_raised[RIG_IRQ];
    sent = r.fe->model->port[rig_queue_info(&r, 1)->event_channel].sent;
    rig_kick(&r, 1);
    assert_int_equal(r.fe->model->port[rig_queue_info(&r, 1)->event_channel].sent, sent + 1);
    rig_call(&r, 1);
    assert_int_equal(r.fe->model->irq_raised[RIG_IRQ], irqs + 1);
    assert_int_equal(rig_read(&r, SVQ_MMIO_INT_STATUS), SVQ_INT_USED);
    model_end();
}

/* What the backend does with its p2m: it may remove pages, and put others there. */
static void backend_that_moves_things_about(void **state)
{
    struct rig r;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED);
    model_remove(r.be, r.aperture + 20);
    model_remove(r.be, r.aperture + 21);
    model_populate(r.be, r.aperture + 21);
    assert_int_equal(seen(&r), RIG_RAM_PAGES - 2);
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(seen(&r), 0);
    assert_int_equal(model_at(r.be, r.aperture + 21)->type, p2m_ram_rw);
    assert_int_equal(rig_queue_stats(&r, 0).grants, rig_queue_stats(&r, 0).revokes);
    model_end();
}

/* The frontend gives memory back: the backend's entries keep the pages until then. */
static void frontend_that_balloons(void **state)
{
    struct rig r;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED);
    model_remove(r.fe, PFN_DOWN(RIG_RAM) + 100);
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_request(&r, VSH_REQ_RESET_ACK), VSH_ERR_NONE);
    rig_driver_up(&r);
    assert_int_equal(seen(&r), RIG_RAM_PAGES - 1);
    assert_int_equal(rig_stats(&r).pages_mapped, RIG_RAM_PAGES - 1);
    model_end();
}

static void either_dies_first(void **state)
{
    struct rig r;
    unsigned int be_first;

    (void)state;
    for (be_first = 0; be_first < 2; be_first++) {
        model_start();
        up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED);
        model_kill_wholly(be_first ? r.be : r.fe);
        if (be_first)
            assert_int_equal(rig_stats(&r).pages_mapped, 0);
        else
            assert_true(r.fe->model->freed);
        model_kill_wholly(be_first ? r.fe : r.be);
        assert_true(r.fe->model->freed);
        assert_true(r.be->model->freed);
        model_end();
    }
}

static unsigned int checks;

static bool always(void)
{
    checks++;
    return true;
}

/* Taking it all away takes long: others get their turn in between. */
static void teardown_is_preemptible(void **state)
{
    struct rig r;
    unsigned int rounds = 0;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED);
    model.preempt = always;
    while (rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0) == -ERESTART)
        rounds++;
    model.preempt = NULL;
    assert_true(rounds >= RIG_RAM_PAGES / SVQ_PAGE_BATCH);
    assert_true(checks >= rounds);
    assert_int_equal(seen(&r), 0);
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(all_of_it_while_the_device_runs),
        rig_test(only_the_pool),
        rig_test(notifications),
        rig_test(backend_that_moves_things_about),
        rig_test(frontend_that_balloons),
        rig_test(either_dies_first),
        rig_test(teardown_is_preemptible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
