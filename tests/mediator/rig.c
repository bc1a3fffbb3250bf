/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <virtio-shadow/view.h>

int rig_setup(void **state)
{
    (void)state;
    model_start();
    return 0;
}

int rig_teardown(void **state)
{
    (void)state;
    return 0;
}

void rig_domains(struct rig *r)
{
    rig_domains_with(r, RIG_RAM_PAGES);
}

void rig_domains_with(struct rig *r, unsigned int ram_pages)
{
    unsigned int i;

    memset(r, 0, sizeof(*r));
    r->fe = model_domain(RIG_FE, 2);
    r->be = model_domain(RIG_BE, 2);
    r->nr_queues = 1;
    r->queue_size = 16;
    r->policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT;
    r->aperture = RIG_APERTURE;
    r->ram_pages = ram_pages;
    for (i = 0; i < ram_pages; i++) {
        model_populate(r->fe, PFN_DOWN(RIG_RAM) + i);
    }
}

struct xen_domctl_virtio_shadow_create rig_params(const struct rig *r)
{
    return (struct xen_domctl_virtio_shadow_create){
        .base = RIG_BASE + r->id * 0x200ULL,
        .irq = RIG_IRQ + r->id,
        .backend = r->be->domain_id,
        .policy = r->policy,
        .threshold = r->threshold,
        .indirect = r->indirect,
        .pool_base = r->pool.base,
        .pool_size = r->pool.size,
        .nr_queues = r->nr_queues,
        .queue_size = r->queue_size,
        .nr_banks = 1,
        .restart_s = r->restart_s,
        .flags = r->flags,
        .bank = {{.base = RIG_RAM, .size = r->ram_pages * PAGE_SIZE}},
    };
}

int rig_create(struct rig *r, const struct xen_domctl_virtio_shadow_create *c)
{
    struct xen_domctl_virtio_shadow op = {
        .op = XEN_DOMCTL_VIRTIO_SHADOW_CREATE, .id = r->id, .u.create = *c};
    bool copyback = false;
    int rc;

    rc = virtio_shadow_domctl(r->fe, &op, &copyback);
    assert_int_equal(copyback, rc == -ENOSPC);
    assert_false(model_locked());

    return rc;
}

void rig_device(struct rig *r, unsigned int id, unsigned int nr_queues, unsigned int queue_size)
{
    struct xen_domctl_virtio_shadow_create c;

    r->id = id;
    r->nr_queues = nr_queues;
    r->queue_size = queue_size;
    r->aperture = RIG_APERTURE + id * 0x800;
    memset(r->queue, 0, sizeof(r->queue));
    r->seq = 0;

    c = rig_params(r);
    assert_int_equal(rig_create(r, &c), 0);
}

void rig_up(struct rig *r)
{
    rig_map_window(r);
    rig_attach(r);
    rig_driver_up(r);
}

void rig_running(struct rig *r, unsigned int nr_queues, unsigned int queue_size)
{
    rig_domains(r);
    rig_device(r, 0, nr_queues, queue_size);
    rig_up(r);
}

int rig_op(struct domain *fe, unsigned int op, unsigned int id)
{
    struct xen_domctl_virtio_shadow o = {.op = op, .id = id};
    bool copyback = false;
    int rc = virtio_shadow_domctl(fe, &o, &copyback);

    assert_false(model_locked());
    return rc;
}

static void get_stats(const struct rig *r, struct xen_domctl_virtio_shadow_stats *stats,
                      struct xen_domctl_virtio_shadow_queue_stats *queues, unsigned int nr)
{
    struct xen_domctl_virtio_shadow op = {
        .op = XEN_DOMCTL_VIRTIO_SHADOW_STATS,
        .id = r->id,
        .u.stats = {.device.p = stats, .queues.p = queues, .nr_queues = nr},
    };
    bool copyback = false;

    assert_int_equal(virtio_shadow_domctl(r->fe, &op, &copyback), 0);
    assert_true(copyback);
    assert_int_equal(op.id, r->id);
    assert_int_equal(op.u.stats.nr_queues, r->nr_queues);
}

struct xen_domctl_virtio_shadow_stats rig_stats(const struct rig *r)
{
    struct xen_domctl_virtio_shadow_stats stats;

    get_stats(r, &stats, NULL, 0);
    return stats;
}

struct xen_domctl_virtio_shadow_queue_stats rig_queue_stats(const struct rig *r, unsigned int q)
{
    struct xen_domctl_virtio_shadow_queue_stats queues[VSH_MAX_QUEUES];
    struct xen_domctl_virtio_shadow_stats stats;

    get_stats(r, &stats, queues, q + 1);
    return queues[q];
}

struct vsh_device *rig_vsh(const struct rig *r)
{
    return vsh_device_get(r->fe, r->id);
}

void rig_map_window(struct rig *r)
{
    unsigned int i, nr;

    current = r->be->vcpu[r->cpu];
    assert_int_equal(virtio_shadow_window_check(r->fe, r->id), 0);
    nr = virtio_shadow_window_frames(r->fe, r->id);
    assert_int_equal(nr, svq_window_frames(r->nr_queues, r->queue_size,
                                           svq_bounce_frames(r->policy, r->queue_size)));

    for (i = 0; i < nr; i++) {
        assert_int_equal(virtio_shadow_window_map(r->fe, r->id, i, _gfn(RIG_WINDOW(r->id) + i)), 0);
    }
}

void rig_unmap_window(struct rig *r)
{
    for (unsigned long gfn = RIG_WINDOW(r->id); gfn < RIG_WINDOW(r->id + 1); gfn++) {
        if (p2m_is_foreign(model_at(r->be, gfn)->type)) {
            model_remove(r->be, gfn);
        }
    }
}

void *rig_window(struct rig *r, unsigned int frame, bool write)
{
    return model_access(r->be, (RIG_WINDOW(r->id) + frame) << PAGE_SHIFT, write);
}

struct vsh_info *rig_info(struct rig *r)
{
    struct vsh_info *info = rig_window(r, VSH_FRAME_INFO, false);

    assert_non_null(info);
    return info;
}

struct vsh_queue_info *rig_queue_info(struct rig *r, unsigned int q)
{
    struct vsh_info *info = rig_info(r);

    assert_true(q < info->nr_queues);
    assert_true(vsh_view_has_records(info->nr_queues, VSH_MAX_QUEUES, info->queue_offset,
                                     info->queue_stride, sizeof(struct vsh_queue_info)));
    return (struct vsh_queue_info *)((uint8_t *)info + info->queue_offset + q * info->queue_stride);
}

void rig_describe(struct rig *r)
{
    struct vsh_mailbox *m = rig_window(r, VSH_FRAME_MAILBOX, true);

    assert_non_null(m);
    m->version = VSH_ABI_VERSION;
    m->generation = rig_info(r)->generation;
    m->device_id = 2;
    m->vendor_id = 0x1af4;
    m->device_features = r->features | 1ULL << SVQ_F_VERSION_1;
    m->nr_queues = r->nr_queues;
    m->queue_size = r->queue_size;
    m->config_len = 8;
    m->aperture_gfn[0] = r->aperture;
}

void rig_send(struct rig *r, uint32_t request)
{
    struct vsh_mailbox *m = rig_window(r, VSH_FRAME_MAILBOX, true);

    assert_non_null(m);
    m->request = request;
    m->request_seq = ++r->seq;
    model_send(r->be->vcpu[r->cpu], r->fe, rig_info(r)->control_channel);
}

int rig_request(struct rig *r, uint32_t request)
{
    rig_describe(r);
    rig_send(r, request);
    rig_settle(r->be->vcpu[r->cpu]);
    assert_int_equal(rig_info(r)->reply_seq, r->seq);

    return rig_info(r)->reply_error;
}

void rig_attach(struct rig *r)
{
    assert_int_equal(rig_request(r, VSH_REQ_ATTACH), 0);
}

void rig_backend_comes(struct rig *r)
{
    unsigned int q;

    rig_attach(r);
    for (q = 0; q < VSH_MAX_QUEUES; q++) {
        r->queue[q].taken = r->queue[q].given = 0;
    }
}

static paddr_t base(const struct rig *r)
{
    return RIG_BASE + r->id * 0x200ULL;
}

uint32_t rig_read(struct rig *r, uint32_t off)
{
    return (uint32_t)model_read(r->fe->vcpu[r->cpu], base(r) + off, 4);
}

void rig_write(struct rig *r, uint32_t off, uint32_t val)
{
    model_write(r->fe->vcpu[r->cpu], base(r) + off, 4, val);
    rig_settle(r->fe->vcpu[r->cpu]);
}

/* Each queue: up to 4 pages of descriptors, one available, 3 used. */
static paddr_t rings(const struct rig *r, unsigned int q)
{
    return RIG_RINGS(q) + (r->id ? 0x40000 : 0);
}

static paddr_t avail(const struct rig *r, unsigned int q)
{
    return rings(r, q) + 0x4000;
}

static paddr_t used(const struct rig *r, unsigned int q)
{
    return rings(r, q) + 0x5000;
}

void rig_driver_up(struct rig *r)
{
    unsigned int q;

    assert_int_equal(rig_read(r, SVQ_MMIO_DEVICE_ID), 2);
    rig_write(r, SVQ_MMIO_STATUS, 0);
    rig_write(r, SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    rig_write(r, SVQ_MMIO_DRV_FEAT_SEL, 1);
    rig_write(r, SVQ_MMIO_DRV_FEATURES,
              (uint32_t)(r->features >> 32) | 1U << (SVQ_F_VERSION_1 - 32));
    rig_write(r, SVQ_MMIO_DRV_FEAT_SEL, 0);
    rig_write(r, SVQ_MMIO_DRV_FEATURES, (uint32_t)r->features);
    rig_write(r, SVQ_MMIO_STATUS,
              SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK);

    for (q = 0; q < r->nr_queues; q++) {
        memset(&r->queue[q], 0, sizeof(r->queue[q]));
        memset(rig_ram(r, avail(r, q)), 0, PAGE_SIZE);
        memset(rig_ram(r, used(r, q)), 0, PAGE_SIZE);
        rig_write(r, SVQ_MMIO_QUEUE_SEL, q);
        rig_write(r, SVQ_MMIO_QUEUE_SIZE, r->queue_size);
        rig_write(r, SVQ_MMIO_DESC_LOW, (uint32_t)rings(r, q));
        rig_write(r, SVQ_MMIO_AVAIL_LOW, (uint32_t)avail(r, q));
        rig_write(r, SVQ_MMIO_USED_LOW, (uint32_t)used(r, q));
        rig_write(r, SVQ_MMIO_QUEUE_READY, 1);
        assert_int_equal(rig_read(r, SVQ_MMIO_QUEUE_READY), 1);
    }

    rig_write(r, SVQ_MMIO_STATUS,
              SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK |
                  SVQ_STATUS_DRIVER_OK);
    assert_false(rig_read(r, SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET);
}

void *rig_ram(struct rig *r, paddr_t addr)
{
    void *p = model_access(r->fe, addr, true);

    assert_non_null(p);
    return p;
}

void rig_add(struct rig *r, unsigned int q, paddr_t addr, uint32_t len, bool write)
{
    struct rig_queue *k = &r->queue[q];
    uint16_t mask = (uint16_t)(r->queue_size - 1), i = k->next_desc++ & mask;
    struct svq_desc *d = rig_ram(r, rings(r, q) + i * sizeof(*d));

    *d = (struct svq_desc){.addr = addr, .len = len, .flags = write ? SVQ_DESC_F_WRITE : 0};
    *(uint16_t *)rig_ram(r, avail(r, q) + SVQ_AVAIL_RING(k->added & mask)) = i;
    *(uint16_t *)rig_ram(r, avail(r, q) + SVQ_AVAIL_IDX) = ++k->added;
}

void rig_kick(struct rig *r, unsigned int q)
{
    rig_write(r, SVQ_MMIO_QUEUE_NOTIFY, q);
}

void rig_submit(struct rig *r, unsigned int q, paddr_t addr, uint32_t len, bool write)
{
    rig_add(r, q, addr, len, write);
    rig_kick(r, q);
}

unsigned int rig_used(struct rig *r, unsigned int q)
{
    uint16_t idx = *(uint16_t *)rig_ram(r, used(r, q) + SVQ_USED_IDX);
    uint16_t nr = (uint16_t)(idx - r->queue[q].seen);

    r->queue[q].seen = idx;
    return nr;
}

/* Where the device finds a part of its rings. */
static uint8_t *shadow(struct rig *r, uint64_t das, uint32_t off, bool write)
{
    uint64_t at = das - SVQ_WINDOW_DAS + off;
    uint8_t *p = rig_window(r, (unsigned int)PFN_DOWN(at), write);

    assert_non_null(p);
    return p + (at & ~PAGE_MASK);
}

unsigned int rig_available(struct rig *r, unsigned int q)
{
    uint64_t at = rig_queue_info(r, q)->avail;

    return (uint16_t)(*(uint16_t *)shadow(r, at, SVQ_AVAIL_IDX, false) - r->queue[q].taken);
}

void rig_return(struct rig *r, unsigned int q, unsigned int nr, uint32_t len)
{
    const struct vsh_queue_info *qi = rig_queue_info(r, q);
    struct rig_queue *k = &r->queue[q];
    uint16_t mask = (uint16_t)(r->queue_size - 1);

    assert_true(nr <= rig_available(r, q));
    while (nr--) {
        uint32_t slot = *(uint16_t *)shadow(r, qi->avail, SVQ_AVAIL_RING(k->taken++ & mask), false);
        uint32_t i = k->given++ & mask;

        *(uint32_t *)shadow(r, qi->used, SVQ_USED_ID(i), true) = slot;
        *(uint32_t *)shadow(r, qi->used, SVQ_USED_LEN(i), true) = len;
    }
    *(uint16_t *)shadow(r, qi->used, SVQ_USED_IDX, true) = k->given;
}

void rig_call(struct rig *r, unsigned int q)
{
    model_send(r->be->vcpu[r->cpu], r->fe, rig_queue_info(r, q)->event_channel);
    rig_settle(r->be->vcpu[r->cpu]);
}

void rig_serve(struct rig *r, unsigned int q, unsigned int nr, uint32_t len)
{
    rig_return(r, q, nr, len);
    rig_call(r, q);
}

unsigned int rig_settle(struct vcpu *v)
{
    struct vcpu *before = current;
    unsigned int rounds = 0;

    while (v->virtio_shadow_pending) {
        bool more;

        current = v;
        more = virtio_shadow_process_pending(v);
        assert_false(model_locked());
        assert_true(v->virtio_shadow_pending || !more);
        assert_true(++rounds < 10000);
    }
    current = before;

    return rounds;
}

void rig_settle_all(struct domain *d)
{
    unsigned int i;

    for (i = 0; i < d->max_vcpus; i++) {
        rig_settle(d->vcpu[i]);
    }
}

void rig_idle(struct vcpu *v)
{
    struct vcpu *before = current;

    current = v;
    while (!virtio_shadow_idle(v)) {
        rig_settle(v);
    }
    assert_false(model_locked());
    assert_false(v->virtio_shadow_pending);
    current = before;
}

bool rig_sees(struct rig *r, paddr_t addr, bool write)
{
    void *p = model_access(r->be, (r->aperture << PAGE_SHIFT) + (addr - RIG_RAM), write);

    return p && p == model_access(r->fe, addr, false);
}

struct page_info *rig_page(struct domain *d, unsigned long gfn)
{
    return mfn_to_page(model_at(d, gfn)->mfn);
}

struct page_info *rig_page_at(struct domain *d, paddr_t addr)
{
    return rig_page(d, PFN_DOWN(addr));
}

bool rig_is_back(struct domain *d, unsigned long gfn)
{
    const struct svq_dev *dev = &d->virtio_shadow->device[0]->dev;
    unsigned int i, q, kept = 0;

    for (q = 0; q < dev->nr_queues; q++) {
        const struct svq_pages *p = &dev->queue[q].pages;

        for (i = 0; p->page && i < p->nr; i++) {
            kept += p->page[i].in_use && p->page[i].kept && p->page[i].gfn == gfn;
        }
    }

    return rig_page(d, gfn)->refs == 1 + kept;
}
