/* SPDX-License-Identifier: MIT */
/*
 * One record of a page in flight, between svq_pages.c and svq_multi.c.
 */
#ifndef SVQ_PAGE_H
#define SVQ_PAGE_H

#include "svq_pages.h"

/* What the backend is to have, now that one of the counts has changed. */
static inline void svq_page_count(struct svq_page *pg)
{
    pg->want = pg->writers ? SVQ_RW : pg->readers ? SVQ_RO : pg->held ? SVQ_DUMMY : SVQ_NONE;
}

static inline bool svq_is_visible(enum svq_access access)
{
    return access == SVQ_RO || access == SVQ_RW;
}

/* Does the backend lose something if what it has becomes what is wanted? */
static inline bool svq_is_loss(enum svq_access have, enum svq_access to)
{
    return svq_is_visible(have) && (!svq_is_visible(to) || to < have);
}

static inline bool svq_is_gain(enum svq_access have, enum svq_access to)
{
    return svq_is_visible(to) && (!svq_is_visible(have) || to > have);
}

/* The record of gfn, or NULL. */
struct svq_page *svq_page_find(const struct svq_pages *p, uint64_t gfn);

/* Free pg, which is neither dirty, nor visible to the backend, nor kept, nor a table's. */
void svq_page_del(struct svq_pages *p, struct svq_page *pg);

/* Let go of a frame that is known, and that neither the backend nor a table has. */
void svq_page_let_go(struct svq_pages *p, struct svq_page *pg);

/* One change of access to pg, for the environment. */
void svq_page_fill(const struct svq_queue *q, struct svq_page_op *op, const struct svq_page *pg,
                   enum svq_access from, enum svq_access to);

#endif /* SVQ_PAGE_H */
