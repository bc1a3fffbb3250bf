/* SPDX-License-Identifier: MIT */
/* Bounce pages. */
#include "svq_bounce.h"

/* From this length on, a buffer begins a page, as devices that do direct I/O like it. */
#define ALIGN_FROM      SVQ_PAGE_SIZE

void svq_bounce_init(struct svq_bounce *b)
{
    b->granules = b->frames * (SVQ_PAGE_SIZE / SVQ_BOUNCE_GRANULE);
    b->words = svq_runs_words(b->granules);
    b->hint = 0;
    b->nr_free = b->granules;
    if ( b->words )
        svq_runs_init(b->used, b->granules);
}

bool svq_bounce_alloc(struct svq_bounce *b, uint32_t len, uint32_t *off)
{
    unsigned int nr = svq_bounce_granules(len), first;

    if ( nr > b->nr_free )
        return false;

    first = svq_runs_find(b->used, b->words, b->hint, nr,
                          len < ALIGN_FROM ? SVQ_RUN_ANYWHERE : SVQ_RUN_EIGHTHS);
    if ( first == SVQ_NO_RUN )
        return false;

    svq_runs_set(b->used, first, nr, true);
    b->hint = first / SVQ_RUN_BITS;
    b->nr_free -= nr;
    *off = first * SVQ_BOUNCE_GRANULE;

    return true;
}
