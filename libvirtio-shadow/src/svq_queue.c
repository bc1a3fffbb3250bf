/* SPDX-License-Identifier: MIT */
/*
 * Shadow virtqueues: chains go from the driver's available ring to the shadow
 * one, and back from the shadow used ring to the driver's.
 *
 * The driver owns three rings in its RAM, which it can change at any time: each
 * value is read from there once, into q->chain or a local, and only that copy
 * is checked and used.  The shadow descriptor table and available ring can be
 * written by Xen only.  The shadow used ring is the backend's, and is read
 * like the driver's rings.  What is in flight is known from q->slot and q->busy,
 * which nobody else sees.
 */
#include "svq_queue.h"
#include "svq_pages.h"

static int queue_nr(const struct svq_dev *dev, const struct svq_queue *q)
{
    return (int)(q - dev->queue);
}

static bool is_busy(const struct svq_queue *q, unsigned int head)
{
    return q->busy[head / 32] & (1U << (head % 32));
}

/* The bank that holds all of [addr, addr + len), or NULL.  Does not wrap. */
static const struct vsh_bank *bank_of(const struct svq_dev *dev, uint64_t addr, uint64_t len)
{
    unsigned int b;

    for ( b = 0; b < dev->nr_banks; b++ )
    {
        const struct vsh_bank *bank = &dev->bank[b];

        if ( addr >= bank->base && addr - bank->base < bank->size &&
             len <= bank->size - (addr - bank->base) )
            return bank;
    }

    return NULL;
}

static bool ring_part_get(struct svq_dev *dev, uint64_t addr, uint32_t bytes, uint32_t align,
                          struct svq_mem *mem)
{
    return !(addr & (align - 1)) && bank_of(dev, addr, bytes) &&
           svq_env_ring_get(dev, addr, bytes, mem) == 0;
}

enum svq_error svq_queue_ready(struct svq_dev *dev, struct svq_queue *q)
{
    uint32_t size = q->size;

    if ( q->ready )
        return SVQ_ERR_NONE;

    /* 2.7: a power of two; 4.2.3.2: at most QueueSizeMax. */
    if ( !size || (size & (size - 1)) || size > q->max_size || size > dev->dev_queue_size )
        return SVQ_ERR_RING;

    if ( !ring_part_get(dev, q->desc_addr, SVQ_DESC_BYTES(size), SVQ_DESC_ALIGN, &q->desc) )
        return SVQ_ERR_RING;

    if ( !ring_part_get(dev, q->avail_addr, SVQ_AVAIL_BYTES(size), SVQ_AVAIL_ALIGN, &q->avail) )
    {
        svq_env_ring_put(dev, &q->desc);
        return SVQ_ERR_RING;
    }

    if ( !ring_part_get(dev, q->used_addr, SVQ_USED_BYTES(size), SVQ_USED_ALIGN, &q->used) )
    {
        svq_env_ring_put(dev, &q->avail);
        svq_env_ring_put(dev, &q->desc);
        return SVQ_ERR_RING;
    }

    q->ready = true;

    return SVQ_ERR_NONE;
}

void svq_queue_reset(struct svq_dev *dev, struct svq_queue *q)
{
    if ( q->ready )
    {
        svq_env_ring_put(dev, &q->desc);
        svq_env_ring_put(dev, &q->avail);
        svq_env_ring_put(dev, &q->used);
    }

    q->ready = false;
    q->size = 0;
    q->desc_addr = 0;
    q->avail_addr = 0;
    q->used_addr = 0;
    q->fetch = false;
    q->collect = false;
    q->stalled = false;
    q->in_flight = 0;
}

void svq_queue_start(struct svq_queue *q)
{
    unsigned int i;

    for ( i = 0; i < q->shadow_desc.nr; i++ )
        memset(q->shadow_desc.page[i], 0, SVQ_PAGE_SIZE);
    for ( i = 0; i < q->shadow_avail.nr; i++ )
        memset(q->shadow_avail.page[i], 0, SVQ_PAGE_SIZE);
    for ( i = 0; i < q->shadow_used.nr; i++ )
        memset(q->shadow_used.page[i], 0, SVQ_PAGE_SIZE);

    for ( i = 0; i < q->size; i++ )
    {
        q->slot[i].count = 0;
        q->slot[i].next = (uint16_t)(i + 1);
    }

    for ( i = 0; i < q->size; i += 32 )
        q->busy[i / 32] = 0;

    q->free = 0;
    q->nr_free = q->size;
    q->last_avail = 0;
    q->used_idx = 0;
    q->shadow_avail_idx = 0;
    q->last_shadow_used = 0;
    q->in_flight = 0;
    q->fetch = true;
    q->collect = false;
    q->stalled = false;
}

/*
 * Copy the chain at head into q->chain and check the copy (2.7.4, 2.7.5,
 * 2.7.13).  Looks at no more than q->size descriptors, whatever they say.
 */
static enum svq_error read_chain(struct svq_dev *dev, struct svq_queue *q, unsigned int head,
                                 unsigned int *nr, unsigned int *pages, uint32_t *writable)
{
    uint64_t bytes = 0, wr = 0;
    unsigned int i = head, n = 0, pg = 0;
    bool more;

    do {
        const struct svq_desc *src = svq_mem_at(&q->desc, i * sizeof(*src));
        struct svq_desc *d;

        /* 2.7.5: a loop, or a chain that shares its tail with itself. */
        if ( n == q->size )
            return SVQ_ERR_CHAIN_LONG;

        d = &q->chain[n++];
        d->addr = svq_read_once(src->addr);
        d->len = svq_read_once(src->len);
        d->flags = svq_read_once(src->flags);
        d->next = svq_read_once(src->next);

        if ( d->flags & SVQ_DESC_F_INDIRECT )
            return SVQ_ERR_INDIRECT;
        if ( d->flags & ~(SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE) )
            return SVQ_ERR_FLAGS;
        if ( !d->len )
            return SVQ_ERR_LEN;

        /* 2.7.4.2: device-writable descriptors come after the readable ones. */
        if ( d->flags & SVQ_DESC_F_WRITE )
            wr += d->len;
        else if ( wr )
            return SVQ_ERR_ORDER;

        if ( !bank_of(dev, d->addr, d->len) )
            return SVQ_ERR_ADDR;

        bytes += d->len;
        if ( bytes > 1ULL << 32 )
            return SVQ_ERR_CHAIN_BYTES;

        /* At most 2^20 + 1 of them, so the sum does not wrap before it is looked at. */
        pg += (unsigned int)(((d->addr + d->len - 1) >> SVQ_PAGE_SHIFT) -
                             (d->addr >> SVQ_PAGE_SHIFT) + 1);
        if ( pg > SVQ_CHAIN_PAGES )
            return SVQ_ERR_CHAIN_PAGES;

        more = d->flags & SVQ_DESC_F_NEXT;
        if ( more )
        {
            if ( d->next >= q->size )
                return SVQ_ERR_NEXT;
            i = svq_nospec(d->next, q->size);
        }
    } while ( more );

    *nr = n;
    *pages = pg;
    /* 2^32 bytes exactly do not fit a used length anyway: clamp. */
    *writable = wr > 0xffffffffU ? 0xffffffffU : (uint32_t)wr;

    return SVQ_ERR_NONE;
}

/* Put the pages of the buffer [addr, addr + len), but only the first pages of them. */
static void put_pages(struct svq_pages *p, uint64_t addr, uint32_t len, bool write,
                      uint64_t pages)
{
    uint64_t gfn = addr >> SVQ_PAGE_SHIFT, last = (addr + len - 1) >> SVQ_PAGE_SHIFT;

    for ( ; gfn <= last && pages; gfn++, pages-- )
        svq_pages_put(p, gfn, write);
}

/* Take the pages of the nr descriptors in q->chain.  All, or false and none. */
static bool take_chain(struct svq_pages *p, const struct svq_queue *q, unsigned int nr)
{
    unsigned int i;

    for ( i = 0; i < nr; i++ )
    {
        const struct svq_desc *d = &q->chain[i];
        bool write = d->flags & SVQ_DESC_F_WRITE;
        uint64_t first = d->addr >> SVQ_PAGE_SHIFT, gfn;
        uint64_t last = (d->addr + d->len - 1) >> SVQ_PAGE_SHIFT;

        for ( gfn = first; gfn <= last; gfn++ )
        {
            if ( svq_pages_take(p, gfn, write) )
                continue;

            put_pages(p, d->addr, d->len, write, gfn - first);
            while ( i-- )
                put_pages(p, q->chain[i].addr, q->chain[i].len,
                          q->chain[i].flags & SVQ_DESC_F_WRITE, ~0ULL);

            return false;
        }
    }

    return true;
}

/* Move q->chain into free slots, and their descriptors into the shadow table. */
static unsigned int put_in_flight(struct svq_queue *q, unsigned int driver_head, unsigned int nr,
                                  uint32_t writable)
{
    unsigned int head = q->free, i = head, n;

    for ( n = 0; n < nr; n++ )
    {
        const struct svq_desc *d = &q->chain[n];
        struct svq_slot *s = &q->slot[i];
        struct svq_desc *shadow = svq_mem_at(&q->shadow_desc, i * sizeof(*shadow));
        bool more = n + 1 < nr;

        s->addr = d->addr;
        s->len = d->len;
        s->write = d->flags & SVQ_DESC_F_WRITE;

        shadow->addr = d->addr;
        shadow->len = d->len;
        shadow->flags = (uint16_t)((d->flags & SVQ_DESC_F_WRITE) | (more ? SVQ_DESC_F_NEXT : 0));
        shadow->next = more ? s->next : 0;

        q->free = s->next;
        i = s->next;
    }

    q->nr_free = (uint16_t)(q->nr_free - nr);
    q->slot[head].count = (uint16_t)nr;
    q->slot[head].driver_head = (uint16_t)driver_head;
    q->slot[head].writable = writable;
    q->busy[driver_head / 32] |= 1U << (driver_head % 32);
    q->in_flight++;

    return head;
}

enum svq_error svq_queue_fetch(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget)
{
    uint16_t idx, nr_avail, mask = (uint16_t)(q->size - 1);
    unsigned int published = 0;
    enum svq_error err = SVQ_ERR_NONE, commit_err;

    if ( !q->fetch || q->stalled )
        return SVQ_ERR_NONE;

    q->fetch = false;

    idx = svq_read_once(*(uint16_t *)svq_mem_at(&q->avail, SVQ_AVAIL_IDX));
    nr_avail = (uint16_t)(idx - q->last_avail);

    /* 2.7.13: never more than the queue size. */
    if ( nr_avail > q->size )
        return SVQ_ERR_AVAIL_IDX;

    /* Entries and descriptors are read only after the idx that covers them. */
    svq_rmb();

    for ( ; nr_avail && *budget; nr_avail-- )
    {
        unsigned int head, nr, pages, slot, cost;
        uint32_t writable;

        head = svq_read_once(*(uint16_t *)svq_mem_at(&q->avail,
                                                     SVQ_AVAIL_RING(q->last_avail & mask)));
        if ( head >= q->size )
        {
            err = SVQ_ERR_HEAD;
            break;
        }

        head = svq_nospec(head, q->size);
        if ( is_busy(q, head) )
        {
            err = SVQ_ERR_HEAD_BUSY;
            break;
        }

        err = read_chain(dev, q, head, &nr, &pages, &writable);
        if ( err != SVQ_ERR_NONE )
            break;

        /* Chains in flight are disjoint, so they have at most q->size descriptors. */
        if ( nr > q->nr_free )
        {
            err = SVQ_ERR_OVERCOMMIT;
            break;
        }

        /* Also for a chain that has to wait: it was looked at, page by page. */
        cost = nr + pages;
        *budget -= cost < *budget ? cost : *budget;

        if ( !take_chain(&dev->pages, q, nr) )
        {
            q->stalled = true;
            break;
        }

        slot = put_in_flight(q, head, nr, writable);
        *(uint16_t *)svq_mem_at(&q->shadow_avail,
                                SVQ_AVAIL_RING(q->shadow_avail_idx & mask)) = (uint16_t)slot;
        q->shadow_avail_idx++;
        q->last_avail++;
        published++;
    }

    /* Nothing is published before the pages that it names are granted. */
    commit_err = svq_pages_commit(dev, q);
    if ( commit_err != SVQ_ERR_NONE )
        return commit_err;

    if ( published )
    {
        uint16_t *shadow_idx = svq_mem_at(&q->shadow_avail, SVQ_AVAIL_IDX);

        q->stats.requests += published;

        /* The backend sees descriptors and entries before the idx that covers them. */
        svq_wmb();
        svq_write_once(*shadow_idx, q->shadow_avail_idx);

        /* 2.7.10: either it sees the new idx, or we see that it wants to be told. */
        svq_mb();
        if ( !(svq_read_once(*(uint16_t *)svq_mem_at(&q->shadow_used, SVQ_USED_FLAGS)) &
               SVQ_USED_F_NO_NOTIFY) )
        {
            q->stats.notifications++;
            svq_env_notify(dev, queue_nr(dev, q));
        }
    }

    if ( nr_avail && err == SVQ_ERR_NONE )
        q->fetch = true;

    return err;
}

/* The chain in slot head comes back: its pages, its slots, its head. */
static unsigned int take_back(struct svq_dev *dev, struct svq_queue *q, unsigned int head)
{
    struct svq_slot *first = &q->slot[head];
    unsigned int i = head, n, cost = first->count, driver_head = first->driver_head;

    for ( n = first->count; ; )
    {
        struct svq_slot *s = &q->slot[i];

        cost += (unsigned int)(((s->addr + s->len - 1) >> SVQ_PAGE_SHIFT) -
                               (s->addr >> SVQ_PAGE_SHIFT) + 1);
        put_pages(&dev->pages, s->addr, s->len, s->write, ~0ULL);

        if ( !--n )
        {
            s->next = q->free;
            break;
        }

        i = s->next;
    }

    q->free = (uint16_t)head;
    q->nr_free = (uint16_t)(q->nr_free + first->count);
    first->count = 0;
    q->busy[driver_head / 32] &= ~(1U << (driver_head % 32));
    q->in_flight--;

    return cost;
}

/* Write what is in q->done to the driver's used ring, 2.7.8.2. */
static void publish_used(struct svq_dev *dev, struct svq_queue *q, unsigned int nr)
{
    uint16_t mask = (uint16_t)(q->size - 1), *idx = svq_mem_at(&q->used, SVQ_USED_IDX);
    unsigned int i;

    for ( i = 0; i < nr; i++, q->used_idx++ )
    {
        /* An element may straddle two pages, its halves may not. */
        uint32_t *id = svq_mem_at(&q->used, SVQ_USED_ID(q->used_idx & mask));
        uint32_t *len = svq_mem_at(&q->used, SVQ_USED_LEN(q->used_idx & mask));

        svq_write_once(*id, q->done[i].id);
        svq_write_once(*len, q->done[i].len);
    }

    q->stats.returned += nr;

    /* The driver sees the elements, and the buffers' contents, before the idx. */
    svq_wmb();
    svq_write_once(*idx, q->used_idx);

    /* 2.7.7: either it sees the new idx, or we see that it wants to be told. */
    svq_mb();
    if ( !(svq_read_once(*(uint16_t *)svq_mem_at(&q->avail, SVQ_AVAIL_FLAGS)) &
           SVQ_AVAIL_F_NO_INTERRUPT) )
    {
        q->stats.interrupts++;
        dev->int_status |= SVQ_INT_USED;
        svq_env_interrupt(dev);
    }
}

enum svq_error svq_queue_collect(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget)
{
    uint16_t idx, nr_used, mask = (uint16_t)(q->size - 1);
    enum svq_error err = SVQ_ERR_NONE, commit_err;
    unsigned int nr_done = 0, i;

    if ( !q->collect )
        return SVQ_ERR_NONE;

    q->collect = false;

    idx = svq_read_once(*(uint16_t *)svq_mem_at(&q->shadow_used, SVQ_USED_IDX));
    nr_used = (uint16_t)(idx - q->last_shadow_used);

    if ( nr_used > q->in_flight )
        return SVQ_ERR_USED_IDX;

    /* Elements are read only after the idx that covers them. */
    svq_rmb();

    for ( ; nr_used && *budget; nr_used-- )
    {
        unsigned int id, cost;
        uint32_t len, writable;

        id = svq_read_once(*(uint32_t *)svq_mem_at(&q->shadow_used,
                                                   SVQ_USED_ID(q->last_shadow_used & mask)));
        len = svq_read_once(*(uint32_t *)svq_mem_at(&q->shadow_used,
                                                    SVQ_USED_LEN(q->last_shadow_used & mask)));
        if ( id >= q->size )
        {
            err = SVQ_ERR_USED_ID;
            break;
        }

        id = svq_nospec(id, q->size);
        if ( !q->slot[id].count )
        {
            err = SVQ_ERR_USED_ID;
            break;
        }

        /* 2.7.8.2: underestimating is allowed, so a liar's length is cut down. */
        writable = q->slot[id].writable;
        q->done[nr_done].id = q->slot[id].driver_head;
        q->done[nr_done].len = len < writable ? len : writable;
        nr_done++;

        cost = take_back(dev, q, id);
        q->last_shadow_used++;
        *budget -= cost < *budget ? cost : *budget;
    }

    /* The backend's access is gone before the driver learns of the return. */
    commit_err = svq_pages_commit(dev, q);

    if ( nr_done )
    {
        publish_used(dev, q, nr_done);

        /* Page records have come free, perhaps for a chain of another queue. */
        for ( i = 0; i < dev->nr_queues; i++ )
        {
            if ( dev->queue[i].stalled )
            {
                dev->queue[i].stalled = false;
                dev->queue[i].fetch = true;
            }
        }
    }

    if ( nr_used && err == SVQ_ERR_NONE )
        q->collect = true;

    return err != SVQ_ERR_NONE ? err : commit_err;
}
