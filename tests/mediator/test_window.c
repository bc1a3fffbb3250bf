/* SPDX-License-Identifier: MIT */
/* What the backend maps: the window's frames, and which addresses are the device's. */
#include <xen/domain_page.h>

#include "rig.h"

static int map(struct rig *r, struct domain *who, unsigned int frame, unsigned long gfn)
{
    int rc;

    current = who->vcpu[0];
    rc = virtio_shadow_window_map(r->fe, r->id, frame, _gfn(gfn));
    assert_false(model_locked());
    return rc;
}

static unsigned int refs(struct rig *r, unsigned int frame)
{
    return rig_vsh(r)->frame[frame].pg->refs;
}

static void only_for_the_backend(void **state)
{
    struct domain *other;
    struct rig r;

    (void)state;
    rig_domains(&r);
    other = model_domain(7, 1);

    /* The same answer for a device that is not there. */
    current = r.be->vcpu[0];
    assert_int_equal(virtio_shadow_window_check(r.fe, 0), -EPERM);
    assert_int_equal(virtio_shadow_window_frames(r.fe, 0), 0);
    assert_int_equal(map(&r, r.be, 0, RIG_WINDOW(0)), -EPERM);

    rig_device(&r, 0, 1, 16);
    current = other->vcpu[0];
    assert_int_equal(virtio_shadow_window_check(r.fe, 0), -EPERM);
    assert_int_equal(virtio_shadow_window_frames(r.fe, 0), 0);
    assert_int_equal(map(&r, other, 0, RIG_WINDOW(0)), -EPERM);
    current = r.fe->vcpu[0];
    assert_int_equal(virtio_shadow_window_check(r.fe, 0), -EPERM);
    assert_int_equal(map(&r, r.fe, 0, RIG_WINDOW(0)), -EPERM);

    current = r.be->vcpu[0];
    assert_int_equal(virtio_shadow_window_check(r.fe, 0), 0);
    assert_int_equal(virtio_shadow_window_check(r.fe, 1), -EPERM);
    assert_int_equal(virtio_shadow_window_check(r.fe, ~0U), -EPERM);
    assert_int_equal(virtio_shadow_window_check(r.be, 0), -EPERM);
    assert_int_equal(map(&r, r.be, svq_window_frames(1, 16, 0), RIG_WINDOW(0)), -EINVAL);
    assert_int_equal(map(&r, r.be, ~0U, RIG_WINDOW(0)), -EINVAL);
    assert_int_equal(map(&r, r.be, 0, ~0UL), -EINVAL);
    assert_int_equal(model_at(r.be, RIG_WINDOW(0))->type, p2m_invalid);

    rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0);
    current = r.be->vcpu[0];
    assert_int_equal(virtio_shadow_window_check(r.fe, 0), -EPERM);
    assert_int_equal(map(&r, r.be, 0, RIG_WINDOW(0)), -EPERM);
    model_end();
}

/* The mailbox and the used rings, and nothing else. */
static void writable_frames(void **state)
{
    static const unsigned int sizes[] = {1, 16, 256, 512, 1024};
    unsigned int i, f;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct rig r;
        unsigned int q;

        model_start();
        rig_domains(&r);
        rig_device(&r, 0, 2, sizes[i]);
        rig_map_window(&r);
        for (f = 0; f < svq_window_frames(2, sizes[i], 0); f++) {
            uint64_t das = SVQ_WINDOW_DAS + f * PAGE_SIZE;
            bool is_used = false;

            for (q = 0; q < 2; q++) {
                uint64_t used = rig_queue_info(&r, q)->used;

                is_used |= das >= used && das < used + SVQ_USED_BYTES(sizes[i]);
            }
            assert_non_null(rig_window(&r, f, false));
            assert_int_equal(!!rig_window(&r, f, true), f == VSH_FRAME_MAILBOX || is_used);
        }
        model_end();
    }
}

static void mapped_twice_and_moved(void **state)
{
    unsigned int flushes;
    struct rig r;

    (void)state;
    rig_domains(&r);
    rig_device(&r, 0, 1, 16);
    assert_int_equal(refs(&r, 1), 2);
    assert_int_equal(map(&r, r.be, 1, 0xa000), 0);
    assert_int_equal(refs(&r, 1), 3);

    /* Where it is already: nothing happens. */
    flushes = r.be->model->flushes;
    assert_int_equal(map(&r, r.be, 1, 0xa000), 0);
    assert_int_equal(refs(&r, 1), 3);
    assert_int_equal(r.be->model->flushes, flushes);

    /* Elsewhere: not in two places. */
    assert_int_equal(map(&r, r.be, 1, 0xa100), 0);
    assert_int_equal(refs(&r, 1), 3);
    assert_int_equal(model_at(r.be, 0xa000)->type, p2m_invalid);
    assert_int_equal(model_at(r.be, 0xa100)->type, p2m_map_foreign_rw);
    assert_int_equal(r.be->model->flushes, flushes + 1);

    /* On top of another frame, of RAM, and beyond the address space. */
    assert_int_equal(map(&r, r.be, 0, 0xa100), -EEXIST);
    model_populate(r.be, 0x10);
    assert_int_equal(map(&r, r.be, 0, 0x10), -EEXIST);
    assert_int_equal(map(&r, r.be, 0, MODEL_P2M), -EINVAL);
    model.fail_at = 1;
    assert_int_equal(map(&r, r.be, 0, 0xa101), -ENOMEM);
    model.fail_at = 0;
    assert_int_equal(refs(&r, 0), 2);
    assert_int_equal(map(&r, r.be, 0, 0xa101), 0);
    assert_int_equal(refs(&r, 0), 3);
    model_end();
}

/* The backend does with its p2m what it likes. */
static void removed_by_the_backend(void **state)
{
    struct page_info *dummy;
    struct rig r;

    (void)state;
    rig_domains(&r);
    rig_device(&r, 0, 1, 16);
    assert_int_equal(map(&r, r.be, 1, 0xa000), 0);
    model_remove(r.be, 0xa000);
    assert_int_equal(refs(&r, 1), 2);

    /* To the same place again, and to another after RAM took the first. */
    assert_int_equal(map(&r, r.be, 1, 0xa000), 0);
    assert_int_equal(refs(&r, 1), 3);
    model_remove(r.be, 0xa000);
    model_populate(r.be, 0xa000);
    assert_int_equal(map(&r, r.be, 1, 0xa000), -EEXIST);
    assert_int_equal(refs(&r, 1), 2);
    assert_int_equal(map(&r, r.be, 1, 0xa001), 0);
    assert_int_equal(model_at(r.be, 0xa000)->type, p2m_ram_rw);

    /* Another frame where the first was: closing finds neither confused. */
    model_remove(r.be, 0xa001);
    assert_int_equal(map(&r, r.be, 0, 0xa001), 0);
    assert_int_equal(refs(&r, 1), 2);
    dummy = rig_vsh(&r)->dummy;
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    assert_int_equal(model.xen_pages, 1);
    assert_int_equal(model_at(r.be, 0xa001)->type, p2m_map_foreign_rw);
    assert_true(mfn_eq(model_at(r.be, 0xa001)->mfn, page_to_mfn(dummy)));
    model_end();
}

/* A closed device leaves its dummy behind, for as long as the backend has it mapped. */
static void dummies_where_the_window_was(void **state)
{
    unsigned int i, frames = svq_window_frames(VSH_MAX_QUEUES, VSH_MAX_QUEUE_SIZE, 0);
    struct page_info *dummy;
    struct rig r;

    (void)state;
    rig_domains(&r);
    rig_device(&r, 0, 8, 1024);
    rig_map_window(&r);
    dummy = rig_vsh(&r)->dummy;
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    assert_int_equal(model.xen_pages, 1);
    assert_int_equal(dummy->refs, frames);
    for (i = 0; i < frames; i++) {
        assert_non_null(rig_window(&r, i, true));
        model_remove(r.be, RIG_WINDOW(r.id) + i);
    }
    assert_int_equal(model.xen_pages, 0);

    rig_device(&r, 0, 8, 1024);
    rig_map_window(&r);
    assert_int_equal(rig_vsh(&r)->dummy->refs, 2);
    assert_null(rig_window(&r, 0, true));
    model_end();
}

/* What a device process writes after its queues were taken away, another device's does not see. */
static void each_device_has_a_dummy_of_its_own(void **state)
{
    struct rig r, other;
    uint8_t *page;

    (void)state;
    rig_domains(&r);
    rig_device(&r, 0, 1, 16);
    rig_up(&r);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, true);
    other = r;
    other.aperture = r.aperture + 0x1000;
    rig_device(&other, 1, 1, 16);
    assert_ptr_not_equal(rig_vsh(&r)->dummy, rig_vsh(&other)->dummy);

    rig_write(&r, SVQ_MMIO_STATUS, 0);
    page = model_access(r.be, (r.aperture << PAGE_SHIFT) + RIG_BUFFER(0) - RIG_RAM, true);
    assert_non_null(page);
    memset(page, 0x5a, PAGE_SIZE);
    page = __map_domain_page_global(rig_vsh(&other)->dummy);
    for (unsigned int i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(page[i], 0);
    }
    unmap_domain_page_global(page);
    model_end();
}

static bool always(void)
{
    return true;
}

/* A large window goes in steps, and what is not gone yet is still there. */
static void large_window_goes_in_steps(void **state)
{
    unsigned int frames = svq_window_frames(2, 256, svq_bounce_frames(VSH_POLICY_COPY, 256));
    unsigned int rounds = 0, xen_pages;
    struct page_info *dummy;
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY;
    rig_device(&r, 0, 2, 256);
    rig_map_window(&r);
    dummy = rig_vsh(&r)->dummy;
    xen_pages = model.xen_pages;
    assert_int_equal(xen_pages, frames + 1);

    model.preempt = always;
    while (rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0) == -ERESTART) {
        rounds++;
        assert_true(xen_pages - model.xen_pages <= SVQ_PAGE_BATCH);
        xen_pages = model.xen_pages;
        /* Whatever stands in its place, nothing is missing. */
        assert_non_null(rig_window(&r, frames - 1, true));
        assert_non_null(rig_window(&r, VSH_FRAME_MAILBOX, true));
    }
    model.preempt = NULL;
    assert_true(rounds >= frames / SVQ_PAGE_BATCH);
    assert_int_equal(model.xen_pages, 1);
    assert_int_equal(dummy->refs, frames);
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(only_for_the_backend),         rig_test(writable_frames),
        rig_test(mapped_twice_and_moved),       rig_test(removed_by_the_backend),
        rig_test(dummies_where_the_window_was), rig_test(each_device_has_a_dummy_of_its_own),
        rig_test(large_window_goes_in_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
