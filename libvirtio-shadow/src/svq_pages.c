/* SPDX-License-Identifier: MIT */
/*
 * Pages in flight: which pages of the frontend the backend may see, and why.
 *
 * A driver uses the same pages over and over.  The record of one that is in no
 * flight any more is kept, with its frame and the reference on that, which the
 * backend's entry had: so neither a lookup nor a reference is needed the next
 * time.  Kept records are free ones, as far as anybody else is concerned.
 */
#include "svq_multi.h"
#include "svq_page.h"
#include "svq_pages.h"

#define NONE    SVQ_NO_RECORD

/* Records looked at in one step of taking away or clearing. */
#define SCAN_STEP   4096u

static uint32_t hash(const struct svq_pages *p, uint64_t gfn)
{
    /*
     * Fibonacci hashing: neighbouring gfns, the common case, spread out.  The
     * key keeps a frontend from choosing gfns that all fall into one bucket.
     */
    return (uint32_t)((gfn * p->multiplier) >> 32) & (p->nr - 1);
}

void svq_pages_init(struct svq_pages *p, struct svq_dev *dev)
{
    uint32_t i;

    for ( i = 0; i < p->nr; i++ )
    {
        p->bucket[i] = NONE;
        p->page[i].in_use = false;
        p->page[i].kept = false;
        p->page[i].dirty = false;
        p->page[i].hash_next = i + 1 < p->nr ? i + 1 : NONE;
    }

    p->dev = dev;

    /* Odd, so that no bit of a gfn is lost. */
    p->multiplier = (0x9e3779b97f4a7c15ULL ^ p->key) | 1;
    p->free = 0;
    p->nr_free = p->nr;
    p->dirty = NONE;
    p->loss = false;
    p->holding = false;
    p->multi = false;
    p->oldest = NONE;
    p->newest = NONE;
    p->nr_kept = 0;
    p->nr_mapped = 0;
    p->nr_dummy = 0;
    p->nr_tables = 0;
    p->scan = 0;
}

static inline struct svq_page *find(const struct svq_pages *p, uint64_t gfn)
{
    uint32_t i;

    for ( i = p->bucket[hash(p, gfn)]; i != NONE; i = p->page[i].hash_next )
        if ( p->page[i].gfn == gfn )
            return &p->page[i];

    return NULL;
}

struct svq_page *svq_page_find(const struct svq_pages *p, uint64_t gfn)
{
    return find(p, gfn);
}

void svq_page_del(struct svq_pages *p, struct svq_page *pg)
{
    uint32_t me = (uint32_t)(pg - p->page);
    uint32_t *link = &p->bucket[hash(p, pg->gfn)];

    while ( *link != me )
        link = &p->page[*link].hash_next;

    *link = pg->hash_next;
    pg->in_use = false;
    pg->hash_next = p->free;
    p->free = me;
    p->nr_free++;
}

/* Take pg, which is as good as free, out of those that are kept. */
static void unkeep(struct svq_pages *p, struct svq_page *pg)
{
    if ( pg->kept_prev != NONE )
        p->page[pg->kept_prev].kept_next = pg->kept_next;
    else
        p->oldest = pg->kept_next;

    if ( pg->kept_next != NONE )
        p->page[pg->kept_next].kept_prev = pg->kept_prev;
    else
        p->newest = pg->kept_prev;

    pg->kept = false;
    p->nr_kept--;
    p->nr_free--;
}

void svq_page_let_go(struct svq_pages *p, struct svq_page *pg)
{
    if ( pg->frame != SVQ_NO_FRAME )
        svq_env_forget(p->dev, pg->frame);

    pg->frame = SVQ_NO_FRAME;
}

static void evict(struct svq_pages *p, struct svq_page *pg)
{
    unkeep(p, pg);
    svq_page_let_go(p, pg);
    svq_page_del(p, pg);
}

/* In no flight any more, and invisible: keep pg if its frame is known, else free it. */
static void retire(struct svq_pages *p, struct svq_page *pg)
{
    uint32_t me = (uint32_t)(pg - p->page);

    if ( pg->frame == SVQ_NO_FRAME || !p->max_kept )
    {
        svq_page_let_go(p, pg);
        svq_page_del(p, pg);
        return;
    }

    if ( p->nr_kept == p->max_kept )
        evict(p, &p->page[p->oldest]);

    pg->kept = true;
    pg->kept_next = NONE;
    pg->kept_prev = p->newest;
    if ( p->newest != NONE )
        p->page[p->newest].kept_next = me;
    else
        p->oldest = me;
    p->newest = me;
    p->nr_kept++;
    p->nr_free++;
}

/* A record for gfn, which has none. */
static struct svq_page *add(struct svq_pages *p, uint64_t gfn)
{
    uint32_t i, h = hash(p, gfn);
    struct svq_page *pg;

    if ( p->free == NONE && p->nr_kept )
        evict(p, &p->page[p->oldest]);

    i = p->free;
    if ( i == NONE )
        return NULL;

    pg = &p->page[i];
    p->free = pg->hash_next;
    p->nr_free--;

    pg->gfn = gfn;
    pg->frame = SVQ_NO_FRAME;
    pg->readers = 0;
    pg->writers = 0;
    pg->held = 0;
    pg->have = SVQ_NONE;
    pg->want = SVQ_NONE;
    pg->in_use = true;
    pg->dirty = false;
    pg->table = false;
    pg->gone = false;
    pg->multi = false;
    pg->hash_next = p->bucket[h];
    p->bucket[h] = i;

    return pg;
}

/* Once on the list a record stays until the commit, whatever becomes of it. */
static void mark(struct svq_pages *p, struct svq_page *pg)
{
    p->multi |= pg->multi;
    if ( pg->dirty )
        return;

    pg->dirty = true;
    pg->dirty_next = p->dirty;
    p->dirty = (uint32_t)(pg - p->page);
}

uint32_t svq_pages_take(struct svq_pages *p, uint64_t gfn, bool write)
{
    struct svq_page *pg = find(p, gfn);

    if ( !pg )
        pg = add(p, gfn);
    else if ( pg->kept )
        unkeep(p, pg);
    if ( !pg || pg->table )
        return NONE;

    /*
     * The counts cannot overflow: a buffer takes a page once, and a device has
     * at most VSH_MAX_QUEUES * SVQ_QUEUE_MAX = 8192 buffers in flight.
     */
    if ( write )
        pg->writers++;
    else
        pg->readers++;
    svq_page_count(pg);

    if ( pg->have != pg->want )
        mark(p, pg);

    return (uint32_t)(pg - p->page);
}

bool svq_pages_unused(struct svq_pages *p, uint64_t gfn)
{
    struct svq_page *pg = find(p, gfn);

    if ( !pg )
        return true;

    /* Nobody is to have a reference on a page that becomes a table's. */
    if ( pg->kept )
    {
        evict(p, pg);
        return true;
    }

    return false;
}

void svq_pages_take_table(struct svq_pages *p, const struct svq_table_page *t, bool first)
{
    struct svq_page *pg = add(p, t->gfn);

    pg->readers = 1;
    svq_page_count(pg);
    pg->frame = t->frame;
    pg->table = true;
    pg->table_first = first;
    p->nr_tables++;
    mark(p, pg);
}

bool svq_pages_is_table(const struct svq_pages *p, uint64_t gfn)
{
    const struct svq_page *pg = p->nr_tables ? find(p, gfn) : NULL;

    return pg && pg->table;
}

static inline void put(struct svq_pages *p, struct svq_page *pg, bool write)
{
    if ( write )
        pg->writers--;
    else
        pg->readers--;
    svq_page_count(pg);

    p->loss = true;
    p->holding |= pg->held != 0;
    if ( pg->have != pg->want || pg->want == SVQ_NONE )
        mark(p, pg);
}

void svq_pages_put(struct svq_pages *p, uint64_t gfn, bool write)
{
    struct svq_page *pg = find(p, gfn);

    if ( pg )
        put(p, pg, write);
}

void svq_pages_put_hint(struct svq_pages *p, uint64_t gfn, uint32_t hint, bool write)
{
    struct svq_page *pg = &p->page[hint & (p->nr - 1)];

    if ( pg->gfn == gfn && pg->in_use )
        put(p, pg, write);
    else
        svq_pages_put(p, gfn, write);
}

void svq_pages_hold(struct svq_pages *p, uint64_t gfn, bool write)
{
    struct svq_page *pg = find(p, gfn);

    if ( !pg )
        return;

    /* As many as there were takes at most, so it cannot overflow either. */
    pg->held++;
    svq_pages_put(p, gfn, write);
}

void svq_pages_unhold(struct svq_pages *p, uint64_t gfn)
{
    struct svq_page *pg = find(p, gfn);

    if ( !pg )
        return;

    pg->held--;
    svq_page_count(pg);
    p->loss = true;
    if ( pg->have != pg->want || pg->want == SVQ_NONE )
        mark(p, pg);
}

/* Where the backend finds gfn, which is in one of the banks. */
static uint64_t backend_gfn(const struct svq_dev *dev, uint64_t gfn)
{
    unsigned int b;

    for ( b = 0; b < dev->nr_banks; b++ )
    {
        uint64_t n = gfn - (dev->bank[b].base >> SVQ_PAGE_SHIFT);

        /* Wraps if it is below. */
        if ( n < dev->bank[b].size >> SVQ_PAGE_SHIFT )
            return dev->aperture_gfn[b] + n;
    }

    return 0;
}

static inline void fill(const struct svq_queue *q, struct svq_page_op *op,
                        const struct svq_page *pg, enum svq_access from, enum svq_access to)
{
    op->gfn = pg->gfn;
    op->frame = pg->gone ? SVQ_NO_FRAME : pg->frame;
    op->backend_gfn = backend_gfn(q->pages.dev, pg->gfn);
    op->from = (uint8_t)from;
    op->to = (uint8_t)to;
    op->held = false;
    op->record = (uint32_t)(pg - q->pages.page);
}

void svq_page_fill(const struct svq_queue *q, struct svq_page_op *op, const struct svq_page *pg,
                   enum svq_access from, enum svq_access to)
{
    fill(q, op, pg, from, to);
}

/* Pages of tables become writable again: nobody but the driver can see them any more. */
static void restore_now(struct svq_dev *dev, struct svq_queue *q)
{
    if ( q->nr_restore )
        svq_env_unprotect(dev, q->restore, q->nr_restore);

    q->nr_restore = 0;
}

/* Note that pg does, at the latest with restore_now(), if it is a table's. */
static void restore(struct svq_dev *dev, struct svq_queue *q, struct svq_page *pg)
{
    if ( !pg->table )
        return;

    q->restore[q->nr_restore].gfn = pg->gfn;
    q->restore[q->nr_restore].frame = pg->frame;
    q->nr_restore++;

    if ( pg->table_first )
        q->stats.tables_restored++;

    pg->table = false;
    pg->gone = false;
    pg->frame = SVQ_NO_FRAME;
    q->pages.nr_tables--;

    if ( q->nr_restore == SVQ_PAGE_BATCH )
        restore_now(dev, q);
}

/* Revoke, or downgrade, what the n ops say; remember what the environment found. */
static void revoke(struct svq_dev *dev, struct svq_queue *q, unsigned int n)
{
    unsigned int i;

    svq_env_revoke(dev, q->nr, q->op, n);

    for ( i = 0; i < n; i++ )
    {
        struct svq_page *pg = &q->pages.page[q->op[i].record];

        /* The frame of a table is still to be made writable. */
        if ( pg->table )
            pg->gone = q->op[i].frame == SVQ_NO_FRAME;
        /*
         * If the backend has removed what is to become less, another queue can have
         * entered it since, and may leave it to this one.
         */
        else if ( q->op[i].to == SVQ_NONE )
            pg->frame = q->op[i].frame;
    }
}

/* Put the dummy in the place of what the n ops say. */
static void take_away(struct svq_dev *dev, struct svq_queue *q, unsigned int n)
{
    struct svq_pages *p = &q->pages;
    unsigned int i;

    svq_env_take_away(dev, q->op, n);
    q->stats.flushes++;

    for ( i = 0; i < n; i++ )
    {
        struct svq_page *pg = &p->page[q->op[i].record];

        restore(dev, q, pg);
        pg->have = SVQ_DUMMY;
        pg->frame = SVQ_NO_FRAME;
        p->nr_mapped--;
        p->nr_dummy++;
        q->stats.revokes++;
    }

    restore_now(dev, q);
}

/* Make the first of the n ops true.  Returns how many; below n, *err says why. */
static unsigned int grant(struct svq_dev *dev, struct svq_queue *q, unsigned int n,
                          enum svq_error *err)
{
    struct svq_pages *p = &q->pages;
    unsigned int i, fresh = 0, done = svq_env_grant(dev, q->nr, q->op, n, err);

    for ( i = 0; i < done && i < n; i++ )
    {
        struct svq_page *pg = &p->page[q->op[i].record];

        fresh += !svq_is_visible(pg->have);
        if ( pg->have == SVQ_DUMMY )
            p->nr_dummy--;

        pg->frame = q->op[i].frame;
        pg->have = q->op[i].to;
    }

    p->nr_mapped += fresh;
    q->stats.grants += fresh;

    if ( done >= n )
        *err = SVQ_ERR_NONE;

    return done;
}

/*
 * The next op of a batch of grants: pg.  Where it is not visible, the dummy may be
 * there; but if it is that of another queue, it is to stay.
 */
static inline void fill_grant(struct svq_dev *dev, struct svq_queue *q, struct svq_page_op *op,
                              struct svq_page *pg, uint64_t generation)
{
    bool fresh = !svq_is_visible(pg->have);

    /*
     * What has been kept from an earlier flight holds if the frontend's memory
     * has not changed since it was looked up.  If it changes from now on, the
     * frontend cannot tell that this was not before.
     */
    if ( fresh && !pg->table && pg->generation != generation )
    {
        svq_page_let_go(&q->pages, pg);
        pg->generation = generation;
    }

    fill(q, op, pg, !fresh ? pg->have : dev->alone ? SVQ_DUMMY : SVQ_NONE, pg->want);
    op->held = fresh && !pg->table && pg->frame != SVQ_NO_FRAME;
}

/* First step of a commit: clear or rewrite what the backend loses, and flush. */
static void revoke_dirty(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    unsigned int n = 0;
    bool flush = false;
    uint32_t i;

    for ( i = p->dirty; i != NONE; i = p->page[i].dirty_next )
    {
        struct svq_page *pg = &p->page[i];
        enum svq_access to = pg->want;

        if ( to == SVQ_DUMMY ||
             !(svq_is_loss(pg->have, to) || (pg->have == SVQ_DUMMY && to == SVQ_NONE)) )
            continue;

        fill(q, &q->op[n++], pg, pg->have, to);
        flush = true;
        if ( n == SVQ_PAGE_BATCH )
        {
            revoke(dev, q, n);
            n = 0;
        }
    }

    if ( n )
        revoke(dev, q, n);
    if ( flush && svq_env_flush(dev, q->nr) )
        q->stats.flushes++;
}

/* What is held and nobody else's: the dummy takes its place. */
static void hold_dirty(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    unsigned int n = 0;
    uint32_t i;

    for ( i = p->dirty; i != NONE; i = p->page[i].dirty_next )
    {
        struct svq_page *pg = &p->page[i];

        if ( pg->want != SVQ_DUMMY || !svq_is_visible(pg->have) )
            continue;

        fill(q, &q->op[n++], pg, pg->have, SVQ_DUMMY);
        if ( n == SVQ_PAGE_BATCH )
        {
            take_away(dev, q, n);
            n = 0;
        }
    }

    if ( n )
        take_away(dev, q, n);
}

/*
 * What was revoked is beyond the backend's reach now: let go of it.  Leaves on
 * the dirty list what the backend is to gain.
 */
static void release_dirty(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    uint64_t generation = svq_env_generation(dev);
    uint32_t i, next, keep = NONE;
    unsigned int n = 0, revoked = 0;

    for ( i = p->dirty; i != NONE; i = next )
    {
        struct svq_page *pg = &p->page[i];
        enum svq_access to = pg->want;

        next = pg->dirty_next;

        if ( svq_is_gain(pg->have, to) )
        {
            pg->dirty_next = keep;
            keep = i;
            continue;
        }

        pg->dirty = false;

        if ( to == SVQ_NONE && svq_is_visible(pg->have) )
        {
            revoked++;

            /* What the entry had is ours now: to drop it, or to keep it. */
            if ( pg->table || !p->max_kept || pg->generation != generation )
            {
                fill(q, &q->op[n++], pg, pg->have, SVQ_NONE);
                if ( !pg->table )
                    pg->frame = SVQ_NO_FRAME;
                if ( n == SVQ_PAGE_BATCH )
                {
                    svq_env_release(dev, q->op, n);
                    n = 0;
                }
            }
        }
        else if ( to == SVQ_NONE && pg->have == SVQ_DUMMY )
            p->nr_dummy--;
        else if ( to == SVQ_DUMMY && pg->have == SVQ_NONE )
        {
            /* It was never granted: nothing is there, which is as good as the dummy. */
            svq_page_let_go(p, pg);
            p->nr_dummy++;
        }

        pg->have = (uint8_t)to;
        if ( to == SVQ_NONE )
        {
            restore(dev, q, pg);
            retire(p, pg);
        }
    }

    if ( n )
        svq_env_release(dev, q->op, n);

    p->nr_mapped -= revoked;
    q->stats.revokes += revoked;

    restore_now(dev, q);
    p->dirty = keep;
}

/*
 * What the op of pg, and those that come after it on the list, are about is left to
 * whoever is alone with the device: it finds them on the dirty list.
 */
static void leave(struct svq_pages *p, const struct svq_page_op *op, unsigned int nr,
                  uint32_t rest)
{
    unsigned int k;
    uint32_t i;

    p->dirty = rest;
    for ( i = rest; i != NONE; i = p->page[i].dirty_next )
        p->page[i].dirty = true;

    for ( k = 0; k < nr; k++ )
        mark(p, &p->page[op[k].record]);
}

static enum svq_error grant_dirty(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    enum svq_error err = SVQ_ERR_NONE;
    uint64_t generation = svq_env_generation(dev);
    unsigned int n, done;
    uint32_t i;

    for ( i = p->dirty; i != NONE; )
    {
        for ( n = 0; i != NONE && n < SVQ_PAGE_BATCH; i = p->page[i].dirty_next )
        {
            p->page[i].dirty = false;
            fill_grant(dev, q, &q->op[n++], &p->page[i], generation);
        }

        done = grant(dev, q, n, &err);
        if ( err == SVQ_ERR_NONE )
            continue;

        /* It may be that another queue has something there. */
        if ( !dev->alone )
        {
            leave(p, &q->op[done], n - done, i);
            return SVQ_NOT_ALONE;
        }

        for ( ; i != NONE; i = p->page[i].dirty_next )
            p->page[i].dirty = false;
    }

    p->dirty = NONE;

    return err;
}

/* There is nobody to gain anything, for now: svq_pages_resume() sees to it. */
static void drop_gains(struct svq_pages *p)
{
    uint32_t i;

    for ( i = p->dirty; i != NONE; i = p->page[i].dirty_next )
        p->page[i].dirty = false;

    p->dirty = NONE;
}

/* What concerns other queues as well leaves the dirty list. */
static enum svq_error commit_multi(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    enum svq_error err = SVQ_ERR_NONE, commit_err;
    uint32_t i, next, keep = NONE, multi = NONE;

    for ( i = p->dirty; i != NONE; i = next )
    {
        struct svq_page *pg = &p->page[i];
        uint32_t *list = &keep;

        next = pg->dirty_next;

        if ( svq_is_gain(pg->have, pg->want) && dev->leaving )
        {
            pg->dirty = false;
            continue;
        }

        if ( svq_multi_concerns(dev, q, pg, &err) )
        {
            pg->dirty = false;
            list = &multi;
        }

        pg->dirty_next = *list;
        *list = i;
    }

    p->dirty = keep;
    p->multi = false;

    commit_err = svq_multi_commit(dev, q, multi);

    return err != SVQ_ERR_NONE ? err : commit_err;
}

enum svq_error svq_pages_commit(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    enum svq_error err = SVQ_ERR_NONE;

    if ( p->dirty == NONE )
        return SVQ_ERR_NONE;

    if ( !dev->alone )
    {
        if ( p->multi )
            return SVQ_NOT_ALONE;
    }
    else if ( dev->nr_queues > 1 )
        err = commit_multi(dev, q);

    /* Chains that come take, and those that go put: mostly it is one or the other. */
    if ( p->loss )
    {
        revoke_dirty(dev, q);
        if ( p->holding )
            hold_dirty(dev, q);
        release_dirty(dev, q);
    }

    p->loss = false;
    p->holding = false;

    if ( p->dirty == NONE )
        return err;

    if ( err != SVQ_ERR_NONE || dev->leaving )
    {
        drop_gains(p);
        return err;
    }

    return grant_dirty(dev, q);
}

uint64_t svq_pages_frame(struct svq_pages *p, uint64_t gfn, bool *own)
{
    /* Before the lookup, as it may change in between. */
    uint64_t generation = svq_env_generation(p->dev);
    struct svq_page *pg = find(p, gfn);
    uint64_t frame;

    *own = false;

    if ( pg && pg->kept )
    {
        if ( pg->generation == generation )
            return pg->frame;

        evict(p, pg);
        pg = NULL;
    }

    frame = svq_env_frame(p->dev, gfn);
    *own = frame != SVQ_NO_FRAME;

    /* In flight, the record's reference may be the entry's, which the backend can drop. */
    if ( frame == SVQ_NO_FRAME || pg || !p->max_kept )
        return frame;

    pg = add(p, gfn);
    if ( pg )
    {
        pg->frame = frame;
        pg->generation = generation;
        retire(p, pg);
        *own = false;
    }

    return frame;
}

/* The frame of a page that is taken; *own as for svq_pages_frame(). */
static uint64_t taken_frame(struct svq_pages *p, struct svq_page *pg, bool *own)
{
    uint64_t generation = svq_env_generation(p->dev);

    /*
     * Visible, the record's reference may be the entry's.  That of a page of several
     * queues is one of theirs.  And none is to be held while there is no backend.
     */
    *own = pg->have != SVQ_NONE || pg->multi || !p->max_kept || p->dev->resuming;
    if ( *own )
        return svq_env_frame(p->dev, pg->gfn);

    if ( pg->generation != generation )
        svq_page_let_go(p, pg);

    /* It is what will be granted, as if it had been kept. */
    if ( pg->frame == SVQ_NO_FRAME )
    {
        pg->generation = generation;
        pg->frame = svq_env_frame(p->dev, pg->gfn);
    }

    return pg->frame;
}

enum svq_error svq_pages_zero(struct svq_pages *p, uint64_t gfn, uint32_t at, uint32_t len)
{
    struct svq_page *pg = find(p, gfn);
    uint64_t frame;
    bool own;

    if ( !pg || pg->readers )
        return SVQ_ERR_NONE;

    frame = taken_frame(p, pg, &own);
    if ( frame == SVQ_NO_FRAME )
        return SVQ_ERR_PAGE;

    svq_env_zero(p->dev, frame, at, len);
    if ( own )
        svq_env_forget(p->dev, frame);

    return SVQ_ERR_NONE;
}

bool svq_pages_forget(struct svq_pages *p)
{
    unsigned int n;

    for ( n = 0; n < SVQ_BUDGET && p->nr_kept; n++ )
        evict(p, &p->page[p->oldest]);

    return p->nr_kept;
}

/*
 * One step of a scan over all records of a queue: collects up to a batch of those
 * whose have is in [lo, hi] into q->op, drops those that the backend cannot see.
 * Returns the number collected.
 */
static unsigned int scan(struct svq_dev *dev, struct svq_queue *q, enum svq_access lo,
                         enum svq_access hi, enum svq_access to)
{
    struct svq_pages *p = &q->pages;
    unsigned int n = 0, looked = 0;

    for ( ; p->scan < p->nr && n < SVQ_PAGE_BATCH && looked < SCAN_STEP; p->scan++, looked++ )
    {
        struct svq_page *pg = &p->page[p->scan];

        if ( !pg->in_use )
            continue;

        if ( pg->kept )
        {
            evict(p, pg);
            continue;
        }

        pg->dirty = false;
        pg->multi = false;
        pg->readers = 0;
        pg->writers = 0;
        pg->held = 0;
        svq_page_count(pg);

        if ( pg->have == SVQ_NONE )
        {
            restore(dev, q, pg);
            svq_page_let_go(p, pg);
            svq_page_del(p, pg);
        }
        else if ( pg->have >= lo && pg->have <= hi )
            fill(q, &q->op[n++], pg, pg->have, to);
    }

    restore_now(dev, q);

    return n;
}

static bool take_away_queue(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    unsigned int n;

    p->dirty = NONE;
    p->loss = false;
    p->holding = false;
    p->multi = false;

    if ( p->nr_free + p->nr_dummy == p->nr && !p->nr_kept )
    {
        p->scan = 0;
        return false;
    }

    n = scan(dev, q, SVQ_RO, SVQ_RW, SVQ_DUMMY);
    if ( n )
        take_away(dev, q, n);

    if ( p->scan == p->nr )
        p->scan = 0;

    return p->nr_free + p->nr_dummy != p->nr || p->nr_kept;
}

static bool clear_queue(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    unsigned int i, n;

    if ( !p->nr_dummy )
    {
        p->scan = 0;
        return false;
    }

    n = scan(dev, q, SVQ_DUMMY, SVQ_DUMMY, SVQ_NONE);
    if ( n )
    {
        svq_env_revoke(dev, q->nr, q->op, n);
        if ( svq_env_flush(dev, q->nr) )
            q->stats.flushes++;
    }

    for ( i = 0; i < n; i++ )
    {
        struct svq_page *pg = &p->page[q->op[i].record];

        pg->have = SVQ_NONE;
        p->nr_dummy--;
        svq_page_del(p, pg);
    }

    if ( p->scan == p->nr )
        p->scan = 0;

    return p->nr_dummy != 0;
}

static bool suspend_queue(struct svq_dev *dev, struct svq_queue *q)
{
    struct svq_pages *p = &q->pages;
    unsigned int i, n = 0, looked = 0;

    if ( !p->nr_mapped )
    {
        p->scan = 0;
        return false;
    }

    for ( ; p->scan < p->nr && n < SVQ_PAGE_BATCH && looked < SCAN_STEP; p->scan++, looked++ )
    {
        const struct svq_page *pg = &p->page[p->scan];

        if ( pg->in_use && svq_is_visible(pg->have) )
            fill(q, &q->op[n++], pg, pg->have, SVQ_NONE);
    }

    if ( n )
    {
        svq_env_revoke(dev, q->nr, q->op, n);
        svq_env_flush(dev, q->nr);
        svq_env_release(dev, q->op, n);
        q->stats.flushes++;
        q->stats.revokes += n;
    }

    for ( i = 0; i < n; i++ )
    {
        struct svq_page *pg = &p->page[q->op[i].record];

        pg->have = SVQ_NONE;
        pg->gone = false;
        pg->multi = false;
        /* Looked up anew.  That of a table is its own, for as long as it is protected. */
        if ( !pg->table )
            pg->frame = SVQ_NO_FRAME;
        p->nr_mapped--;
    }

    if ( p->scan == p->nr )
        p->scan = 0;

    return p->nr_mapped != 0;
}

bool svq_pages_take_away(struct svq_dev *dev)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
        if ( take_away_queue(dev, &dev->queue[i]) )
            return true;

    return false;
}

bool svq_pages_clear(struct svq_dev *dev)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
        if ( clear_queue(dev, &dev->queue[i]) )
            return true;

    return false;
}

bool svq_pages_suspend(struct svq_dev *dev)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
        if ( suspend_queue(dev, &dev->queue[i]) )
            return true;

    return false;
}

void svq_pages_begin_resume(struct svq_dev *dev)
{
    unsigned int i;

    dev->resume_queue = 0;
    for ( i = 0; i < dev->nr_queues; i++ )
        dev->queue[i].pages.scan = 0;
}

bool svq_pages_resume(struct svq_dev *dev, enum svq_error *err)
{
    struct svq_queue *q = &dev->queue[dev->resume_queue];
    struct svq_pages *p = &q->pages;
    unsigned int n = 0, looked = 0;

    for ( ; p->scan < p->nr && n < SVQ_PAGE_BATCH && looked < SCAN_STEP; p->scan++, looked++ )
    {
        struct svq_page *pg = &p->page[p->scan];

        if ( pg->in_use && pg->have != pg->want )
        {
            mark(p, pg);
            n++;
        }
    }

    if ( p->scan == p->nr || p->nr_free == p->nr )
    {
        p->scan = 0;
        dev->resume_queue++;
    }

    *err = svq_pages_commit(dev, q);

    return dev->resume_queue < dev->nr_queues && *err == SVQ_ERR_NONE;
}

unsigned int svq_dev_mapped(const struct svq_dev *dev)
{
    unsigned int i, nr = 0;

    for ( i = 0; i < dev->nr_queues; i++ )
        nr += dev->queue[i].pages.nr_mapped;

    return nr;
}

unsigned int svq_pages_dummies(const struct svq_dev *dev)
{
    unsigned int i, nr = 0;

    for ( i = 0; i < dev->nr_queues; i++ )
        nr += dev->queue[i].pages.nr_dummy;

    return nr;
}
