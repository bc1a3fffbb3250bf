/* SPDX-License-Identifier: MIT */
/* How the backend gets at the buffers of a chain. */
#include "svq_buffers.h"
#include "svq_pages.h"

/* Put the pages of [addr, addr + len), but only the first pages of them. */
static void put_pages(struct svq_pages *p, uint64_t addr, uint32_t len, bool write,
                      uint64_t pages)
{
    uint64_t gfn = addr >> SVQ_PAGE_SHIFT, last = (addr + len - 1) >> SVQ_PAGE_SHIFT;

    for ( ; gfn <= last && pages; gfn++, pages-- )
        svq_pages_put(p, gfn, write);
}

enum svq_error svq_buffers_take(struct svq_pages *p, const struct svq_queue *q, unsigned int nr,
                                bool *full)
{
    unsigned int i;

    *full = false;

    for ( i = 0; i < nr; i++ )
    {
        const struct svq_desc *d = &q->chain[i];
        bool write = d->flags & SVQ_DESC_F_WRITE;
        uint64_t first = d->addr >> SVQ_PAGE_SHIFT, gfn;
        uint64_t last = (d->addr + d->len - 1) >> SVQ_PAGE_SHIFT;

        for ( gfn = first; gfn <= last; gfn++ )
        {
            if ( svq_pages_take(p, gfn, write) )
                continue;

            put_pages(p, d->addr, d->len, write, gfn - first);
            while ( i-- )
                put_pages(p, q->chain[i].addr, q->chain[i].len,
                          q->chain[i].flags & SVQ_DESC_F_WRITE, ~0ULL);

            /* The driver was to put nothing else there, and it cannot be written to. */
            if ( svq_pages_table_queue(p, gfn) >= 0 )
                return SVQ_ERR_TABLE_PAGE;

            *full = true;
            return SVQ_ERR_NONE;
        }
    }

    return SVQ_ERR_NONE;
}

static unsigned int end_seg(struct svq_pages *p, const struct svq_seg *s, enum svq_buffers_end how)
{
    unsigned int pages = svq_pages_of(s->addr, s->len), i;
    uint64_t gfn = s->addr >> SVQ_PAGE_SHIFT;

    for ( i = 0; i < pages; i++, gfn++ )
    {
        if ( how == SVQ_BUFFERS_PUT )
            svq_pages_put(p, gfn, s->write);
        else if ( how == SVQ_BUFFERS_HOLD )
            svq_pages_hold(p, gfn, s->write);
        else
            svq_pages_unhold(p, gfn);
    }

    return 1 + pages;
}

unsigned int svq_buffers_end(struct svq_pages *p, const struct svq_queue *q, unsigned int head,
                             enum svq_buffers_end how)
{
    const struct svq_slot *first = &q->slot[head];
    unsigned int i = head, n, work = 0;

    if ( first->remapped )
        work += end_seg(p, &first->seg, how);

    for ( n = 0; n < first->count; n++ )
    {
        if ( first->table != SVQ_NO_TABLE )
            work += end_seg(p, &q->tables.seg[first->table + n], how);
        else
        {
            work += end_seg(p, &q->slot[i].seg, how);
            i = q->slot[i].next;
        }
    }

    return work;
}
