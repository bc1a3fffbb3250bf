/* SPDX-License-Identifier: MIT */
/*
 * A model of what the mediator meets in Xen, as far as it can be observed:
 * domains, pages and their references, p2ms with a TLB behind them, event
 * channels, interrupts, locks.  It fails the test at once when a rule of Xen
 * is broken: a lock taken twice or in the wrong order, a reference that nobody
 * holds, a page let go that a TLB still knows.
 */
#ifndef MEDIATOR_MODEL_H
#define MEDIATOR_MODEL_H

/* cmocka.h wants these four before it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <asm/mmio.h>
#include <asm/p2m.h>
#include <vsh.h>
#include <xen/event.h>

#define MODEL_PORTS 512
#define MODEL_HANDLERS 40
#define MODEL_IRQS 96
#define MODEL_P2M (1UL << 16)  /* gfns that a domain has */
#define MODEL_TABLE 512UL      /* ... in one table of its p2m */
#define MODEL_POOL (1UL << 32) /* pages for tables: more than are ever needed */
#define MODEL_LOG 4096

struct model_port {
    enum { PORT_FREE, PORT_XEN } state;
    domid_t remote;
    xen_event_channel_notification_t to_xen;
    unsigned int sent; /* by Xen, to the remote end */
};

struct model_handler {
    const struct mmio_handler_ops *ops;
    paddr_t addr, size;
    void *priv;
};

struct model_entry {
    p2m_type_t type;
    mfn_t mfn;
    mfn_t tlb; /* what TLBs may still know, until the flush */
    bool tlb_valid;
};

struct model_domain {
    struct model_port port[MODEL_PORTS];
    unsigned int nr_ports; /* that may be in use at a time */
    struct model_handler handler[MODEL_HANDLERS];
    unsigned int nr_handlers, max_handlers;
    bool irq_reserved[MODEL_IRQS];
    unsigned int irq_raised[MODEL_IRQS];
    struct model_entry p2m[MODEL_P2M];
    unsigned long stale[MODEL_P2M]; /* gfns that the TLB knows otherwise */
    unsigned int nr_stale;
    unsigned int flushes;
    unsigned long pool, pool_reserved; /* pages for tables that are left; reserved: of these */
    bool table[MODEL_P2M / MODEL_TABLE];
    uint64_t ram_changes;
    unsigned int lookups;  /* pages looked up by p2m_get_ram_pages() */
    unsigned int steps;    /* parts of the mediator's work that its vCPUs did */
    unsigned int nr_pages; /* that it owns: these keep it from being freed */
    bool freed;
    struct vcpu vcpus[4], *vcpu_ptr[4];
};

struct model {
    unsigned int xv_nr; /* allocations that live */
    size_t xv_bytes;
    unsigned int xen_pages; /* of dom_xen */

    /* The fail_at-th step from now on that may fail does so; 0: none. */
    unsigned int fail_at;
    bool failed;

    unsigned int preempt_checks;
    bool (*preempt)(void);  /* what hypercall_preempt_check() says; NULL: no */
    bool (*softirqs)(void); /* what softirq_pending() says; NULL: no */

    /*
     * Another CPU's chance: called whenever this one holds no lock, with the
     * number of the occasion.
     */
    void (*elsewhere)(unsigned int occasion);
    unsigned int occasions;
    bool busy_elsewhere; /* a domctl of the dying domain may be under way */

    bool trylock_fails; /* another CPU has the lock */

    s_time_t step_takes; /* how long a part of the work does: svq_dev_run(), svq_queue_run() */

    /* What the security module denies: that this one serves that one. */
    const struct domain *denied_backend, *denied_frontend;

    unsigned int log_lines;
    bool log_limited;
    char log[MODEL_LOG];
};

extern struct model model;

/* A new world, with dom_xen and nothing else; and: is nothing left over? */
void model_start(void);
void model_end(void);

struct domain *model_domain(domid_t id, unsigned int nr_vcpus);

/* domain_kill(), one attempt: 0 when it is through, or -ERESTART. */
int model_kill(struct domain *d);
/* ... in its first part: from now on d->is_dying. */
void model_kill_begin(struct domain *d);
void model_kill_wholly(struct domain *d);
/* ... if it has begun to die. */
void model_kill_rest(struct domain *d);

/* Pages of d's own, at gfn. */
struct page_info *model_populate(struct domain *d, unsigned long gfn);
/* XENMEM_remove_from_physmap, by d itself. */
void model_remove(struct domain *d, unsigned long gfn);
/* ... by another domain. */
void model_remove_by(struct domain *who, struct domain *d, unsigned long gfn);
/* Show pg, which is another domain's or dom_xen's, at gfn; takes a reference. */
void model_show(struct domain *d, unsigned long gfn, struct page_info *pg, p2m_type_t type);

struct model_entry *model_at(struct domain *d, unsigned long gfn);
/* Memory as d sees it; NULL: an abort. */
void *model_access(struct domain *d, paddr_t addr, bool write);

/* As vcpu: send on one of Xen's ports of d; use a device's registers. */
void model_send(struct vcpu *vcpu, struct domain *d, evtchn_port_t port);
uint64_t model_read(struct vcpu *vcpu, paddr_t addr, unsigned int size);
void model_write(struct vcpu *vcpu, paddr_t addr, unsigned int size, uint64_t val);

unsigned int model_ports(const struct domain *d);
unsigned int model_irqs(const struct domain *d);

/* Timers run out. */
void model_time_passes(s_time_t ns);
unsigned int model_timers(void);
unsigned int model_timers_active(void);

/* For the model's own files. */
bool model_fails(void);
void model_lock(const char *name, unsigned int rank);
void model_unlock(const char *name);
bool model_locked(void);
void model_p2m_relinquish(struct domain *d);
void model_pages_relinquish(struct domain *d);
void model_pages_start(void);
void model_locks_start(void);
void model_time_start(void);

enum { RANK_DOMAIN = 10, RANK_QUEUE = 20, RANK_BACKEND = 30, RANK_P2M = 40, RANK_LEAF = 50 };

#endif /* MEDIATOR_MODEL_H */
