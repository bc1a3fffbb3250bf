/* SPDX-License-Identifier: MIT */
/*
 * Room for shadow indirect tables: a bitmap of granules.
 *
 * Up to 32 granules (128 entries) come out of one word of the bitmap, found
 * with a few shifts; more come as whole words.  So the time of a search is that
 * of looking at each word once, at most SVQ_TABLE_WORDS, however the pool has
 * been cut up.
 */
#include "svq_tables.h"

#define BITS    32u
#define FULL    (~0U)

static unsigned int granules(unsigned int entries)
{
    return (entries + SVQ_TABLE_GRANULE - 1) / SVQ_TABLE_GRANULE;
}

static uint32_t mask(unsigned int nr)
{
    return nr < BITS ? (1U << nr) - 1 : FULL;
}

void svq_tables_init(struct svq_tables *t, uint32_t max_size)
{
    unsigned int nr = granules(SVQ_TABLE_ENTRIES(max_size)), i;

    t->words = (nr + BITS - 1) / BITS;
    t->hint = 0;

    for ( i = 0; i < t->words; i++ )
        t->used[i] = 0;

    /* A small queue's pool ends within a word. */
    if ( nr % BITS )
        t->used[t->words - 1] = ~mask(nr % BITS);
}

/* The lowest place of nr set bits in a row, or BITS. */
static unsigned int find_run(uint32_t free, unsigned int nr)
{
    unsigned int len = 1;

    /* A bit stays set where len of them begin. */
    while ( free && len < nr )
    {
        unsigned int step = len < nr - len ? len : nr - len;

        free &= free >> step;
        len += step;
    }

    return free ? (unsigned int)__builtin_ctz(free) : BITS;
}

/* The first of nr granules, or FULL. */
static unsigned int find(const struct svq_tables *t, unsigned int nr)
{
    unsigned int k, w, bit, whole = 0;

    if ( nr <= BITS )
    {
        for ( k = 0; k < t->words; k++ )
        {
            w = t->hint + k < t->words ? t->hint + k : t->hint + k - t->words;
            bit = find_run(~t->used[w], nr);
            if ( bit < BITS )
                return w * BITS + bit;
        }

        return FULL;
    }

    for ( w = 0; w < t->words; w++ )
    {
        whole = t->used[w] ? 0 : whole + 1;
        if ( whole * BITS >= nr )
            return (w + 1 - whole) * BITS;
    }

    return FULL;
}

static void set(struct svq_tables *t, unsigned int first, unsigned int nr, bool used)
{
    unsigned int w = first / BITS;

    for ( ; ; w++ )
    {
        /* Whole words, but for what fits into one. */
        uint32_t bits = nr > BITS ? FULL : mask(nr) << (first % BITS);

        t->used[w] = used ? t->used[w] | bits : t->used[w] & ~bits;
        if ( nr <= BITS )
            break;
        nr -= BITS;
    }
}

unsigned int svq_tables_alloc(struct svq_tables *t, unsigned int entries)
{
    unsigned int nr = granules(entries), first = find(t, nr);

    if ( first == FULL )
        return SVQ_NO_TABLE;

    set(t, first, nr, true);
    t->hint = first / BITS;

    return first * SVQ_TABLE_GRANULE;
}

bool svq_tables_fit(const struct svq_tables *t, unsigned int entries)
{
    return find(t, granules(entries)) != FULL;
}

void svq_tables_free(struct svq_tables *t, unsigned int first, unsigned int entries)
{
    set(t, first / SVQ_TABLE_GRANULE, granules(entries), false);
}
