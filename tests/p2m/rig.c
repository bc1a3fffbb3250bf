/* SPDX-License-Identifier: MIT */
#include "rig.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p))
#endif

#define POISON 0xa5

struct rig rig;
struct page_info frame_table[NR_FRAMES];
static unsigned int next_frame;
static int mapped; /* domain pages */

bool frame_is_free(uint64_t mfn)
{
    const struct page_info *pg = &frame_table[mfn];

    return pg->list && pg->list->pool;
}

void rig_bug(const char *what, int line)
{
    fail_msg("line %d: ASSERT(%s)", line, what);
}

static unsigned long count(const struct page_info *pg)
{
    return pg->count_info & PGC_count_mask;
}

bool get_page(struct page_info *pg, const struct domain *d)
{
    if (pg->owner != d || !count(pg))
        return false;
    pg->count_info++;

    return true;
}

struct domain *page_get_owner_and_reference(struct page_info *pg)
{
    return get_page(pg, pg->owner) ? pg->owner : NULL;
}

void put_page_nr(struct page_info *pg, unsigned long nr)
{
    if (count(pg) < nr)
        fail_msg("frame %#lx: a reference that nobody has is dropped", mfn_x(page_to_mfn(pg)));
    pg->count_info -= nr;
}

static void poison(struct page_info *pg)
{
    memset(memory[pg - frame_table], POISON, PAGE_SIZE);
    ASAN_POISON_MEMORY_REGION(memory[pg - frame_table], PAGE_SIZE);
}

static void unpoison(struct page_info *pg)
{
    const uint8_t *p = memory[pg - frame_table];
    unsigned int i;

    ASAN_UNPOISON_MEMORY_REGION(p, PAGE_SIZE);
    for (i = 0; i < PAGE_SIZE; i++)
        if (p[i] != POISON)
            fail_msg("frame %#lx was written to while it was free", mfn_x(page_to_mfn(pg)));
}

void page_list_add_tail(struct page_info *pg, struct page_list_head *list)
{
    assert_null(pg->list);
    pg->list = list;
    pg->next = NULL;
    pg->prev = list->last;
    if (list->last)
        list->last->next = pg;
    else
        list->first = pg;
    list->last = pg;
    list->nr++;
    if (list->pool)
        poison(pg);
}

void page_list_del(struct page_info *pg, struct page_list_head *list)
{
    assert_ptr_equal(pg->list, list);
    if (pg->prev)
        pg->prev->next = pg->next;
    else
        list->first = pg->next;
    if (pg->next)
        pg->next->prev = pg->prev;
    else
        list->last = pg->prev;
    list->nr--;
    pg->list = NULL;
    if (list->pool)
        unpoison(pg);
}

struct page_info *page_list_remove_head(struct page_list_head *list)
{
    struct page_info *pg = list->first;

    if (pg)
        page_list_del(pg, list);

    return pg;
}

struct page_info *alloc_domheap_page(struct domain *d, unsigned int flags)
{
    (void)d;
    fail_msg("no domain here takes its page tables from the heap, flags %u", flags);
    return NULL;
}

void free_domheap_page(struct page_info *pg)
{
    assert_null(pg->list);
    rig.to_heap++;
}

void *map_domain_page(mfn_t mfn)
{
    if (!mfn_valid(mfn))
        fail_msg("a page is mapped that is no memory: %#lx", mfn_x(mfn));
    if (frame_is_free(mfn_x(mfn)))
        fail_msg("a page table is looked at that is free: %#lx", mfn_x(mfn));
    mapped++;

    return memory[mfn_x(mfn)];
}

void unmap_domain_page(const void *p)
{
    assert_true(p >= (const void *)memory && p < (const void *)(memory + NR_FRAMES));
    mapped--;
}

mfn_t domain_page_map_to_mfn(const void *p)
{
    return _mfn((unsigned long)((const uint8_t *)p - memory[0]) / PAGE_SIZE);
}

void clear_and_clean_page(struct page_info *pg)
{
    memset(memory[pg - frame_table], 0, PAGE_SIZE);
}

struct page_info *rig_frame(struct domain *owner)
{
    struct page_info *pg;

    assert_true(next_frame < NR_FRAMES);
    pg = &frame_table[next_frame];
    pg->owner = owner;
    pg->count_info = owner ? PGC_allocated | 1 : 0;
    rig.refs[next_frame++] = owner != NULL;

    return pg;
}

static void start_domain(struct domain *d, unsigned int id, unsigned int pool)
{
    struct p2m_domain *p2m = &d->arch.p2m;
    unsigned int i;

    d->domain_id = id;
    d->arch.paging.p2m_freelist.pool = true;
    for (i = 0; i < pool; i++)
        page_list_add_tail(rig_frame(NULL), &d->arch.paging.p2m_freelist);
    d->arch.paging.p2m_free_pages = d->arch.paging.p2m_total_pages = pool;

    p2m->domain = d;
    p2m->vmid = (uint16_t)id;
    p2m->lowest_mapped_gfn = _gfn(ULONG_MAX);
    p2m->default_access = p2m_access_rwx;
    p2m->root = rig_frame(NULL);
    p2m->vttbr = (uint64_t)p2m->vmid << 48 | mfn_to_maddr(page_to_mfn(p2m->root));
    memset(p2m->last_vcpu_ran, INVALID_VCPU_ID, sizeof(p2m->last_vcpu_ran));
    cpumask_setall(&p2m->tlb_cpus);
}

void rig_run(unsigned int cpu, struct vcpu *v)
{
    unsigned int before = hw.cpu;

    hw.cpu = cpu;
    p2m_restore_state(v);
    hw.cpu = before;
}

void rig_start(unsigned int pool, bool iommu)
{
    unsigned int i;

    ASAN_UNPOISON_MEMORY_REGION(memory, sizeof(memory));
    memset(&rig, 0, sizeof(rig));
    memset(frame_table, 0, sizeof(frame_table));
    memset(memory, 0, sizeof(memory));
    hw_start();
    next_frame = 1;
    mapped = 0;

    rig.be.iommu = iommu;
    start_domain(&rig.be, 1, pool);
    start_domain(&rig.fe, 2, 16);
    for (i = 0; i < 2; i++) {
        rig.be_vcpu[i] = (struct vcpu){.domain = &rig.be, .vcpu_id = (uint8_t)i};
        rig.fe_vcpu[i] = (struct vcpu){.domain = &rig.fe, .vcpu_id = (uint8_t)i};
    }
    for (i = 0; i < RIG_PAGES; i++)
        rig.page[i] = rig_frame(&rig.fe);
    rig.dummy = rig_frame(&rig.xen);

    hw.iommu_vttbr = iommu ? rig.be.arch.p2m.vttbr : 0;
    rig_run(0, &rig.fe_vcpu[0]);
    rig_run(1, &rig.be_vcpu[0]);
    rig_run(2, &rig.be_vcpu[1]);
}

unsigned int rig_place(uint64_t gfn)
{
    assert_true(rig.nr_places < RIG_PLACES);
    rig.place[rig.nr_places].gfn = gfn;
    hw_watch(gfn);

    return rig.nr_places++;
}

static struct rig_place *place_of(uint64_t gfn)
{
    unsigned int i;

    for (i = 0; i < rig.nr_places; i++)
        if (rig.place[i].gfn == gfn)
            return &rig.place[i];
    return NULL;
}

static mfn_t look_up(struct domain *d, uint64_t gfn, p2m_type_t *t)
{
    mfn_t mfn;

    p2m_read_lock(&d->arch.p2m);
    mfn = p2m_get_entry(&d->arch.p2m, _gfn(gfn), t, NULL, NULL, NULL);
    p2m_read_unlock(&d->arch.p2m);

    return mfn;
}

static bool is_writable(p2m_type_t t)
{
    return t == p2m_ram_rw || t == p2m_map_foreign_rw;
}

static void check_tlb(unsigned int which)
{
    const struct hw_translation *p;

    for (p = hw.tlb[which].page; p < hw.tlb[which].page + HW_WATCHED * 2; p++) {
        struct domain *d = p->vmid == 1 ? &rig.be : &rig.fe;
        const struct rig_place *place = d == &rig.be ? place_of(p->gfn) : NULL;
        p2m_type_t t;
        mfn_t mfn;

        if (!p->used || (place && place->unflushed))
            continue;
        mfn = look_up(d, p->gfn, &t);
        if (t == p2m_invalid || mfn_x(mfn) != p->mfn)
            fail_msg("TLB %u: gfn %#llx of domain %u is still frame %#llx, but is %#lx", which,
                     (unsigned long long)p->gfn, d->domain_id, (unsigned long long)p->mfn,
                     mfn_x(mfn));
        if (p->write && !is_writable(t))
            fail_msg("TLB %u: gfn %#llx of domain %u can still be written to", which,
                     (unsigned long long)p->gfn, d->domain_id);
    }
}

void rig_check(void)
{
    unsigned int i;

    hw_step();
    assert_int_equal(mapped, 0);
    assert_false(p2m_is_locked(&rig.be.arch.p2m) || p2m_is_locked(&rig.fe.arch.p2m));
    assert_false(rig.be.arch.p2m.need_flush || rig.fe.arch.p2m.need_flush);

    for (i = 0; i < rig.nr_places; i++) {
        const struct rig_place *p = &rig.place[i];
        p2m_type_t t;
        mfn_t mfn = look_up(&rig.be, p->gfn, &t);

        if (t != p->type || (t != p2m_invalid && mfn_x(mfn) != p->mfn))
            fail_msg("gfn %#llx: type %d, frame %#lx, instead of type %d, frame %#llx",
                     (unsigned long long)p->gfn, t, mfn_x(mfn), p->type,
                     (unsigned long long)p->mfn);
    }

    for (i = 0; i < NR_FRAMES; i++)
        if (count(&frame_table[i]) != rig.refs[i])
            fail_msg("frame %#x: %lu references instead of %lu", i, count(&frame_table[i]),
                     rig.refs[i]);

    for (i = 0; i <= HW_CPUS; i++)
        check_tlb(i);
}

static void show(struct rig_place *p, p2m_type_t type, uint64_t mfn)
{
    p->type = type;
    p->mfn = mfn;
    if (type != p2m_invalid)
        p->unflushed = 0; /* break before make */
}

static void expect_flushes(unsigned long tlb, unsigned long iommu)
{
    if (hw.tlb_flushes > tlb || hw.iommu_flushes > iommu)
        fail_msg("%lu flushes of TLBs, %lu of the IOMMU's: at most %lu, and %lu", hw.tlb_flushes,
                 hw.iommu_flushes, tlb, iommu);
}

static void count_flushes(void)
{
    hw.tlb_flushes = 0;
    hw.iommu_flushes = 0;
}

unsigned int rig_map(unsigned int user, const unsigned int *place, const unsigned int *page,
                     const bool *writable, unsigned int nr, bool dummy, int *error)
{
    struct p2m_foreign f[RIG_BATCH];
    unsigned int i, done;

    for (i = 0; i < nr; i++) {
        f[i].gfn = _gfn(rig.place[place[i]].gfn);
        f[i].mfn = page_to_mfn(rig.page[page[i]]);
        f[i].writable = writable[i];
        assert_true(get_page(rig.page[page[i]], &rig.fe));
    }

    count_flushes();
    done = p2m_foreign_map(&rig.be, &rig.user[user], f, nr,
                           dummy ? page_to_mfn(rig.dummy) : INVALID_MFN, error);
    expect_flushes(1, rig.be.iommu);
    assert_true(done <= nr && !*error == (done == nr));

    for (i = 0; i < nr; i++) {
        struct rig_place *p = &rig.place[place[i]];
        bool was_dummy = p->type != p2m_invalid && p->mfn == mfn_x(page_to_mfn(rig.dummy));
        p2m_type_t t;

        if (i < done) {
            assert_true(p->type == p2m_invalid || (dummy && was_dummy));
            if (p->type != p2m_invalid)
                rig.refs[p->mfn]--;
            show(p, writable[i] ? p2m_map_foreign_rw : p2m_map_foreign_ro, mfn_x(f[i].mfn));
            rig.refs[p->mfn]++;
            continue;
        }

        put_page(rig.page[page[i]]);
        if (i == done && *error == -EEXIST)
            assert_true(p->type != p2m_invalid && !(dummy && was_dummy));
        if (i == done && *error == -ENOMEM)
            assert_true(rig.be.arch.paging.p2m_free_pages <
                        2 + rig.be.arch.paging.p2m_reserved_pages);

        /* Those of the rest of the batch may have gone with those before. */
        if (dummy && was_dummy) {
            look_up(&rig.be, p->gfn, &t);
            if (t == p2m_invalid) {
                rig.refs[p->mfn]--;
                show(p, p2m_invalid, 0);
            }
        }
    }
    rig_check();

    return done;
}

unsigned int rig_unmap(unsigned int user, const unsigned int *place, unsigned int nr)
{
    struct p2m_foreign f[RIG_BATCH];
    unsigned int i, done;

    for (i = 0; i < nr; i++) {
        f[i].gfn = _gfn(rig.place[place[i]].gfn);
        f[i].mfn = _mfn(rig.place[place[i]].mfn);
    }

    count_flushes();
    done = p2m_foreign_unmap(&rig.be, &rig.user[user], f, nr);
    expect_flushes(0, 0);

    for (i = 0; i < nr; i++) {
        struct rig_place *p = &rig.place[place[i]];

        assert_int_equal(f[i].done, p->type == p2m_map_foreign_rw || p->type == p2m_map_foreign_ro);
        if (!f[i].done)
            continue;
        show(p, p2m_invalid, p->mfn);
        p->unflushed |= 1U << user;
        assert_true(rig.nr_held[user] < 512);
        rig.held[user][rig.nr_held[user]++] = &frame_table[p->mfn];
    }
    rig_check();

    return done;
}

void rig_flush(unsigned int user)
{
    unsigned int i;

    count_flushes();
    p2m_foreign_flush(&rig.be, &rig.user[user]);
    expect_flushes(1, rig.be.iommu);
    for (i = 0; i < rig.nr_places; i++)
        rig.place[i].unflushed &= ~(1U << user);
    rig_check();

    while (rig.nr_held[user]) {
        struct page_info *pg = rig.held[user][--rig.nr_held[user]];

        put_page(pg);
        rig.refs[pg - frame_table]--;
    }
}

void rig_protect(unsigned int user, unsigned int place, bool writable)
{
    struct rig_place *p = &rig.place[place];
    bool foreign = p->type == p2m_map_foreign_rw || p->type == p2m_map_foreign_ro;
    struct p2m_foreign f = {.gfn = _gfn(p->gfn), .mfn = _mfn(p->mfn), .writable = writable};

    count_flushes();
    assert_int_equal(p2m_foreign_protect(&rig.be, &rig.user[user], &f, 1), foreign);
    expect_flushes(0, 0);
    if (foreign) {
        p->type = writable ? p2m_map_foreign_rw : p2m_map_foreign_ro;
        p->unflushed |= 1U << user;
    }
    rig_check();
}

void rig_replace(const unsigned int *place, unsigned int nr)
{
    struct p2m_foreign f[RIG_BATCH];
    unsigned int i;

    for (i = 0; i < nr; i++) {
        f[i].gfn = _gfn(rig.place[place[i]].gfn);
        f[i].mfn = _mfn(rig.place[place[i]].mfn);
    }

    count_flushes();
    p2m_foreign_replace(&rig.be, f, nr, page_to_mfn(rig.dummy));
    expect_flushes(1, rig.be.iommu);

    for (i = 0; i < nr; i++) {
        struct rig_place *p = &rig.place[place[i]];

        assert_int_equal(f[i].done, p->type == p2m_map_foreign_rw || p->type == p2m_map_foreign_ro);
        if (!f[i].done)
            continue;
        put_page(&frame_table[p->mfn]);
        rig.refs[p->mfn]--;
        show(p, p2m_map_foreign_rw, mfn_x(page_to_mfn(rig.dummy)));
        rig.refs[p->mfn]++;
    }
    rig_check();
}

int rig_set(struct domain *d, uint64_t gfn, unsigned long nr, uint64_t mfn, p2m_type_t type)
{
    struct p2m_domain *p2m = &d->arch.p2m;
    unsigned int i;
    int rc;

    p2m_write_lock(p2m);
    rc = p2m_set_entry(p2m, _gfn(gfn), nr, _mfn(mfn), type, p2m_access_rwx);
    p2m_write_unlock(p2m);

    for (i = 0; !rc && d == &rig.be && i < rig.nr_places; i++) {
        struct rig_place *p = &rig.place[i];

        if (p->gfn - gfn >= nr)
            continue;
        if (p->type == p2m_map_foreign_rw || p->type == p2m_map_foreign_ro)
            rig.refs[p->mfn]--;
        show(p, type, mfn + (p->gfn - gfn));
    }
    rig_check();

    return rc;
}

void rig_end(void)
{
    unsigned int i, user;

    for (user = 0; user < RIG_USERS; user++)
        rig_flush(user);
    for (i = 0; i < rig.nr_places; i++)
        assert_int_equal(rig_set(&rig.be, rig.place[i].gfn & ~511UL, 512, ~0UL, p2m_invalid), 0);
    for (i = 0; i < RIG_PAGES; i++)
        assert_int_equal(count(rig.page[i]), 1);
    assert_int_equal(count(rig.dummy), 1);

    /* The CPUs run something else, and all tables go back. */
    hw.iommu_vttbr = 0;
    for (i = 0; i < HW_CPUS; i++)
        rig_run(i, &rig.fe_vcpu[0]);
    p2m_clear_root_pages(&rig.be.arch.p2m);
    assert_int_equal(p2m_teardown(&rig.be), 0);
    assert_int_equal(rig.be.arch.p2m.pages.nr, 0);
    assert_int_equal(rig.be.arch.paging.p2m_reserved_pages, 0);
    assert_int_equal(rig.be.arch.paging.p2m_free_pages, rig.be.arch.paging.p2m_freelist.nr);
    assert_int_equal(rig.be.arch.paging.p2m_free_pages, rig.be.arch.paging.p2m_total_pages);
    while (page_list_remove_head(&rig.be.arch.paging.p2m_freelist))
        continue;
}
