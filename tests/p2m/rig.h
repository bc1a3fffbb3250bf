/* SPDX-License-Identifier: MIT */
/*
 * A backend domain, a guest, and pages that the guest lends: with what must be true of them at
 * any time.
 */
#ifndef P2M_RIG_H
#define P2M_RIG_H

#include "stand-ins.h"

#define RIG_PAGES 64u  /* of the guest's, to be lent */
#define RIG_USERS 3u   /* of the backend's p2m */
#define RIG_PLACES 64u /* where something may appear in the backend */
#define RIG_BATCH 64u

/* What a place shows, as far as the operations have said so. */
struct rig_place {
    uint64_t gfn;
    p2m_type_t type;
    uint64_t mfn;
    unsigned int unflushed; /* users whose flush is to come, by bit */
};

struct rig {
    struct domain be, fe;
    struct vcpu be_vcpu[2], fe_vcpu[2];
    struct domain xen; /* owns the dummy */
    struct page_info *page[RIG_PAGES], *dummy;
    unsigned long refs[NR_FRAMES]; /* that there have to be */
    struct p2m_foreign_user user[RIG_USERS];
    /* What each has unmapped and not let go of yet. */
    struct page_info *held[RIG_USERS][512];
    unsigned int nr_held[RIG_USERS];
    struct rig_place place[RIG_PLACES];
    unsigned int nr_places;
    unsigned int to_heap; /* pages that a pool has given back */
};

extern struct rig rig;

void rig_start(unsigned int pool, bool iommu);
/* Everything is given back, and nothing is left over. */
void rig_end(void);

unsigned int rig_place(uint64_t gfn); /* new */
void rig_run(unsigned int cpu, struct vcpu *v);
struct page_info *rig_frame(struct domain *owner);

/* Tables, entries, references and TLBs are as they have to be. */
void rig_check(void);

/*
 * The operations, with places and pages by number, and checked.  Pages at places of no number are
 * the test's own business.
 */
unsigned int rig_map(unsigned int user, const unsigned int *place, const unsigned int *page,
                     const bool *writable, unsigned int nr, bool dummy, int *error);
unsigned int rig_unmap(unsigned int user, const unsigned int *place, unsigned int nr);
void rig_flush(unsigned int user);
void rig_protect(unsigned int user, unsigned int place, bool writable);
void rig_replace(const unsigned int *place, unsigned int nr);
/* As the backend changes its own memory; mfn ~0: removes it. */
int rig_set(struct domain *d, uint64_t gfn, unsigned long nr, uint64_t mfn, p2m_type_t type);

#endif /* P2M_RIG_H */
