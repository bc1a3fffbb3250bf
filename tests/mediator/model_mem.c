/* SPDX-License-Identifier: MIT */
/* Memory: Xen's heap, and pages with owners and references. */
#include <stdlib.h>
#include <sys/mman.h>

#include <sanitizer/asan_interface.h>
#include <xen/domain_page.h>
#include <xen/xvmalloc.h>

#include "model.h"

#define NR_PAGES (1U << 13)
#define FIRST_MFN 0x100000UL

static struct page_info page[NR_PAGES];
static uint8_t *memory;
static unsigned int next_page;

unsigned int model_gfns;

/* In front of each allocation. */
struct header {
    struct header *next, *prev;
    size_t bytes, pad;
};

static struct header heap = {&heap, &heap, 0, 0};

bool model_fails(void)
{
    if (!model.fail_at || --model.fail_at) {
        return false;
    }
    model.failed = true;
    return true;
}

void *model_alloc(size_t size, size_t nr, bool zero)
{
    struct header *h;

    assert_true(size && nr);
    if (model_locked()) {
        fail_msg("memory is allocated with a lock held");
    }
    if (model_fails()) {
        return NULL;
    }

    h = malloc(sizeof(*h) + size * nr);
    assert_non_null(h);
    h->bytes = size * nr;
    h->next = heap.next;
    h->prev = &heap;
    h->next->prev = h;
    heap.next = h;
    memset(h + 1, zero ? 0 : 0xa5, h->bytes);

    model.xv_nr++;
    model.xv_bytes += h->bytes;

    return h + 1;
}

void xvfree(void *p)
{
    struct header *h;

    if (!p) {
        return;
    }

    h = (struct header *)p - 1;
    model.xv_nr--;
    model.xv_bytes -= h->bytes;
    h->next->prev = h->prev;
    h->prev->next = h->next;
    free(h);
}

/* What a test that failed has left. */
void model_pages_start(void)
{
    while (heap.next != &heap) {
        xvfree(heap.next + 1);
    }

    if (!memory) {
        memory = mmap(NULL, NR_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert_true(memory != MAP_FAILED);
    }

    ASAN_POISON_MEMORY_REGION(memory, NR_PAGES * PAGE_SIZE);
    memset(page, 0, sizeof(page));
    next_page = 0;
}

static void *data(const struct page_info *pg)
{
    return memory + (size_t)(pg - page) * PAGE_SIZE;
}

static struct page_info *new_page(struct domain *d)
{
    unsigned int i;

    /* Not the one that was freed last, so that late accesses are noticed. */
    for (i = 0; i < NR_PAGES; i++) {
        struct page_info *pg = &page[next_page++ % NR_PAGES];

        if (pg->refs) {
            continue;
        }

        *pg = (struct page_info){.refs = 1, .allocated = true, .owner = d};
        ASAN_UNPOISON_MEMORY_REGION(data(pg), PAGE_SIZE);
        memset(data(pg), 0xa5, PAGE_SIZE);
        return pg;
    }

    fail_msg("the model is out of pages");
    return NULL;
}

struct page_info *alloc_domheap_page(struct domain *d, unsigned int memflags)
{
    /* What the mediator allocates counts as Xen's, and towards no limit. */
    assert_ptr_equal(d, dom_xen);
    assert_int_equal(memflags, MEMF_no_refcount);

    if (model_fails()) {
        return NULL;
    }

    model.xen_pages++;
    return new_page(d);
}

static void free_page(struct page_info *pg)
{
    struct domain *d = pg->owner;

    assert_false(pg->allocated);

    if (d == dom_xen) {
        unsigned int i;

        for (i = 0; i < PAGE_SIZE; i++) {
            if (((uint8_t *)data(pg))[i]) {
                fail_msg("a page of Xen's is freed with data of a guest in it");
            }
        }
        model.xen_pages--;
    }

    ASAN_POISON_MEMORY_REGION(data(pg), PAGE_SIZE);
    pg->owner = NULL;

    if (d != dom_xen && !--d->model->nr_pages) {
        put_domain(d);
    }
}

bool get_page(struct page_info *pg, const struct domain *d)
{
    if (!pg->refs || pg->owner != d) {
        return false;
    }
    pg->refs++;
    return true;
}

void put_page(struct page_info *pg)
{
    if (!pg->refs) {
        fail_msg("a reference on a page is dropped that nobody has");
    }
    /* A page of Xen's may stay in TLBs for as long as it is that. */
    if (pg->stale && (pg->owner != dom_xen || pg->refs == 1)) {
        fail_msg("a page is let go that a TLB may still know");
    }
    if (!--pg->refs) {
        free_page(pg);
    }
}

void put_page_alloc_ref(struct page_info *pg)
{
    if (pg->allocated) {
        pg->allocated = false;
        BUG_ON(pg->refs <= 1);
        put_page(pg);
    }
}

mfn_t page_to_mfn(const struct page_info *pg)
{
    return _mfn(FIRST_MFN + (unsigned long)(pg - page));
}

bool mfn_valid(mfn_t mfn)
{
    return mfn_x(mfn) - FIRST_MFN < NR_PAGES;
}

struct page_info *mfn_to_page(mfn_t mfn)
{
    if (!mfn_valid(mfn)) {
        fail_msg("mfn %#lx is no page", mfn_x(mfn));
    }
    return &page[mfn_x(mfn) - FIRST_MFN];
}

void *__map_domain_page_global(struct page_info *pg)
{
    assert_true(pg->refs);
    return data(pg);
}

void unmap_domain_page_global(const void *p)
{
    domain_page_map_to_mfn(p);
}

mfn_t domain_page_map_to_mfn(const void *p)
{
    size_t off = (size_t)((const uint8_t *)p - memory);

    assert_true(off / PAGE_SIZE < NR_PAGES);
    return _mfn(FIRST_MFN + off / PAGE_SIZE);
}

void clear_domain_page(mfn_t mfn)
{
    struct page_info *pg = mfn_to_page(mfn);

    assert_true(pg->refs);
    memset(data(pg), 0, PAGE_SIZE);
}

struct page_info *model_populate(struct domain *d, unsigned long gfn)
{
    struct model_entry *e = model_at(d, gfn);
    struct page_info *pg = new_page(d);

    assert_int_equal(e->type, p2m_invalid);
    if (!d->model->nr_pages++) {
        get_knownalive_domain(d);
    }
    e->type = p2m_ram_rw;
    e->mfn = page_to_mfn(pg);
    memset(data(pg), 0, PAGE_SIZE);

    return pg;
}

/* relinquish_memory(): who else has a reference keeps the page, and its owner. */
void model_pages_relinquish(struct domain *d)
{
    unsigned int i;

    for (i = 0; i < NR_PAGES; i++) {
        if (page[i].owner == d && page[i].refs && get_page(&page[i], d)) {
            put_page_alloc_ref(&page[i]);
            put_page(&page[i]);
        }
    }
}
