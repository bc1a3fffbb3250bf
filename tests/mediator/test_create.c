/* SPDX-License-Identifier: MIT */
/* Making devices: what is refused, what it takes, and that failure leaves nothing. */
#include "rig.h"

static void expect_nothing(const struct rig *r)
{
    assert_int_equal(model_ports(r->fe), 0);
    assert_int_equal(model_irqs(r->fe), 0);
    assert_int_equal(model.xen_pages, 0);
    assert_int_equal(r->be->model->pool_reserved, 0);
    assert_int_equal(r->be->refcnt, 1);
    assert_int_equal(r->fe->refcnt, 2); /* itself, and its pages */
    assert_true(!r->be->virtio_shadow || list_empty(&r->be->virtio_shadow->served));
}

static void refuse(struct rig *r, const struct xen_domctl_virtio_shadow_create *c, int rc)
{
    assert_int_equal(rig_create(r, c), rc);
    expect_nothing(r);
    assert_int_equal(r->fe->model->nr_handlers, 0);
}

#define REFUSE(rc, change)                                                                         \
    do {                                                                                           \
        struct xen_domctl_virtio_shadow_create c = rig_params(&r);                                 \
        change;                                                                                    \
        refuse(&r, &c, rc);                                                                        \
    } while (0)

static void option_off(void **state)
{
    struct rig r;

    (void)state;
    rig_domains(&r);
    opt_virtio_shadow = false;
    REFUSE(-EOPNOTSUPP, (void)c);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), -EOPNOTSUPP);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0), -EOPNOTSUPP);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_STATS, 0), -EOPNOTSUPP);
    assert_int_equal(virtio_shadow_window_check(r.fe, 0), -EOPNOTSUPP);
    assert_int_equal(virtio_shadow_mmio_handlers(), 0);
    assert_int_equal(model.xv_nr, 0);
    assert_null(r.fe->virtio_shadow);
    model_end();
}

static void bad_numbers(void **state)
{
    struct rig r;

    (void)state;
    rig_domains(&r);
    REFUSE(-EINVAL, c.indirect = XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_OFF + 1);
    REFUSE(-EINVAL, c.indirect = ~0U);
    REFUSE(-EINVAL, c.policy = 0);
    REFUSE(-EINVAL, c.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL + 1);
    REFUSE(-EINVAL, c.restart_s = XEN_DOMCTL_VIRTIO_SHADOW_MAX_RESTART_S + 1);
    REFUSE(-EINVAL, c.withhold = 1);
    REFUSE(-EINVAL, c.withhold = 1ULL << SVQ_F_VERSION_1);
    REFUSE(-EINVAL, c.withhold = ~0ULL);
    for (unsigned int bit = 0; bit < 32; bit++) {
        if (1U << bit != XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB) {
            REFUSE(-EOPNOTSUPP, c.flags = 1U << bit);
        }
        REFUSE(-EINVAL, c.lacks = 1U << bit);
    }
    REFUSE(-EINVAL, c.nr_queues = 0);
    REFUSE(-EINVAL, c.nr_queues = XEN_DOMCTL_VIRTIO_SHADOW_MAX_QUEUES + 1);
    REFUSE(-EINVAL, c.nr_queues = ~0U);
    REFUSE(-EINVAL, c.queue_size = 0);
    REFUSE(-EINVAL, c.queue_size = 48);
    REFUSE(-EINVAL, c.queue_size = 2048);
    REFUSE(-EINVAL, c.queue_size = 1U << 31);
    REFUSE(-EINVAL, c.irq = 0);
    REFUSE(-EINVAL, c.irq = 31);
    REFUSE(-EINVAL, c.irq = 96);
    REFUSE(-EINVAL, c.irq = ~0U);
    r.id = XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES;
    REFUSE(-EINVAL, (void)c);
    r.id = ~0U;
    REFUSE(-EINVAL, (void)c);
    model_end();
}

/* Policies, and what goes with one of them only. */
static void bad_policies(void **state)
{
    static const uint16_t others[] = {XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED,
                                      XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL};
    struct rig r;
    unsigned int i;

    (void)state;
    rig_domains(&r);
    for (i = 0; i < ARRAY_SIZE(others); i++) {
        REFUSE(-EINVAL, c.policy = others[i]; c.pool_base = RIG_RAM; c.pool_size = PAGE_SIZE;
               c.indirect = XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_REMAP);
        REFUSE(-EINVAL, c.policy = others[i]; c.pool_base = RIG_RAM; c.pool_size = PAGE_SIZE;
               c.threshold = 4096);
    }
    REFUSE(-EINVAL, c.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED;
           c.flags = XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB);
    REFUSE(-EINVAL, c.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL; c.pool_base = RIG_RAM;
           c.pool_size = PAGE_SIZE; c.flags = XEN_DOMCTL_VIRTIO_SHADOW_F_SCRUB);
    REFUSE(-EINVAL, c.threshold = 1);
    REFUSE(-EINVAL, c.pool_base = RIG_RAM);
    REFUSE(-EINVAL, c.pool_size = PAGE_SIZE);
    REFUSE(-EINVAL, c.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED; c.pool_size = PAGE_SIZE);

#define REFUSE_POOL(base, size)                                                                    \
    REFUSE(-EINVAL, c.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL; c.pool_base = (base);         \
           c.pool_size = (size))
    REFUSE_POOL(0, 0);
    REFUSE_POOL(RIG_RAM, 0);
    REFUSE_POOL(RIG_RAM + 1, PAGE_SIZE);
    REFUSE_POOL(RIG_RAM, PAGE_SIZE + 1);
    REFUSE_POOL(RIG_RAM - PAGE_SIZE, 2 * PAGE_SIZE);
    REFUSE_POOL(RIG_RAM, (RIG_RAM_PAGES + 1) * PAGE_SIZE);
    REFUSE_POOL(RIG_RAM + RIG_RAM_PAGES * PAGE_SIZE, PAGE_SIZE);
    REFUSE_POOL(RIG_RAM + PAGE_SIZE, -PAGE_SIZE);
    REFUSE_POOL(-PAGE_SIZE, PAGE_SIZE);
    model_end();
}

static void bad_places(void **state)
{
    const uint64_t limit = 1ULL << 40;
    struct rig r;

    (void)state;
    rig_domains(&r);
    REFUSE(-EINVAL, c.nr_banks = 0);
    REFUSE(-EINVAL, c.nr_banks = XEN_DOMCTL_VIRTIO_SHADOW_MAX_BANKS + 1);
    REFUSE(-EINVAL, c.base += 0x100);
    REFUSE(-EINVAL, c.base = limit);
    REFUSE(-EINVAL, c.base = ~0x1ffULL);
    REFUSE(-EINVAL, c.base = RIG_RAM);
    REFUSE(-EINVAL, c.base = RIG_RAM + RIG_RAM_PAGES * PAGE_SIZE - 0x200);
    REFUSE(-EINVAL, c.bank[0].size = 0);
    REFUSE(-EINVAL, c.bank[0].size = 0x800);
    REFUSE(-EINVAL, c.bank[0].base += 0x200);
    REFUSE(-EINVAL, c.bank[0].base = limit);
    REFUSE(-EINVAL, c.bank[0].size = limit - RIG_RAM + PAGE_SIZE);
    REFUSE(-EINVAL, c.bank[0].size = -PAGE_SIZE);
    REFUSE(-EINVAL, (c.bank[0].base = 0, c.bank[0].size = RIG_BASE + PAGE_SIZE));
    REFUSE(-EINVAL, (c.nr_banks = 2, c.bank[1] = c.bank[0]));
    REFUSE(-EINVAL, (c.nr_banks = 2, c.bank[1] = c.bank[0], c.bank[1].base -= PAGE_SIZE));
    REFUSE(-EINVAL, (c.nr_banks = 2, c.bank[1].base = c.bank[0].base + c.bank[0].size - PAGE_SIZE,
                     c.bank[1].size = PAGE_SIZE));
    REFUSE(-EINVAL, (c.nr_banks = 2)); /* the second has no size */

    /* Whatever the address size, never where the window is. */
    p2m_ipa_bits = 48;
    REFUSE(-EINVAL, c.bank[0].size = SVQ_WINDOW_DAS);
    p2m_ipa_bits = 40;
    model_end();
}

static void places_at_their_limits(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    struct rig r;

    (void)state;
    rig_domains(&r);
    c = rig_params(&r);
    c.nr_banks = 2;
    c.bank[0].base = RIG_BASE + PAGE_SIZE;
    c.bank[0].size = (1ULL << 40) - c.bank[0].base;
    c.bank[1].base = 0;
    c.bank[1].size = RIG_BASE;
    assert_int_equal(rig_create(&r, &c), 0);
    model_end();
}

static void bad_domains(void **state)
{
    struct domain *none;
    struct rig r;

    (void)state;
    rig_domains(&r);
    REFUSE(-ESRCH, c.backend = 99);
    REFUSE(-EINVAL, c.backend = RIG_FE);

    /* Registers cannot be set up in a domain that runs. */
    r.fe->creation_finished = true;
    REFUSE(-EBUSY, (void)c);
    r.fe->creation_finished = false;

    none = r.fe;
    r.fe->max_vcpus = 0;
    REFUSE(-EINVAL, (void)c);
    r.fe->max_vcpus = 2;
    r.fe->vcpu[0] = NULL;
    REFUSE(-EINVAL, (void)c);
    r.fe->vcpu[0] = &none->model->vcpus[0];

    model_kill_begin(r.be);
    REFUSE(-ESRCH, (void)c);
    model_kill_wholly(r.be);
    assert_true(r.be->model->freed);
    REFUSE(-ESRCH, (r.be->refcnt = 1, (void)c)); /* for the count of it */
    r.be->refcnt = 0;
    model_kill_wholly(r.fe);
    assert_true(r.fe->model->freed);
    model_end();
}

/* It depends on both ends, and on which is which. */
static void pair_that_is_not_allowed(void **state)
{
    struct domain *other;
    struct rig r;

    (void)state;
    rig_domains(&r);
    other = model_domain(7, 2);
    model.denied_backend = r.be;
    model.denied_frontend = r.fe;
    REFUSE(-EPERM, (void)c);
    REFUSE(-EPERM, c.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_TRUSTED);
    assert_int_equal(model.xv_nr, 0);
    assert_null(r.fe->virtio_shadow);
    assert_null(r.be->virtio_shadow);

    model.denied_backend = r.fe;
    model.denied_frontend = r.be;
    rig_device(&r, 0, 1, 16);
    model.denied_backend = r.be;
    model.denied_frontend = other;
    rig_device(&r, 1, 1, 16);
    model.denied_backend = other;
    model.denied_frontend = r.fe;
    rig_device(&r, 2, 1, 16);
    model_end();
}

/* One that serves a device already, which could take another one. */
static void dying_backend(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    struct rig r;

    (void)state;
    rig_domains(&r);
    rig_device(&r, 0, 1, 16);
    r.id = 1;
    c = rig_params(&r);
    model_kill_begin(r.be);
    assert_int_equal(rig_create(&r, &c), -ESRCH);
    assert_int_equal(model_ports(r.fe), 2);
    assert_null(rig_vsh(&r)); /* nothing was begun */
    model_kill_wholly(r.be);
    assert_int_equal(rig_create(&r, &c), -ESRCH);
    model_end();
}

static void dying_frontend(void **state)
{
    struct rig r;

    (void)state;
    rig_domains(&r);
    model_kill_begin(r.fe);
    REFUSE(-ESRCH, (void)c);
    model_kill_wholly(r.fe);
    model_end();
}

static void twice(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    unsigned int pages, ports, xv;
    struct rig r;

    (void)state;
    rig_domains(&r);
    rig_device(&r, 3, 2, 64);
    pages = model.xen_pages;
    ports = model_ports(r.fe);
    xv = model.xv_nr;
    assert_int_equal(ports, 3);

    c = rig_params(&r);
    assert_int_equal(rig_create(&r, &c), -EEXIST);
    c.irq++;
    c.base += 0x200;
    assert_int_equal(rig_create(&r, &c), -EEXIST);

    /* Another one, with what the first has. */
    r.id = 4;
    c = rig_params(&r);
    c.irq--;
    assert_int_equal(rig_create(&r, &c), -EBUSY);
    c = rig_params(&r);
    c.base -= 0x200;
    assert_int_equal(rig_create(&r, &c), -EEXIST);

    assert_int_equal(model.xen_pages, pages);
    assert_int_equal(model_ports(r.fe), ports);
    assert_int_equal(model_irqs(r.fe), 1);
    assert_int_equal(model.xv_nr, xv + 1); /* the place of device 4 */
    assert_int_equal(r.be->refcnt, 2);
    model_end();
}

/* A device that was destroyed can be made again where it was, not elsewhere. */
static void again(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    unsigned int xv, i;
    struct rig r;

    (void)state;
    rig_domains(&r);
    c = rig_params(&r);
    rig_device(&r, 0, 1, 16);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    expect_nothing(&r);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), -ENOENT);
    xv = model.xv_nr;

    c.base += 0x200;
    assert_int_equal(rig_create(&r, &c), -EBUSY);
    expect_nothing(&r);

    for (i = 0; i < 3; i++) {
        rig_device(&r, 0, 2, 32);
        rig_up(&r);
        assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
        rig_unmap_window(&r);
        assert_int_equal(r.fe->model->nr_handlers, 1);
        assert_int_equal(model.xv_nr, xv);
    }
    expect_nothing(&r);

    /* Registers of a device that is not there read as zero, as with no device. */
    assert_int_equal(rig_read(&r, SVQ_MMIO_MAGIC), 0);
    rig_write(&r, SVQ_MMIO_STATUS, 1);
    assert_int_equal(rig_read(&r, SVQ_MMIO_STATUS), 0);
    model_end();
}

/* Every step that can fail does so, one at a time. */
static void unwound_at_every_step(void **state)
{
    unsigned int step, failures = 0;

    (void)state;
    for (step = 1;; step++) {
        struct xen_domctl_virtio_shadow_create c;
        struct rig r;
        int rc;

        model_start();
        rig_domains(&r);
        r.nr_queues = 2;
        r.queue_size = 512;
        c = rig_params(&r);
        model.fail_at = step;
        rc = rig_create(&r, &c);
        model.fail_at = 0;

        if (!model.failed) {
            assert_int_equal(rc, 0);
            model_end();
            break;
        }

        failures++;
        assert_true(rc == -ENOMEM || rc == -EBUSY || rc == -ENOSPC);
        expect_nothing(&r);
        assert_int_equal(r.fe->model->nr_handlers, 0);

        /* The next try, and the ends of both domains, are not affected. */
        if (step & 1) {
            rig_device(&r, 0, 2, 512);
            rig_up(&r);
        }
        model_end();
    }

    /* 2 + 2 * 5 pages and a dummy, 8 + 3 + 3 times memory, 3 ports, irq, registers. */
    assert_true(failures >= 30);
}

static bool always(void)
{
    return true;
}

/* Calls of CREATE until it has an answer; no more pages in one of them than 64. */
static int create_in_steps(struct rig *r, const struct xen_domctl_virtio_shadow_create *c,
                           unsigned int most, unsigned int *calls)
{
    unsigned int pages;
    int rc;

    model.preempt = always;
    *calls = 0;
    do {
        pages = model.xen_pages;
        rc = rig_create(r, c);
        assert_true(rc != -ERESTART || model.xen_pages <= pages + 64);
        ++*calls;
    } while (rc == -ERESTART && *calls < most);
    model.preempt = NULL;

    return rc;
}

/* A large device, whose pages take some 40 steps. */
static struct xen_domctl_virtio_shadow_create large(struct rig *r)
{
    rig_domains(r);
    r->policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY;
    r->aperture = RIG_APERTURE;
    r->nr_queues = 1;
    r->queue_size = 512;

    return rig_params(r);
}

static void made_in_steps(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    unsigned int calls, pages;
    struct rig r;

    (void)state;
    c = large(&r);
    assert_int_equal(create_in_steps(&r, &c, 1000, &calls), 0);
    pages = rig_vsh(&r)->nr_frames;
    assert_true(pages > 1000);
    assert_int_equal(model.xen_pages, pages + 1);
    assert_true(calls >= pages / 64 + 1);
    assert_true(rig_stats(&r).xen_kib >= pages * (PAGE_SIZE / 1024));

    /* Made again, by one call, it is the same. */
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    expect_nothing(&r);
    assert_int_equal(rig_create(&r, &c), 0);
    assert_int_equal(model.xen_pages, pages + 1);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);

    /* And it works. */
    assert_int_equal(create_in_steps(&r, &c, 1000, &calls), 0);
    rig_up(&r);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, true);
    rig_serve(&r, 0, 1, 10);
    assert_int_equal(rig_used(&r, 0), 1);
    model_end();
}

/* The toolstack has gone away in the middle of it: nothing stays longer than the domain. */
static void never_finished(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    unsigned int calls;
    struct rig r;

    (void)state;
    c = large(&r);
    assert_int_equal(create_in_steps(&r, &c, 3, &calls), -ERESTART);
    assert_int_equal(model.xen_pages, 3 * 64);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), -ENOENT);
    assert_int_equal(virtio_shadow_window_check(r.fe, 0), -EPERM);
    assert_int_equal(r.be->refcnt, 1);
    model_kill_wholly(r.be);
    assert_int_equal(rig_create(&r, &c), -ESRCH);
    model_kill_wholly(r.fe);
    assert_true(r.fe->model->freed);
    assert_int_equal(model.xen_pages, 0);
    model_end();
}

/* Another call comes in between, for something else: it begins anew. */
static void another_in_between(void **state)
{
    struct xen_domctl_virtio_shadow_create c, other;
    unsigned int calls, again;
    struct rig r;

    (void)state;
    c = large(&r);
    assert_int_equal(create_in_steps(&r, &c, 1000, &calls), 0);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);

    assert_int_equal(create_in_steps(&r, &c, 5, &again), -ERESTART);
    other = c;
    other.queue_size = 16;
    other.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT;
    r.policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT;
    r.queue_size = 16;
    assert_int_equal(rig_create(&r, &other), 0);
    assert_int_equal(model.xen_pages, rig_vsh(&r)->nr_frames + 1);
    rig_up(&r);
    rig_submit(&r, 0, RIG_BUFFER(0), PAGE_SIZE, true);
    assert_true(rig_sees(&r, RIG_BUFFER(0), true));

    /* The first one goes on, and is told so. */
    assert_int_equal(rig_create(&r, &c), -EEXIST);
    assert_true(rig_sees(&r, RIG_BUFFER(0), true));
    rig_serve(&r, 0, 1, 10);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
    rig_unmap_window(&r);
    expect_nothing(&r);

    /* As many steps as if there had been nothing before it. */
    assert_int_equal(create_in_steps(&r, &c, 7, &again), -ERESTART);
    other = c;
    other.restart_s = 10;
    assert_int_equal(create_in_steps(&r, &other, 1000, &again), 0);
    assert_int_equal(again, calls);
    model_end();
}

/* A refusal by the last step leaves nothing of the steps before. */
static void refused_at_the_end(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    unsigned int calls;
    struct rig r;

    (void)state;
    c = large(&r);
    r.fe->model->nr_ports = 1; /* port 0 is none */
    assert_int_equal(create_in_steps(&r, &c, 1000, &calls), -ENOSPC);
    assert_true(calls > 10);
    expect_nothing(&r);
    model_end();
}

static void no_ports_left(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    unsigned int nr;

    (void)state;
    for (nr = 1; nr < 10; nr++) {
        struct rig r;

        model_start();
        rig_domains(&r);
        r.nr_queues = 8;
        r.fe->model->nr_ports = nr; /* port 0 is none */
        c = rig_params(&r);
        assert_int_equal(rig_create(&r, &c), -ENOSPC);
        expect_nothing(&r);
        model_end();
    }
}

/* The most devices that there can be, all with one backend. */
static void all_devices(void **state)
{
    unsigned int id;
    struct rig r;

    (void)state;
    rig_domains(&r);
    for (id = 0; id < XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES; id++) {
        r.aperture = RIG_APERTURE;
        rig_device(&r, id, 1, 16);
        rig_map_window(&r);
        assert_int_equal(rig_info(&r)->device, id);
        assert_int_equal(rig_info(&r)->frontend, RIG_FE);
    }
    assert_int_equal(model_ports(r.fe), 2 * XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES);
    assert_int_equal(r.be->refcnt, 1 + XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES);
    model_end();
}

/* What a device takes is bounded by its configuration, said, and all of it. */
static void memory(void **state)
{
    unsigned int nr_queues, size;

    (void)state;
    for (nr_queues = 1; nr_queues <= 8; nr_queues++) {
        for (size = 1; size <= 1024; size *= 2) {
            unsigned int per_256 = size > 256 ? size / 256 : 1;
            struct xen_domctl_virtio_shadow_stats s;
            size_t bytes;
            struct rig r;

            model_start();
            rig_domains(&r);
            rig_device(&r, 0, nr_queues, size);
            s = rig_stats(&r);
            assert_true(s.xen_kib <= 72 + 1152 * per_256 * nr_queues);

            /*
             * The domains' own: a struct for each with its vCPUs, the frontend's ports, and the
             * backend's table of apertures.
             */
            bytes = model.xv_bytes + model.xen_pages * PAGE_SIZE;
            bytes -= 2 * sizeof(struct virtio_shadow);
            bytes -= (r.fe->max_vcpus + r.be->max_vcpus) * sizeof(struct vsh_pace);
            bytes -= r.fe->virtio_shadow->nr_ports * sizeof(uint16_t);
            bytes -= r.be->virtio_shadow->max_shown * sizeof(struct vsh_shown);
            assert_int_equal(s.xen_kib, DIV_ROUND_UP(bytes, 1024));

            assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
            assert_int_equal(model.xen_pages, 0);
            assert_int_equal(model.xv_nr, 5);
            model_end();
        }
    }
}

/* Whatever a driver and a device do later, nothing more is allocated. */
static void nothing_is_allocated_later(void **state)
{
    unsigned int nr, pages, i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 64);
    nr = model.xv_nr;
    pages = model.xen_pages;
    /* Three runs of the core: p2m tables are the backend's, and may be needed. */
    for (i = 0; i < 64; i++) {
        rig_add(&r, 0, RIG_BUFFER(i * 16), 16 * PAGE_SIZE, true);
    }
    rig_kick(&r, 0);
    assert_int_equal(rig_available(&r, 0), 64);
    assert_int_equal(model.xv_nr, nr);
    assert_int_equal(model.xen_pages, pages);
    rig_serve(&r, 0, 64, 0);
    assert_int_equal(rig_used(&r, 0), 64);
    rig_write(&r, SVQ_MMIO_STATUS, 0);
    assert_int_equal(model.xv_nr, nr);
    assert_int_equal(model.xen_pages, pages);
    model_end();
}

static uint64_t offered_without(uint64_t withhold)
{
    struct xen_domctl_virtio_shadow_create c;
    uint64_t high;
    struct rig r;

    rig_domains(&r);
    r.nr_queues = 1;
    r.queue_size = 64;
    r.aperture = RIG_APERTURE;
    c = rig_params(&r);
    c.withhold = withhold;
    assert_int_equal(rig_create(&r, &c), 0);
    rig_map_window(&r);
    rig_attach(&r);
    rig_write(&r, SVQ_MMIO_DEV_FEAT_SEL, 1);
    high = rig_read(&r, SVQ_MMIO_DEV_FEATURES);
    rig_write(&r, SVQ_MMIO_DEV_FEAT_SEL, 0);
    high = high << 32 | rig_read(&r, SVQ_MMIO_DEV_FEATURES);
    model_end();
    return high;
}

static void features_are_withheld(void **state)
{
    const uint64_t packed = 1ULL << SVQ_F_RING_PACKED, event = 1ULL << SVQ_F_EVENT_IDX;
    uint64_t all = offered_without(0);

    (void)state;
    assert_true(all & packed);
    assert_true(all & event);
    model_start();
    assert_int_equal(offered_without(packed), all & ~packed);
    model_start();
    assert_int_equal(offered_without(packed | event), all & ~packed & ~event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(option_off),
        rig_test(bad_numbers),
        rig_test(bad_policies),
        rig_test(bad_places),
        rig_test(places_at_their_limits),
        rig_test(bad_domains),
        rig_test(pair_that_is_not_allowed),
        rig_test(dying_backend),
        rig_test(dying_frontend),
        rig_test(twice),
        rig_test(again),
        rig_test(made_in_steps),
        rig_test(never_finished),
        rig_test(another_in_between),
        rig_test(refused_at_the_end),
        rig_test(unwound_at_every_step),
        rig_test(no_ports_left),
        rig_test(all_devices),
        rig_test(memory),
        rig_test(nothing_is_allocated_later),
        rig_test(features_are_withheld),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
