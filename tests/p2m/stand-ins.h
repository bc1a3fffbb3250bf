/* SPDX-License-Identifier: MIT */
/*
 * What the functions of Xen's p2m need around them: types, lists and locks, as far as they are
 * not taken from Xen, and the hardware of hw.h in the place of instructions.
 */
#ifndef P2M_STAND_INS_H
#define P2M_STAND_INS_H

/* cmocka.h wants these four before it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "hw.h"

#define CONFIG_P2M_FOREIGN_BATCH 1

#define ERESTART 85
#define U
#define _AC(x, y) x
#define _AT(t, x) ((t)(x))
#define PAGE_SHIFT 12
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PADDR_MASK ((1ULL << 48) - 1)
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define cf_check
#define likely(x) (x)
#define unlikely(x) (x)
#define asm_inline asm
#define ALTERNATIVE(...) ""
#define __read_mostly
#define ASSERT(x) ((x) ? (void)0 : rig_bug(#x, __LINE__))
#define ASSERT_UNREACHABLE() rig_bug("this is reached", __LINE__)
#define BUG() rig_bug("BUG()", __LINE__)
#define BUILD_BUG_ON(x) _Static_assert(!(x), #x)
#define gdprintk(...) ((void)0)
#define printk(...) ((void)0)

typedef uint64_t paddr_t;

typedef struct {
    unsigned long n;
} gfn_t;
typedef struct {
    unsigned long n;
} mfn_t;
typedef struct {
    unsigned long n;
} dfn_t;

#define _gfn(x) ((gfn_t){x})
#define _mfn(x) ((mfn_t){x})
#define _dfn(x) ((dfn_t){x})
#define gfn_x(g) ((g).n)
#define mfn_x(m) ((m).n)
#define INVALID_GFN _gfn(~0UL)
#define INVALID_MFN _mfn(~0UL)
#define gfn_add(g, i) _gfn((g).n + (unsigned long)(i))
#define mfn_add(m, i) _mfn((m).n + (unsigned long)(i))
#define gfn_eq(a, b) ((a).n == (b).n)
#define mfn_eq(a, b) ((a).n == (b).n)
#define gfn_max(a, b) ((a).n > (b).n ? (a) : (b))
#define gfn_min(a, b) ((a).n < (b).n ? (a) : (b))
#define gfn_next_boundary(g, order) _gfn(((g).n + (1UL << (order))) & ~((1UL << (order)) - 1))
#define gfn_to_gaddr(g) ((paddr_t)(g).n << PAGE_SHIFT)
#define mfn_to_maddr(m) ((paddr_t)(m).n << PAGE_SHIFT)
#define mfn_valid(m) ((m).n < NR_FRAMES)

void rig_bug(const char *what, int line);

/* CPUs, and what they know. */
typedef struct {
    unsigned long bits;
} cpumask_t;

#define NR_CPUS HW_CPUS
#define DEFINE_PER_CPU(type, name) type per_cpu__##name[NR_CPUS]
#define per_cpu(name, cpu) per_cpu__##name[cpu]
#define this_cpu(name) per_cpu(name, smp_processor_id())
#define smp_processor_id() hw.cpu
#define cpu_online(cpu) ((void)(cpu), true)
#define cpumask_of(cpu) (&(const cpumask_t){1UL << (cpu)})
#define cpumask_subset(a, b) (!((a)->bits & ~(b)->bits))
#define cpumask_test_cpu(cpu, m) (((m)->bits >> (cpu)) & 1)
#define cpumask_set_cpu(cpu, m) (hw_step(), (void)((m)->bits |= 1UL << (cpu)))
#define cpumask_clear_cpu(cpu, m) (hw_step(), (void)((m)->bits &= ~(1UL << (cpu))))
#define cpumask_setall(m) ((m)->bits = (1UL << NR_CPUS) - 1)
#define for_each_cpu(cpu, m)                                                                       \
    for ((cpu) = 0; (cpu) < NR_CPUS; (cpu)++)                                                      \
        if (cpumask_test_cpu(cpu, m))

#define smp_mb() hw_step()
#define smp_wmb() hw_step()
#define smp_rmb() hw_step()
#define dsb(scope) hw_step()
#define isb() hw_step()
#define READ_SYSREG64(name) hw_vttbr()
#define WRITE_SYSREG64(v, name) hw_set_vttbr(v)
#define WRITE_SYSREG(v, name) ((void)(v))
/* Off for as long as VTTBR_EL2 is another's, for a flush. */
#define local_irq_save(flags) ((void)(flags), hw.switched = true)
#define local_irq_restore(flags) ((void)(flags), hw.switched = false)
#define cpus_have_const_cap(cap) false
#define flush_guest_tlb_local() hw_flush_cpu(hw.cpu)
#define flush_guest_tlb() hw_flush_cpus()
#define clean_dcache(x) ((void)(x))
#define clean_dcache_va_range(p, n) ((void)(p))

#define ACCESS_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#define read_atomic(p) (hw_step(), ACCESS_ONCE(*(p)))
#define write_atomic(p, x)                                                                         \
    do {                                                                                           \
        ACCESS_ONCE(*(p)) = (x);                                                                   \
        hw_step();                                                                                 \
    } while (0)
#define write_pte(p, pte) write_atomic(&(p)->bits, (pte).bits)

/* Frames, and who refers to them. */
#define PGC_allocated (1UL << 31)
#define PGC_count_mask (PGC_allocated - 1)

struct domain;

struct page_info {
    unsigned long count_info;
    struct domain *owner;
    bool special;
    struct page_info *next, *prev;
    struct page_list_head *list;
};

struct page_list_head {
    struct page_info *first, *last;
    unsigned int nr;
    bool pool; /* what is in here is not in use */
};

extern struct page_info frame_table[NR_FRAMES];

#define page_to_mfn(pg) _mfn((unsigned long)((pg)-frame_table))
#define mfn_to_page(m) (&frame_table[(m).n])
#define is_special_page(pg) ((pg)->special)
#define is_xen_heap_mfn(m) ((void)(m), false)
#define page_set_xenheap_gfn(pg, g) ((void)(pg))

bool get_page(struct page_info *pg, const struct domain *d);
struct domain *page_get_owner_and_reference(struct page_info *pg);
void put_page_nr(struct page_info *pg, unsigned long nr);
#define put_page(pg) put_page_nr(pg, 1)

void page_list_add_tail(struct page_info *pg, struct page_list_head *list);
#define page_list_add(pg, list) page_list_add_tail(pg, list)
void page_list_del(struct page_info *pg, struct page_list_head *list);
struct page_info *page_list_remove_head(struct page_list_head *list);
struct page_info *alloc_domheap_page(struct domain *d, unsigned int flags);
void free_domheap_page(struct page_info *pg);
#define MEMF_no_owner 0

void *map_domain_page(mfn_t mfn);
#define __map_domain_page(pg) map_domain_page(page_to_mfn(pg))
void unmap_domain_page(const void *p);
mfn_t domain_page_map_to_mfn(const void *p);
#define clear_page(p) memset(p, 0, PAGE_SIZE)
void clear_and_clean_page(struct page_info *pg);

/* Locks, of one thread. */
typedef struct {
    bool write;
    unsigned int readers;
} rwlock_t;
typedef bool spinlock_t;

#define spin_is_locked(l) (*(l))

#define spin_lock(l)                                                                               \
    do {                                                                                           \
        ASSERT(!*(l));                                                                             \
        *(l) = true;                                                                               \
    } while (0)
#define spin_unlock(l)                                                                             \
    do {                                                                                           \
        ASSERT(*(l));                                                                              \
        *(l) = false;                                                                              \
    } while (0)
#define write_unlock(l)                                                                            \
    do {                                                                                           \
        ASSERT((l)->write);                                                                        \
        (l)->write = false;                                                                        \
    } while (0)
#define p2m_is_write_locked(p2m) ((p2m)->lock.write)
#define p2m_is_locked(p2m) ((p2m)->lock.write || (p2m)->lock.readers)
#define p2m_write_lock(p2m)                                                                        \
    do {                                                                                           \
        ASSERT(!p2m_is_locked(p2m));                                                               \
        (p2m)->lock.write = true;                                                                  \
    } while (0)
#define p2m_read_lock(p2m)                                                                         \
    do {                                                                                           \
        ASSERT(!(p2m)->lock.write);                                                                \
        (p2m)->lock.readers++;                                                                     \
    } while (0)
#define p2m_read_unlock(p2m) ((p2m)->lock.readers--)

/* Nobody watches accesses here. */
typedef enum {
    p2m_access_n,
    p2m_access_r,
    p2m_access_w,
    p2m_access_rw,
    p2m_access_x,
    p2m_access_rx,
    p2m_access_wx,
    p2m_access_rwx,
    p2m_access_rx2rw,
    p2m_access_n2rwx,
    p2m_access_r_pw,
} p2m_access_t;

struct radix_tree_root {
    int none;
};

#define radix_tree_delete(t, i) ASSERT_UNREACHABLE()
#define radix_tree_insert(t, i, p) (ASSERT_UNREACHABLE(), (void)(p), 0)
#define radix_tree_lookup(t, i) (ASSERT_UNREACHABLE(), (void *)NULL)
#define radix_tree_lookup_slot(t, i) NULL
#define radix_tree_replace_slot(s, p) ASSERT_UNREACHABLE()
#define radix_tree_int_to_ptr(i) ((void *)(intptr_t)(i))
#define radix_tree_ptr_to_int(p) ((p2m_access_t)(intptr_t)(p))

/* From Xen 4.22 on there is a p2m without an MMU, too. */
#define CONFIG_MMU 1
#define MATTR_DEV 0x1
#define MATTR_MEM_NC 0x5
#define MATTR_MEM 0xf
#define LPAE_SH_OUTER 2
#define LPAE_SH_INNER 3
#define P2M_ROOT_LEVEL 1
#define P2M_ROOT_PAGES 1
#define INVALID_VCPU_ID 255

#include <generated/lpae.h>
#include <generated/p2m-types.h>

struct domain {
    unsigned int domain_id;
    bool is_dying, iommu;
    unsigned int ram_changed; /* calls of virtio_shadow_memory_changed() */
    struct {
        struct p2m_domain p2m;
        struct paging_domain paging;
    } arch;
};

struct vcpu {
    struct domain *domain;
    uint8_t vcpu_id;
    struct {
        uint64_t sctlr, hcr_el2;
    } arch;
};

#define p2m_get_hostp2m(d) (&(d)->arch.p2m)
#define is_hardware_domain(d) ((void)(d), false)
#define is_idle_vcpu(v) ((void)(v), false)
#define is_iommu_enabled(d) ((d)->iommu)
#define iommu_use_hap_pt(d) ((d)->iommu)
#define hypercall_preempt_check() false
#define general_preempt_check() false
#define IOMMU_FLUSHF_added 1
#define IOMMU_FLUSHF_modified 2
#define iommu_iotlb_flush_all(d, flags) (((d)->iommu ? hw_flush_iommu() : (void)0), (flags)&0)
#define iommu_iotlb_flush(d, dfn, nr, flags)                                                       \
    (ASSERT((d)->iommu), hw_flush_iommu_range((dfn).n, nr), (int)((flags)&0))
#define virtio_shadow_memory_changed(d)                                                            \
    (ASSERT(p2m_is_write_locked(&(d)->arch.p2m)), (d)->ram_changed++)

/* Those of the real functions that tests call. */
mfn_t p2m_get_entry(struct p2m_domain *p2m, gfn_t gfn, p2m_type_t *t, p2m_access_t *a,
                    unsigned int *page_order, bool *valid);
int p2m_set_entry(struct p2m_domain *p2m, gfn_t sgfn, unsigned long nr, mfn_t smfn, p2m_type_t t,
                  p2m_access_t a);
bool p2m_resolve_translation_fault(struct domain *d, gfn_t gfn);
void p2m_write_unlock(struct p2m_domain *p2m);
void p2m_tlb_flush_sync(struct p2m_domain *p2m);
void p2m_force_tlb_flush_sync(struct p2m_domain *p2m);
void p2m_restore_state(struct vcpu *n);
void p2m_clear_root_pages(struct p2m_domain *p2m);
int p2m_teardown(struct domain *d);
uint64_t p2m_ram_generation(const struct domain *d);
int p2m_set_allocation(struct domain *d, unsigned long pages, bool *preempted);
unsigned long p2m_foreign_tables(unsigned long nr);
int p2m_foreign_reserve(struct domain *d, struct p2m_foreign_reserve *r, unsigned long nr);
void p2m_foreign_unreserve(struct domain *d, struct p2m_foreign_reserve *r);
unsigned long p2m_foreign_lacks(struct domain *d, unsigned long nr);
void p2m_foreign_trim(struct domain *d, gfn_t *start, gfn_t end);
unsigned int p2m_foreign_map(struct domain *d, struct p2m_foreign_user *user,
                             const struct p2m_foreign *f, unsigned int nr, mfn_t dummy, int *error);
unsigned int p2m_foreign_unmap(struct domain *d, struct p2m_foreign_user *user,
                               struct p2m_foreign *f, unsigned int nr);
unsigned int p2m_foreign_protect(struct domain *d, struct p2m_foreign_user *user,
                                 struct p2m_foreign *f, unsigned int nr);
void p2m_foreign_replace(struct domain *d, struct p2m_foreign *f, unsigned int nr, mfn_t dummy);
bool p2m_foreign_flush(struct domain *d, const struct p2m_foreign_user *user);
unsigned int p2m_get_ram_pages(struct domain *d, const gfn_t gfn[], struct page_info *pg[],
                               unsigned int nr);
void p2m_ram_protect(struct domain *d, struct p2m_foreign *f, unsigned int nr);
void p2m_ram_unprotect(struct domain *d, struct p2m_foreign *f, unsigned int nr);

#endif /* P2M_STAND_INS_H */
