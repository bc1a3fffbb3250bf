/* SPDX-License-Identifier: MIT */
/*
 * How the backend gets at the buffers of a chain.
 *
 * VSH_POLICY_GRANT    the pages that they lie in, whole ones
 * VSH_POLICY_COPY     bounce pages
 * VSH_POLICY_HYBRID   a chain up to the threshold: bounce pages.  Of others, the
 *                     whole pages of each buffer are granted, and what is left at
 *                     its ends, or all of it, is copied: exactly its bytes
 */
#include "svq_bounce.h"
#include "svq_buffers.h"
#include "svq_guest.h"
#include "svq_pages.h"
#include "svq_shadow.h"

/* What came of trying to divide a chain up. */
enum plan {
    PLAN_OK,
    PLAN_WAIT,                  /* no room in the bounce pages */
    PLAN_LONG                   /* more parts than the shadow ring can have */
};

static bool is_write(const struct svq_desc *d)
{
    return d->flags & SVQ_DESC_F_WRITE;
}

/* The next part, or NULL. */
static struct svq_seg *add(struct svq_queue *q, struct svq_chain *c, uint64_t addr, uint32_t len,
                           bool write)
{
    struct svq_seg *s;

    /* 2.7.5.3: tables have the same limit. */
    if ( c->parts == q->shadow_size )
        return NULL;

    s = &q->part[c->parts++];
    *s = (struct svq_seg){ .addr = addr, .len = len, .write = write };

    return s;
}

static enum plan add_bounced(struct svq_queue *q, struct svq_chain *c, uint64_t addr, uint32_t len,
                             bool write)
{
    struct svq_bounce *b = &q->bounce[write];
    struct svq_seg *s = add(q, c, addr, len, write);
    uint32_t off;

    if ( !s )
        return PLAN_LONG;

    q->need_granules[write] += svq_bounce_granules(len);
    if ( !svq_bounce_alloc(b, len, &off) )
        return PLAN_WAIT;

    s->off = off & 0x3fffffffU;
    s->bounced = true;

    return PLAN_OK;
}

/* As far as they have been added. */
static void free_bounced(struct svq_queue *q, struct svq_chain *c)
{
    unsigned int i;

    for ( i = 0; i < c->parts; i++ )
    {
        const struct svq_seg *s = &q->part[i];

        if ( s->bounced )
            svq_bounce_free(&q->bounce[s->write], s->off, s->len);
    }

    c->parts = 0;
}

/* There are as many parts as descriptors, which is few enough. */
static void grant_all(struct svq_queue *q, struct svq_chain *c)
{
    for ( c->parts = 0; c->parts < c->nr; c->parts++ )
    {
        const struct svq_desc *d = &q->chain[c->parts];

        q->part[c->parts] = (struct svq_seg){
            .addr = d->addr,
            .len = d->len,
            .write = is_write(d),
        };
    }
}

static enum plan copy_all(struct svq_queue *q, struct svq_chain *c)
{
    enum plan plan = PLAN_OK;
    unsigned int i;

    for ( i = 0; i < c->nr && plan == PLAN_OK; i++ )
        plan = add_bounced(q, c, q->chain[i].addr, q->chain[i].len, is_write(&q->chain[i]));

    return plan;
}

/* One buffer: its whole pages, and what is left of it. */
static enum plan divide(struct svq_queue *q, struct svq_chain *c, uint64_t addr, uint32_t len,
                        bool write)
{
    uint32_t head = (uint32_t)-addr & SVQ_PAGE_MASK, tail = (uint32_t)(addr + len) & SVQ_PAGE_MASK;
    enum plan plan = PLAN_OK;

    if ( len < head + tail + SVQ_PAGE_SIZE )
        return add_bounced(q, c, addr, len, write);

    if ( head )
        plan = add_bounced(q, c, addr, head, write);
    if ( plan == PLAN_OK && !add(q, c, addr + head, len - head - tail, write) )
        plan = PLAN_LONG;
    if ( plan == PLAN_OK && tail )
        plan = add_bounced(q, c, addr + len - tail, tail, write);

    return plan;
}

static enum plan divide_all(struct svq_queue *q, struct svq_chain *c)
{
    enum plan plan = PLAN_OK;
    unsigned int i;

    for ( i = 0; i < c->nr && plan == PLAN_OK; i++ )
        plan = divide(q, c, q->chain[i].addr, q->chain[i].len, is_write(&q->chain[i]));

    return plan;
}

static void begin(struct svq_queue *q, struct svq_chain *c)
{
    free_bounced(q, c);
    q->need_granules[0] = 0;
    q->need_granules[1] = 0;
}

/* Divide the chain up by the policy. */
static enum plan make_plan(const struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c)
{
    enum plan plan;

    c->parts = 0;
    begin(q, c);

    if ( dev->policy == VSH_POLICY_GRANT )
    {
        grant_all(q, c);
        return PLAN_OK;
    }

    if ( dev->policy == VSH_POLICY_COPY )
        return copy_all(q, c);

    if ( c->bytes <= dev->threshold )
    {
        plan = copy_all(q, c);
        if ( plan == PLAN_OK )
            return plan;
        begin(q, c);
    }

    plan = divide_all(q, c);
    if ( plan == PLAN_LONG )
    {
        begin(q, c);
        plan = copy_all(q, c);
    }

    return plan;
}

/* Is there nothing of other chains in the bounce pages, so that waiting is of no use? */
static bool has_them_alone(const struct svq_queue *q, const struct svq_chain *c)
{
    uint32_t own[2] = { 0, 0 };
    unsigned int i;

    for ( i = 0; i < c->parts; i++ )
        if ( q->part[i].bounced )
            own[q->part[i].write] += svq_bounce_granules(q->part[i].len);

    return own[0] + q->bounce[0].nr_free == q->bounce[0].granules &&
           own[1] + q->bounce[1].nr_free == q->bounce[1].granules;
}

/* Put the pages of a part, but only the first pages of them. */
static void put_pages(struct svq_pages *p, const struct svq_seg *s, uint64_t pages)
{
    uint64_t gfn = s->addr >> SVQ_PAGE_SHIFT, last = (s->addr + s->len - 1) >> SVQ_PAGE_SHIFT;

    if ( s->bounced || !pages )
        return;

    svq_pages_put_hint(p, gfn, s->off, s->write);

    for ( gfn++; gfn <= last && --pages; gfn++ )
        svq_pages_put(p, gfn, s->write);
}

/* Take the pages of parts that are granted: all, or *full and none. */
static enum svq_error take_pages(struct svq_pages *p, struct svq_queue *q, unsigned int nr,
                                 bool *full)
{
    unsigned int i;

    for ( i = 0; i < nr; i++ )
    {
        struct svq_seg *s = &q->part[i];
        uint64_t first = s->addr >> SVQ_PAGE_SHIFT, gfn;
        uint64_t last = (s->addr + s->len - 1) >> SVQ_PAGE_SHIFT;

        if ( s->bounced )
            continue;

        for ( gfn = first; gfn <= last; gfn++ )
        {
            uint32_t record = svq_pages_take(p, gfn, s->write);

            if ( record != SVQ_NO_RECORD )
            {
                if ( gfn == first )
                    s->off = record & 0x3fffffffU;
                continue;
            }

            put_pages(p, s, gfn - first);
            while ( i-- )
                put_pages(p, &q->part[i], ~0ULL);

            /* The driver was to put nothing else there, and it cannot be written to. */
            if ( svq_pages_is_table(p, gfn) )
                return SVQ_ERR_TABLE_PAGE;

            *full = true;
            return SVQ_ERR_NONE;
        }
    }

    return SVQ_ERR_NONE;
}

/* What the device is to read is copied once: it is this that it gets, whatever comes later. */
static enum svq_error copy_out(struct svq_queue *q, unsigned int nr)
{
    enum svq_error err = SVQ_ERR_NONE;
    unsigned int i;

    for ( i = 0; i < nr && err == SVQ_ERR_NONE; i++ )
    {
        const struct svq_seg *s = &q->part[i];

        if ( s->bounced && !s->write )
            err = svq_guest_copy(&q->pages, s->addr, q->bounce[0].page, s->off, s->len, false);
    }

    return err;
}

/* Zero what the device will write in granted pages: else it could read what was there. */
static enum svq_error zero_seg(struct svq_pages *p, const struct svq_seg *s)
{
    enum svq_error err = SVQ_ERR_NONE;
    uint64_t addr = s->addr;
    uint32_t left = s->bounced || !s->write ? 0 : s->len, n;

    for ( ; left && err == SVQ_ERR_NONE; addr += n, left -= n )
    {
        n = svq_in_page(addr, left);
        err = svq_pages_zero(p, addr >> SVQ_PAGE_SHIFT, (uint32_t)(addr & SVQ_PAGE_MASK), n);
    }

    return err;
}

static enum svq_error zero_parts(struct svq_queue *q, unsigned int nr)
{
    enum svq_error err = SVQ_ERR_NONE;
    unsigned int i;

    for ( i = 0; i < nr && err == SVQ_ERR_NONE; i++ )
        err = zero_seg(&q->pages, &q->part[i]);

    /* Before there is an entry. */
    svq_wmb();

    return err;
}

enum svq_error svq_buffers_take(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c,
                                bool *full)
{
    enum plan plan = make_plan(dev, q, c);
    enum svq_error err = SVQ_ERR_NONE;
    unsigned int i, parts = c->parts;

    *full = plan != PLAN_OK;
    if ( *full && has_them_alone(q, c) )
        err = SVQ_ERR_BOUNCE;

    /* Where a chain is cut up, and a device knows tables, one slot is enough. */
    c->in_table = c->indirect || (c->parts > c->nr && q->shadow_indirect);

    if ( !*full )
        *full = !svq_shadow_fits(q, c);

    if ( !*full )
        err = take_pages(&q->pages, q, c->parts, full);

    if ( !*full && err == SVQ_ERR_NONE )
    {
        if ( dev->policy != VSH_POLICY_GRANT )
            err = copy_out(q, c->parts);
        if ( err == SVQ_ERR_NONE && dev->scrub )
            err = zero_parts(q, c->parts);
        if ( err == SVQ_ERR_NONE )
            return err;

        for ( i = 0; i < c->parts; i++ )
            put_pages(&q->pages, &q->part[i], ~0ULL);
    }

    free_bounced(q, c);
    /* It says what it waits for. */
    c->parts = parts;

    return err;
}

static unsigned int copy_work(uint32_t len)
{
    return (len >> SVQ_PAGE_SHIFT) + 1;
}

/* Zeroing a page is as much work as copying one. */
static unsigned int zero_work(const struct svq_seg *s)
{
    return s->write && !s->bounced ? svq_pages_of(s->addr, s->len) : 0;
}

unsigned int svq_buffers_count(const struct svq_dev *dev, struct svq_queue *q,
                               const struct svq_chain *c)
{
    struct svq_queue_stats *st = &q->stats;
    unsigned int i, work = 0;

    st->bytes_requested += c->bytes;
    if ( c->remapped )
        st->bytes_exposed += (uint64_t)svq_pages_of(c->table, c->table_len) << SVQ_PAGE_SHIFT;

    for ( i = 0; i < c->parts && dev->scrub; i++ )
        work += zero_work(&q->part[i]);

    /* Nothing is copied. */
    if ( dev->policy == VSH_POLICY_GRANT )
    {
        st->bytes_exposed += (uint64_t)c->pages << SVQ_PAGE_SHIFT;
        return work;
    }

    for ( i = 0; i < c->parts; i++ )
    {
        const struct svq_seg *s = &q->part[i];

        if ( !s->bounced )
        {
            st->bytes_exposed += (uint64_t)svq_pages_of(s->addr, s->len) << SVQ_PAGE_SHIFT;
            continue;
        }

        st->bytes_exposed += s->len;
        st->bounces++;
        if ( !s->write )
        {
            st->bytes_copied += s->len;
            work += copy_work(s->len);
        }
    }

    return work;
}

/* The pages of a part that is granted, each in turn.  Returns the work done. */
static unsigned int return_pages(struct svq_pages *p, const struct svq_seg *s)
{
    put_pages(p, s, ~0ULL);

    return svq_pages_of(s->addr, s->len);
}

/* A part that comes back, with up to *len bytes written to it and what follows. */
static enum svq_error return_seg(struct svq_queue *q, const struct svq_seg *s, uint32_t *len,
                                 unsigned int *work)
{
    enum svq_error err = SVQ_ERR_NONE;
    uint32_t n = 0;

    if ( s->write )
    {
        n = s->len < *len ? s->len : *len;
        *len -= n;
    }

    (*work)++;
    if ( !s->bounced )
    {
        *work += return_pages(&q->pages, s);
        return err;
    }

    /* No more than it says it has written: the rest is of another request. */
    if ( n )
    {
        err = svq_guest_copy(&q->pages, s->addr, q->bounce[1].page, s->off, n, true);
        q->stats.bytes_copied += n;
        *work += copy_work(n);
    }

    svq_bounce_free(&q->bounce[s->write], s->off, s->len);

    return err;
}

/* Part n of the chain in slot first; *i is the slot of a part that is in no table. */
static inline const struct svq_seg *next_seg(const struct svq_queue *q,
                                             const struct svq_slot *first, unsigned int n,
                                             unsigned int *i)
{
    const struct svq_slot *s = &q->slot[*i];

    if ( first->table != SVQ_NO_TABLE )
        return &q->tables.seg[first->table + n];

    *i = s->next;

    return &s->seg;
}

enum svq_error svq_buffers_zero(struct svq_queue *q, unsigned int head, unsigned int *work)
{
    const struct svq_slot *first = &q->slot[head];
    enum svq_error err = SVQ_ERR_NONE;
    unsigned int i = head, n;

    *work = 0;

    for ( n = 0; n < first->count && err == SVQ_ERR_NONE; n++ )
    {
        const struct svq_seg *s = next_seg(q, first, n, &i);

        err = zero_seg(&q->pages, s);
        *work += zero_work(s);
    }

    svq_wmb();

    return err;
}

enum svq_error svq_buffers_return(struct svq_queue *q, unsigned int head, uint32_t len,
                                  unsigned int *work)
{
    const struct svq_slot *first = &q->slot[head];
    enum svq_error err = SVQ_ERR_NONE;
    unsigned int i = head, n;

    *work = 0;

    if ( first->remapped )
        *work += return_pages(&q->pages, &first->seg);

    for ( n = 0; n < first->count && err == SVQ_ERR_NONE; n++ )
        err = return_seg(q, next_seg(q, first, n, &i), &len, work);

    return err;
}

static unsigned int end_seg(struct svq_pages *p, const struct svq_seg *s, enum svq_buffers_end how)
{
    unsigned int pages = s->bounced ? 0 : svq_pages_of(s->addr, s->len), i;
    uint64_t gfn = s->addr >> SVQ_PAGE_SHIFT;

    for ( i = 0; i < pages; i++, gfn++ )
    {
        if ( how == SVQ_BUFFERS_HOLD )
            svq_pages_hold(p, gfn, s->write);
        else
            svq_pages_unhold(p, gfn);
    }

    return 1 + pages;
}

unsigned int svq_buffers_end(struct svq_pages *p, const struct svq_queue *q, unsigned int head,
                             enum svq_buffers_end how)
{
    const struct svq_slot *first = &q->slot[head];
    unsigned int i = head, n, work = 0;

    if ( first->remapped )
        work += end_seg(p, &first->seg, how);

    for ( n = 0; n < first->count; n++ )
        work += end_seg(p, next_seg(q, first, n, &i), how);

    return work;
}

static void scrub_end(const struct svq_bounce *b, const struct svq_seg *s)
{
    uint32_t end = s->off + s->len;

    /* A granule lies in one page. */
    if ( s->bounced && !s->write && end % SVQ_BOUNCE_GRANULE )
        memset(b->page[end >> SVQ_PAGE_SHIFT] + (end & SVQ_PAGE_MASK), 0,
               SVQ_BOUNCE_GRANULE - end % SVQ_BOUNCE_GRANULE);
}

void svq_buffers_scrub_ends(const struct svq_queue *q, unsigned int head)
{
    const struct svq_slot *first = &q->slot[head];
    unsigned int i = head, n;

    for ( n = 0; n < first->count; n++ )
        scrub_end(&q->bounce[0], next_seg(q, first, n, &i));
}
