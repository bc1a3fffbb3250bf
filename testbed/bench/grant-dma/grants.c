// SPDX-License-Identifier: MIT
#include "grants.h"

#include <err.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xengnttab.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

static xengnttab_handle *handle;
static uint16_t guest;

struct grant_copies {
    uint32_t nr;
    xengnttab_grant_copy_segment_t seg[GRANT_COPIES_MAX];
};

static uint32_t first_ref(uint64_t addr)
{
    return (uint32_t)((addr & ~GRANT_DMA_BASE) / GRANT_PAGE);
}

void grants_open(uint16_t domid)
{
    guest = domid;
    handle = xengnttab_open(NULL, 0);
    if (!handle)
        err(1, "the grant device (/dev/xen/gntdev)");
}

size_t grant_set_add(struct grant_set *set, uint64_t addr, uint32_t len)
{
    uint32_t ref = first_ref(addr), pages = grant_pages(addr, len);
    size_t at = (size_t)set->nr * GRANT_PAGE + addr % GRANT_PAGE;

    while (pages--)
        set->ref[set->nr++] = ref++;
    return at;
}

bool grant_set_map(struct grant_set *set, bool write)
{
    if (!set->nr)
        return true;
    set->at = xengnttab_map_domain_grant_refs(handle, set->nr, guest, set->ref,
                                              PROT_READ | (write ? PROT_WRITE : 0));
    if (!set->at)
        set->nr = 0;
    return set->at != NULL;
}

void grant_set_unmap(struct grant_set *set)
{
    if (set->nr && xengnttab_unmap(handle, set->at, set->nr))
        err(1, "cannot unmap %u grants", set->nr);
    set->nr = 0;
}

struct grant_copies *grant_copies_new(void)
{
    struct grant_copies *copies = calloc(1, sizeof(*copies));

    if (!copies)
        err(1, "memory for copies");
    return copies;
}

uint32_t grant_copies_room(const struct grant_copies *copies)
{
    return GRANT_COPIES_MAX - copies->nr;
}

void grant_copies_add(struct grant_copies *copies, uint64_t addr, void *buf, uint32_t len,
                      bool to_guest)
{
    uint32_t ref = first_ref(addr), off = addr % GRANT_PAGE;
    uint8_t *p = buf;

    while (len) {
        xengnttab_grant_copy_segment_t *seg = &copies->seg[copies->nr++];
        uint32_t n = len < GRANT_PAGE - off ? len : GRANT_PAGE - off;

        *seg = (xengnttab_grant_copy_segment_t){
            .len = (uint16_t)n,
            .flags = to_guest ? GNTCOPY_dest_gref : GNTCOPY_source_gref,
        };
        (to_guest ? &seg->dest : &seg->source)->foreign.ref = ref++;
        (to_guest ? &seg->dest : &seg->source)->foreign.offset = (uint16_t)off;
        (to_guest ? &seg->dest : &seg->source)->foreign.domid = guest;
        (to_guest ? &seg->source : &seg->dest)->virt = p;
        p += n;
        len -= n;
        off = 0;
    }
}

bool grant_copies_run(struct grant_copies *copies)
{
    bool good = !copies->nr || !xengnttab_grant_copy(handle, copies->nr, copies->seg);
    uint32_t i;

    for (i = 0; good && i < copies->nr; i++)
        good = copies->seg[i].status == GNTST_okay;
    copies->nr = 0;
    return good;
}
