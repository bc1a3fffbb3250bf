/* SPDX-License-Identifier: MIT */
/*
 * Pages in flight in several queues: rare, so one by one, and each with its own flush.
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

/* The record of another queue, nr, from which the backend has something at gfn. */
static struct svq_page *other(struct svq_dev *dev, const struct svq_queue *q, unsigned int nr,
                              uint64_t gfn)
{
    struct svq_page *pg = nr == q->nr ? NULL : svq_page_find(&dev->queue[nr].pages, gfn);

    return pg && pg->have != SVQ_NONE ? pg : NULL;
}

/* The strongest of them, or NULL: then q has the page alone. */
static struct svq_page *strongest(struct svq_dev *dev, const struct svq_queue *q, uint64_t gfn)
{
    struct svq_page *best = NULL;
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        struct svq_page *pg = other(dev, q, i, gfn);

        if ( pg && (!best || stronger(pg->have, best->have) != best->have) )
            best = pg;
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
        struct svq_page *o = other(dev, q, i, pg->gfn);

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

static void count(struct svq_queue *q, const struct svq_page *pg)
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
}

/* The entry of op->gfn changes, from one access to another. */
static enum svq_error change(struct svq_dev *dev, struct svq_queue *q, struct svq_page_op *op)
{
    enum svq_access from = op->from, to = op->to;
    enum svq_error err = SVQ_ERR_NONE;

    if ( svq_is_gain(from, to) )
    {
        if ( !svq_is_visible(from) )
        {
            op->from = SVQ_DUMMY;
            op->frame = SVQ_NO_FRAME;
        }

        return svq_env_grant(dev, q->nr, op, 1, &err) ? SVQ_ERR_NONE : err;
    }

    if ( to == SVQ_DUMMY )
    {
        svq_env_take_away(dev, op, 1);
        op->frame = SVQ_NO_FRAME;
        q->stats.flushes++;
        return err;
    }

    svq_env_revoke(dev, q->nr, op, 1);
    if ( svq_env_flush(dev, q->nr) )
        q->stats.flushes++;
    svq_env_release(dev, op, 1);

    return err;
}

enum svq_error svq_multi_commit(struct svq_dev *dev, struct svq_queue *q, struct svq_page *pg)
{
    /* Before the lookup, as it may change in between. */
    uint32_t generation = svq_env_generation(dev);
    const struct svq_page *o = strongest(dev, q, pg->gfn);
    enum svq_access others = o ? o->have : SVQ_NONE;
    enum svq_access from = stronger(pg->have, others), to = stronger(pg->want, others);
    struct svq_page_op op;
    enum svq_error err;

    svq_page_fill(q, &op, svq_is_visible(pg->have) || !o ? pg : o, from, to);

    if ( from != to )
    {
        err = change(dev, q, &op);
        if ( err != SVQ_ERR_NONE )
            return err;
    }

    /* Who maps it knows what it is, and when that was looked up. */
    if ( svq_is_visible(pg->want) && !svq_is_visible(pg->have) )
        pg->generation = svq_is_visible(from) ? o->generation : generation;
    pg->frame = svq_is_visible(pg->want) ? op.frame : SVQ_NO_FRAME;

    count(q, pg);
    pg->have = pg->want;
    pg->multi = o;

    if ( pg->want == SVQ_NONE )
        svq_page_del(&q->pages, pg);

    return SVQ_ERR_NONE;
}
