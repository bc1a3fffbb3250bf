/* SPDX-License-Identifier: MIT */
/* What the core asks of its environment, and what the port tells about it. */
#include <stdio.h>
#include <stdlib.h>

#include "env_internal.h"

/* ---- Requests in flight, as the shadow rings show them ---- */

static void *shadow(const struct svq_mem *m, uint32_t off)
{
    return svq_mem_at(m, off);
}

static void cover(const struct env_flight *f, int by)
{
    unsigned int i;
    uint64_t at;

    for (at = 0; at < f->in_place.len; at += PAGE) {
        env_page(f->in_place.addr + at)->readers += (uint32_t)by;
        env_page(f->in_place.addr + at)->tables += (uint32_t)by;
    }

    for (i = 0; i < f->nr; i++) {
        uint64_t addr = f->desc[i].addr / PAGE * PAGE;

        if (addr >= SVQ_WINDOW_DAS)
            continue;
        for (; addr < f->desc[i].addr + f->desc[i].len; addr += PAGE) {
            struct env_page *pg = env_page(addr);
            uint32_t *count = f->desc[i].flags & SVQ_DESC_F_WRITE ? &pg->writers : &pg->readers;

            *count += (uint32_t)by;
        }
    }
}

uint64_t env_bounce(unsigned int queue, bool write)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    uint32_t frames = svq_bounce_frames(env->dev.policy, q->max_size);

    return SVQ_WINDOW_DAS +
           (VSH_FRAME_FIRST_QUEUE + (queue + 1) * svq_queue_frames(q->max_size, frames) -
            (write ? 1 : 2) * frames) *
               PAGE;
}

/* Does the device find a part of a buffer in bounce pages of its own? */
static void bounce_begins(unsigned int queue, const struct svq_desc *d)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    bool write = d->flags & SVQ_DESC_F_WRITE;
    uint64_t size = svq_bounce_frames(env->dev.policy, q->max_size) * PAGE;
    uint64_t off = d->addr - env_bounce(queue, write), i;

    ENV_CHECK(off < size && d->len <= size - off, "a buffer elsewhere in the window");
    for (i = off; i < off + d->len; i++) {
        ENV_CHECK(!env->bounce_used[queue][write][i], "a buffer on top of another");
        env->bounce_used[queue][write][i] = 1;
        if (write)
            continue;
        ENV_CHECK(env->given[queue][i] == 1, "what the device is to read was not copied");
        env->given[queue][i] = 2;
    }
}

/* What the policy promises about the pages that are granted. */
static void check_exposure(const struct svq_desc *d)
{
    ENV_CHECK(env->dev.policy != VSH_POLICY_COPY, "a page is granted");
    ENV_CHECK(env->dev.policy != VSH_POLICY_HYBRID || !((d->addr | d->len) % PAGE),
              "a page is granted of which not all is in a buffer");
}

static void bounce_ends(unsigned int queue, const struct env_flight *f)
{
    unsigned int i;

    for (i = 0; i < f->nr; i++) {
        const struct svq_desc *d = &f->desc[i];
        bool write = d->flags & SVQ_DESC_F_WRITE;

        if (d->addr >= SVQ_WINDOW_DAS)
            memset(env->bounce_used[queue][write] + (d->addr - env_bounce(queue, write)), 0,
                   d->len);
    }
}

void env_check_bounce(void)
{
    unsigned int q;
    uint32_t i, k;

    for (q = 0; q < env->dev.nr_queues; q++) {
        const struct svq_bounce *b = &env->dev.queue[q].bounce[0];

        for (i = 0; i < b->frames; i++)
            for (k = 0; k < PAGE; k++)
                ENV_CHECK(!b->page[i][k] || env->given[q][i * PAGE + k],
                          "a byte that is in no request");
    }
}

void env_check_scrubbed(void)
{
    unsigned int q, write;
    uint32_t i, k;

    for (q = 0; q < env->dev.nr_queues; q++) {
        const struct svq_queue *queue = &env->dev.queue[q];

        for (write = 0; write < 2; write++) {
            const struct svq_bounce *b = &queue->bounce[write];

            for (i = 0; i < b->frames; i++)
                for (k = 0; k < PAGE; k++)
                    ENV_CHECK(!b->page[i][k] ||
                                  (!write && queue->live &&
                                   (env->bounce_used[q][0][i * PAGE + k] || queue->unpublished)),
                              "a byte for the next backend that it is not offered");
        }
    }
}

static void end_flight(unsigned int queue, unsigned int slot)
{
    struct env_flight *f = env->flight[queue][slot];

    cover(f, -1);
    if (!f->forgotten)
        bounce_ends(queue, f);
    memset(env->table_used[queue] + f->table, 0, f->table_nr);
    free(f);
    env->flight[queue][slot] = NULL;
    env->nr_flights--;
}

void env_drop_flights_of(unsigned int queue)
{
    unsigned int i;

    for (i = 0; i < VSH_MAX_QUEUE_SIZE && env->nr_flights; i++)
        if (env->flight[queue][i])
            end_flight(queue, i);
    memset(env->late[queue], 0, sizeof(env->late[queue]));
    env->returned[queue] = env->published;
}

void env_drop_reset_flights(void)
{
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++)
        if (!env->dev.queue[i].live && env->dev.queue[i].reset != SVQ_RESET_TAKING)
            env_drop_flights_of(i);
}

bool env_is_kept(void)
{
    const struct svq_dev *dev = &env->dev;

    return dev->state == VSH_STATE_WAITING && dev->status & SVQ_STATUS_DRIVER_OK &&
           !dev->start_pending && !dev->taking_away && !dev->reset_pending;
}

void env_drop_flights(void)
{
    unsigned int q;

    for (q = 0; q < env->dev.nr_queues; q++)
        env_drop_flights_of(q);
}

/* Where a shadow table begins, as the backend finds it: in this queue's part of the window. */
static unsigned int table_of(unsigned int queue, const struct svq_desc *d)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    uint64_t das;
    unsigned int entries = SVQ_TABLE_ENTRIES(q->max_size);

    /* The last part of each queue, before the bounce pages. */
    das = env_bounce(queue, false) - svq_part_frames(q->max_size, SVQ_PART_TABLES) * PAGE;

    ENV_CHECK(d->flags == SVQ_DESC_F_INDIRECT, "a table's descriptor with other flags");
    ENV_CHECK(env->dev.info->driver_features & (1ULL << SVQ_F_INDIRECT_DESC),
              "the device does not do tables");
    ENV_CHECK(d->len && d->len % 16 == 0, "a table of %u bytes", d->len);
    ENV_CHECK(d->addr >= das && (d->addr - das) % 16 == 0, "a table elsewhere");
    ENV_CHECK((d->addr - das + d->len) / 16 <= entries, "a table that is too long");
    return (unsigned int)((d->addr - das) / 16);
}

/* The table is the driver's own, and it is settled what it says. */
static void begin_in_place(const struct svq_queue *q, struct env_flight *f,
                           const struct svq_desc *d)
{
    unsigned int i;

    assert_int_equal(d->flags, SVQ_DESC_F_INDIRECT);
    ENV_CHECK(q->remap && !q->packed, "a table in place, which was not negotiated");
    ENV_CHECK(d->addr % PAGE == 0 && d->len && d->len % 16 == 0 && d->len <= q->size * 16u,
              "an odd table");
    f->in_place = *d;

    for (i = 0; i * PAGE < d->len; i++) {
        const struct env_page *pg = env_page(d->addr + i * PAGE);

        f->frames[i] = env_frame_of(env_page(d->addr + i * PAGE));
        ENV_CHECK(pg->kind == ENV_RAM && pg->ro && !pg->tlb_rw && !pg->shared && !pg->writers &&
                      !pg->tables,
                  "a table that somebody can write to");
    }
}

/* What a device finds there: where the guest cannot write, so once is enough. */
static struct svq_desc in_place_entry(const struct env_flight *f, unsigned int i)
{
    struct svq_desc d;

    (memcpy)(&d, env_frame_data(f->frames[i / 256]) + i % 256 * 16, sizeof(d));
    return d;
}

static const struct svq_desc *table_entry(const struct svq_queue *q, unsigned int i)
{
    const uint8_t *page = q->tables.page[i / 256];

    return (const struct svq_desc *)(page + i % 256 * 16);
}

/*
 * VIRTIO_F_IN_ORDER: tables and bounce pages come free when the backend returns them,
 * before the driver knows.
 */
static void forget_tables(unsigned int queue)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    unsigned int i;

    for (i = 0; i < q->shadow_size; i++) {
        struct env_flight *f = env->flight[queue][i];

        if (f && q->slot[i].done && !f->forgotten) {
            memset(env->table_used[queue] + f->table, 0, f->table_nr);
            f->table_nr = 0;
            bounce_ends(queue, f);
            f->forgotten = true;
        }
    }
}

/* Requests of the queue that no backend has returned. */
static unsigned int flights_left(unsigned int queue)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    unsigned int i, n = 0;

    for (i = 0; i < q->shadow_size; i++)
        n += env->flight[queue][i] && !q->slot[i].done;
    return n;
}

static uint16_t shadow_entry(const struct svq_queue *q, uint16_t i)
{
    return *(uint16_t *)shadow(&q->shadow_avail, SVQ_AVAIL_RING(i & (q->shadow_size - 1u)));
}

void env_note_late(void)
{
    unsigned int queue;
    uint16_t i;

    for (queue = 0; queue < env->dev.nr_queues; queue++) {
        const struct svq_queue *q = &env->dev.queue[queue];

        for (i = 0; q->wait_alone && i < q->unpublished; i++)
            env->late[queue][shadow_entry(q, (uint16_t)(q->shadow_avail_idx - 1 - i))] = true;
    }
}

static unsigned int nr_late(unsigned int queue)
{
    unsigned int i, n = 0;

    for (i = 0; i < env->dev.queue[queue].shadow_size; i++)
        n += env->late[queue][i];
    return n;
}

bool env_has_late(void)
{
    const struct svq_dev *dev = &env->dev;
    unsigned int q, n = 0;

    for (q = 0; q < dev->nr_queues; q++)
        if (dev->leaving || dev->resuming || env->restarts[q] != dev->restarts ||
            dev->queue[q].reset == SVQ_RESET_TAKING)
            n += nr_late(q);
    return n;
}

/*
 * Rings that begin anew with requests that were known: those of another backend.
 * All that were in flight, as they were, in the order in which they came.
 */
static void resume_flights(unsigned int queue, uint16_t nr)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    uint64_t number = 0;
    struct svq_desc d;
    uint16_t i;

    for (i = 0; i < nr; i++) {
        unsigned int slot = shadow_entry(q, i);
        const struct env_flight *f = slot < q->shadow_size ? env->flight[queue][slot] : NULL;

        ENV_CHECK(f, "offered again, and was not in flight");
        ENV_CHECK(f->number > number, "offered again in another order, or twice");
        number = f->number;

        (memcpy)(&d, shadow(&q->shadow_desc, slot * 16), sizeof(d));
        if (f->in_place.len)
            assert_memory_equal(&d, &f->in_place, sizeof(d));
        else if (f->table_nr) {
            assert_int_equal(table_of(queue, &d), f->table);
            assert_int_equal(d.len / 16, f->table_nr);
            assert_memory_equal(table_entry(q, f->table), f->desc, 16);
        } else
            assert_memory_equal(&d, f->desc, sizeof(d));
    }
}

static void begin_flight(unsigned int queue, unsigned int slot)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    struct env_flight *f = malloc(sizeof(*f) + q->shadow_size * sizeof(f->desc[0]));
    const struct svq_desc *d;
    struct svq_desc entry;
    unsigned int i = slot, nr = 0, limit = q->shadow_size;
    bool table = false;

    assert_non_null(f);
    assert_true(slot < q->shadow_size);
    assert_null(env->flight[queue][slot]);

    env->flight[queue][slot] = f;
    env->late[queue][slot] = false;
    env->nr_flights++;
    f->id = q->slot[slot].id;
    f->number = ++env->published;
    f->writable = 0;
    f->nr = 0;
    f->table = f->table_nr = 0;
    f->in_place.len = 0;
    f->forgotten = false;
    if (q->in_order)
        forget_tables(queue);

    d = shadow(&q->shadow_desc, slot * 16);
    ENV_CHECK(q->slot[slot].remapped ==
                  (d->flags & SVQ_DESC_F_INDIRECT && d->addr < SVQ_WINDOW_DAS),
              "the core has another idea of where the table is");
    if (q->slot[slot].remapped) {
        begin_in_place(q, f, d);
        limit = d->len / 16;
        i = 0;
    } else if (d->flags & SVQ_DESC_F_INDIRECT) {
        f->table = table_of(queue, d);
        f->table_nr = limit = d->len / 16;
        for (i = 0; i < f->table_nr; i++) {
            ENV_CHECK(!env->table_used[queue][f->table + i], "a table on top of another");
            env->table_used[queue][f->table + i] = 1;
        }
        table = true;
        i = 0;
    }

    do {
        ENV_CHECK(nr < limit && nr < q->shadow_size && i < limit,
                  "a shadow chain leaves its table");
        if (f->in_place.len) {
            entry = in_place_entry(f, i);
            d = &entry;
        } else
            d = table ? table_entry(q, f->table + i) : shadow(&q->shadow_desc, i * 16);

        ENV_CHECK(d->len && !(d->flags & ~(SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE)),
                  "a shadow descriptor was not checked");
        f->desc[nr] = *d;
        if (d->addr >= SVQ_WINDOW_DAS)
            bounce_begins(queue, d);
        else
            check_exposure(d);
        if (d->flags & SVQ_DESC_F_WRITE)
            f->writable += d->len;
        else
            ENV_CHECK(!f->writable, "a shadow chain out of order");
        i = f->desc[nr++].next;
    } while (f->desc[nr - 1].flags & SVQ_DESC_F_NEXT);

    f->nr = nr;
    cover(f, 1);
}

/*
 * The model knows of returns when the driver does, and of requests when they are
 * published.  With VIRTIO_F_IN_ORDER, while a queue is being reset, or while something
 * is left to who is alone, the core may know earlier.
 */
static bool is_exact(void)
{
    unsigned int i;

    for (i = 0; i < env->dev.nr_queues; i++)
        if (env->dev.queue[i].in_order || env->dev.queue[i].reset != SVQ_RESET_NONE ||
            env->dev.queue[i].wait_alone)
            return false;

    return !env_has_late();
}

/* Every page of what is in flight can be used, unless the backend broke it. */
static void check_granted(const struct env_flight *f)
{
    unsigned int i;

    uint64_t at;

    for (at = 0; at < f->in_place.len && !env->tampered; at += PAGE)
        ENV_CHECK(env_entry(f->in_place.addr + at) == SVQ_RO,
                  "published before the table is granted");

    for (i = 0; i < f->nr && !env->tampered; i++) {
        uint64_t addr = f->desc[i].addr / PAGE * PAGE;
        uint8_t least = f->desc[i].flags & SVQ_DESC_F_WRITE ? SVQ_RW : SVQ_RO;

        if (addr >= SVQ_WINDOW_DAS)
            continue;
        for (; addr < f->desc[i].addr + f->desc[i].len; addr += PAGE) {
            uint8_t most = env_page(addr)->writers ? SVQ_RW : SVQ_RO, is = env_entry(addr);

            ENV_CHECK(is == most || (!is_exact() && (is == SVQ_RO || is == SVQ_RW) && is >= least),
                      "published before it is granted: %llx", (unsigned long long)addr);
        }
    }
}

/* Returns how many of the first requests on the rings of another backend were known. */
static uint16_t published_again(unsigned int queue, uint16_t to)
{
    unsigned int left = flights_left(queue), late = nr_late(queue), i;

    if (!left && !late)
        return 0;

    ENV_CHECK(left + late == to, "%u in flight and %u left over, %u of them offered again", left,
              late, to);
    resume_flights(queue, (uint16_t)left);
    env->offered_again += left;
    for (i = 0; i < left; i++)
        check_granted(env->flight[queue][shadow_entry(&env->dev.queue[queue], (uint16_t)i)]);

    return (uint16_t)left;
}

void env_published(unsigned int queue, uint16_t from, uint16_t to)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    uint16_t i;

    ENV_CHECK(env->dev.state == VSH_STATE_RUNNING, "published while not running");
    ENV_CHECK(q->live, "published on a queue that is not live");
    env_drop_reset_flights();

    if (env->restarts[queue] != env->dev.restarts) {
        ENV_CHECK(!from, "the rings of another backend do not begin at 0");
        from = published_again(queue, to);
    }
    for (i = from; i != to; i++)
        begin_flight(queue, shadow_entry(q, i));
    env->restarts[queue] = env->dev.restarts;
    for (i = from; i != to; i++)
        check_granted(env->flight[queue][shadow_entry(q, i)]);

    for (i = from; i != to && env->on_published; i++)
        env->on_published(queue, shadow_entry(q, i));

    env_check_visible("at the shadow available idx");
}

static void return_one(unsigned int queue, uint32_t id, uint32_t len)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    const struct env_flight *f = NULL;
    unsigned int slot;
    uint64_t at;

    for (slot = 0; slot < q->shadow_size; slot++) {
        f = env->flight[queue][slot];
        if (f && f->id == id)
            break;
    }

    ENV_CHECK(slot < q->shadow_size, "%u is returned, but not in flight", id);
    ENV_CHECK(len <= f->writable, "a used length beyond the buffers");
    if (q->in_order)
        ENV_CHECK(f->number > env->returned[queue], "returned out of order");
    env->returned[queue] = f->number;
    for (at = 0; at < f->in_place.len; at += PAGE)
        ENV_CHECK(!env_page(f->in_place.addr + at)->ro, "returned while its table is read-only");
    end_flight(queue, slot);
}

/* Design invariant: returned only after the backend's access is gone, TLB included. */
static void check_returned(unsigned int queue)
{
    ENV_CHECK(env->dev.queue[queue].live, "returned on a queue that is not live");
    if (env->on_used)
        env->on_used(queue);
    env_check_visible("when the driver is told of a return");
}

void env_returned(unsigned int queue, uint16_t from, uint16_t to)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    uint16_t i;

    for (i = from; i != to; i++)
        return_one(queue, *(uint32_t *)svq_mem_at(&q->used, SVQ_USED_ID(i & (q->size - 1u))),
                   *(uint32_t *)svq_mem_at(&q->used, SVQ_USED_LEN(i & (q->size - 1u))));

    check_returned(queue);
}

/* ---- The port ---- */

static bool inside(const volatile void *p, const struct svq_mem *m, uint32_t bytes, uint32_t *off)
{
    uint32_t i;

    for (i = 0; i < m->nr; i++) {
        uintptr_t page = (uintptr_t)m->page[i], at = (uintptr_t)p;

        if (at >= page && at - page < PAGE) {
            uint64_t o = i * PAGE + (at - page);

            if (o >= m->off && o - m->off < bytes) {
                *off = (uint32_t)(o - m->off);
                return true;
            }
        }
    }

    return false;
}

struct env_where env_where(const volatile void *p)
{
    struct env_where w = {ENV_ELSEWHERE, 0, 0};
    uintptr_t at = (uintptr_t)p, info, mailbox;
    unsigned int i, max;

    for (i = 0; i < env->dev.nr_queues; i++) {
        const struct svq_queue *q = &env->dev.queue[i];

        w.queue = i;
        if (q->ready) {
            w.area = inside(p, &q->avail, SVQ_AVAIL_BYTES(q->size), &w.off) ? ENV_AVAIL
                     : inside(p, &q->desc, SVQ_DESC_BYTES(q->size), &w.off) ? ENV_DESC
                     : inside(p, &q->used, SVQ_USED_BYTES(q->size), &w.off) ? ENV_USED
                                                                            : ENV_ELSEWHERE;
            if (w.area != ENV_ELSEWHERE)
                return w;
        }
        max = q->max_size;
        w.area = inside(p, &q->shadow_used, SVQ_USED_BYTES(max), &w.off)     ? ENV_SHADOW_USED
                 : inside(p, &q->shadow_avail, SVQ_AVAIL_BYTES(max), &w.off) ? ENV_SHADOW_AVAIL
                 : inside(p, &q->shadow_desc, SVQ_DESC_BYTES(max), &w.off)   ? ENV_SHADOW_DESC
                                                                             : ENV_ELSEWHERE;
        if (w.area != ENV_ELSEWHERE)
            return w;
    }

    w.queue = 0;
    info = (uintptr_t)env->window[VSH_FRAME_INFO];
    mailbox = (uintptr_t)env->window[VSH_FRAME_MAILBOX];
    if (at - mailbox < PAGE) {
        w.area = ENV_MAILBOX;
        w.off = (uint32_t)(at - mailbox);
    } else if (at - info < PAGE) {
        w.area = ENV_INFO;
        w.off = (uint32_t)(at - info);
    }

    return w;
}

void env_barrier(enum env_barrier barrier)
{
    if (barrier == ENV_RMB)
        env->rmb = true;
    else if (barrier == ENV_WMB)
        env->wmb = true;
    else
        env->mb = env->rmb = env->wmb = true;

    env->zeroing &= barrier == ENV_RMB;
}

/* The core reads where the next available chain would be. */
static void looked(unsigned int queue)
{
    ENV_CHECK(!env->look_again[queue] || env->mb,
              "2.7.10, 2.8.21: kicks are asked for, and no barrier before the ring is read");
    env->look_again[queue] = false;
    env->rmb = false;
}

static void after_packed_read(struct env_where w, size_t bytes)
{
    const struct svq_queue *q = &env->dev.queue[w.queue];

    if (w.area == ENV_AVAIL) {
        assert_int_equal(w.off, 0);
        assert_int_equal(bytes, 4);
        ENV_CHECK(env->mb, "2.8.22: event flags are read without a barrier after the descriptor's");
    } else if (w.area == ENV_USED)
        fail_msg("the core reads the device's event suppression structure");
    else if (w.off == q->last_avail * 16u + 14)
        looked(w.queue);
    else
        ENV_CHECK(env->rmb, "2.8.21: a descriptor is read without a barrier after its flags");
}

static void after_split_read(struct env_where w)
{
    const struct svq_queue *q = &env->dev.queue[w.queue];

    if (w.area == ENV_DESC)
        ENV_CHECK(env->rmb, "2.7.13: a descriptor is read without a barrier after the idx");
    else if (w.area == ENV_USED)
        fail_msg("the core reads the driver's used ring");
    else if (w.off == SVQ_AVAIL_IDX)
        looked(w.queue);
    else if (w.off == SVQ_AVAIL_FLAGS || w.off == SVQ_AVAIL_USED_EVENT(q->size)) {
        ENV_CHECK(env->mb, "2.7.7: flags are read without a barrier after the idx");
        ENV_CHECK(q->event_idx == (w.off != SVQ_AVAIL_FLAGS), "the wrong one is looked at");
    } else
        ENV_CHECK(env->rmb, "2.7.13: an entry is read without a barrier after the idx");
}

void env_after_read(const volatile void *p, size_t bytes)
{
    struct env_where w = env_where(p);
    const struct svq_queue *q = &env->dev.queue[w.queue];

    switch (w.area) {
    case ENV_AVAIL:
    case ENV_DESC:
    case ENV_USED:
        ENV_CHECK(q->live, "the ring of a queue that is not live is read");
        if (q->packed)
            after_packed_read(w, bytes);
        else
            after_split_read(w);
        break;

    case ENV_SHADOW_USED:
        if (w.off == SVQ_USED_IDX) {
            ENV_CHECK(!env->look_again_used[w.queue] || env->mb,
                      "2.7.7: calls are asked for, and no barrier before the ring is read");
            env->look_again_used[w.queue] = false;
            env->rmb = false;
        } else if (w.off == SVQ_USED_FLAGS || w.off == SVQ_USED_AVAIL_EVENT(q->shadow_size)) {
            ENV_CHECK(env->mb, "2.7.10: flags are read without a barrier after the idx");
            ENV_CHECK(q->shadow_event_idx == (w.off != SVQ_USED_FLAGS), "the wrong one is read");
        } else
            ENV_CHECK(env->rmb, "2.7.8: an element is read without a barrier after the idx");
        break;

    case ENV_MAILBOX:
        env->rmb = false;
        break;

    default:
        break;
    }

    if (env->on_read && w.area != ENV_ELSEWHERE)
        env->on_read(w, (void *)(uintptr_t)p, bytes);
}

/* A used descriptor: its flags come last. */
static void before_packed_desc(struct env_where w, const volatile void *p, uint64_t val)
{
    const struct svq_packed_desc *d;

    if (w.off % 16 != 14) {
        ENV_CHECK(w.off % 16 == 8 || w.off % 16 == 12, "more than len, id and flags is written");
        env->wmb = false;
        return;
    }

    ENV_CHECK(env->wmb, "the flags of a used descriptor are written without a barrier");
    ENV_CHECK(!(val & SVQ_PACKED_F_AVAIL) == !(val & SVQ_PACKED_F_USED), "not marked as used");
    d = (const void *)((uintptr_t)p - 14);
    ENV_CHECK(!!(val & SVQ_DESC_F_WRITE) == !!d->len, "WRITE does not say whether len counts");
    ENV_CHECK(!(val & ~(SVQ_PACKED_F_AVAIL | SVQ_PACKED_F_USED | SVQ_DESC_F_WRITE)), "odd flags");
    return_one(w.queue, d->id, d->len);
    check_returned(w.queue);
    env->mb = env->wmb = false;
}

static void before_used_write(struct env_where w, const volatile void *p, size_t bytes,
                              uint64_t val)
{
    const struct svq_queue *q = &env->dev.queue[w.queue];

    if (q->packed && w.off == SVQ_EVENT_FLAGS) {
        ENV_CHECK(env->wmb, "the flags of the event come before the event");
        assert_int_equal(val, SVQ_EVENT_F_DESC);
        env->mb = false;
    } else if (w.off == (q->packed ? SVQ_EVENT_OFF_WRAP : SVQ_USED_AVAIL_EVENT(q->size))) {
        assert_int_equal(bytes, 2);
        ENV_CHECK(q->event_idx, "an event, which was not negotiated");
        env->look_again[w.queue] = true;
        env->mb = env->wmb = false;
    } else if (w.off == SVQ_USED_IDX) {
        assert_int_equal(bytes, 2);
        ENV_CHECK(env->wmb, "the used idx moves without a barrier");
        env_returned(w.queue, *(const volatile uint16_t *)p, (uint16_t)val);
        env->mb = env->wmb = false;
    } else {
        assert_int_equal(bytes, 4);
        env->wmb = false;
    }
}

void env_before_write(const volatile void *p, size_t bytes, uint64_t val)
{
    struct env_where w = env_where(p);
    const struct svq_queue *q = &env->dev.queue[w.queue];

    switch (w.area) {
    case ENV_SHADOW_AVAIL:
        assert_int_equal(bytes, 2);
        if (w.off == SVQ_AVAIL_USED_EVENT(q->shadow_size)) {
            ENV_CHECK(q->shadow_event_idx, "an event, which was not negotiated");
            env->look_again_used[w.queue] = true;
            env->mb = false;
            break;
        }
        assert_int_equal(w.off, SVQ_AVAIL_IDX);
        ENV_CHECK(env->wmb, "the shadow idx moves without a barrier");
        env_published(w.queue, *(const volatile uint16_t *)p, (uint16_t)val);
        env->mb = env->wmb = false;
        break;

    case ENV_USED:
        before_used_write(w, p, bytes, val);
        break;

    case ENV_DESC:
        ENV_CHECK(q->packed, "a descriptor of a split ring is written");
        before_packed_desc(w, p, val);
        break;

    case ENV_INFO:
        assert_int_equal(w.off, offsetof(struct vsh_info, seq));
        /* Even, odd while the page is written, even again. */
        assert_int_equal(val, *(const volatile uint32_t *)p + 1);
        break;

    default:
        fail_msg("the core writes where it must not: area %d, offset %x", (int)w.area, w.off);
    }
}

void *env_memcpy(void *dst, const void *src, size_t bytes)
{
    struct env_where w = env_where(src);

    /* Not through the macro that brought us here. */
    (memcpy)(dst, src, bytes);

    if (w.area == ENV_MAILBOX) {
        ENV_CHECK(env->rmb, "the mailbox is copied without a barrier after request_seq");
        env->rmb = false;
        env->copied = true;
        if (env->on_copy)
            env->on_copy();
    } else
        assert_int_equal(w.area, ENV_ELSEWHERE);

    return dst;
}

/* ---- svq_env_*() ---- */

int svq_env_ring_get(struct svq_dev *dev, uint64_t addr, uint32_t bytes, struct svq_mem *mem)
{
    uint64_t at = addr / PAGE * PAGE;
    uint32_t n;

    assert_ptr_equal(dev, &env->dev);
    assert_non_null(env_page(addr));
    assert_non_null(env_page(addr + bytes - 1));

    for (n = 0; at + n * PAGE < addr + bytes; n++)
        if (env_page(at + n * PAGE)->kind != ENV_RAM || env_page(at + n * PAGE)->ro)
            return -1;

    assert_true(n <= SVQ_RING_FRAMES);
    mem->off = (uint32_t)(addr % PAGE);
    mem->nr = n;
    for (n = 0; n < mem->nr; n++) {
        uint64_t frame = env_frame_of(env_page(at + n * PAGE));

        env_frame(frame)->refs++;
        mem->page[n] = env_frame_data(frame);
    }

    return 0;
}

void svq_env_ring_put(struct svq_dev *dev, struct svq_mem *mem)
{
    uint32_t n;
    size_t f;

    assert_ptr_equal(dev, &env->dev);

    for (n = 0; n < mem->nr; n++) {
        for (f = 0; f < env->nr_frames && env->frame[f].data != mem->page[n]; f++)
            ;
        ENV_CHECK(f < env->nr_frames && env->frame[f].refs, "a ring is put twice");
        env->frame[f].refs--;
        mem->page[n] = NULL;
    }
    mem->nr = 0;
}

uint64_t svq_env_frame(struct svq_dev *dev, uint64_t gfn)
{
    struct env_page *pg = env_page(gfn * PAGE);
    uint64_t frame;

    assert_ptr_equal(dev, &env->dev);
    env->lookups++;
    if (pg->kind != ENV_RAM || pg->ro)
        return SVQ_NO_FRAME;

    frame = env_frame_of(pg);
    env_frame(frame)->refs++;
    return frame;
}

/* A frame that the core has looked up, and has not let go of. */
static uint8_t *held_data(const struct svq_dev *dev, uint64_t frame, uint32_t at, uint32_t len)
{
    assert_ptr_equal(dev, &env->dev);
    ENV_CHECK(len && at + len <= PAGE, "nothing, or more than one page at a time");
    ENV_CHECK(env_frame(frame)->refs + env_frame(frame)->given_up > 1, "no reference is held");
    ENV_CHECK(env->rmb, "2.7.8, 2.7.13: copied without a barrier after the idx");
    return env_frame_data(frame) + at;
}

void svq_env_read(struct svq_dev *dev, uint64_t frame, uint32_t at, void *buf, uint32_t len)
{
    uint8_t *from = held_data(dev, frame, at, len);

    env->table_reads++;
    (memcpy)(buf, from, len);
    if (env->on_read)
        env->on_read((struct env_where){ENV_TABLE, 0, at}, from, len);
}

/* The queue whose bounce page, for that direction, it is in; *off from the pool's begin. */
static unsigned int bounce_queue(const uint8_t *bounce, bool to_guest, uint32_t *off)
{
    unsigned int q, i;

    for (q = 0; q < env->dev.nr_queues; q++) {
        const struct svq_bounce *b = &env->dev.queue[q].bounce[to_guest];

        for (i = 0; i < b->frames; i++)
            if (bounce >= b->page[i] && bounce < b->page[i] + PAGE) {
                *off = (uint32_t)(i * PAGE + (size_t)(bounce - b->page[i]));
                return q;
            }
    }
    ENV_CHECK(false, "other pages than those of a queue, for this direction");
    return 0;
}

void svq_env_copy(struct svq_dev *dev, uint64_t frame, uint32_t at, uint8_t *bounce, uint32_t len,
                  bool to_guest)
{
    uint8_t *ram = held_data(dev, frame, at, len);
    uint32_t off = 0;
    unsigned int q = bounce_queue(bounce, to_guest, &off);

    ENV_CHECK(off % PAGE + len <= PAGE, "beyond the bounce page");
    env->wmb = false;
    *(to_guest ? &env->copied_in : &env->copied_out) += len;

    if (to_guest) {
        (memcpy)(ram, bounce, len);
        return;
    }

    (memcpy)(bounce, ram, len);
    memset(env->given[q] + off, 1, len);
    if (env->on_read)
        env->on_read((struct env_where){ENV_BUFFER, q, 0}, ram, len);
}

void svq_env_zero(struct svq_dev *dev, uint64_t frame, uint32_t at, uint32_t len)
{
    assert_ptr_equal(dev, &env->dev);
    ENV_CHECK(dev->scrub, "zeroed, which nobody has asked for");
    ENV_CHECK(len && at + len <= PAGE, "nothing, or more than one page at a time");
    ENV_CHECK(env_frame(frame)->refs + env_frame(frame)->given_up > 1, "no reference is held");
    env->wmb = false;
    env->zeroing = true;
    env->zeroed += len;
    (memset)(env_frame_data(frame) + at, 0, len);
}

void svq_env_protect(struct svq_dev *dev, struct svq_table_page *t, unsigned int nr)
{
    unsigned int i;

    assert_ptr_equal(dev, &env->dev);
    assert_in_range(nr, 1, SVQ_PAGE_BATCH);
    ENV_CHECK(dev->state == VSH_STATE_RUNNING, "a table is protected while not running");

    for (i = 0; i < nr; i++) {
        struct env_page *pg = env_page(t[i].gfn * PAGE);
        uint64_t frame = env_frame_of(pg);

        assert_true(t[i].frame == SVQ_NO_FRAME);
        /* References beyond the guest's own: rings, grants, other devices'. */
        if (pg->kind != ENV_RAM || pg->ro || pg->shared || env_frame(frame)->refs != 1) {
            env->protects_refused++;
            continue;
        }
        pg->ro = true;
        env->protected ++;
        env->protects++;
        env_frame(frame)->refs++;
        t[i].frame = frame;
    }

    if (env->on_protect)
        env->on_protect();

    env->protect_flushes++;
    for (i = 0; i < nr; i++)
        env_page(t[i].gfn * PAGE)->tlb_rw = false;

    if (env->on_protected)
        env->on_protected();
}

void svq_env_unprotect(struct svq_dev *dev, const struct svq_table_page *t, unsigned int nr)
{
    unsigned int i;

    assert_ptr_equal(dev, &env->dev);
    assert_in_range(nr, 1, SVQ_PAGE_BATCH);

    for (i = 0; i < nr; i++) {
        struct env_page *pg = env_page(t[i].gfn * PAGE);

        assert_true(t[i].frame != SVQ_NO_FRAME);
        if (env_frame_of(pg) == t[i].frame) {
            ENV_CHECK(pg->ro, "what is not protected is made writable");
            ENV_CHECK(env_access(t[i].gfn * PAGE) == SVQ_NONE,
                      "the guest can write a table that the backend can still see");
            pg->ro = false;
            env->protected --;
        }
        env->unprotects++;
        env_put(t[i].frame);
    }
}

void svq_env_read_table(struct svq_dev *dev, const struct svq_table_page *t, void *buf,
                        uint32_t len)
{
    uint8_t *from = env_frame_data(t->frame);

    assert_ptr_equal(dev, &env->dev);
    assert_in_range(len, 16, PAGE);
    ENV_CHECK(env->rmb, "2.7.13: a table is read without a barrier after the idx");
    env->table_reads++;
    (memcpy)(buf, from, len);
    if (env->on_read)
        env->on_read((struct env_where){ENV_IN_PLACE, 0, 0}, from, len);
}

/* Checks what every op must fulfil and finds its place. */
static struct env_place *place_of(const struct svq_dev *dev, const struct svq_page_op *op)
{
    struct env_place *pl;
    unsigned int bank = 0;
    uint64_t index = 0;

    assert_ptr_equal(dev, &env->dev);
    pl = env_place(op->gfn, &bank, &index);
    ENV_CHECK(pl, "gfn %llx is in no bank", (unsigned long long)op->gfn);
    ENV_CHECK(op->backend_gfn == env->aperture[bank] + index, "gfn %llx appears at %llx",
              (unsigned long long)op->gfn, (unsigned long long)op->backend_gfn);
    return pl;
}

unsigned int svq_env_grant(struct svq_dev *dev, unsigned int q, struct svq_page_op *op,
                           unsigned int nr, enum svq_error *err)
{
    unsigned int i;

    assert_in_range(q, 0, dev->nr_queues - 1);
    assert_in_range(nr, 1, SVQ_PAGE_BATCH);
    ENV_CHECK((dev->state == VSH_STATE_RUNNING || dev->sharing || dev->resuming) && dev->attached,
              "a grant while not running");
    ENV_CHECK(!env->zeroing, "granted without a barrier after it was zeroed");
    env->wmb = false;

    for (i = 0; i < nr; i++) {
        struct env_place *pl = place_of(dev, &op[i]);
        struct env_page *pg = env_page(op[i].gfn * PAGE);

        if (!env->grants_left) {
            env->grants_left = -1;
            *err = env->grant_error;
            return i;
        }
        if (env->grants_left > 0)
            env->grants_left--;

        if (op[i].from == SVQ_RO) {
            assert_int_equal(op[i].to, SVQ_RW);
            /* Another queue may have it by now, after the backend has removed it. */
            if ((pl->access != SVQ_RO && !(env->tampered && pl->access == SVQ_RW)) ||
                pl->frame != op[i].frame) {
                *err = SVQ_ERR_APERTURE;
                return i;
            }
            env->upgrades++;
        } else {
            assert_true(op[i].from == SVQ_NONE || op[i].from == SVQ_DUMMY);
            assert_in_range(op[i].to, SVQ_RO, SVQ_RW);
            /* Another queue's, as the core finds out by trying. */
            if (!dev->alone && pl->access != SVQ_NONE) {
                env->others_found++;
                *err = SVQ_ERR_APERTURE;
                return i;
            }
            if (op[i].held) {
                ENV_CHECK(op[i].frame == env_frame_of(pg) && pg->kind == ENV_RAM && !pg->ro,
                          "what was kept of gfn %llx is out of date",
                          (unsigned long long)op[i].gfn);
            } else if (op[i].frame != SVQ_NO_FRAME) {
                ENV_CHECK(op[i].to == SVQ_RO && env_frame(op[i].frame)->refs,
                          "a table is granted, and not protected");
            } else if (pg->kind != ENV_RAM || pg->ro) {
                *err = SVQ_ERR_PAGE;
                return i;
            }
            ENV_CHECK(pl->access != SVQ_RO && pl->access != SVQ_RW, "granted twice");
            ENV_CHECK(!pl->tlb, "granted where a stale translation may still be");
            if (pl->access == ENV_OTHER || (pl->access == SVQ_DUMMY && op[i].from == SVQ_NONE)) {
                *err = SVQ_ERR_APERTURE;
                return i;
            }
            if (op[i].frame == SVQ_NO_FRAME)
                op[i].frame = env_frame_of(pg);
            pl->frame = op[i].frame;
            ENV_CHECK(!op[i].held || env_frame(pl->frame)->refs > 1, "no reference was kept");
            env_frame(pl->frame)->refs += !op[i].held;
            env->uses += op[i].held;
            env->lookups += !op[i].held;
            env->grants++;
        }

        pl->access = pl->tlb = op[i].to;
        pl->tlb_frame = pl->frame;
        env_list(pl);
    }

    return nr;
}

void svq_env_revoke(struct svq_dev *dev, unsigned int q, struct svq_page_op *op, unsigned int nr)
{
    unsigned int i;

    assert_in_range(q, 0, dev->nr_queues - 1);
    assert_in_range(nr, 1, SVQ_PAGE_BATCH);

    for (i = 0; i < nr; i++) {
        struct env_place *pl = place_of(dev, &op[i]);

        if (op[i].from == SVQ_DUMMY) {
            assert_int_equal(op[i].to, SVQ_NONE);
            assert_true(op[i].frame == SVQ_NO_FRAME);
            if (pl->access == SVQ_DUMMY)
                pl->access = SVQ_NONE;
            continue;
        }

        assert_true(op[i].from == SVQ_RW || (op[i].from == SVQ_RO && op[i].to == SVQ_NONE));
        assert_in_range(op[i].to, SVQ_NONE, SVQ_RO);

        if ((pl->access != SVQ_RO && pl->access != SVQ_RW) || pl->frame != op[i].frame) {
            op[i].frame = SVQ_NO_FRAME;
            continue;
        }

        /*
         * At the end of all, each queue takes away what it knows of. What the backend has
         * removed, another queue can have entered anew since.
         */
        if (dev->nr_queues == 1 || (op[i].to != SVQ_NONE && !env->tampered))
            assert_int_equal(pl->access, op[i].from);
        pl->access = op[i].to;
        pl->revoked_by = q;
        if (op[i].to == SVQ_NONE) {
            pl->frame = 0;
            env->revokes++;
        } else
            env->downgrades++;
    }
}

bool svq_env_flush(struct svq_dev *dev, unsigned int q)
{
    size_t i;

    assert_ptr_equal(dev, &env->dev);
    env->flushes++;

    for (i = 0; i < env->nr_active; i++) {
        struct env_place *pl = env->active[i];

        /* Nothing is promised for what others have revoked. */
        if (pl->revoked_by != q)
            continue;

        pl->tlb = pl->access == SVQ_RO || pl->access == SVQ_RW ? pl->access : SVQ_NONE;
        pl->tlb_frame = pl->tlb ? pl->frame : 0;
    }

    if (env->on_flush)
        env->on_flush();

    return true;
}

void svq_env_release(struct svq_dev *dev, const struct svq_page_op *op, unsigned int nr)
{
    unsigned int i;

    assert_in_range(nr, 1, SVQ_PAGE_BATCH);

    for (i = 0; i < nr; i++) {
        const struct env_place *pl = place_of(dev, &op[i]);

        if (op[i].frame == SVQ_NO_FRAME || op[i].from == SVQ_DUMMY || op[i].to == SVQ_RO)
            continue;

        ENV_CHECK(pl->tlb_frame != op[i].frame, "released before the flush");
        ENV_CHECK(pl->frame != op[i].frame, "released while it is mapped");
        env_put(op[i].frame);
    }
}

uint64_t svq_env_generation(struct svq_dev *dev)
{
    assert_ptr_equal(dev, &env->dev);
    return env->generation;
}

void svq_env_forget(struct svq_dev *dev, uint64_t frame)
{
    size_t i;

    assert_ptr_equal(dev, &env->dev);
    for (i = 0; i < env->nr_active; i++) {
        ENV_CHECK(env->active[i]->tlb_frame != frame || env_frame(frame)->refs > 1,
                  "forgotten before the flush");
        ENV_CHECK(env->active[i]->frame != frame || env_frame(frame)->refs > 1,
                  "forgotten while it is mapped");
    }
    env->forgets++;
    env_put(frame);
}

void svq_env_take_away(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr)
{
    unsigned int i, resets = 0;

    assert_in_range(nr, 1, SVQ_PAGE_BATCH);
    for (i = 0; i < dev->nr_queues; i++)
        resets += dev->queue[i].reset != SVQ_RESET_NONE;
    ENV_CHECK(dev->state != VSH_STATE_RUNNING || dev->reset_pending || resets,
              "taken from a live device");

    for (i = 0; i < nr; i++) {
        struct env_place *pl = place_of(dev, &op[i]);

        assert_in_range(op[i].from, SVQ_RO, SVQ_RW);
        assert_int_equal(op[i].to, SVQ_DUMMY);
        env->taken_away++;

        if ((pl->access != SVQ_RO && pl->access != SVQ_RW) || pl->frame != op[i].frame)
            continue;

        if (dev->nr_queues == 1)
            assert_int_equal(pl->access, op[i].from);
        pl->access = env->backend_dead ? SVQ_NONE : SVQ_DUMMY;
        pl->tlb = SVQ_NONE;
        pl->tlb_frame = pl->frame = 0;
        env_put(op[i].frame);
    }
}

void svq_env_shown(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr)
{
    unsigned int i;

    assert_in_range(nr, 1, SVQ_PAGE_BATCH);
    for (i = 0; i < nr; i++) {
        const struct env_place *pl = place_of(dev, &op[i]);

        op[i].frame = pl->access == SVQ_RW ? pl->frame : SVQ_NO_FRAME;
    }
}

void svq_env_notify(struct svq_dev *dev, int q)
{
    assert_ptr_equal(dev, &env->dev);
    assert_true(q >= -1 && q < (int)dev->nr_queues);

    if (q < 0) {
        /* Else a compiler may look at the mailbox itself where the copy is meant. */
        ENV_CHECK(!env->copied || env->rmb, "no barrier between the mailbox's copy and its use");
        env->copied = false;
        env->notify_control++;
        return;
    }

    ENV_CHECK(dev->state == VSH_STATE_RUNNING, "a queue's channel while not running");
    env->notify[q]++;
}

bool svq_env_admit(struct svq_dev *dev)
{
    assert_ptr_equal(dev, &env->dev);
    ENV_CHECK(env->copied && env->rmb, "a request is looked at before it is copied");
    if (env->throttled)
        env->copied = false;
    return !env->throttled;
}

void svq_env_interrupt(struct svq_dev *dev)
{
    assert_ptr_equal(dev, &env->dev);
    assert_true(dev->int_status);
    env->interrupts++;
}

void svq_env_report(struct svq_dev *dev, int q, enum svq_error err)
{
    assert_ptr_equal(dev, &env->dev);
    assert_true(q >= -1 && q < (int)dev->nr_queues);
    assert_in_range(err, SVQ_ERR_NONE + 1, SVQ_ERR_COUNT - 1);
    assert_ptr_not_equal(svq_error_text(err), svq_error_text(SVQ_ERR_COUNT));

    env->reports++;
    env->report_queue = q;
    env->report_error = err;
}
