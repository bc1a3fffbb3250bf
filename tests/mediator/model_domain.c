/* SPDX-License-Identifier: MIT */
/* Domains, from creation to death, and what they are sent. */
#include <stdio.h>
#include <stdlib.h>

#include <asm/vgic.h>
#include <xsm/xsm.h>

#include "model.h"

struct model model;
struct domain *dom_xen;
struct vcpu *current;
unsigned int model_list_steps;

static struct domain *domains[8];

void model_failed(const char *file, int line, const char *what)
{
    _fail(file, line);
    fail_msg("%s", what);
    abort();
}

static void free_domain(struct domain *d)
{
    free(d->model);
    free(d);
}

void model_start(void)
{
    unsigned int i;

    model_pages_start();
    model_locks_start();
    model_time_start();
    for (i = 0; i < ARRAY_SIZE(domains); i++) {
        if (domains[i]) {
            free_domain(domains[i]);
        }
        domains[i] = NULL;
    }
    memset(&model, 0, sizeof(model));

    opt_virtio_shadow = true;
    vsh_default_threshold = 0;
    dom_xen = model_domain(DOMID_XEN, 0);
    current = NULL;
}

void model_end(void)
{
    unsigned int i;

    assert_false(model_locked());
    for (i = 1; i < ARRAY_SIZE(domains) && domains[i]; i++) {
        if (domains[i]->is_dying != DOMDYING_dead) {
            model_kill_wholly(domains[i]);
        }
    }
    for (i = 1; i < ARRAY_SIZE(domains) && domains[i]; i++) {
        if (!domains[i]->model->freed) {
            fail_msg("d%u is a zombie: %u references, %u pages", domains[i]->domain_id,
                     domains[i]->refcnt, domains[i]->model->nr_pages);
        }
    }

    for (i = 1; i < ARRAY_SIZE(domains) && domains[i]; i++) {
        assert_int_equal(model_irqs(domains[i]), 0);
    }
    assert_int_equal(model.xen_pages, 0);
    assert_int_equal(model.xv_nr, 0);
    assert_int_equal(model_timers(), 0);
}

struct domain *model_domain(domid_t id, unsigned int nr_vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));
    unsigned int i;

    assert_non_null(d);
    d->model = calloc(1, sizeof(*d->model));
    assert_non_null(d->model);
    d->domain_id = id;
    d->refcnt = 1;
    d->max_vcpus = nr_vcpus;
    d->vcpu = d->model->vcpu_ptr;
    for (i = 0; i < nr_vcpus; i++) {
        d->vcpu[i] = &d->model->vcpus[i];
        d->vcpu[i]->domain = d;
        d->vcpu[i]->vcpu_id = i;
    }
    d->model->nr_ports = MODEL_PORTS;
    d->model->pool = MODEL_POOL;
    d->max_evtchn_port = MODEL_PORTS - 1;
    d->model->max_handlers = virtio_shadow_mmio_handlers() + 4;
    spin_lock_init(&d->domain_lock);

    for (i = 0; i < ARRAY_SIZE(domains); i++) {
        if (!domains[i]) {
            domains[i] = d;
            return d;
        }
    }
    fail_msg("too many domains for the model");
    return NULL;
}

struct domain *get_domain_by_id(domid_t id)
{
    unsigned int i;

    for (i = 1; i < ARRAY_SIZE(domains) && domains[i]; i++) {
        if (domains[i]->domain_id == id && !domains[i]->model->freed) {
            domains[i]->refcnt++;
            return domains[i];
        }
    }
    return NULL;
}

/* Of two domains that whoever asks has references on, before anything is done for them. */
int xsm_virtio_shadow_serve(xsm_default_t def, struct domain *be, struct domain *fe)
{
    assert_int_equal(def, XSM_PRIV);
    assert_false(model_locked());
    assert_ptr_not_equal(be, fe);
    assert_true(be->refcnt > 1 && fe->refcnt);
    return be == model.denied_backend && fe == model.denied_frontend ? -EPERM : 0;
}

void get_knownalive_domain(struct domain *d)
{
    assert_true(d->refcnt);
    d->refcnt++;
}

void put_domain(struct domain *d)
{
    if (!d->refcnt) {
        fail_msg("a reference on d%u is dropped that nobody has", d->domain_id);
    }
    if (--d->refcnt) {
        return;
    }

    /* Xen does it later, in RCU.  At once, late users are noticed. */
    assert_int_equal(d->is_dying, DOMDYING_dead);
    virtio_shadow_free(d);
    assert_null(d->virtio_shadow);
    d->model->freed = true;
}

void model_kill_begin(struct domain *d)
{
    domain_lock(d);
    d->is_dying = DOMDYING_dying;
    domain_unlock(d);
}

int model_kill(struct domain *d)
{
    unsigned int i;
    int rc;

    if (!d->is_dying) {
        model_kill_begin(d);
    }

    rc = virtio_shadow_teardown(d);
    if (rc) {
        return rc;
    }
    assert_false(model_locked());

    /* What another CPU is still busy with is freed from under it, or by it. */
    if (!model.busy_elsewhere && (model_ports(d) || model_irqs(d))) {
        fail_msg("d%u: %u of Xen's ports and %u interrupts are left", d->domain_id, model_ports(d),
                 model_irqs(d));
    }
    for (i = 0; i < MODEL_PORTS; i++) {
        d->model->port[i].state = PORT_FREE;
    }

    model_pages_relinquish(d);
    model_p2m_relinquish(d);
    d->is_dying = DOMDYING_dead;
    put_domain(d);

    return 0;
}

void model_kill_wholly(struct domain *d)
{
    unsigned int tries = 0;

    while (model_kill(d)) {
        assert_true(++tries < 100000);
    }
}

void model_kill_rest(struct domain *d)
{
    if (d->is_dying && !d->model->freed) {
        model_kill_wholly(d);
    }
}

void vcpu_kick(struct vcpu *v)
{
    v->kicked++;
}

void vcpu_unblock(struct vcpu *v)
{
    v->blocked = false;
}

/* ---- event channels ---- */

int alloc_unbound_xen_event_channel(struct domain *ld, unsigned int lvcpu, domid_t remote,
                                    xen_event_channel_notification_t notification)
{
    unsigned int port;

    model_lock("event", RANK_LEAF);
    model_unlock("event");

    assert_true(lvcpu < ld->max_vcpus && ld->vcpu[lvcpu]);
    if (ld->is_dying) {
        return -EINVAL;
    }
    if (model_fails()) {
        return -ENOMEM;
    }

    for (port = 1; port < ld->model->nr_ports; port++) {
        struct model_port *p = &ld->model->port[port];

        if (p->state == PORT_FREE) {
            *p = (struct model_port){.state = PORT_XEN, .remote = remote, .to_xen = notification};
            return (int)port;
        }
    }

    return -ENOSPC;
}

void free_xen_event_channel(struct domain *d, int port)
{
    model_lock("event", RANK_LEAF);
    assert_true(port > 0 && port < MODEL_PORTS);
    BUG_ON(d->model->port[port].state != PORT_XEN && !d->is_dying);
    d->model->port[port].state = PORT_FREE;
    model_unlock("event");
}

void notify_via_xen_event_channel(struct domain *ld, int lport)
{
    model_lock("event", RANK_LEAF);
    assert_true(lport > 0 && lport < MODEL_PORTS);
    BUG_ON(ld->model->port[lport].state != PORT_XEN);
    ld->model->port[lport].sent++;
    model_unlock("event");
}

void model_send(struct vcpu *vcpu, struct domain *d, evtchn_port_t port)
{
    struct model_port *p = &d->model->port[port];

    assert_int_equal(p->state, PORT_XEN);
    assert_int_equal(p->remote, vcpu->domain->domain_id);
    current = vcpu;
    p->to_xen(d->vcpu[0], port);
    assert_false(model_locked());
}

unsigned int model_ports(const struct domain *d)
{
    unsigned int port, nr = 0;

    for (port = 0; port < MODEL_PORTS; port++) {
        nr += d->model->port[port].state != PORT_FREE;
    }
    return nr;
}

/* ---- interrupts ---- */

bool vgic_reserve_virq(struct domain *d, unsigned int virq)
{
    assert_true(virq < MODEL_IRQS);
    if (model_fails() || d->model->irq_reserved[virq]) {
        return false;
    }
    d->model->irq_reserved[virq] = true;
    return true;
}

void vgic_free_virq(struct domain *d, unsigned int virq)
{
    assert_true(d->model->irq_reserved[virq]);
    d->model->irq_reserved[virq] = false;
}

void vgic_inject_irq(struct domain *d, struct vcpu *v, unsigned int virq, bool level)
{
    model_lock("vgic", RANK_LEAF);
    assert_null(v);
    assert_true(level);
    assert_true(d->model->irq_reserved[virq]);
    d->model->irq_raised[virq]++;
    model_unlock("vgic");
}

unsigned int model_irqs(const struct domain *d)
{
    unsigned int i, nr = 0;

    for (i = 0; i < MODEL_IRQS; i++) {
        nr += d->model->irq_reserved[i];
    }
    return nr;
}

/* ---- registers ---- */

int try_register_mmio_handler(struct domain *d, const struct mmio_handler_ops *ops, paddr_t addr,
                              paddr_t size, void *priv)
{
    struct model_domain *m = d->model;
    unsigned int i;

    assert_false(d->creation_finished);
    if (m->nr_handlers >= m->max_handlers || model_fails()) {
        return -ENOSPC;
    }
    for (i = 0; i < m->nr_handlers; i++) {
        if (addr < m->handler[i].addr + m->handler[i].size && m->handler[i].addr < addr + size) {
            return -EEXIST;
        }
    }
    m->handler[m->nr_handlers++] = (struct model_handler){ops, addr, size, priv};
    return 0;
}

static struct model_handler *handler_of(struct domain *d, paddr_t addr)
{
    unsigned int i;

    for (i = 0; i < d->model->nr_handlers; i++) {
        struct model_handler *h = &d->model->handler[i];

        if (addr >= h->addr && addr - h->addr < h->size) {
            return h;
        }
    }
    fail_msg("no device at %#llx", (unsigned long long)addr);
    return NULL;
}

uint64_t model_read(struct vcpu *vcpu, paddr_t addr, unsigned int size)
{
    struct model_handler *h = handler_of(vcpu->domain, addr);
    mmio_info_t info = {.gpa = addr, .dabt.size = (unsigned int)__builtin_ctz(size)};
    register_t r = 0;

    current = vcpu;
    assert_int_equal(h->ops->read(vcpu, &info, &r, h->priv), 1);
    assert_false(model_locked());
    return r;
}

void model_write(struct vcpu *vcpu, paddr_t addr, unsigned int size, uint64_t val)
{
    struct model_handler *h = handler_of(vcpu->domain, addr);
    mmio_info_t info = {.gpa = addr, .dabt.size = (unsigned int)__builtin_ctz(size)};

    current = vcpu;
    assert_int_equal(h->ops->write(vcpu, &info, val, h->priv), 1);
    assert_false(model_locked());
}

/* ---- the console ---- */

int printk_ratelimit(void)
{
    return !model.log_limited;
}

void printk(const char *fmt, ...)
{
    size_t at = strlen(model.log);
    va_list ap;

    va_start(ap, fmt);
    for (; *fmt; fmt++) {
        char *to = model.log + at;
        size_t room = sizeof(model.log) - at;

        assert_true(room > 256);
        if (*fmt != '%') {
            at += (size_t)snprintf(to, room, "%c", *fmt);
        } else if (fmt[1] == 'p' && fmt[2] == 'd') {
            at += (size_t)snprintf(to, room, "d%u", va_arg(ap, struct domain *)->domain_id);
            fmt += 2;
        } else if (fmt[1] == 'u') {
            at += (size_t)snprintf(to, room, "%u", va_arg(ap, unsigned int));
            fmt++;
        } else if (strncmp(fmt + 1, PRI_stime, strlen(PRI_stime)) == 0) {
            at += (size_t)snprintf(to, room, "%lld", (long long)va_arg(ap, s_time_t));
            fmt += strlen(PRI_stime);
        } else {
            assert_int_equal(fmt[1], 's');
            at += (size_t)snprintf(to, room, "%s", va_arg(ap, char *));
            fmt++;
        }
    }
    va_end(ap);
    model.log_lines++;
}
