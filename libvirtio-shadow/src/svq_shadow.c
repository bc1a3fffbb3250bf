/* SPDX-License-Identifier: MIT */
/*
 * The shadow ring.  Descriptors, available ring and tables can be written by
 * Xen only.  The used ring is the backend's, and is read like a driver's ring.
 * What is in flight is known from q->slot and q->tables.seg, which nobody else
 * sees.
 */
#include "svq_ring.h"
#include "svq_shadow.h"
#include "svq_tables.h"

static void zero(const struct svq_mem *m)
{
    unsigned int i;

    for ( i = 0; i < m->nr; i++ )
        memset(m->page[i], 0, SVQ_PAGE_SIZE);
}

static void empty_rings(struct svq_queue *q)
{
    zero(&q->shadow_avail);
    zero(&q->shadow_used);

    q->in_flight = 0;
    q->shadow_avail_idx = 0;
    q->last_shadow_used = 0;
    q->shadow_used_seen = 0;
    /* As it is in the ring of zeroes. */
    q->call_event = 0;
    q->patience = 0;
    q->eager = 0;
}

void svq_shadow_start(struct svq_queue *q)
{
    unsigned int i;

    /* The tables need not be: nothing points to what is in them. */
    zero(&q->shadow_desc);
    empty_rings(q);

    /* 2.7: a power of two.  max_size is one, so this does not go beyond it. */
    for ( q->shadow_size = 1; q->shadow_size < q->size; )
        q->shadow_size = (uint16_t)(q->shadow_size * 2);

    for ( i = 0; i < q->shadow_size; i++ )
    {
        q->slot[i].count = 0;
        q->slot[i].done = false;
        q->slot[i].next = (uint16_t)(i + 1);
    }

    svq_tables_init(&q->tables, q->max_size);

    q->free = 0;
    q->next_number = 0;
    q->free_slots = q->shadow_size;
}

bool svq_shadow_fits(const struct svq_queue *q, const struct svq_chain *c)
{
    if ( !c->in_table )
        return c->parts <= q->free_slots;

    return q->free_slots && svq_tables_fit(&q->tables, c->parts);
}

static void fill(const struct svq_queue *q, struct svq_desc *to, const struct svq_seg *from,
                 bool more, uint16_t next)
{
    to->addr = from->bounced ? q->bounce[from->write].das + from->off : from->addr;
    to->len = from->len;
    to->flags = (uint16_t)((from->write ? SVQ_DESC_F_WRITE : 0) | (more ? SVQ_DESC_F_NEXT : 0));
    to->next = more ? next : 0;
}

/* One slot, which points to a table. */
static void put_table(struct svq_queue *q, const struct svq_chain *c, unsigned int slot)
{
    struct svq_tables *t = &q->tables;
    unsigned int first = svq_tables_alloc(t, c->parts), i;
    struct svq_desc *d = svq_mem_at(&q->shadow_desc, slot * (uint32_t)sizeof(*d));
    struct svq_slot *s = &q->slot[slot];

    for ( i = 0; i < c->parts; i++ )
        t->seg[first + i] = q->part[i];

    if ( c->remapped )
    {
        /* The device reads what was checked: the driver's own. */
        d->addr = c->table;
        d->len = c->table_len;
        s->seg = (struct svq_seg){ .addr = c->table, .len = c->table_len };
    }
    else
    {
        for ( i = 0; i < c->parts; i++ )
            fill(q, svq_tables_at(t, first + i), &q->part[i], i + 1 < c->parts,
                 (uint16_t)(i + 1));

        d->addr = t->das + first * sizeof(*d);
        d->len = (uint32_t)(c->parts * sizeof(*d));
        q->stats.tables_copied++;
    }

    d->flags = SVQ_DESC_F_INDIRECT;
    d->next = 0;

    s->table = (uint16_t)first;
    q->free = s->next;
    q->free_slots--;
}

/* As many slots as it has parts. */
static void put_direct(struct svq_queue *q, const struct svq_chain *c, unsigned int head)
{
    unsigned int i = head, n;

    for ( n = 0; n < c->parts; n++ )
    {
        struct svq_slot *s = &q->slot[i];

        s->seg = q->part[n];
        fill(q, svq_mem_at(&q->shadow_desc, i * (uint32_t)sizeof(struct svq_desc)), &s->seg,
             n + 1 < c->parts, s->next);
        i = s->next;
    }

    q->free_slots = (uint16_t)(q->free_slots - c->parts);

    q->slot[head].table = SVQ_NO_TABLE;
    q->free = (uint16_t)i;
}

void svq_shadow_restart(struct svq_queue *q, bool event_idx)
{
    empty_rings(q);
    q->shadow_event_idx = event_idx;
}

void svq_shadow_offer(struct svq_queue *q, unsigned int head)
{
    unsigned int at = q->shadow_avail_idx & (q->shadow_size - 1U);

    *(uint16_t *)svq_mem_at(&q->shadow_avail, SVQ_AVAIL_RING(at)) = (uint16_t)head;
    q->shadow_avail_idx++;
    q->in_flight++;
}

void svq_shadow_put(struct svq_queue *q, const struct svq_chain *c)
{
    unsigned int head = q->free;
    struct svq_slot *s = &q->slot[head];

    /* It fits, as the caller has made sure. */
    if ( c->in_table )
        put_table(q, c, head);
    else
        put_direct(q, c, head);

    s->remapped = c->remapped;
    s->count = (uint16_t)c->parts;
    s->id = c->id;
    s->ring_descs = c->ring_descs;
    s->done = false;
    s->number = q->next_number++;
    /* 2^32 bytes exactly do not fit a used length anyway: clamp. */
    s->writable = c->writable > 0xffffffffU ? 0xffffffffU : (uint32_t)c->writable;

    svq_shadow_offer(q, head);
}

/* Does the backend want to know that the available idx is not old any more? */
static bool notification_wanted(const struct svq_queue *q, uint16_t old)
{
    if ( q->shadow_event_idx )
    {
        uint16_t *event = svq_mem_at(&q->shadow_used, SVQ_USED_AVAIL_EVENT(q->shadow_size));

        return svq_need_event(svq_read_once(*event), q->shadow_avail_idx, old);
    }

    return !(svq_read_once(*(uint16_t *)svq_mem_at(&q->shadow_used, SVQ_USED_FLAGS)) &
             SVQ_USED_F_NO_NOTIFY);
}

static void publish(struct svq_dev *dev, struct svq_queue *q, unsigned int nr)
{
    uint16_t *idx = svq_mem_at(&q->shadow_avail, SVQ_AVAIL_IDX);

    /* The backend sees descriptors and entries before the idx that covers them. */
    svq_wmb();
    svq_write_once(*idx, q->shadow_avail_idx);

    /* 2.7.10: either it sees the new idx, or we see that it wants to be told. */
    svq_mb();
    if ( notification_wanted(q, (uint16_t)(q->shadow_avail_idx - nr)) )
    {
        q->stats.notifications++;
        svq_env_notify(dev, (int)(q - dev->queue));
    }
}

void svq_shadow_publish(struct svq_dev *dev, struct svq_queue *q, unsigned int nr)
{
    q->stats.requests += nr;
    publish(dev, q, nr);
}

void svq_shadow_publish_again(struct svq_dev *dev, struct svq_queue *q)
{
    if ( q->in_flight )
        publish(dev, q, q->in_flight);
}

enum svq_error svq_shadow_look(struct svq_queue *q)
{
    uint16_t idx = svq_read_once(*(uint16_t *)svq_mem_at(&q->shadow_used, SVQ_USED_IDX));

    if ( (uint16_t)(idx - q->last_shadow_used) > q->in_flight )
        return SVQ_ERR_USED_IDX;

    q->shadow_used_seen = idx;

    /* Elements are read only after the idx that covers them. */
    svq_rmb();

    return SVQ_ERR_NONE;
}

enum svq_error svq_shadow_next(struct svq_queue *q, unsigned int *slot, uint32_t *len)
{
    unsigned int at = q->last_shadow_used & (q->shadow_size - 1U), id;
    const struct svq_slot *s;

    id = svq_read_once(*(uint32_t *)svq_mem_at(&q->shadow_used, SVQ_USED_ID(at)));
    *len = svq_read_once(*(uint32_t *)svq_mem_at(&q->shadow_used, SVQ_USED_LEN(at)));

    if ( id >= q->shadow_size )
        return SVQ_ERR_USED_ID;

    id = svq_nospec(id, (unsigned int)q->shadow_size);
    s = &q->slot[id];
    /* Nor can it be one of the last, if they have not been published yet. */
    if ( !s->count || s->done || q->next_number - s->number - 1U < q->unpublished )
        return SVQ_ERR_USED_ID;

    /* 2.7.8.2: underestimating is allowed, so a liar's length is cut down. */
    if ( *len > s->writable )
        *len = s->writable;

    *slot = id;
    q->last_shadow_used++;
    q->in_flight--;

    return SVQ_ERR_NONE;
}

/* Returns that need no call of their own: with those in flight the call must come. */
static unsigned int returns_ahead(const struct svq_queue *q)
{
    unsigned int most = q->in_flight < SVQ_PATIENCE_FROM ? 0 : q->in_flight / 2U - 1U;

    return most < q->patience ? most : q->patience;
}

bool svq_shadow_enable_calls(struct svq_queue *q)
{
    uint16_t *event = svq_mem_at(&q->shadow_avail, SVQ_AVAIL_USED_EVENT(q->shadow_size));
    uint16_t at = (uint16_t)(q->last_shadow_used + returns_ahead(q));

    if ( !q->shadow_event_idx || q->call_event == at )
        return false;

    q->call_event = at;
    svq_write_once(*event, at);

    /* 2.7.7: either the backend sees the new event, or we see its new idx. */
    svq_mb();

    return true;
}

void svq_shadow_called(struct svq_queue *q)
{
    /* It has come as far as it was asked to, and not because it was late. */
    if ( q->eager )
        q->eager--;
    else if ( q->patience < SVQ_PATIENCE_MAX )
        q->patience = (uint8_t)(2 * q->patience + 1);
}

void svq_shadow_late(struct svq_queue *q)
{
    /* Wraps if it has been collected past the event, which is not set anew yet. */
    uint16_t asked = (uint16_t)(q->call_event - q->last_shadow_used);

    /* Half of it, it may manage; more is tried after some calls in time. */
    q->patience = (uint8_t)((asked < q->patience ? asked : q->patience) / 2);
    q->eager = SVQ_EAGER;
}

bool svq_shadow_is_delayed(const struct svq_queue *q)
{
    return q->live && q->shadow_event_idx && q->call_event != q->last_shadow_used;
}

bool svq_shadow_has_returns(const struct svq_queue *q)
{
    return svq_read_once(*(uint16_t *)svq_mem_at(&q->shadow_used, SVQ_USED_IDX)) !=
           q->last_shadow_used;
}

void svq_shadow_free_table(struct svq_queue *q, unsigned int head)
{
    struct svq_slot *s = &q->slot[head];

    if ( s->table == SVQ_NO_TABLE )
        return;

    svq_tables_free(&q->tables, s->table, s->count);
    /* What is left of the chain is one slot. */
    s->table = SVQ_NO_TABLE;
    s->remapped = false;
    s->count = 1;
}

void svq_shadow_free(struct svq_queue *q, unsigned int head)
{
    unsigned int i = head, n;

    q->free_slots = (uint16_t)(q->free_slots + q->slot[head].count);

    for ( n = q->slot[head].count; n > 1; n-- )
        i = q->slot[i].next;

    q->slot[i].next = q->free;
    q->free = (uint16_t)head;
    q->slot[head].count = 0;
    q->slot[head].done = false;
}
