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
#include "svq_tables.h"

static bool is_wanted(const struct svq_dev *dev, const struct svq_queue *q,
                      const struct svq_chain *c, uint64_t addr, unsigned int entries)
{
    /*
     * Descriptors in the ring before the table would have to stay direct ones.
     * And the driver has promised pages of its own for tables that begin a page.
     */
    return q->remap && !c->nr && !(addr & SVQ_PAGE_MASK) &&
           (dev->indirect == SVQ_INDIRECT_REMAP || entries >= SVQ_REMAP_ENTRIES) &&
           /* Whatever part of the table the chain uses, it will not have to wait for room. */
           svq_tables_fit(&q->tables, entries);
}

/* All of the table's pages, or false and none. */
static bool protect(struct svq_dev *dev, struct svq_table_page *t, unsigned int nr, uint64_t gfn)
{
    unsigned int i, good = 0;

    if ( nr > dev->pages.nr_free )
        return false;

    for ( i = 0; i < nr; i++ )
    {
        if ( !svq_pages_unused(&dev->pages, gfn + i) )
            return false;

        t[i].gfn = gfn + i;
        t[i].frame = SVQ_NO_FRAME;
    }

    svq_env_protect(dev, t, nr);

    for ( i = 0; i < nr; i++ )
        good += t[i].frame != SVQ_NO_FRAME;

    if ( good == nr )
        return true;

    for ( i = 0; i < nr; i++ )
        if ( t[i].frame != SVQ_NO_FRAME )
            svq_env_unprotect(dev, &t[i], 1);

    return false;
}

bool svq_remap(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c, uint64_t addr,
               uint32_t len)
{
    unsigned int nr = svq_pages_of(addr, len), i;
    struct svq_table_page t[SVQ_TABLE_PAGES];
    uint8_t *to = (uint8_t *)dev->table;

    if ( !is_wanted(dev, q, c, addr, len / sizeof(struct svq_desc)) )
        return false;

    c->work += SVQ_REMAP_WORK;
    if ( !protect(dev, t, nr, addr >> SVQ_PAGE_SHIFT) )
        return false;

    c->remapped = true;
    c->table = addr;
    c->table_len = len;
    c->work += nr;
    q->stats.tables_remapped++;

    for ( i = 0; i < nr; i++ )
    {
        uint32_t n = len < SVQ_PAGE_SIZE ? len : SVQ_PAGE_SIZE;

        svq_pages_take_table(&dev->pages, &t[i], (unsigned int)(q - dev->queue), !i);
        svq_env_read_table(dev, &t[i], to, n);
        to += n;
        len -= n;
    }

    return true;
}

void svq_remap_undo(struct svq_dev *dev, const struct svq_chain *c)
{
    uint64_t gfn = c->table >> SVQ_PAGE_SHIFT;
    unsigned int i;

    if ( !c->remapped )
        return;

    for ( i = 0; i < svq_pages_of(c->table, c->table_len); i++ )
        svq_pages_put(&dev->pages, gfn + i, false);
}
