/* SPDX-License-Identifier: MIT */
/* Pages of the frontend in the backend's p2m, and the references on them. */
#include "rig.h"

static unsigned long buffer_gfn(unsigned int n)
{
    return PFN_DOWN(RIG_BUFFER(n));
}

static unsigned long aperture_gfn(const struct rig *r, unsigned int n)
{
    return r->aperture + buffer_gfn(n) - PFN_DOWN(RIG_RAM);
}

/* Those of the frontend's pages from that buffer on, each. */
static void expect_refs(const struct rig *r, unsigned int first, unsigned int nr, unsigned int refs)
{
    unsigned int i;

    for (i = first; i < first + nr; i++) {
        assert_int_equal(rig_page(r->fe, buffer_gfn(i))->refs, refs);
    }
}

static void by_direction(void **state)
{
    struct xen_domctl_virtio_shadow_queue_stats s;
    unsigned int flushes, i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    flushes = r.be->model->flushes;
    rig_add(&r, 0, RIG_BUFFER(0) + 8, 2 * PAGE_SIZE, false);
    rig_submit(&r, 0, RIG_BUFFER(10), PAGE_SIZE, true);

    for (i = 0; i < 3; i++) {
        assert_true(rig_sees(&r, RIG_BUFFER(i), false));
        assert_false(rig_sees(&r, RIG_BUFFER(i), true));
    }
    expect_refs(&r, 0, 3, 2);
    assert_false(rig_sees(&r, RIG_BUFFER(3), false));
    assert_true(rig_sees(&r, RIG_BUFFER(10), true));
    assert_int_equal(r.be->model->flushes, flushes); /* granting needs none */
    assert_int_equal(rig_stats(&r).pages_mapped, 4);

    rig_serve(&r, 0, 2, PAGE_SIZE);
    assert_int_equal(r.be->model->flushes, flushes + 1);
    for (i = 0; i < 11; i++) {
        assert_false(rig_sees(&r, RIG_BUFFER(i), false));
        assert_true(rig_is_back(r.fe, buffer_gfn(i)));
    }
    s = rig_queue_stats(&r, 0);
    assert_int_equal(s.grants, 4);
    assert_int_equal(s.revokes, 4);
    assert_int_equal(s.flushes, 1);
    model_end();
}

/* A page that is read by one request and written by another. */
static void upgraded_and_back(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), 512, false);
    assert_false(rig_sees(&r, RIG_BUFFER(0), true));
    rig_submit(&r, 0, RIG_BUFFER(0) + 512, 512, true);
    assert_true(rig_sees(&r, RIG_BUFFER(0), true));
    assert_int_equal(rig_page(r.fe, buffer_gfn(0))->refs, 2);

    /* The writer comes back first: read-only again. */
    r.queue[0].taken++;
    rig_serve(&r, 0, 1, 512);
    assert_true(rig_sees(&r, RIG_BUFFER(0), false));
    assert_false(rig_sees(&r, RIG_BUFFER(0), true));
    r.queue[0].taken = 0;
    rig_serve(&r, 0, 1, 0);
    assert_false(rig_sees(&r, RIG_BUFFER(0), false));
    assert_true(rig_is_back(r.fe, buffer_gfn(0)));
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

/* What it has to do with the backend is for that one's vCPUs to clear up. */
static void expect_failed(struct rig *r, enum svq_error err)
{
    struct xen_domctl_virtio_shadow_stats s;

    rig_settle_all(r->be);
    s = rig_stats(r);
    assert_int_equal(s.last_error, err);
    assert_int_equal(s.pages_mapped, 0);
    assert_int_equal(s.state, VSH_STATE_FAILED);
    assert_true(rig_read(r, SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET);
    assert_non_null(strstr(model.log, svq_error_text(err)));
}

/* The whole way back to a device that works. */
static void recover(struct rig *r)
{
    rig_write(r, SVQ_MMIO_STATUS, 0);
    if (rig_stats(r).state == VSH_STATE_RESETTING) {
        assert_int_equal(rig_request(r, VSH_REQ_RESET_ACK), 0);
    }
    assert_int_equal(rig_stats(r).state, VSH_STATE_READY);
    rig_driver_up(r);
    rig_submit(r, 0, RIG_BUFFER(200), 512, true);
    assert_true(rig_sees(r, RIG_BUFFER(200), true));
    rig_serve(r, 0, 1, 512);
    assert_int_equal(rig_used(r, 0), 1);
}

/* Only RAM that is the frontend's own. */
static void pages_that_are_refused(void **state)
{
    unsigned int kind;

    (void)state;
    for (kind = 0; kind < 5; kind++) {
        const unsigned long gfn = buffer_gfn(3);
        struct domain *other;
        struct rig r;
        unsigned int i;

        model_start();
        rig_running(&r, 1, 16);
        other = model_domain(7, 1);
        model_populate(other, 0x100);

        switch (kind) {
        case 0: /* nothing there */
            model_remove(r.fe, gfn);
            break;
        case 1: /* another domain's */
            model_remove(r.fe, gfn);
            model_show(r.fe, gfn, rig_page(other, 0x100), p2m_map_foreign_rw);
            break;
        case 2: /* RAM by type, but not the frontend's */
            model_remove(r.fe, gfn);
            model_at(r.fe, gfn)->type = p2m_ram_rw;
            model_at(r.fe, gfn)->mfn = model_at(other, 0x100)->mfn;
            break;
        case 3: /* read-only */
            model_at(r.fe, gfn)->type = p2m_ram_ro;
            break;
        case 4: /* Xen's own use */
            rig_page(r.fe, gfn)->special = true;
            break;
        }

        rig_submit(&r, 0, RIG_BUFFER(0), 8 * PAGE_SIZE, false);
        expect_failed(&r, SVQ_ERR_PAGE);
        assert_int_equal(rig_available(&r, 0), 0);
        for (i = 0; i < 8; i++) {
            assert_false(rig_sees(&r, RIG_BUFFER(i == 3 ? 4 : i), false));
        }
        expect_refs(&r, 0, 3, 1);
        expect_refs(&r, 4, 4, 1);
        assert_int_equal(rig_page(other, 0x100)->refs, kind == 1 ? 2 : 1);
        recover(&r);
        if (kind == 1 || kind == 2) {
            if (kind == 1) {
                put_page(rig_page(other, 0x100));
            }
            model_at(r.fe, gfn)->type = p2m_invalid;
        }
        model_end();
    }
}

/* The same for the driver's rings. */
static void rings_that_are_refused(void **state)
{
    unsigned int page;

    (void)state;
    for (page = 0; page < 8; page++) {
        struct page_info *pg;
        struct rig r;

        model_start();
        rig_running(&r, 1, 1024);
        assert_int_equal(rig_page(r.fe, PFN_DOWN(RIG_RINGS(0)) + page)->refs, 2);
        rig_write(&r, SVQ_MMIO_STATUS, 0);
        assert_int_equal(rig_page(r.fe, PFN_DOWN(RIG_RINGS(0)) + page)->refs, 1);
        assert_int_equal(rig_request(&r, VSH_REQ_RESET_ACK), 0);

        rig_write(&r, SVQ_MMIO_STATUS, 3);
        rig_write(&r, SVQ_MMIO_DRV_FEAT_SEL, 1);
        rig_write(&r, SVQ_MMIO_DRV_FEATURES, 1);
        rig_write(&r, SVQ_MMIO_STATUS, 11);
        rig_write(&r, SVQ_MMIO_QUEUE_SIZE, 1024);
        rig_write(&r, SVQ_MMIO_DESC_LOW, (uint32_t)RIG_RINGS(0));
        rig_write(&r, SVQ_MMIO_AVAIL_LOW, (uint32_t)RIG_RINGS(0) + 0x4000);
        rig_write(&r, SVQ_MMIO_USED_LOW, (uint32_t)RIG_RINGS(0) + 0x5000);
        pg = rig_page(r.fe, PFN_DOWN(RIG_RINGS(0)) + page);
        pg->special = true;
        rig_write(&r, SVQ_MMIO_QUEUE_READY, 1);
        assert_int_equal(rig_read(&r, SVQ_MMIO_QUEUE_READY), 0);
        assert_int_equal(rig_stats(&r).last_error, SVQ_ERR_RING);
        for (unsigned int i = 0; i < 8; i++) {
            assert_int_equal(rig_page(r.fe, PFN_DOWN(RIG_RINGS(0)) + i)->refs, 1);
        }
        pg->special = false;
        recover(&r);
        model_end();
    }
}

/* The place in the aperture is taken, or there is no memory for its tables. */
static void aperture_occupied(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    model_populate(r.be, aperture_gfn(&r, 2));
    rig_submit(&r, 0, RIG_BUFFER(0), 4 * PAGE_SIZE, false);
    expect_failed(&r, SVQ_ERR_APERTURE);
    assert_int_equal(model_at(r.be, aperture_gfn(&r, 2))->type, p2m_ram_rw);
    expect_refs(&r, 0, 4, 1);
    recover(&r);

    rig_add(&r, 0, RIG_BUFFER(4), 4 * PAGE_SIZE, false);
    model.fail_at = 3;
    rig_kick(&r, 0);
    assert_true(model.failed);
    expect_failed(&r, SVQ_ERR_BACKEND_MEM);
    expect_refs(&r, 4, 4, 1);
    recover(&r);
    assert_int_equal(rig_stats(&r).failures, 2);
    model_end();
}

/* The backend removes, or puts something else in the place of, what it is shown. */
static void taken_out_by_the_backend(void **state)
{
    struct page_info *own;
    unsigned int i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), 4 * PAGE_SIZE, true);
    expect_refs(&r, 0, 4, 2);
    model_remove(r.be, aperture_gfn(&r, 0));
    assert_int_equal(rig_page(r.fe, buffer_gfn(0))->refs, 1);
    model_remove(r.be, aperture_gfn(&r, 1));
    own = model_populate(r.be, aperture_gfn(&r, 1));
    model_remove(r.be, aperture_gfn(&r, 2));
    model_show(r.be, aperture_gfn(&r, 2), rig_page(r.fe, buffer_gfn(9)), p2m_map_foreign_ro);

    rig_serve(&r, 0, 1, 512);
    assert_int_equal(rig_used(&r, 0), 1);
    for (i = 0; i < 4; i++) {
        assert_true(rig_is_back(r.fe, buffer_gfn(i)));
    }
    assert_int_equal(own->refs, 1);
    assert_int_equal(rig_page(r.fe, buffer_gfn(9))->refs, 2);
    assert_int_equal(rig_stats(&r).pages_mapped, 0);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_remove(r.be, aperture_gfn(&r, 2));
    model_end();
}

/* ... and then all is taken back by force: nothing is put there, nothing lost. */
static void taken_out_and_revoked(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), 4 * PAGE_SIZE, true);
    model_remove(r.be, aperture_gfn(&r, 0));
    model_remove(r.be, aperture_gfn(&r, 1));
    model_populate(r.be, aperture_gfn(&r, 1));

    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0), 0);
    expect_failed(&r, SVQ_ERR_REVOKED);
    assert_int_equal(model_at(r.be, aperture_gfn(&r, 0))->type, p2m_invalid);
    assert_int_equal(model_at(r.be, aperture_gfn(&r, 1))->type, p2m_ram_rw);
    for (i = 2; i < 4; i++) {
        assert_ptr_equal(rig_page(r.be, aperture_gfn(&r, i)), rig_vsh(&r)->dummy);
    }
    expect_refs(&r, 0, 4, 1);
    assert_int_equal(rig_vsh(&r)->dummy->refs, 4);

    /* A dummy goes, another stays, by the backend's choice: then all of them. */
    model_remove(r.be, aperture_gfn(&r, 2));
    assert_int_equal(rig_vsh(&r)->dummy->refs, 3);
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_request(&r, VSH_REQ_RESET_ACK), 0);
    assert_int_equal(rig_vsh(&r)->dummy->refs, 2);
    model_remove(r.be, aperture_gfn(&r, 1));
    model_end();
}

/*
 * The backend drops a read-only page, which becomes another domain's, and gets
 * it shown there by a device of that one: it must not become writable.
 */
static void upgrade_of_a_page_that_moved(void **state)
{
    struct page_info *pg;
    struct domain *other;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    other = model_domain(7, 1);
    rig_submit(&r, 0, RIG_BUFFER(0), 512, false);

    pg = rig_page(r.fe, buffer_gfn(0));
    model_remove(r.be, aperture_gfn(&r, 0));
    model_remove(r.fe, buffer_gfn(0));
    assert_int_equal(pg->refs, 0);

    /* The allocator gives it to the other domain. */
    model_populate(other, 0x100);
    *pg = *rig_page(other, 0x100);
    rig_page(other, 0x100)->refs = 0;
    rig_page(other, 0x100)->owner = NULL;
    model_at(other, 0x100)->mfn = page_to_mfn(pg);
    model_show(r.be, aperture_gfn(&r, 0), pg, p2m_map_foreign_ro);
    model_populate(r.fe, buffer_gfn(0));

    rig_submit(&r, 0, RIG_BUFFER(0), 512, true);
    rig_settle_all(r.be);
    assert_int_equal(pg->refs, 1); /* not shown any more, and the other domain's still */
    assert_ptr_equal(rig_page(r.be, aperture_gfn(&r, 0)), rig_vsh(&r)->dummy);
    assert_int_equal(rig_stats(&r).last_error, SVQ_ERR_APERTURE);
    assert_int_equal(rig_page(r.fe, buffer_gfn(0))->refs, 1);
    model_end();
}

/* Many pages, with the frontend giving some of them up in the meantime. */
static void frontend_gives_pages_up(void **state)
{
    struct page_info *pg;
    unsigned int i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), 200 * PAGE_SIZE, true);
    assert_int_equal(rig_stats(&r).pages_mapped, 200);
    pg = rig_page(r.fe, buffer_gfn(7));
    model_remove(r.fe, buffer_gfn(7));
    assert_int_equal(pg->refs, 1); /* it stays as long as the backend sees it */
    assert_ptr_equal(rig_page(r.be, aperture_gfn(&r, 7)), pg);
    rig_serve(&r, 0, 1, 0);
    assert_int_equal(pg->refs, 0);
    for (i = 0; i < 200; i++) {
        assert_int_equal(model_at(r.be, aperture_gfn(&r, i))->type, p2m_invalid);
    }
    model_end();
}

/* Nothing is granted to a backend that has begun to die: its p2m would refuse. */
static void backend_begins_to_die(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, false);
    model_kill_begin(r.be);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, true); /* an upgrade */
    expect_failed(&r, SVQ_ERR_BACKEND_GONE);
    assert_int_equal(rig_page(r.fe, buffer_gfn(0))->refs, 1);
    /* A dying domain gets no dummies. */
    assert_int_equal(model_at(r.be, aperture_gfn(&r, 0))->type, p2m_invalid);
    model_end();
}

/* One line, limited in number, that says who and what. */
static void reports(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    rig_submit(&r, 0, 0x1000, 16, true);
    assert_string_equal(model.log,
                        "<g>virtio-shadow: d1 device 0 queue 0 (backend d2): buffer outside "
                        "guest RAM; have the driver reset it\n");
    recover(&r);
    model.log_limited = true;
    rig_submit(&r, 0, 0x1000, 16, true);
    assert_int_equal(rig_stats(&r).failures, 2);
    assert_int_equal(model.log_lines, 1);
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(by_direction),
        rig_test(upgraded_and_back),
        rig_test(pages_that_are_refused),
        rig_test(rings_that_are_refused),
        rig_test(aperture_occupied),
        rig_test(taken_out_by_the_backend),
        rig_test(taken_out_and_revoked),
        rig_test(upgrade_of_a_page_that_moved),
        rig_test(frontend_gives_pages_up),
        rig_test(backend_begins_to_die),
        rig_test(reports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
