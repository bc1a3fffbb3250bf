/* SPDX-License-Identifier: MIT */
/*
 * Memory that is visible to the backend whatever is in flight, and rings that the
 * mediator does not look at.
 *
 * There is no record of the pages: the reference on each belongs to the entry that
 * shows it, so what an entry shows when it is taken away is what it was.  They are
 * counted for queue 0.
 */
#include "svq_share.h"

/* Batches in one step of making memory visible: there is nobody to wait for. */
#define SHARE_BATCHES   4u

#define FEATURE(n)      (1ULL << (n))

uint64_t svq_share_features(const struct svq_dev *dev, uint64_t theirs)
{
    uint64_t features = theirs & (FEATURE(SVQ_F_INDIRECT_DESC) | FEATURE(SVQ_F_EVENT_IDX) |
                                  FEATURE(SVQ_F_RING_PACKED) | FEATURE(SVQ_F_IN_ORDER));

    /* Makes the driver go through its platform's DMA operations, which know the pool. */
    if ( dev->policy == VSH_POLICY_POOL )
        features |= FEATURE(SVQ_F_ACCESS_PLATFORM);

    return features;
}

bool svq_share_covers(const struct svq_dev *dev, uint64_t addr, uint64_t len)
{
    return dev->policy != VSH_POLICY_POOL ||
           (addr >= dev->pool.base && addr - dev->pool.base < dev->pool.size &&
            len <= dev->pool.size - (addr - dev->pool.base));
}

bool svq_share_accepts(const struct svq_dev *dev)
{
    return dev->policy != VSH_POLICY_POOL ||
           (dev->driver_features & FEATURE(SVQ_F_ACCESS_PLATFORM));
}

void svq_share_queue_info(const struct svq_queue *q, struct vsh_queue_info *qi)
{
    if ( qi->size )
        qi->size = q->size;
    qi->desc = q->desc_addr;
    qi->avail = q->avail_addr;
    qi->used = q->used_addr;
}

void svq_share_driver_kick(struct svq_dev *dev, struct svq_queue *q)
{
    q->stats.notifications++;
    svq_env_notify(dev, (int)(q - dev->queue));
}

void svq_share_backend_kick(struct svq_dev *dev, struct svq_queue *q)
{
    q->stats.interrupts++;
    svq_set_bits(&dev->int_status, SVQ_INT_USED);
    svq_env_interrupt(dev);
}

/* What of a bank is shared. */
static struct vsh_bank range(const struct svq_dev *dev, unsigned int b)
{
    const struct vsh_bank *bank = &dev->bank[b];

    if ( dev->policy != VSH_POLICY_POOL )
        return *bank;

    if ( dev->pool.base >= bank->base && dev->pool.base - bank->base < bank->size )
        return dev->pool;

    return (struct vsh_bank){ .base = bank->base, .size = 0 };
}

/*
 * The next pages that are shared, for a change of access, in queue 0's op; 0: there are
 * no more.
 */
static unsigned int next_pages(struct svq_dev *dev, enum svq_access from, enum svq_access to)
{
    struct svq_page_op *op = dev->queue[0].op;
    unsigned int n = 0;

    for ( ; dev->share_bank < dev->nr_banks; dev->share_bank++, dev->share_page = 0 )
    {
        struct vsh_bank r = range(dev, dev->share_bank);
        uint64_t skipped = (r.base - dev->bank[dev->share_bank].base) >> SVQ_PAGE_SHIFT;

        for ( ; dev->share_page < r.size >> SVQ_PAGE_SHIFT; dev->share_page++ )
        {
            if ( n == SVQ_PAGE_BATCH )
                return n;

            op[n++] = (struct svq_page_op){
                .gfn = (r.base >> SVQ_PAGE_SHIFT) + dev->share_page,
                .frame = SVQ_NO_FRAME,
                .backend_gfn = dev->aperture_gfn[dev->share_bank] + skipped + dev->share_page,
                .from = (uint8_t)from,
                .to = (uint8_t)to,
            };
        }
    }

    return n;
}

static void begin_anew(struct svq_dev *dev)
{
    dev->share_bank = 0;
    dev->share_page = 0;
}

void svq_share_stop(struct svq_dev *dev)
{
    dev->sharing = false;
    begin_anew(dev);
}

/* Pages that are no plain RAM of the frontend stay invisible. */
static enum svq_error grant(struct svq_dev *dev, unsigned int nr)
{
    unsigned int i, done;

    for ( i = 0; i < nr; i += done )
    {
        enum svq_error err = SVQ_ERR_NONE;

        done = svq_env_grant(dev, 0, &dev->queue[0].op[i], nr - i, &err);
        dev->queue[0].pages.nr_mapped += done;
        dev->queue[0].stats.grants += done;

        if ( i + done == nr )
            break;
        if ( err != SVQ_ERR_PAGE )
            return err;
        done++;
    }

    return SVQ_ERR_NONE;
}

bool svq_share_step(struct svq_dev *dev, enum svq_error *err)
{
    unsigned int i, nr;

    for ( i = 0; i < SHARE_BATCHES; i++ )
    {
        /* Where the dummy of an earlier time is left, it goes. */
        nr = next_pages(dev, SVQ_DUMMY, SVQ_RW);
        if ( !nr )
        {
            begin_anew(dev);
            return false;
        }

        *err = grant(dev, nr);
        if ( *err != SVQ_ERR_NONE )
            return false;
    }

    return true;
}

bool svq_share_take_away(struct svq_dev *dev)
{
    struct svq_pages *p = &dev->queue[0].pages;
    struct svq_page_op *op = dev->queue[0].op;
    unsigned int i, n = 0, nr;

    /* To the end, whatever has been found: a backend may have moved things about. */
    nr = p->nr_mapped ? next_pages(dev, SVQ_RW, SVQ_DUMMY) : 0;
    if ( !nr )
    {
        /* What was not found the backend has removed. */
        dev->queue[0].stats.revokes = dev->queue[0].stats.grants;
        p->nr_mapped = 0;
        begin_anew(dev);
        return false;
    }

    svq_env_shown(dev, op, nr);
    for ( i = 0; i < nr; i++ )
        if ( op[i].frame != SVQ_NO_FRAME )
            op[n++] = op[i];

    if ( n )
    {
        svq_env_take_away(dev, op, n);
        dev->queue[0].stats.flushes++;
        p->nr_dummy += n;
    }

    return true;
}

bool svq_share_clear(struct svq_dev *dev)
{
    unsigned int nr = dev->queue[0].pages.nr_dummy ? next_pages(dev, SVQ_DUMMY, SVQ_NONE) : 0;

    if ( !nr )
    {
        dev->queue[0].pages.nr_dummy = 0;
        begin_anew(dev);
        return false;
    }

    svq_env_revoke(dev, 0, dev->queue[0].op, nr);
    svq_env_flush(dev, 0);
    dev->queue[0].stats.flushes++;

    return true;
}
