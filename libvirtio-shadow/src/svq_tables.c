/* SPDX-License-Identifier: MIT */
/* Room for shadow indirect tables: a bitmap of granules. */
#include "svq_runs.h"
#include "svq_tables.h"

static unsigned int granules(unsigned int entries)
{
    return (entries + SVQ_TABLE_GRANULE - 1) / SVQ_TABLE_GRANULE;
}

static unsigned int find(const struct svq_tables *t, unsigned int entries)
{
    return svq_runs_find(t->used, t->words, t->hint, granules(entries), SVQ_RUN_ANYWHERE);
}

void svq_tables_init(struct svq_tables *t, uint32_t max_size)
{
    unsigned int nr = granules(SVQ_TABLE_ENTRIES(max_size));

    t->words = svq_runs_words(nr);
    t->hint = 0;
    svq_runs_init(t->used, nr);
}

unsigned int svq_tables_alloc(struct svq_tables *t, unsigned int entries)
{
    unsigned int first = find(t, entries);

    if ( first == SVQ_NO_RUN )
        return SVQ_NO_TABLE;

    svq_runs_set(t->used, first, granules(entries), true);
    t->hint = first / SVQ_RUN_BITS;

    return first * SVQ_TABLE_GRANULE;
}

bool svq_tables_fit(const struct svq_tables *t, unsigned int entries)
{
    return find(t, entries) != SVQ_NO_RUN;
}

void svq_tables_free(struct svq_tables *t, unsigned int first, unsigned int entries)
{
    svq_runs_set(t->used, first / SVQ_TABLE_GRANULE, granules(entries), false);
}
