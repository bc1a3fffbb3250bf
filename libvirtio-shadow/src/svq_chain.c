/* SPDX-License-Identifier: MIT */
/*
 * The rules for a chain of descriptors, whichever ring it comes from, and
 * indirect tables.
 */
#include "svq_chain.h"
#include "svq_guest.h"
#include "svq_remap.h"

bool svq_in_ram(const struct svq_dev *dev, uint64_t addr, uint64_t len)
{
    unsigned int b;

    for ( b = 0; b < dev->nr_banks; b++ )
    {
        const struct vsh_bank *bank = &dev->bank[b];

        if ( addr >= bank->base && addr - bank->base < bank->size &&
             len <= bank->size - (addr - bank->base) )
            return true;
    }

    return false;
}

enum svq_error svq_chain_add(const struct svq_dev *dev, const struct svq_queue *q,
                             struct svq_chain *c)
{
    const struct svq_desc *d = &q->chain[c->nr];
    unsigned int pages;

    if ( !d->len )
        return SVQ_ERR_LEN;

    /* 2.7.4.2, 2.8.17: device-writable descriptors come after the readable ones. */
    if ( d->flags & SVQ_DESC_F_WRITE )
        c->writable += d->len;
    else if ( c->writable )
        return SVQ_ERR_ORDER;

    if ( !svq_in_ram(dev, d->addr, d->len) )
        return SVQ_ERR_ADDR;

    c->bytes += d->len;
    if ( c->bytes > 1ULL << 32 )
        return SVQ_ERR_CHAIN_BYTES;

    /* The sum does not wrap before it is looked at. */
    pages = svq_pages_of(d->addr, d->len);
    c->pages += pages;
    if ( c->pages > SVQ_CHAIN_PAGES )
        return SVQ_ERR_CHAIN_PAGES;

    c->work += 1 + pages;
    c->nr++;

    return SVQ_ERR_NONE;
}

/* 2.7.5.3: linked by next, from entry 0 on. */
static enum svq_error add_split(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c,
                                unsigned int entries)
{
    unsigned int i = 0;

    for ( ; ; )
    {
        struct svq_desc *d = &q->chain[c->nr];
        enum svq_error err;

        /* Too long with what went before the table, or a loop. */
        if ( c->nr == q->size )
            return SVQ_ERR_CHAIN_LONG;

        *d = q->table[i];

        if ( d->flags & SVQ_DESC_F_INDIRECT )
            return SVQ_ERR_TABLE_LINK;
        if ( d->flags & ~(SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE) )
            return SVQ_ERR_FLAGS;

        err = svq_chain_add(dev, q, c);
        if ( err != SVQ_ERR_NONE || !(d->flags & SVQ_DESC_F_NEXT) )
            return err;

        if ( d->next >= entries )
            return SVQ_ERR_NEXT;
        i = svq_nospec(d->next, entries);
    }
}

/* 2.8.7: one after the other; flags but WRITE are to be ignored. */
static enum svq_error add_packed(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c,
                                 unsigned int entries)
{
    unsigned int i;

    for ( i = 0; i < entries; i++ )
    {
        struct svq_packed_desc from;
        struct svq_desc *d = &q->chain[c->nr];
        enum svq_error err;

        memcpy(&from, &q->table[i], sizeof(from));
        d->addr = from.addr;
        d->len = from.len;
        d->flags = from.flags & SVQ_DESC_F_WRITE;
        d->next = 0;

        err = svq_chain_add(dev, q, c);
        if ( err != SVQ_ERR_NONE )
            return err;
    }

    return SVQ_ERR_NONE;
}

enum svq_error svq_chain_add_table(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c,
                                   uint64_t addr, uint32_t len)
{
    unsigned int entries = len / sizeof(struct svq_desc);
    enum svq_error err;

    if ( !q->indirect )
        return SVQ_ERR_INDIRECT;

    /* No entry of it is looked at before its length is known to be one. */
    if ( !entries || len % sizeof(struct svq_desc) || entries > q->size )
        return SVQ_ERR_TABLE;

    if ( !svq_in_ram(dev, addr, len) )
        return SVQ_ERR_ADDR;

    c->indirect = true;

    /* Other queues may have its pages in flight, or kept. */
    if ( !dev->alone && svq_remap_is_wanted(dev, q, c, addr, len) )
        return SVQ_NOT_ALONE;

    /* It is read after it has become read-only, or from where it is not looked at again. */
    if ( !svq_remap(dev, q, c, addr, len) )
    {
        err = svq_guest_read(&q->pages, addr, q->table, len);
        if ( err != SVQ_ERR_NONE )
            return err;
    }

    /* All of it was copied, whatever part of it the chain uses. */
    c->work += entries;

    return q->packed ? add_packed(dev, q, c, entries) : add_split(dev, q, c, entries);
}
