/* SPDX-License-Identifier: MIT */
/*
 * Runs of granules out of a bitmap, in bounded time.
 *
 * Up to 32 granules come out of one word of the bitmap, found with a few shifts;
 * more come as whole words.  So the time of a search is that of looking at each
 * word once, however the pool has been cut up.
 */
#ifndef SVQ_RUNS_H
#define SVQ_RUNS_H

#include <virtio-shadow/svq.h>

#define SVQ_RUN_BITS    32u
#define SVQ_NO_RUN      (~0U)

/* Where in a word a run may start: anywhere, or at every eighth granule. */
#define SVQ_RUN_ANYWHERE    (~0U)
#define SVQ_RUN_EIGHTHS     0x01010101U

static inline uint32_t svq_runs_words(unsigned int granules)
{
    return (granules + SVQ_RUN_BITS - 1) / SVQ_RUN_BITS;
}

/* granules that are all free: svq_runs_words() of used[]. */
void svq_runs_init(uint32_t used[], unsigned int granules);

/* The first of nr > 0 free granules in a row, or SVQ_NO_RUN.  hint: the word to look at first. */
unsigned int svq_runs_find(const uint32_t used[], unsigned int words, unsigned int hint,
                           unsigned int nr, uint32_t starts);

/* More than a word of them. */
void svq_runs_set_words(uint32_t used[], unsigned int first, unsigned int nr, bool in_use);

/* The nr > 0 granules from first on, as they were found, are in use (or not any more). */
static inline void svq_runs_set(uint32_t used[], unsigned int first, unsigned int nr, bool in_use)
{
    uint32_t *w = &used[first / SVQ_RUN_BITS], bits;

    if ( nr > SVQ_RUN_BITS )
    {
        svq_runs_set_words(used, first, nr, in_use);
        return;
    }

    /* They are in one word. */
    bits = (~0U >> (SVQ_RUN_BITS - nr)) << (first % SVQ_RUN_BITS);
    *w = in_use ? *w | bits : *w & ~bits;
}

#endif /* SVQ_RUNS_H */
