/* SPDX-License-Identifier: MIT */
/*
 * Room for shadow tables (2.7.5.3: each is in one piece): whatever is handed out
 * already, what is handed out next is in the pool, was free, and is nobody else's;
 * and giving it back gives back that and nothing else.  For the tables of a queue of
 * 256, which can take two words of the bitmap, in a pool of WORDS.
 */
#include "proof.h"
#include "svq_tables.h"

#define QUEUE 256u
#define WORDS 3u
#define GRANULES (WORDS * 32u)

static struct svq_tables t;

static bool used(unsigned int granule)
{
    return t.used[granule / 32u] >> (granule % 32u) & 1u;
}

void harness(void)
{
    unsigned int entries = nondet_uint(), any = nondet_uint(), first, nr;
    bool was, in;

    __CPROVER_havoc_object(&t);
    ASSUME(t.words == WORDS && t.hint < WORDS);
    ASSUME(entries >= 1 && entries <= QUEUE && any < GRANULES);
    nr = (entries + SVQ_TABLE_GRANULE - 1) / SVQ_TABLE_GRANULE;
    was = used(any);

    first = svq_tables_alloc(&t, entries);

    if (first == SVQ_NO_TABLE) {
        PROVE(used(any) == was, "refused implies that nothing is taken");
        COVER(entries == 1);
        COVER(entries == QUEUE && !was);
        return;
    }

    PROVE(!(first % SVQ_TABLE_GRANULE) && first / SVQ_TABLE_GRANULE + nr <= GRANULES,
          "what is handed out is in the pool");
    PROVE(t.hint < t.words, "the next search begins in the bitmap");

    in = any >= first / SVQ_TABLE_GRANULE && any < first / SVQ_TABLE_GRANULE + nr;
    PROVE(!in || !was, "it was free");
    PROVE(used(any) == (in || was), "it is taken, and nothing else is");

    svq_tables_free(&t, first, entries);
    PROVE(used(any) == was, "giving it back gives back that, and nothing else");

    COVER(entries == QUEUE && in);
    COVER(entries == 129 && first);
    COVER(entries == 5 && in && any % 32 == 31);
}
