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

    for (i = 0; i < f->nr; i++) {
        uint64_t addr = f->desc[i].addr / PAGE * PAGE;

        for (; addr < f->desc[i].addr + f->desc[i].len; addr += PAGE) {
            struct env_page *pg = env_page(addr);
            uint32_t *count = f->desc[i].flags & SVQ_DESC_F_WRITE ? &pg->writers : &pg->readers;

            *count += (uint32_t)by;
        }
    }
}

static void end_flight(unsigned int queue, unsigned int slot)
{
    cover(env->flight[queue][slot], -1);
    free(env->flight[queue][slot]);
    env->flight[queue][slot] = NULL;
    env->nr_flights--;
}

void env_drop_flights(void)
{
    unsigned int q, i;

    for (q = 0; q < env->dev.nr_queues && env->nr_flights; q++)
        for (i = 0; i < VSH_MAX_QUEUE_SIZE; i++)
            if (env->flight[q][i])
                end_flight(q, i);
}

static void begin_flight(unsigned int queue, unsigned int slot)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    struct env_flight *f = malloc(sizeof(*f) + q->size * sizeof(f->desc[0]));
    unsigned int i = slot, nr = 0;

    assert_non_null(f);
    assert_true(slot < q->size);
    assert_null(env->flight[queue][slot]);

    env->flight[queue][slot] = f;
    env->nr_flights++;
    f->driver_head = q->slot[slot].driver_head;
    f->writable = 0;
    f->nr = 0;

    do {
        const struct svq_desc *d = shadow(&q->shadow_desc, i * 16);

        ENV_CHECK(nr < q->size && i < q->size, "a shadow chain leaves the table");
        ENV_CHECK(d->len && !(d->flags & ~(SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE)),
                  "a shadow descriptor was not checked");
        f->desc[nr] = *d;
        if (d->flags & SVQ_DESC_F_WRITE)
            f->writable += d->len;
        else
            ENV_CHECK(!f->writable, "a shadow chain out of order");
        i = f->desc[nr++].next;
    } while (f->desc[nr - 1].flags & SVQ_DESC_F_NEXT);

    f->nr = nr;
    cover(f, 1);
}

/* Every page of what is in flight can be used, unless the backend broke it. */
static void check_granted(const struct env_flight *f)
{
    unsigned int i;

    for (i = 0; i < f->nr && !env->tampered; i++) {
        uint64_t addr = f->desc[i].addr / PAGE * PAGE;

        for (; addr < f->desc[i].addr + f->desc[i].len; addr += PAGE)
            ENV_CHECK(env_entry(addr) == (env_page(addr)->writers ? SVQ_RW : SVQ_RO),
                      "published before it is granted: %llx", (unsigned long long)addr);
    }
}

void env_published(unsigned int queue, uint16_t from, uint16_t to)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    uint16_t i;

    ENV_CHECK(env->dev.state == VSH_STATE_RUNNING, "published while not running");

    for (i = from; i != to; i++)
        begin_flight(queue, *(uint16_t *)shadow(&q->shadow_avail,
                                                SVQ_AVAIL_RING(i & (q->size - 1u))));
    for (i = from; i != to; i++)
        check_granted(env->flight[queue][*(uint16_t *)shadow(
            &q->shadow_avail, SVQ_AVAIL_RING(i & (q->size - 1u)))]);

    env_check_visible("at the shadow available idx");
}

void env_returned(unsigned int queue, uint16_t from, uint16_t to)
{
    const struct svq_queue *q = &env->dev.queue[queue];
    uint16_t i;

    for (i = from; i != to; i++) {
        uint32_t id = *(uint32_t *)svq_mem_at(&q->used, SVQ_USED_ID(i & (q->size - 1u)));
        uint32_t len = *(uint32_t *)svq_mem_at(&q->used, SVQ_USED_LEN(i & (q->size - 1u)));
        unsigned int slot;

        for (slot = 0; slot < q->size; slot++)
            if (env->flight[queue][slot] && env->flight[queue][slot]->driver_head == id)
                break;

        ENV_CHECK(slot < q->size, "head %u is returned, but not in flight", id);
        ENV_CHECK(len <= env->flight[queue][slot]->writable, "a used length beyond the buffers");
        end_flight(queue, slot);
    }

    if (env->on_used)
        env->on_used(queue);

    /* Design invariant: returned only after the backend's access is gone, TLB included. */
    env_check_visible("at the driver's used idx");
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
    struct env_where w = { ENV_ELSEWHERE, 0, 0 };
    uintptr_t at = (uintptr_t)p, info, mailbox;
    unsigned int i, max;

    for (i = 0; i < env->dev.nr_queues; i++) {
        const struct svq_queue *q = &env->dev.queue[i];

        w.queue = i;
        if (q->ready) {
            w.area = inside(p, &q->avail, SVQ_AVAIL_BYTES(q->size), &w.off) ? ENV_AVAIL :
                     inside(p, &q->desc, SVQ_DESC_BYTES(q->size), &w.off)   ? ENV_DESC :
                     inside(p, &q->used, SVQ_USED_BYTES(q->size), &w.off)   ? ENV_USED :
                                                                              ENV_ELSEWHERE;
            if (w.area != ENV_ELSEWHERE)
                return w;
        }
        max = q->max_size;
        w.area = inside(p, &q->shadow_used, SVQ_USED_BYTES(max), &w.off)   ? ENV_SHADOW_USED :
                 inside(p, &q->shadow_avail, SVQ_AVAIL_BYTES(max), &w.off) ? ENV_SHADOW_AVAIL :
                 inside(p, &q->shadow_desc, SVQ_DESC_BYTES(max), &w.off)   ? ENV_SHADOW_DESC :
                                                                             ENV_ELSEWHERE;
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
}

void env_after_read(const volatile void *p, size_t bytes)
{
    struct env_where w = env_where(p);

    switch (w.area) {
    case ENV_AVAIL:
        if (w.off == SVQ_AVAIL_IDX)
            env->rmb = false;
        else if (w.off == SVQ_AVAIL_FLAGS)
            ENV_CHECK(env->mb, "2.7.7: flags are read without a barrier after the idx");
        else
            ENV_CHECK(env->rmb, "2.7.13: an entry is read without a barrier after the idx");
        break;

    case ENV_DESC:
        ENV_CHECK(env->rmb, "2.7.13: a descriptor is read without a barrier after the idx");
        break;

    case ENV_SHADOW_USED:
        if (w.off == SVQ_USED_IDX)
            env->rmb = false;
        else if (w.off == SVQ_USED_FLAGS)
            ENV_CHECK(env->mb, "2.7.10: flags are read without a barrier after the idx");
        else
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

void env_before_write(const volatile void *p, size_t bytes, uint64_t val)
{
    struct env_where w = env_where(p);

    switch (w.area) {
    case ENV_SHADOW_AVAIL:
        assert_int_equal(w.off, SVQ_AVAIL_IDX);
        assert_int_equal(bytes, 2);
        ENV_CHECK(env->wmb, "the shadow idx moves without a barrier");
        env_published(w.queue, *(const volatile uint16_t *)p, (uint16_t)val);
        env->mb = env->wmb = false;
        break;

    case ENV_USED:
        if (w.off == SVQ_USED_IDX) {
            assert_int_equal(bytes, 2);
            ENV_CHECK(env->wmb, "the used idx moves without a barrier");
            env_returned(w.queue, *(const volatile uint16_t *)p, (uint16_t)val);
            env->mb = env->wmb = false;
        } else {
            assert_int_equal(bytes, 4);
            env->wmb = false;
        }
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
        if (env_page(at + n * PAGE)->kind != ENV_RAM)
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

unsigned int svq_env_grant(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr,
                           enum svq_error *err)
{
    unsigned int i;

    assert_in_range(nr, 1, SVQ_PAGE_BATCH);
    ENV_CHECK(dev->state == VSH_STATE_RUNNING && dev->attached, "a grant while not running");
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
            if (pl->access != SVQ_RO || pl->frame != op[i].frame) {
                *err = SVQ_ERR_APERTURE;
                return i;
            }
            env->upgrades++;
        } else {
            assert_int_equal(op[i].from, SVQ_NONE);
            assert_in_range(op[i].to, SVQ_RO, SVQ_RW);
            if (pg->kind != ENV_RAM) {
                *err = SVQ_ERR_PAGE;
                return i;
            }
            ENV_CHECK(pl->access != SVQ_RO && pl->access != SVQ_RW, "granted twice");
            ENV_CHECK(!pl->tlb, "granted where a stale translation may still be");
            if (pl->access == ENV_OTHER) {
                *err = SVQ_ERR_APERTURE;
                return i;
            }
            op[i].frame = pl->frame = env_frame_of(pg);
            env_frame(pl->frame)->refs++;
            env->grants++;
        }

        pl->access = pl->tlb = op[i].to;
        pl->tlb_frame = pl->frame;
        env_list(pl);
    }

    return nr;
}

void svq_env_revoke(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr)
{
    unsigned int i;

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

        assert_int_equal(pl->access, op[i].from);
        pl->access = op[i].to;
        if (op[i].to == SVQ_NONE) {
            pl->frame = 0;
            env->revokes++;
        } else
            env->downgrades++;
    }
}

void svq_env_flush(struct svq_dev *dev)
{
    size_t i;

    assert_ptr_equal(dev, &env->dev);
    env->flushes++;

    for (i = 0; i < env->nr_active; i++) {
        struct env_place *pl = env->active[i];

        pl->tlb = pl->access == SVQ_RO || pl->access == SVQ_RW ? pl->access : SVQ_NONE;
        pl->tlb_frame = pl->tlb ? pl->frame : 0;
    }

    if (env->on_flush)
        env->on_flush();
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

void svq_env_take_away(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr)
{
    unsigned int i;

    assert_in_range(nr, 1, SVQ_PAGE_BATCH);
    ENV_CHECK(dev->state != VSH_STATE_RUNNING || dev->reset_pending, "taken from a live device");

    for (i = 0; i < nr; i++) {
        struct env_place *pl = place_of(dev, &op[i]);

        assert_in_range(op[i].from, SVQ_RO, SVQ_RW);
        assert_int_equal(op[i].to, SVQ_DUMMY);
        env->taken_away++;

        if ((pl->access != SVQ_RO && pl->access != SVQ_RW) || pl->frame != op[i].frame)
            continue;

        assert_int_equal(pl->access, op[i].from);
        pl->access = env->backend_dead ? SVQ_NONE : SVQ_DUMMY;
        pl->tlb = SVQ_NONE;
        pl->tlb_frame = pl->frame = 0;
        env_put(op[i].frame);
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
