/* SPDX-License-Identifier: MIT */
/* Stand-in: domains and vCPUs. */
#ifndef STAND_IN_XEN_SCHED_H
#define STAND_IN_XEN_SCHED_H

#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/spinlock.h>

#include <asm/system.h>

#define DOMID_XEN 0x7ff2U
#define DOMID_INVALID 0x7ff4U

struct virtio_shadow;
struct model_domain;

#define _VPF_down 1

#define MAX_NR_EVTCHNS (1U << 17)

struct vcpu {
    struct domain *domain;
    unsigned int vcpu_id;
    unsigned long pause_flags;
    unsigned int virtio_shadow_pending;
    unsigned int kicked; /* the model's */
    bool blocked;
};

enum { DOMDYING_alive, DOMDYING_dying, DOMDYING_dead };

struct domain {
    domid_t domain_id;
    unsigned int refcnt;
    int is_dying;
    bool creation_finished;
    bool direct_mapped;
    unsigned int max_vcpus, max_evtchn_port;
    struct vcpu **vcpu;
    spinlock_t domain_lock;
    struct virtio_shadow *virtio_shadow;
    struct model_domain *model;
};

extern struct domain *dom_xen;
extern struct vcpu *current;

struct domain *get_domain_by_id(domid_t id);
void get_knownalive_domain(struct domain *d);
void put_domain(struct domain *d);

#define is_domain_direct_mapped(d) ((d)->direct_mapped)

#define domain_lock(d) spin_lock(&(d)->domain_lock)
#define domain_unlock(d) spin_unlock(&(d)->domain_lock)

#define for_each_vcpu(d, v)                                                                        \
    for (unsigned int i_ = 0;                                                                      \
         ((v) = (d)->vcpu && i_ < (d)->max_vcpus ? (d)->vcpu[i_] : NULL) != NULL; i_++)

static inline bool test_bit(unsigned int nr, const unsigned long *p)
{
    return *p >> nr & 1;
}

static inline void set_bit(unsigned int nr, unsigned long *p)
{
    __atomic_fetch_or(p, 1UL << nr, __ATOMIC_SEQ_CST);
}

static inline void clear_bit(unsigned int nr, unsigned long *p)
{
    __atomic_fetch_and(p, ~(1UL << nr), __ATOMIC_SEQ_CST);
}

void vcpu_kick(struct vcpu *v);
void vcpu_unblock(struct vcpu *v);

#endif
