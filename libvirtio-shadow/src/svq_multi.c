/* SPDX-License-Identifier: MIT */
/*
 * Pages in flight in several queues: rare, and so with walks over the records of all.
 */
#include "svq_multi.h"
#include "svq_page.h"

/* What the backend has if one queue is to have a, and another b. */
static enum svq_access stronger(enum svq_access a, enum svq_access b)
{
    if ( svq_is_visible(a) != svq_is_visible(b) )
        return svq_is_visible(a) ? a : b;

    return a > b ? a : b;
}

/*
 * The record of another queue, nr, from which the backend has something where pg is;
 * NULL if that is another page: then the backend has removed the one, the frontend has
 * put another there, and each is to go with the queues that entered it.
 */
static struct svq_page *other(struct svq_dev *dev, const struct svq_queue *q, unsigned int nr,
                              const struct svq_page *pg)
{
    struct svq_page *o = nr == q->nr ? NULL : svq_page_find(&dev->queue[nr].pages, pg->gfn);

    if ( !o || o->have == SVQ_NONE )
        return NULL;

    return svq_is_visible(pg->have) && svq_is_visible(o->have) && pg->frame != o->frame ? NULL : o;
}

/* The strongest of them, or NULL: then q has the page alone. */
static struct svq_page *strongest(struct svq_dev *dev, const struct svq_queue *q,
                                  const struct svq_page *pg)
{
    struct svq_page *best = NULL;
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        struct svq_page *o = other(dev, q, i, pg);

        if ( o && (!best || stronger(o->have, best->have) != best->have) )
            best = o;
    }

    return best;
}

bool svq_multi_concerns(struct svq_dev *dev, struct svq_queue *q, struct svq_page *pg,
                        enum svq_error *err)
{
    bool found = false;
    unsigned int i;

    if ( pg->multi )
        return true;

    /* What it loses it has alone: the others would have made it one of theirs. */
    if ( pg->table || !svq_is_gain(pg->have, pg->want) )
        return false;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        struct svq_page *o = other(dev, q, i, pg);

        if ( !o )
            continue;

        /* The driver was to put nothing else there. */
        if ( o->table )
        {
            *err = SVQ_ERR_TABLE_PAGE;
            return false;
        }

        o->multi = true;
        found = true;
    }

    /* There is one reference on the page: that of the entry. */
    if ( found && !svq_is_visible(pg->have) )
        svq_page_let_go(&q->pages, pg);

    pg->multi = found;

    return found;
}

/* What the backend has at pg->gfn because of other queues; and the frame, if it sees it. */
static enum svq_access elsewhere(struct svq_dev *dev, const struct svq_queue *q,
                                 const struct svq_page *pg, uint64_t *frame)
{
    const struct svq_page *o = strongest(dev, q, pg);

    *frame = svq_is_visible(pg->have) ? pg->frame : o ? o->frame : SVQ_NO_FRAME;

    return o ? o->have : SVQ_NONE;
}

/* The change for the backend that pg makes; false if it makes none. */
static bool fill(struct svq_dev *dev, struct svq_queue *q, const struct svq_page *pg,
                 struct svq_page_op *op)
{
    uint64_t frame;
    enum svq_access others = elsewhere(dev, q, pg, &frame);
    enum svq_access from = stronger(pg->have, others), to = stronger(pg->want, others);

    svq_page_fill(q, op, pg, from, to);
    op->frame = svq_is_visible(from) ? frame : SVQ_NO_FRAME;

    return from != to;
}

/* It has been made, and frame is what the backend sees there, if anything. */
static void finish(struct svq_dev *dev, struct svq_queue *q, struct svq_page *pg, uint64_t frame)
{
    struct svq_pages *p = &q->pages;

    if ( svq_is_visible(pg->have) && !svq_is_visible(pg->want) )
    {
        p->nr_mapped--;
        q->stats.revokes++;
    }
    else if ( !svq_is_visible(pg->have) && svq_is_visible(pg->want) )
    {
        p->nr_mapped++;
        q->stats.grants++;
    }

    p->nr_dummy += pg->want == SVQ_DUMMY;
    p->nr_dummy -= pg->have == SVQ_DUMMY;

    pg->have = pg->want;
    pg->frame = svq_is_visible(pg->want) ? frame : SVQ_NO_FRAME;
    pg->multi = strongest(dev, q, pg) != NULL;

    if ( pg->want == SVQ_NONE )
        svq_page_del(p, pg);
}

/*
 * Of the queues that have the dummy at pg->gfn, q is the last to want it.  It is there
 * although others see a page there, if the backend has removed that one.
 */
static void drop_dummy(struct svq_dev *dev, struct svq_queue *q, const struct svq_page *pg,
                       struct svq_page_op *op)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        const struct svq_page *o = other(dev, q, i, pg);

        if ( o && o->have == SVQ_DUMMY )
            return;
    }

    svq_page_fill(q, op, pg, SVQ_DUMMY, SVQ_NONE);
    op->frame = SVQ_NO_FRAME;
    svq_env_revoke(dev, q->nr, op, 1);
    if ( svq_env_flush(dev, q->nr) )
        q->stats.flushes++;
}

static void revoke(struct svq_dev *dev, struct svq_queue *q, unsigned int n)
{
    unsigned int i;

    svq_env_revoke(dev, q->nr, q->op, n);
    if ( svq_env_flush(dev, q->nr) )
        q->stats.flushes++;
    svq_env_release(dev, q->op, n);

    for ( i = 0; i < n; i++ )
    {
        struct svq_page *pg = &q->pages.page[q->op[i].record];
        bool keeps = svq_is_visible(pg->have) && svq_is_visible(pg->want);

        /* As in svq_pages.c: what is still wanted is known, also if it was removed. */
        finish(dev, q, pg, keeps ? pg->frame : q->op[i].frame);
    }
}

/* All but what the backend gains, which is what is left of the list. */
static uint32_t commit_losses(struct svq_dev *dev, struct svq_queue *q, uint32_t list)
{
    uint32_t i, next, gains = SVQ_NO_RECORD;
    unsigned int n = 0;

    for ( i = list; i != SVQ_NO_RECORD; i = next )
    {
        struct svq_page *pg = &q->pages.page[i];
        struct svq_page_op *op = &q->op[n];
        bool changes = fill(dev, q, pg, op);

        next = pg->dirty_next;

        if ( changes && svq_is_gain(op->from, op->to) )
        {
            pg->dirty_next = gains;
            gains = i;
        }
        else if ( !changes )
        {
            uint64_t frame = op->frame;

            if ( pg->have == SVQ_DUMMY && pg->want == SVQ_NONE )
                drop_dummy(dev, q, pg, op);

            /* If this is another's page, it is not known here when it was looked up. */
            pg->generation = svq_env_generation(dev) - 1;
            finish(dev, q, pg, frame);
        }
        else if ( op->to == SVQ_DUMMY )
        {
            svq_env_take_away(dev, op, 1);
            q->stats.flushes++;
            finish(dev, q, pg, SVQ_NO_FRAME);
        }
        else if ( ++n == SVQ_PAGE_BATCH )
        {
            revoke(dev, q, n);
            n = 0;
        }
    }

    if ( n )
        revoke(dev, q, n);

    return gains;
}

static enum svq_error grant(struct svq_dev *dev, struct svq_queue *q, unsigned int n,
                            uint64_t generation)
{
    enum svq_error err = SVQ_ERR_NONE;
    unsigned int i, done = svq_env_grant(dev, q->nr, q->op, n, &err);

    for ( i = 0; i < done && i < n; i++ )
    {
        struct svq_page *pg = &q->pages.page[q->op[i].record];

        if ( !svq_is_visible(pg->have) )
            pg->generation = svq_is_visible(q->op[i].from) ? generation - 1 : generation;
        finish(dev, q, pg, q->op[i].frame);
    }

    return done < n ? err : SVQ_ERR_NONE;
}

enum svq_error svq_multi_commit(struct svq_dev *dev, struct svq_queue *q, uint32_t list)
{
    /* Before lookups, as it may change in between. */
    uint64_t generation = svq_env_generation(dev);
    enum svq_error err = SVQ_ERR_NONE;
    unsigned int n = 0;
    uint32_t i;

    for ( i = commit_losses(dev, q, list); i != SVQ_NO_RECORD && err == SVQ_ERR_NONE;
          i = q->pages.page[i].dirty_next )
    {
        struct svq_page_op *op = &q->op[n];

        fill(dev, q, &q->pages.page[i], op);
        /* What is not visible may show the dummy, of whichever queue. */
        if ( !svq_is_visible(op->from) )
            op->from = SVQ_DUMMY;

        if ( ++n == SVQ_PAGE_BATCH )
        {
            err = grant(dev, q, n, generation);
            n = 0;
        }
    }

    return n && err == SVQ_ERR_NONE ? grant(dev, q, n, generation) : err;
}
