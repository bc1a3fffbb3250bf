/* SPDX-License-Identifier: MIT */
/* Runs of granules out of a bitmap. */
#include "svq_runs.h"

#define BITS    SVQ_RUN_BITS
#define FULL    (~0U)

/* nr < BITS of them. */
static uint32_t mask(unsigned int nr)
{
    return (1U << nr) - 1;
}

void svq_runs_init(uint32_t used[], unsigned int granules)
{
    unsigned int words = svq_runs_words(granules), i;

    for ( i = 0; i < words; i++ )
        used[i] = 0;

    /* A small pool ends within a word. */
    if ( granules % BITS )
        used[words - 1] = ~mask(granules % BITS);
}

/* The lowest of the places in starts that has nr set bits in a row, or BITS. */
static unsigned int find_run(uint32_t free, unsigned int nr, uint32_t starts)
{
    unsigned int len = 1;

    /* A bit stays set where len of them begin. */
    while ( free && len < nr )
    {
        unsigned int step = len < nr - len ? len : nr - len;

        free &= free >> step;
        len += step;
    }

    free &= starts;

    return free ? (unsigned int)__builtin_ctz(free) : BITS;
}

unsigned int svq_runs_find(const uint32_t used[], unsigned int words, unsigned int hint,
                           unsigned int nr, uint32_t starts)
{
    unsigned int k, w, bit, whole = 0;

    if ( nr <= BITS )
    {
        for ( k = 0; k < words; k++ )
        {
            w = hint + k < words ? hint + k : hint + k - words;
            bit = find_run(~used[w], nr, starts);
            if ( bit < BITS )
                return w * BITS + bit;
        }

        return SVQ_NO_RUN;
    }

    for ( w = 0; w < words; w++ )
    {
        whole = used[w] ? 0 : whole + 1;
        /* Each one is whole, so it does not come to more than there is. */
        if ( whole >= nr / BITS + !!(nr % BITS) )
            return (w + 1 - whole) * BITS;
    }

    return SVQ_NO_RUN;
}

void svq_runs_set_words(uint32_t used[], unsigned int first, unsigned int nr, bool in_use)
{
    unsigned int w;

    for ( w = first / BITS; nr >= BITS; w++, nr -= BITS )
        used[w] = in_use ? FULL : 0;

    if ( nr )
        used[w] = in_use ? used[w] | mask(nr) : used[w] & ~mask(nr);
}
