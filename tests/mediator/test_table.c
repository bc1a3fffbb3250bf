/* SPDX-License-Identifier: MIT */
/* Indirect tables in place: pages of the frontend that are read-only for it. */
#include "rig.h"

#define TABLE RIG_BUFFER(20)

static void running(struct rig *r)
{
    rig_domains(r);
    r->features = 1ULL << SVQ_F_INDIRECT_DESC | 1ULL << SVQ_F_INDIRECT_PAGES;
    r->indirect = XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_REMAP;
    rig_device(r, 0, 1, 16);
    rig_up(r);
}

static bool writable(const struct rig *r, paddr_t addr)
{
    return model_access(r->fe, addr, true);
}

/* A request of one buffer, which a table at TABLE points to. */
static void request(struct rig *r)
{
    struct svq_desc *d;

    *(struct svq_desc *)rig_ram(r, TABLE) = (struct svq_desc){
        .addr = RIG_BUFFER(0),
        .len = 512,
        .flags = SVQ_DESC_F_WRITE,
    };
    rig_add(r, 0, TABLE, sizeof(*d), false);
    d = rig_ram(r, RIG_RINGS(0) + ((r->queue[0].next_desc - 1U) % 16U) * sizeof(*d));
    d->flags = SVQ_DESC_F_INDIRECT;
    rig_kick(r, 0);
}

static void there_and_back(void **state)
{
    struct xen_domctl_virtio_shadow_queue_stats s;
    unsigned int i, flushes;
    struct rig r;

    (void)state;
    running(&r);
    for (i = 0; i < 40; i++) {
        flushes = r.fe->model->flushes;
        request(&r);
        assert_int_equal(r.fe->model->flushes, flushes + 1);
        assert_false(writable(&r, TABLE));
        assert_true(rig_sees(&r, TABLE, false));
        assert_false(rig_sees(&r, TABLE, true));
        assert_true(rig_sees(&r, RIG_BUFFER(0), true));
        /* The guest's own, the protection's, and the backend's. */
        assert_int_equal(rig_page_at(r.fe, TABLE)->refs, 3);

        rig_serve(&r, 0, 1, 512);
        assert_true(writable(&r, TABLE));
        assert_false(rig_sees(&r, TABLE, false));
        assert_int_equal(rig_page_at(r.fe, TABLE)->refs, 1);
        assert_int_equal(r.fe->model->flushes, flushes + 1);
    }
    s = rig_queue_stats(&r, 0);
    assert_int_equal(rig_stats(&r).indirect, XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_REMAP);
    assert_int_equal(s.tables_copied, 0);
    assert_int_equal(s.tables_remapped, 40);
    assert_int_equal(s.tables_restored, 40);
    model_end();
}

/* Whoever has a reference might be able to write there. */
static void copied_if_anybody_refers_to_it(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    assert_true(get_page(rig_page_at(r.fe, TABLE), r.fe));
    request(&r);
    assert_true(writable(&r, TABLE));
    assert_false(rig_sees(&r, TABLE, false));
    /* The guest's own, the one from above, and the one that is kept of what was copied. */
    assert_int_equal(rig_page_at(r.fe, TABLE)->refs, 3);
    assert_int_equal(rig_queue_stats(&r, 0).tables_copied, 1);
    put_page(rig_page_at(r.fe, TABLE));
    model_end();
}

static void copied_for_direct_mapped_domains(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    r.fe->direct_mapped = true;
    request(&r);
    assert_true(writable(&r, TABLE));
    assert_int_equal(rig_queue_stats(&r, 0).tables_copied, 1);
    model_end();
}

static void write_fails_the_device(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    request(&r);
    current = r.fe->vcpu[0];
    assert_true(virtio_shadow_protects(r.fe));
    assert_false(virtio_shadow_write_fault(r.fe, _gfn(PFN_DOWN(RIG_BUFFER(0)))));
    assert_false(virtio_shadow_write_fault(r.be, _gfn(PFN_DOWN(TABLE))));
    assert_true(virtio_shadow_write_fault(r.fe, _gfn(PFN_DOWN(TABLE))));
    assert_false(model_locked());
    rig_settle(r.fe->vcpu[0]);
    assert_true(writable(&r, TABLE));
    assert_int_equal(rig_page_at(r.fe, TABLE)->refs, 1);
    assert_int_equal(rig_stats(&r).last_error, SVQ_ERR_TABLE_WRITE);
    assert_int_equal(rig_queue_stats(&r, 0).tables_restored, 1);
    assert_false(virtio_shadow_write_fault(r.fe, _gfn(PFN_DOWN(TABLE))));
    model_end();
}

/* The page that was checked stays the backend's until the request is over. */
static void removed_by_the_guest(void **state)
{
    struct page_info *pg;
    struct rig r;

    (void)state;
    running(&r);
    request(&r);
    pg = rig_page_at(r.fe, TABLE);
    model_remove(r.fe, PFN_DOWN(TABLE));
    model_populate(r.fe, PFN_DOWN(TABLE));
    assert_true(writable(&r, TABLE));
    assert_int_equal(pg->refs, 2);
    assert_true(rig_sees(&r, RIG_BUFFER(0), true));
    rig_serve(&r, 0, 1, 512);
    assert_int_equal(rig_queue_stats(&r, 0).tables_restored, 1);
    assert_true(writable(&r, TABLE));
    model_end();
}

static void frontend_dies(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    request(&r);
    model_kill_wholly(r.fe);
    model_end();
}

static void backend_dies(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    request(&r);
    model_kill_wholly(r.be);
    assert_true(writable(&r, TABLE));
    assert_int_equal(rig_page_at(r.fe, TABLE)->refs, 1);
    model_end();
}

static void destroyed(void **state)
{
    struct rig r;

    (void)state;
    running(&r);
    request(&r);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    assert_true(writable(&r, TABLE));
    assert_int_equal(rig_page_at(r.fe, TABLE)->refs, 1);
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(there_and_back),
        rig_test(copied_if_anybody_refers_to_it),
        rig_test(copied_for_direct_mapped_domains),
        rig_test(write_fails_the_device),
        rig_test(removed_by_the_guest),
        rig_test(frontend_dies),
        rig_test(backend_dies),
        rig_test(destroyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
