/* SPDX-License-Identifier: MIT */
/* Where a backend is shown requests' buffers, and what it takes to know that. */
#include <sanitizer/asan_interface.h>

#include "rig.h"

enum { DEVICES = XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES };

static bool shown(struct domain *d, unsigned long gfn)
{
    bool is = virtio_shadow_is_aperture(d, _gfn(gfn));

    assert_false(model_locked());
    return is;
}

static void addresses_of_devices(void **state)
{
    const unsigned long w = RIG_WINDOW(0), a = RIG_APERTURE;
    struct rig r, r2;

    (void)state;
    rig_domains(&r);
    assert_false(shown(r.be, a));
    assert_false(virtio_shadow_is_backend(r.be));
    rig_device(&r, 0, 1, 16);
    assert_false(shown(r.be, a));
    assert_false(shown(r.be, w));
    assert_false(shown(r.be, 0));
    rig_map_window(&r);
    assert_int_equal(rig_request(&r, 99), VSH_ERR_REQUEST);
    assert_false(shown(r.be, 0)); /* nobody has said where the aperture is */
    assert_false(shown(r.be, w)); /* what is mapped there stays there */
    assert_false(shown(r.be, a));
    rig_attach(&r);
    assert_true(shown(r.be, a));
    assert_true(shown(r.be, a + RIG_RAM_PAGES - 1));
    assert_false(shown(r.be, a + RIG_RAM_PAGES));
    assert_false(shown(r.be, a - 1));
    assert_false(shown(r.fe, a));
    assert_false(shown(dom_xen, a));
    assert_true(virtio_shadow_is_backend(r.be));
    assert_false(virtio_shadow_is_backend(r.fe));
    assert_false(virtio_shadow_is_backend(dom_xen));

    /* The second device's, and the first's still. */
    r2 = r;
    rig_device(&r2, 1, 1, 16);
    rig_map_window(&r2);
    rig_attach(&r2);
    assert_true(shown(r.be, a));
    assert_true(shown(r.be, r2.aperture + RIG_RAM_PAGES - 1));

    /* A process that is gone may have left a thread that accesses it: stays. */
    assert_int_equal(rig_request(&r, VSH_REQ_DETACH), 0);
    assert_true(shown(r.be, a));
    r.aperture = 0xc000;
    rig_attach(&r);
    assert_false(shown(r.be, a));
    assert_true(shown(r.be, 0xc000));

    rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0);
    assert_false(shown(r.be, 0xc000));
    assert_false(shown(r.be, w));
    assert_true(shown(r.be, r2.aperture));

    /* Another device in its place does not show what the old one did. */
    rig_device(&r, 0, 1, 16);
    assert_false(shown(r.be, 0xc000));
    model_end();
}

/* As many as there can be, with the largest windows.  Nobody maps more of these than it has to. */
static void many_devices(struct rig r[DEVICES])
{
    unsigned int i, f;

    rig_domains(&r[0]);
    r[0].fe->model->nr_ports = MODEL_PORTS;
    for (i = 0; i < DEVICES; i++) {
        r[i] = r[0];
        rig_device(&r[i], i, VSH_MAX_QUEUES, 16);
        current = r[i].be->vcpu[0];
        for (f = 0; f <= VSH_FRAME_MAILBOX || f <= VSH_FRAME_INFO; f++) {
            assert_int_equal(
                virtio_shadow_window_map(r[i].fe, i, f, _gfn(RIG_WINDOW(0) + i * 4UL + f)), 0);
        }
    }
}

static void attach_at(struct rig *r, unsigned int i, unsigned long gfn)
{
    struct vsh_device *s = rig_vsh(&r[i]);

    /* The window is not where rig_window() would look for it. */
    s->dev.aperture_gfn[0] = gfn;
    s->dev.attached = true;
    vsh_lock(s);
    vsh_aperture_update(s);
    vsh_unlock(s);
}

static unsigned int times_locked;

static void count(unsigned int occasion)
{
    (void)occasion;
    times_locked++;
}

/* The most addresses that are looked at for one, of those around the apertures' edges. */
static unsigned int most_looks(struct domain *d, const unsigned long *at, unsigned int nr)
{
    unsigned int i, most = 0;

    for (i = 0; i < nr * 4; i++) {
        unsigned long edge = at[i / 4] + (i & 2 ? RIG_RAM_PAGES : 0);
        unsigned int before = model_gfns;

        assert_int_equal(virtio_shadow_is_aperture(d, _gfn(edge - (i & 1))),
                         !!(i & 1) == !!(i & 2));
        if (model_gfns - before > most) {
            most = model_gfns - before;
        }
    }
    return most;
}

/*
 * A vCPU of a backend that accesses what is not there has Xen look for the address: in no device
 * nor its window, and, of what there is for each device, at little more than if it were the only
 * one.
 */
static void cost_does_not_grow_with_devices(void **state)
{
    static unsigned long at[DEVICES];
    static struct rig r[DEVICES];
    unsigned int i, one, all;
    struct vsh_device *s[DEVICES];

    (void)state;
    many_devices(r);
    for (i = 0; i < DEVICES; i++) {
        /* In no order, and with gaps. */
        at[i] = 0x100000UL + (i * 7UL % DEVICES) * 2 * RIG_RAM_PAGES;
    }
    attach_at(r, 0, at[0]);
    one = most_looks(r[0].be, at, 1);
    for (i = 1; i < DEVICES; i++) {
        attach_at(r, i, at[i]);
    }

    for (i = 0; i < DEVICES; i++) {
        s[i] = rig_vsh(&r[i]);
        ASAN_POISON_MEMORY_REGION(s[i]->frame, s[i]->nr_frames * sizeof(*s[i]->frame));
        ASAN_POISON_MEMORY_REGION(s[i], sizeof(*s[i]));
    }
    all = most_looks(r[0].be, at, DEVICES);
    /* Two for each step of the search, and five times more that there are half of them. */
    assert_true(one >= 2);
    assert_true(all <= one + 2 * 5);

    /* What is near no aperture, as an interrupt controller, takes no lock. */
    model.elsewhere = count;
    times_locked = 0;
    for (i = 0; i < 1000; i++) {
        assert_false(virtio_shadow_is_aperture(r[0].be, _gfn(i)));
    }
    assert_int_equal(times_locked, 0);
    assert_true(virtio_shadow_is_aperture(r[0].be, _gfn(at[0])));
    assert_true(times_locked);
    model.elsewhere = NULL;

    for (i = 0; i < DEVICES; i++) {
        ASAN_UNPOISON_MEMORY_REGION(s[i], sizeof(*s[i]));
        ASAN_UNPOISON_MEMORY_REGION(s[i]->frame, s[i]->nr_frames * sizeof(*s[i]->frame));
    }
    model_end();
}

/* Devices come and go, and move, and the backend has them overlap as it likes. */
static void any_places_in_any_order(void **state)
{
    static struct rig r[DEVICES];
    static unsigned long at[DEVICES];
    unsigned int i, k, n, round, seed = 1;

    (void)state;
    many_devices(r);
    for (round = 0; round < 400; round++) {
        seed = seed * 1103515245 + 12345;
        i = (seed >> 16) % DEVICES;
        if (at[i] && (seed >> 8) % 4 == 0) {
            rig_op(r[i].fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, i);
            rig_device(&r[i], i, 1, 16);
            at[i] = 0;
        } else {
            at[i] = 0x100000UL + (seed >> 10) % (16 * RIG_RAM_PAGES);
            attach_at(r, i, at[i]);
        }
        for (n = 0; n < 20 * RIG_RAM_PAGES; n += RIG_RAM_PAGES / 8 + 1) {
            unsigned long gfn = 0x100000UL - RIG_RAM_PAGES + n;
            bool is = false;

            for (k = 0; k < DEVICES; k++) {
                is |= at[k] && gfn >= at[k] && gfn < at[k] + RIG_RAM_PAGES;
            }
            assert_int_equal(shown(r[0].be, gfn), is);
        }
        for (k = 0; k < DEVICES; k++) {
            if (at[k]) {
                assert_true(shown(r[0].be, at[k]));
                assert_true(shown(r[0].be, at[k] + RIG_RAM_PAGES - 1));
            }
        }
    }
    model_end();
}

/* Room for both banks of each. */
static void banks(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    struct vsh_mailbox *m;
    struct rig r;

    (void)state;
    rig_domains(&r);
    c = rig_params(&r);
    c.nr_banks = 2;
    c.bank[1].base = RIG_RAM + RIG_RAM_PAGES * PAGE_SIZE;
    c.bank[1].size = 3 * PAGE_SIZE;
    assert_int_equal(rig_create(&r, &c), 0);
    rig_map_window(&r);
    m = rig_window(&r, VSH_FRAME_MAILBOX, true);
    assert_non_null(m);
    m->aperture_gfn[1] = 0x200000;
    rig_attach(&r);
    assert_true(shown(r.be, r.aperture));
    assert_true(shown(r.be, 0x200002));
    assert_false(shown(r.be, 0x200003));
    assert_false(shown(r.be, 0x1fffff));
    model_end();
}

/* A device does without it before there is one: nothing is left half done. */
static void no_memory_for_the_table(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    unsigned int n;
    struct rig r;
    int rc;

    (void)state;
    rig_domains(&r);
    c = rig_params(&r);
    for (n = 1;; n++) {
        model.fail_at = n;
        model.failed = false;
        rc = rig_create(&r, &c);
        if (!model.failed) {
            break;
        }
        assert_int_not_equal(rc, 0);
        assert_false(virtio_shadow_is_backend(r.be));
    }
    model.fail_at = 0;
    assert_int_equal(rc, 0);
    assert_true(virtio_shadow_is_backend(r.be));
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(addresses_of_devices),    rig_test(cost_does_not_grow_with_devices),
        rig_test(any_places_in_any_order), rig_test(banks),
        rig_test(no_memory_for_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
