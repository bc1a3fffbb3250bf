/* SPDX-License-Identifier: MIT */
/* Stand-in: pages with owners and references. */
#ifndef STAND_IN_XEN_MM_H
#define STAND_IN_XEN_MM_H

#include <xen/mm-frame.h>
#include <xen/sched.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PFN_DOWN(x) ((x) >> PAGE_SHIFT)
#define PFN_UP(x) (((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)

#define gaddr_to_gfn(a) _gfn(PFN_DOWN(a))

#define MEMF_no_refcount 1U

struct page_info {
    unsigned int refs;  /* 0: free */
    unsigned int stale; /* TLB entries that may still show it */
    bool allocated;     /* the allocation's reference is there */
    bool special;
    struct domain *owner;
};

struct page_info *alloc_domheap_page(struct domain *d, unsigned int memflags);
bool get_page(struct page_info *pg, const struct domain *d);
void put_page(struct page_info *pg);
void put_page_alloc_ref(struct page_info *pg);

mfn_t page_to_mfn(const struct page_info *pg);
struct page_info *mfn_to_page(mfn_t mfn);
bool mfn_valid(mfn_t mfn);

static inline struct domain *page_get_owner(const struct page_info *pg)
{
    return pg->owner;
}

#endif
