/* SPDX-License-Identifier: MIT */
/*
 * XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY and _HYBRID: between the frontend's pages and the
 * bounce pages that the backend has mapped.
 */
#include "rig.h"

static void up(struct rig *r, uint16_t policy, uint32_t threshold)
{
    rig_domains(r);
    r->policy = policy;
    r->threshold = threshold;
    rig_device(r, 0, 1, 16);
    rig_up(r);
}

/* Byte by byte, as neither side's pages are neighbours in memory. */
static void guest_fill(struct rig *r, paddr_t addr, uint32_t len, uint8_t val)
{
    while (len--) {
        *(uint8_t *)rig_ram(r, addr++) = val++;
    }
}

static void guest_expect(struct rig *r, paddr_t addr, uint32_t len, uint8_t val)
{
    while (len--) {
        assert_int_equal(*(uint8_t *)rig_ram(r, addr++), val++);
    }
}

static uint8_t *device_at(struct rig *r, uint64_t das, bool write)
{
    uint64_t off = das - SVQ_WINDOW_DAS;
    uint8_t *page = das < SVQ_WINDOW_DAS
                        ? model_access(r->be, (r->aperture << PAGE_SHIFT) + (das - RIG_RAM), write)
                        : rig_window(r, (unsigned int)PFN_DOWN(off), write);

    if (page && das >= SVQ_WINDOW_DAS) {
        page += off & ~PAGE_MASK;
    }
    return page;
}

/* The descriptor of the next request, which has one buffer, or its i-th. */
static struct svq_desc desc(struct rig *r, unsigned int i)
{
    const struct vsh_queue_info *qi = rig_queue_info(r, 0);
    uint16_t slot = *(uint16_t *)device_at(
        r, qi->avail + SVQ_AVAIL_RING(r->queue[0].taken & (r->queue_size - 1)), false);
    struct svq_desc d;

    do {
        memcpy(&d, device_at(r, qi->desc + slot * sizeof(d), false), sizeof(d));
        slot = d.next;
    } while (i--);

    return d;
}

static void expect_refs(struct rig *r)
{
    unsigned int i;

    for (i = 8; i < 200; i++) {
        assert_true(rig_is_back(r->fe, PFN_DOWN(RIG_RAM) + 128 + i));
    }
}

static void outgoing(void **state)
{
    struct svq_desc d;
    struct rig r;
    uint32_t i;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY, 0);
    guest_fill(&r, RIG_BUFFER(10) + 1000, 20000, 3);
    rig_submit(&r, 0, RIG_BUFFER(10) + 1000, 20000, false);
    assert_int_equal(rig_available(&r, 0), 1);
    expect_refs(&r);

    d = desc(&r, 0);
    assert_int_equal(d.len, 20000);
    assert_int_equal(d.flags, 0);
    for (i = 0; i < d.len; i++) {
        assert_int_equal(*device_at(&r, d.addr + i, false), (uint8_t)(3 + i));
    }
    /* It can be read, and nothing else. */
    assert_null(device_at(&r, d.addr, true));
    assert_null(device_at(&r, d.addr + d.len, true));
    assert_false(rig_sees(&r, RIG_BUFFER(11), false));

    rig_serve(&r, 0, 1, 0);
    assert_int_equal(rig_used(&r, 0), 1);
    assert_int_equal(rig_queue_stats(&r, 0).bytes_copied, 20000);
    assert_int_equal(rig_queue_stats(&r, 0).grants, 0);
    assert_int_equal(rig_queue_stats(&r, 0).flushes, 0);
    model_end();
}

static void incoming(void **state)
{
    struct svq_desc d;
    struct rig r;
    uint32_t i;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY, 0);
    guest_fill(&r, RIG_BUFFER(10), 40000, 0);
    rig_submit(&r, 0, RIG_BUFFER(10) + 1001, 30000, true);
    d = desc(&r, 0);
    assert_int_equal(d.flags, SVQ_DESC_F_WRITE);
    for (i = 0; i < d.len; i++) {
        *device_at(&r, d.addr + i, true) = (uint8_t)(7 + i);
    }
    guest_expect(&r, RIG_BUFFER(10), 40000, 0);
    rig_serve(&r, 0, 1, 29000);

    guest_expect(&r, RIG_BUFFER(10), 1001, 0);
    guest_expect(&r, RIG_BUFFER(10) + 1001, 29000, 7);
    guest_expect(&r, RIG_BUFFER(10) + 30001, 9999, (uint8_t)30001);
    expect_refs(&r);
    assert_int_equal(rig_queue_stats(&r, 0).bytes_copied, 29000);
    assert_int_equal(rig_queue_stats(&r, 0).bytes_exposed, 30000);
    model_end();
}

static void hybrid(void **state)
{
    struct svq_desc d;
    struct rig r;
    unsigned int flushes;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID, 4096);
    assert_int_equal(rig_stats(&r).threshold, 4096);
    flushes = r.be->model->flushes;

    rig_submit(&r, 0, RIG_BUFFER(10), 4096, true);
    assert_false(rig_sees(&r, RIG_BUFFER(10), false));
    rig_serve(&r, 0, 1, 4096);
    assert_int_equal(r.be->model->flushes, flushes);

    guest_fill(&r, RIG_BUFFER(9), 6 * 4096, 0);
    rig_submit(&r, 0, RIG_BUFFER(10) + 4000, 96 + 2 * 4096 + 10, true);
    assert_false(rig_sees(&r, RIG_BUFFER(10), false));
    assert_true(rig_sees(&r, RIG_BUFFER(11), true));
    assert_true(rig_sees(&r, RIG_BUFFER(12), true));
    assert_false(rig_sees(&r, RIG_BUFFER(13), false));
    assert_int_equal(desc(&r, 0).len, 96);
    assert_int_equal(desc(&r, 1).addr, RIG_BUFFER(11));
    assert_int_equal(desc(&r, 2).len, 10);
    d = desc(&r, 2);
    *device_at(&r, d.addr + 9, true) = 0xee;
    rig_serve(&r, 0, 1, ~0U);
    assert_int_equal(*(uint8_t *)rig_ram(&r, RIG_BUFFER(13) + 9), 0xee);
    assert_int_equal(*(uint8_t *)rig_ram(&r, RIG_BUFFER(13) + 10), (4 * 4096 + 10) & 0xff);
    expect_refs(&r);
    assert_int_equal(r.be->model->flushes, flushes + 1);
    assert_int_equal(rig_queue_stats(&r, 0).bytes_exposed, rig_queue_stats(&r, 0).bytes_requested);
    model_end();
}

static void expect_zeroes(struct rig *r, uint64_t das, uint32_t len)
{
    for (; len--; das++) {
        assert_int_equal(*device_at(r, das, false), 0);
    }
}

/* Of a buffer that is not asked to be zeroed the backend sees what was there. */
static void scrub(void **state)
{
    static const uint16_t policies[] = {XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT,
                                        XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID};
    const uint32_t len = 96 + 2 * PAGE_SIZE + 10;
    unsigned int i;
    struct rig r;

    (void)state;
    for (i = 0; i < 4; i++) {
        bool grants = policies[i / 2] == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT, on = i % 2;
        paddr_t at = RIG_BUFFER(10) + 4000;

        model_start();
        rig_domains(&r);
        r.policy = policies[i / 2];
        r.threshold = grants ? 0 : 4096;
        r.flags = on ? XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB : 0;
        rig_device(&r, 0, 1, 16);
        rig_up(&r);
        assert_int_equal(rig_stats(&r).flags, r.flags);

        guest_fill(&r, RIG_BUFFER(10), 5 * PAGE_SIZE, 0);
        rig_submit(&r, 0, at, len, true);
        guest_expect(&r, RIG_BUFFER(10), 4000, 0);
        guest_expect(&r, at + len, PAGE_SIZE, (uint8_t)(at + len));
        if (on) {
            expect_zeroes(&r, RIG_BUFFER(11), 2 * PAGE_SIZE);
        } else {
            assert_int_equal(*device_at(&r, RIG_BUFFER(11) + 3, false), 3);
            guest_expect(&r, at, len, (uint8_t)at);
        }
        if (grants && on) {
            expect_zeroes(&r, at, len);
        }
        /* Copied: what was there is not the backend's, and is as it was. */
        if (!grants) {
            assert_false(rig_sees(&r, at, false));
            guest_expect(&r, at, 96, (uint8_t)at);
        }
        *device_at(&r, RIG_BUFFER(11), true) = 0xee;
        rig_serve(&r, 0, 1, grants ? len : 0);
        assert_int_equal(*(uint8_t *)rig_ram(&r, RIG_BUFFER(11)), 0xee);
        expect_refs(&r);

        /* What is to be read is not touched. */
        guest_fill(&r, RIG_BUFFER(10), 4 * PAGE_SIZE, 7);
        rig_submit(&r, 0, RIG_BUFFER(10), 4 * PAGE_SIZE, false);
        assert_int_equal(*device_at(&r, RIG_BUFFER(10) + 5, false), 12);
        guest_expect(&r, RIG_BUFFER(10), 4 * PAGE_SIZE, 7);
        rig_serve(&r, 0, 1, 0);
        expect_refs(&r);
        model_end();
    }
}

/* With nothing to zero, it is no error to ask for it. */
static void scrub_and_copy(void **state)
{
    struct rig r;

    (void)state;
    rig_domains(&r);
    r.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY;
    r.flags = XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB;
    rig_device(&r, 0, 1, 16);
    rig_up(&r);
    guest_fill(&r, RIG_BUFFER(10), 3 * PAGE_SIZE, 0);
    rig_submit(&r, 0, RIG_BUFFER(10), 3 * PAGE_SIZE, true);
    rig_serve(&r, 0, 1, 0);
    guest_expect(&r, RIG_BUFFER(10), 3 * PAGE_SIZE, 0);
    model_end();
}

static void default_threshold(void **state)
{
    struct rig r;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID, 0);
    assert_int_equal(rig_stats(&r).threshold, SVQ_THRESHOLD);
    model_end();
}

/* More pages than are looked up at a time. */
static void long_buffers(void **state)
{
    struct svq_desc d;
    struct rig r;
    uint32_t i;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY, 0);
    guest_fill(&r, RIG_BUFFER(10) + 123, 700000, 1);
    rig_submit(&r, 0, RIG_BUFFER(10) + 123, 700000, false);
    d = desc(&r, 0);
    for (i = 0; i < d.len; i += i + 4000 < d.len ? 997 : 1) {
        assert_int_equal(*device_at(&r, d.addr + i, false), (uint8_t)(1 + i));
    }
    expect_refs(&r);
    model_end();
}

static void pages_that_are_refused(void **state)
{
    struct rig r;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY, 0);

    /* In the middle; gone, at first or in the meantime. */
    model_remove(r.fe, PFN_DOWN(RIG_BUFFER(12)));
    rig_submit(&r, 0, RIG_BUFFER(10), 5 * PAGE_SIZE, false);
    assert_int_equal(rig_stats(&r).last_error, SVQ_ERR_PAGE);
    assert_int_equal(rig_available(&r, 0), 0);

    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(rig_request(&r, VSH_REQ_RESET_ACK), VSH_ERR_NONE);
    rig_driver_up(&r);
    model_populate(r.fe, PFN_DOWN(RIG_BUFFER(12)));
    rig_submit(&r, 0, RIG_BUFFER(10), 5 * PAGE_SIZE, true);
    model_remove(r.fe, PFN_DOWN(RIG_BUFFER(12)));
    rig_serve(&r, 0, 1, 5 * PAGE_SIZE);
    assert_int_equal(rig_used(&r, 0), 0);
    assert_int_equal(rig_stats(&r).failures, 2);
    assert_int_equal(rig_stats(&r).last_error, SVQ_ERR_PAGE);
    assert_int_equal(rig_page(r.fe, PFN_DOWN(RIG_BUFFER(11)))->refs, 1);
    model_end();
}

static void bounce_pages_are_accounted(void **state)
{
    unsigned int frames;
    uint32_t kib;
    struct rig r;

    (void)state;
    up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY, 0);
    frames = svq_window_frames(1, 16, svq_bounce_frames(VSH_POLICY_COPY, 16));
    kib = rig_stats(&r).xen_kib;
    assert_true(kib > frames * 4);
    assert_int_equal(model.xen_pages, frames + 1);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    assert_int_equal(model.xen_pages, 1);
    model_end();
}

static void either_dies_first(void **state)
{
    struct rig r;
    unsigned int be_first;

    (void)state;
    for (be_first = 0; be_first < 2; be_first++) {
        model_start();
        up(&r, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID, 4096);
        rig_add(&r, 0, RIG_BUFFER(10) + 8, 5 * PAGE_SIZE, true);
        rig_submit(&r, 0, RIG_BUFFER(20) + 8, 100, false);
        model_kill_wholly(be_first ? r.be : r.fe);
        model_kill_wholly(be_first ? r.fe : r.be);
        assert_true(r.fe->model->freed);
        assert_true(r.be->model->freed);
        model_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(outgoing),
        rig_test(incoming),
        rig_test(hybrid),
        rig_test(scrub),
        rig_test(scrub_and_copy),
        rig_test(default_threshold),
        rig_test(long_buffers),
        rig_test(pages_that_are_refused),
        rig_test(bounce_pages_are_accounted),
        rig_test(either_dies_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
