/* SPDX-License-Identifier: MIT */
/*
 * Room for copies: whatever is handed out already, what is handed out next for a
 * buffer of any length lies in the pool, was free, and is nobody else's; one of a
 * page or more begins a page; and giving it back gives back that and nothing else.
 * For pools of up to WORDS of the bitmap, which need not end with a word.
 */
#include "proof.h"
#include "svq_bounce.h"
#include "svq_runs.h"

#define WORDS 2u

static struct svq_bounce b;

static bool used(unsigned int granule)
{
    return b.used[granule / SVQ_RUN_BITS] >> (granule % SVQ_RUN_BITS) & 1u;
}

/* Can the pool be like this?  What is beyond its end counts as used. */
static bool is_sane(void)
{
    unsigned int last = b.granules % SVQ_RUN_BITS;

    return b.granules && b.granules <= WORDS * SVQ_RUN_BITS &&
           b.words == svq_runs_words(b.granules) && b.hint < b.words &&
           (!last || !(~b.used[b.words - 1] >> last));
}

void harness(void)
{
    uint32_t len = nondet_u32(), off = nondet_u32(), was_free;
    unsigned int any = nondet_uint(), first, nr;
    bool was, in;

    __CPROVER_havoc_object(&b);
    ASSUME(is_sane() && len && any < b.granules);
    nr = svq_bounce_granules(len);
    was_free = b.nr_free;
    was = used(any);

    if (!svq_bounce_alloc(&b, len, &off)) {
        PROVE(used(any) == was && b.nr_free == was_free, "refused implies that nothing is taken");
        COVER(len == 1 && b.granules == 64);
        COVER(nr <= was_free);
        COVER(len == UINT32_MAX);
        return;
    }

    PROVE(off <= b.granules * SVQ_BOUNCE_GRANULE && len <= b.granules * SVQ_BOUNCE_GRANULE - off,
          "every byte lies in the pool");
    PROVE(!(off % SVQ_BOUNCE_GRANULE), "it begins a granule");
    PROVE(len < SVQ_PAGE_SIZE || !(off & SVQ_PAGE_MASK), "what is a page or more begins one");
    PROVE(b.nr_free == was_free - nr, "what is free is counted");
    PROVE(b.hint < b.words, "the next search begins in the bitmap");

    first = off / SVQ_BOUNCE_GRANULE;
    in = any >= first && any < first + (len + SVQ_BOUNCE_GRANULE - 1) / SVQ_BOUNCE_GRANULE;
    PROVE(!in || !was, "it was free");
    PROVE(used(any) == (in || was), "it is taken, and nothing else is");

    svq_bounce_free(&b, off, len);
    PROVE(used(any) == was && b.nr_free == was_free, "giving it back gives back that, and no more");

    COVER(nr > SVQ_RUN_BITS && in && any == 33);
    COVER(len == SVQ_PAGE_SIZE && first % SVQ_RUN_BITS == 24);
    COVER(len == 1 && in && any == 62 && b.granules == 63);
}
