/* SPDX-License-Identifier: MIT */
/*
 * Between two backends of which one is not to know what the other was sent: bounce
 * pages keep what they held, as that is no news to who has seen it.
 */
#include "svq_buffers.h"
#include "svq_dev.h"
#include "svq_runs.h"

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

    dev->scrub_page = 0;
    dev->scrub_queue++;
    if ( dev->scrub_queue < dev->nr_queues )
        return true;

    svq_scrub_anew(dev);

    return false;
}
