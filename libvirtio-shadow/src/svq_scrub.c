/* SPDX-License-Identifier: MIT */
/*
 * Between two backends of which one is not to know what the other was sent, nor where it
 * was: bounce pages, descriptors and tables keep what they held, as that is no news to who
 * has seen it.
 */
#include "svq_buffers.h"
#include "svq_dev.h"
#include "svq_runs.h"
#include "svq_tables.h"

/* Bounce pages in one step. */
#define STEP    64u

#define PER_PAGE    (SVQ_PAGE_SIZE / SVQ_BOUNCE_GRANULE)

static bool is_used(const struct svq_bounce *b, unsigned int granule)
{
    return b->used[granule / SVQ_RUN_BITS] >> (granule % SVQ_RUN_BITS) & 1;
}

static void scrub_page(const struct svq_bounce *b, unsigned int page, bool keep)
{
    unsigned int i;

    for ( i = 0; i < PER_PAGE; i++ )
        if ( !keep || !is_used(b, page * PER_PAGE + i) )
            memset(b->page[page] + i * SVQ_BOUNCE_GRANULE, 0, SVQ_BOUNCE_GRANULE);
}

/* What is offered again fills its last granule in part only. */
static void scrub_ends(struct svq_queue *q)
{
    unsigned int i;

    for ( i = 0; i < q->shadow_size; i++ )
        if ( q->slot[i].count && !q->slot[i].done )
            svq_buffers_scrub_ends(q, i);
}

static void scrub_desc(struct svq_queue *q, unsigned int slot)
{
    uint32_t size = (uint32_t)sizeof(struct svq_desc);

    memset(svq_mem_at(&q->shadow_desc, slot * size), 0, size);
}

/* Descriptors and tables, but for those of chains that are offered again. */
static void scrub_chains(struct svq_queue *q)
{
    const struct svq_tables *t = &q->tables;
    unsigned int i, slot;

    if ( q->live )
        for ( i = 0, slot = q->free; i < q->free_slots; i++, slot = q->slot[slot].next )
            scrub_desc(q, slot);
    else
        for ( i = 0; i < q->max_size; i++ )
            scrub_desc(q, i);

    for ( i = 0; i < SVQ_TABLE_ENTRIES(q->max_size); i++ )
    {
        unsigned int granule = i / SVQ_TABLE_GRANULE;

        if ( !q->live || !(t->used[granule / SVQ_RUN_BITS] >> (granule % SVQ_RUN_BITS) & 1) )
            memset(svq_tables_at(t, i), 0, sizeof(struct svq_desc));
    }
}

bool svq_dev_scrub(struct svq_dev *dev)
{
    struct svq_queue *q = &dev->queue[dev->scrub_queue];
    uint32_t frames = q->bounce[0].frames, n;

    for ( n = 0; n < STEP && dev->scrub_page < frames; n++, dev->scrub_page++ )
    {
        /* Of a queue that has been stopped nothing is offered again. */
        scrub_page(&q->bounce[0], dev->scrub_page, q->live);
        /* What nobody has returned is written once more. */
        scrub_page(&q->bounce[1], dev->scrub_page, false);
    }

    if ( dev->scrub_page < frames )
        return true;

    if ( frames && q->live )
        scrub_ends(q);

    scrub_chains(q);

    dev->scrub_page = 0;
    dev->scrub_queue++;
    if ( dev->scrub_queue < dev->nr_queues )
        return true;

    svq_scrub_anew(dev);

    return false;
}
