/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues: chains go from the driver's ring to the shadow ring, and back.
 *
 * svq_ring.h is the driver's side, svq_shadow.h the backend's, svq_buffers.h
 * what becomes of the buffers in between.
 */
#include "svq_bounce.h"
#include "svq_buffers.h"
#include "svq_pages.h"
#include "svq_queue.h"
#include "svq_remap.h"
#include "svq_ring.h"
#include "svq_shadow.h"
#include "svq_share.h"
#include "svq_tables.h"

static bool has(const struct svq_dev *dev, unsigned int feature)
{
    return dev->driver_features & (1ULL << feature);
}

static bool ring_part_get(struct svq_dev *dev, uint64_t addr, uint32_t bytes, uint32_t align,
                          struct svq_mem *mem)
{
    if ( (addr & (align - 1)) || !svq_in_ram(dev, addr, bytes) )
        return false;

    /* It is the backend's business, which sees it. */
    if ( svq_is_shared(dev) )
        return svq_share_covers(dev, addr, bytes);

    return svq_env_ring_get(dev, addr, bytes, mem) == 0;
}

enum svq_error svq_queue_ready(struct svq_dev *dev, struct svq_queue *q)
{
    bool packed = has(dev, SVQ_F_RING_PACKED);
    struct svq_ring_layout l;
    uint32_t size = q->size;

    if ( q->ready )
        return SVQ_ERR_NONE;

    /* 2.7: a power of two; 2.8: any; 4.2.3.2: at most QueueSizeMax. */
    if ( !size || (!packed && (size & (size - 1))) || size > q->max_size ||
         size > dev->dev_queue_size )
        return SVQ_ERR_RING;

    l = packed ? svq_packed_layout(size) : svq_split_layout(size);

    if ( !ring_part_get(dev, q->desc_addr, l.desc_bytes, SVQ_DESC_ALIGN, &q->desc) )
        return SVQ_ERR_RING;

    if ( !ring_part_get(dev, q->avail_addr, l.avail_bytes, l.avail_align, &q->avail) )
    {
        svq_env_ring_put(dev, &q->desc);
        return SVQ_ERR_RING;
    }

    if ( !ring_part_get(dev, q->used_addr, l.used_bytes, l.used_align, &q->used) )
    {
        svq_env_ring_put(dev, &q->avail);
        svq_env_ring_put(dev, &q->desc);
        return SVQ_ERR_RING;
    }

    q->packed = packed;
    q->indirect = has(dev, SVQ_F_INDIRECT_DESC);
    /* Tables of packed queues have another format, which is not the shadow queue's. */
    q->remap = has(dev, SVQ_F_INDIRECT_PAGES) && !packed;
    q->in_order = has(dev, SVQ_F_IN_ORDER);
    q->event_idx = has(dev, SVQ_F_EVENT_IDX);
    q->ready = true;

    return SVQ_ERR_NONE;
}

void svq_queue_reset(struct svq_dev *dev, struct svq_queue *q)
{
    if ( q->ready && !svq_is_shared(dev) )
    {
        svq_env_ring_put(dev, &q->desc);
        svq_env_ring_put(dev, &q->avail);
        svq_env_ring_put(dev, &q->used);
    }

    svq_queue_stop(q);
    q->ready = false;
    q->size = 0;
    q->desc_addr = 0;
    q->avail_addr = 0;
    q->used_addr = 0;
}

void svq_queue_start(struct svq_dev *dev, struct svq_queue *q)
{
    unsigned int i;

    q->shadow_event_idx = dev->shadow_features & (1ULL << SVQ_F_EVENT_IDX);
    q->shadow_indirect = dev->shadow_features & (1ULL << SVQ_F_INDIRECT_DESC);
    svq_shadow_start(q);
    svq_bounce_init(&q->bounce[0]);
    svq_bounce_init(&q->bounce[1]);

    if ( svq_is_shared(dev) )
    {
        q->live = true;
        return;
    }

    if ( q->packed )
        svq_packed_start(q);
    else
        svq_split_start(q);

    for ( i = 0; i < SVQ_BUSY_WORDS; i++ )
        q->busy[i] = 0;

    q->ring_free = q->size;
    q->kick_event_valid = false;
    q->order_head = 0;
    q->order_tail = 0;
    q->live = true;
    q->fetch = true;
    q->collect = false;
    q->stalled = false;
    q->slow = false;
    q->wait_alone = false;
    q->nr_done = 0;
    q->unpublished = 0;
    q->error = SVQ_ERR_NONE;
    q->reset = SVQ_RESET_NONE;
}

void svq_queue_stop(struct svq_queue *q)
{
    q->live = false;
    q->fetch = false;
    q->collect = false;
    q->stalled = false;
    q->delayed = false;
    q->quiet = false;
    q->wait_alone = false;
    q->nr_done = 0;
    q->unpublished = 0;
    q->error = SVQ_ERR_NONE;
    q->reset = SVQ_RESET_NONE;
    q->in_flight = 0;
}

/* ---- From the driver to the backend ---- */

/* Record of a chain that goes to the backend. */
static void begin(struct svq_queue *q, const struct svq_chain *c, unsigned int slot)
{
    q->busy[c->id / 32] |= 1U << (c->id % 32);
    q->ring_free = (uint16_t)(q->ring_free - c->ring_descs);

    /* There is room: no more chains than descriptors, which are at most max_size. */
    if ( q->in_order )
        q->order[q->order_head++ & (q->max_size - 1U)] = (uint16_t)slot;
}

/* The chain that was read goes to the shadow ring, or q->stalled. */
static enum svq_error pass(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c,
                           unsigned int *budget)
{
    enum svq_error err;
    bool full;

    /* Chains in flight are disjoint, so they have at most q->size descriptors. */
    if ( c->ring_descs > q->ring_free )
        return SVQ_ERR_OVERCOMMIT;

    /* Also for a chain that has to wait: it was looked at, page by page. */
    svq_spend(budget, c->work);

    err = svq_buffers_take(dev, q, c, &full);
    if ( err != SVQ_ERR_NONE )
        return err;

    if ( full )
    {
        q->stalled = true;
        q->need_pages = c->pages + (c->remapped ? svq_pages_of(c->table, c->table_len) : 0);
        q->need_entries = c->in_table ? c->parts : 0;
        q->need_slots = c->in_table ? 1 : c->parts;
        return SVQ_ERR_NONE;
    }

    svq_spend(budget, svq_buffers_count(dev, q, c));

    begin(q, c, q->free);
    svq_shadow_put(q, c);
    svq_ring_advance(q, c);

    return SVQ_ERR_NONE;
}

/* The next chain of the driver. */
static enum svq_error fetch_one(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget)
{
    struct svq_chain c;
    enum svq_error err = svq_ring_read(dev, q, &c);

    if ( err == SVQ_ERR_NONE )
        err = pass(dev, q, &c, budget);

    if ( err != SVQ_ERR_NONE || q->stalled )
        svq_remap_undo(q, &c);

    return err;
}

/*
 * Chains that need no kick of their own: while the device has work, they can be
 * fetched together.  With fewer in flight than it had then, it is looked again.
 */
static unsigned int chains_ahead(const struct svq_queue *q)
{
    return q->slow || q->in_flight < SVQ_PATIENCE_FROM ? 0 : q->in_flight / 2U - 1U;
}

bool svq_queue_is_quiet(const struct svq_queue *q)
{
    return q->live && !q->stalled && svq_ring_is_quiet(q);
}

bool svq_queue_has_news(struct svq_queue *q)
{
    return svq_queue_is_quiet(q) && svq_ring_has_news(q);
}

static void publish(struct svq_dev *dev, struct svq_queue *q)
{
    if ( q->unpublished )
        svq_shadow_publish(dev, q, q->unpublished);

    q->unpublished = 0;
}

enum svq_error svq_queue_fetch(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget)
{
    uint16_t first = q->shadow_avail_idx;
    enum svq_error err, commit_err;

    if ( !q->fetch || q->stalled )
        return SVQ_ERR_NONE;

    /* A kick from now on sets it again. */
    q->fetch = false;

    err = svq_ring_look(q);

    while ( err == SVQ_ERR_NONE && !q->stalled )
    {
        if ( !*budget )
        {
            q->fetch = true;
            break;
        }

        if ( svq_ring_avail(q) )
            err = fetch_one(dev, q, budget);
        else if ( svq_ring_enable_kicks(q, chains_ahead(q)) )
            err = svq_ring_look(q);
        else
            break;
    }

    svq_remap_end(dev);

    if ( err == SVQ_NOT_ALONE )
    {
        q->fetch = true;
        q->wait_alone = true;
        err = SVQ_ERR_NONE;
    }

    q->unpublished = (uint16_t)(q->unpublished + q->shadow_avail_idx - first);

    /* Nothing is published before the pages that it names are granted. */
    commit_err = svq_pages_commit(dev, q);
    if ( commit_err == SVQ_NOT_ALONE )
    {
        q->wait_alone = true;
        return err;
    }
    if ( commit_err != SVQ_ERR_NONE )
        return commit_err;

    publish(dev, q);

    return err;
}

/* Whether it is in one piece is found out by trying. */
static bool has_room(const struct svq_bounce *b, uint32_t granules)
{
    return granules <= b->nr_free || b->nr_free == b->granules;
}

/* Something was given back: if that is enough, go on.  A chain is read anew each time. */
static void wake(struct svq_queue *q)
{
    if ( q->stalled && (q->need_pages <= q->pages.nr_free || q->pages.nr_free == q->pages.nr) &&
         (!q->need_entries || svq_tables_fit(&q->tables, q->need_entries)) &&
         q->need_slots <= q->free_slots && has_room(&q->bounce[0], q->need_granules[0]) &&
         has_room(&q->bounce[1], q->need_granules[1]) )
    {
        q->stalled = false;
        q->fetch = true;
    }
}

/* ---- And back ---- */

/* The chain in slot goes back to the driver, once its pages are revoked. */
static void complete(struct svq_queue *q, unsigned int slot, uint32_t len)
{
    const struct svq_slot *s = &q->slot[slot];

    q->done[q->nr_done++] = (struct svq_done){
        .id = s->id,
        .ring_descs = s->ring_descs,
        .len = len,
    };

    q->busy[s->id / 32] &= ~(1U << (s->id % 32));
    q->ring_free = (uint16_t)(q->ring_free + s->ring_descs);
    svq_shadow_free(q, slot);
}

/*
 * VIRTIO_F_IN_ORDER: the driver gets chains back in the order in which it made
 * them available.  Those that come back early keep their slots until then.
 */
static void complete_in_order(struct svq_queue *q, unsigned int slot, uint32_t len)
{
    q->slot[slot].done = true;
    q->slot[slot].len = len;

    while ( q->order_tail != q->order_head )
    {
        unsigned int next = q->order[q->order_tail & (q->max_size - 1U)];

        if ( !q->slot[next].done )
            break;

        complete(q, next, q->slot[next].len);
        q->order_tail++;
    }
}

/* The next chain that the backend has returned. */
static enum svq_error collect_one(struct svq_queue *q, unsigned int *budget)
{
    unsigned int slot, work;
    uint32_t len;
    enum svq_error err = svq_shadow_next(q, &slot, &len);

    if ( err != SVQ_ERR_NONE )
        return err;

    err = svq_buffers_return(q, slot, len, &work);
    svq_spend(budget, work);
    if ( err != SVQ_ERR_NONE )
        return err;

    svq_shadow_free_table(q, slot);

    if ( q->in_order )
        complete_in_order(q, slot, len);
    else
        complete(q, slot, len);

    return SVQ_ERR_NONE;
}

/* The chains in q->done, which nobody else can get at any more. */
static void give_back(struct svq_dev *dev, struct svq_queue *q)
{
    if ( !q->nr_done )
        return;

    q->stats.returned += q->nr_done;
    q->returned += q->nr_done;

    if ( svq_ring_use(q, q->nr_done) )
    {
        q->stats.interrupts++;
        svq_set_bits(&dev->int_status, SVQ_INT_USED);
        svq_env_interrupt(dev);
    }

    q->nr_done = 0;
}

enum svq_error svq_queue_settle(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget)
{
    enum svq_error err;

    /* What has failed stays as it is until it is taken away. */
    if ( !q->wait_alone )
        return q->error;

    /* A commit is as much as is done at a time, perhaps: and there are other queues. */
    if ( q->pages.dirty != SVQ_NO_RECORD )
    {
        if ( !*budget )
            return SVQ_ERR_NONE;
        *budget = 0;
    }

    q->wait_alone = false;
    err = svq_pages_commit(dev, q);

    /* What the driver is resetting is neither to be returned nor to be offered. */
    if ( q->live )
    {
        give_back(dev, q);
        if ( err == SVQ_ERR_NONE && !dev->leaving )
            publish(dev, q);
    }

    q->nr_done = 0;
    /* A backend that is leaving is not offered them any more, and cannot return them. */
    if ( !dev->leaving )
        q->unpublished = 0;
    /* Records are free only now. */
    wake(q);

    return err != SVQ_ERR_NONE ? err : q->error;
}

enum svq_error svq_queue_collect(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget)
{
    uint16_t first = q->last_shadow_used;
    enum svq_error err, commit_err;

    if ( !q->collect )
        return SVQ_ERR_NONE;

    /* A call of the backend from now on sets it again. */
    q->collect = false;

    err = svq_shadow_look(q);

    while ( err == SVQ_ERR_NONE )
    {
        if ( !*budget )
        {
            q->collect = true;
            break;
        }

        if ( svq_shadow_used(q) )
            err = collect_one(q, budget);
        else if ( svq_shadow_enable_calls(q) )
            err = svq_shadow_look(q);
        else
            break;
    }

    /* The backend's access is gone before the driver learns of the return. */
    commit_err = svq_pages_commit(dev, q);

    if ( commit_err == SVQ_NOT_ALONE )
    {
        q->wait_alone = true;
        commit_err = SVQ_ERR_NONE;
    }
    else
        give_back(dev, q);

    if ( q->last_shadow_used != first )
    {
        q->slow = false;
        /* The device has less to do now than what this was good for. */
        q->fetch |= svq_queue_is_quiet(q);
        wake(q);
    }

    return err != SVQ_ERR_NONE ? err : commit_err;
}
