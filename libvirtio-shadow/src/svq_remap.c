/* SPDX-License-Identifier: MIT */
/*
 * Indirect tables in place.
 *
 * The feature bit says what is safe for the driver.  What is safe for others is
 * made sure of here, by the environment: nobody can write to a page that is
 * protected.  Where that cannot be had, the table is copied.
 */
#include "svq_pages.h"
#include "svq_remap.h"
#include "svq_ring.h"
#include "svq_tables.h"

/* A table to which in-place use is of use, wherever it may come from. */
static bool is_eligible(const struct svq_dev *dev, const struct svq_queue *q, uint64_t addr,
                        unsigned int entries)
{
    /* The driver has promised pages of its own for tables that begin a page. */
    return q->remap && !(addr & SVQ_PAGE_MASK) &&
           (dev->indirect == SVQ_INDIRECT_REMAP || entries >= SVQ_REMAP_ENTRIES);
}

bool svq_remap_is_wanted(const struct svq_dev *dev, const struct svq_queue *q,
                         const struct svq_chain *c, uint64_t addr, uint32_t len)
{
    unsigned int entries = len / sizeof(struct svq_desc);

    /*
     * Descriptors in the ring before the table would have to stay direct ones.
     * And whatever part of the table the chain uses, it is not to wait for room.
     */
    return is_eligible(dev, q, addr, entries) && !c->nr && svq_tables_fit(&q->tables, entries);
}

/* In no queue; then nothing that was kept of it is any more. */
static bool is_unused(struct svq_dev *dev, uint64_t gfn)
{
    bool unused = true;
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
        unused &= svq_pages_unused(&dev->queue[i].pages, gfn);

    return unused;
}

static struct svq_table_page *find_ahead(struct svq_dev *dev, uint64_t gfn)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_ahead; i++ )
        if ( dev->ahead[i].gfn == gfn )
            return &dev->ahead[i];

    return NULL;
}

/* Note nr pages to be protected: all, or false and none. */
static bool add_ahead(struct svq_dev *dev, uint64_t gfn, unsigned int nr)
{
    unsigned int i;

    if ( dev->nr_ahead + nr > SVQ_REMAP_PAGES )
        return false;

    for ( i = 0; i < nr; i++ )
        if ( find_ahead(dev, gfn + i) || !is_unused(dev, gfn + i) )
            return false;

    for ( i = 0; i < nr; i++ )
    {
        struct svq_table_page *t = &dev->ahead[dev->nr_ahead++];

        t->gfn = gfn + i;
        t->frame = SVQ_NO_FRAME;
    }

    return true;
}

/*
 * Protect nr pages, and with the same flush those of tables that come next, by
 * the looks of it.
 */
static bool protect_batch(struct svq_dev *dev, struct svq_queue *q, uint64_t gfn, unsigned int nr)
{
    struct svq_desc d;
    unsigned int n;

    svq_remap_end(dev);

    if ( !add_ahead(dev, gfn, nr) )
        return false;

    for ( n = 1; n < SVQ_REMAP_CHAINS && svq_split_peek(q, n, &d); n++ )
    {
        unsigned int entries = d.len / sizeof(d);

        if ( d.flags != SVQ_DESC_F_INDIRECT || !entries || entries > q->size ||
             !is_eligible(dev, q, d.addr, entries) || !svq_in_ram(dev, d.addr, d.len) )
            continue;

        add_ahead(dev, d.addr >> SVQ_PAGE_SHIFT, svq_pages_of(d.addr, d.len));
    }

    svq_env_protect(dev, dev->ahead, dev->nr_ahead);

    return true;
}

void svq_remap_end(struct svq_dev *dev)
{
    unsigned int i, nr = 0;

    /* None for a queue by itself, which is not to write what others look at. */
    if ( !dev->nr_ahead )
        return;

    for ( i = 0; i < dev->nr_ahead; i++ )
        if ( dev->ahead[i].frame != SVQ_NO_FRAME )
            dev->ahead[nr++] = dev->ahead[i];

    if ( nr )
        svq_env_unprotect(dev, dev->ahead, nr);

    dev->nr_ahead = 0;
}

/* All of the table's pages, or false and none. */
static bool protect(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c,
                    struct svq_table_page *t, unsigned int nr, uint64_t gfn)
{
    unsigned int i, good = 0;

    if ( nr > q->pages.nr_free )
        return false;

    if ( !find_ahead(dev, gfn) )
    {
        c->work += SVQ_REMAP_WORK;
        if ( !protect_batch(dev, q, gfn, nr) )
            return false;
    }

    for ( i = 0; i < nr; i++ )
    {
        const struct svq_table_page *a = find_ahead(dev, gfn + i);

        good += a && a->frame != SVQ_NO_FRAME && is_unused(dev, gfn + i);
    }

    if ( good < nr )
        return false;

    for ( i = 0; i < nr; i++ )
    {
        struct svq_table_page *a = find_ahead(dev, gfn + i);

        t[i] = *a;
        *a = dev->ahead[--dev->nr_ahead];
    }

    return true;
}

bool svq_remap(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c, uint64_t addr,
               uint32_t len)
{
    unsigned int nr = svq_pages_of(addr, len), i;
    struct svq_table_page t[SVQ_TABLE_PAGES];
    uint8_t *to = (uint8_t *)q->table;

    if ( !svq_remap_is_wanted(dev, q, c, addr, len) ||
         !protect(dev, q, c, t, nr, addr >> SVQ_PAGE_SHIFT) )
    {
        /* What is copied may be in a page that was protected for another. */
        svq_remap_end(dev);
        return false;
    }

    c->remapped = true;
    c->table = addr;
    c->table_len = len;
    c->work += nr;
    q->stats.tables_remapped++;

    for ( i = 0; i < nr; i++ )
    {
        uint32_t n = len < SVQ_PAGE_SIZE ? len : SVQ_PAGE_SIZE;

        svq_pages_take_table(&q->pages, &t[i], !i);
        svq_env_read_table(dev, &t[i], to, n);
        to += n;
        len -= n;
    }

    return true;
}

void svq_remap_undo(struct svq_queue *q, const struct svq_chain *c)
{
    uint64_t gfn = c->table >> SVQ_PAGE_SHIFT;
    unsigned int i;

    if ( !c->remapped )
        return;

    for ( i = 0; i < svq_pages_of(c->table, c->table_len); i++ )
        svq_pages_put(&q->pages, gfn + i, false);
}
