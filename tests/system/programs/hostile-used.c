// SPDX-License-Identifier: MIT
/* A hostile backend: what it writes into the used ring. */
#include <string.h>

#include "hostile.h"

#define FAILS "the device fails, nothing else is returned"
#define CUT "served, the length is cut to what was writable"
#define SERVED "ignored, the request is served"

/* Elements and an idx, written at once. */
static void lie(uint32_t id, uint32_t len, unsigned int step)
{
    uint16_t idx = h_used_idx();

    h_put_used(idx, id, len);
    h_set_used_idx((uint16_t)(idx + step));
    h_tell();
}

/* A slot that no request in flight has. */
static uint32_t free_slot(const struct request *r)
{
    uint32_t slot = (r->head + h_size() / 2) % h_size();

    for (unsigned int i = 0; i + 1 < r->nr; i++)
        if (r->desc[i].next == slot)
            slot = (slot + 1) % h_size();
    return slot;
}

/* ---- ids ---- */

enum { FREE, MIDDLE, LAST, SIZE, BEYOND, HIGH_HALF, TOP_BIT, ALL_ONES };

static const char *bad_id(const struct hostile_attack *a, struct request *r)
{
    const uint32_t id[] = {
        [FREE] = free_slot(r),
        [MIDDLE] = r->desc[0].next,
        [LAST] = r->desc[1].next,
        [SIZE] = h_size(),
        [BEYOND] = h_size() + r->head,
        [HIGH_HALF] = r->head | 0x10000,
        [TOP_BIT] = r->head | 0x80000000u,
        [ALL_ONES] = 0xffffffffu,
    };
    uint32_t generation = h_info->generation;

    h_serve(r);
    lie(id[a->arg], 1, 1);
    return h_must_fail(generation);
}

/* The first of two is good, the second says the same again. */
static const char *repeated_id(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;
    uint16_t idx = h_used_idx();

    (void)a;
    h_serve(&r[0]);
    h_put_used(idx, r[0].head, 1);
    h_put_used(idx + 1u, r[0].head, 1);
    h_set_used_idx((uint16_t)(idx + 2));
    h_tell();
    return h_must_fail(generation);
}

/* Both are in flight, but one is returned twice, one after the other. */
static const char *returned_again(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;

    (void)a;
    h_serve(&r[0]);
    h_give_back(&r[0], h_writable(&r[0]));
    h_pause_ms(50);
    h_give_back(&r[0], h_writable(&r[0]));
    return h_must_fail(generation);
}

/* ---- idx ---- */

static const char *bad_idx(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;

    h_serve(r);
    lie(r->head, 1, a->arg);
    return h_must_fail(generation);
}

static const char *idx_by_size(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;

    h_serve(r);
    lie(r->head, 1, h_size() + a->arg);
    return h_must_fail(generation);
}

static const char *nothing_in_flight(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;

    (void)r;
    h_pause_ms(20);
    lie(a->arg, 1, 1);
    return h_must_fail(generation);
}

/* ---- lengths ---- */

static const char *length(const struct hostile_attack *a, struct request *r)
{
    uint32_t want = h_writable(r), len = a->arg;
    const char *why;

    if (a->order.flags & PEER_NO_DATA ? want != 1 : want < 2)
        return "the request is not what it should be";
    if (a->arg == 1)
        len = want + 1;
    if (len < want)
        want = len;
    h_serve(r);
    h_give_back(r, len);
    /* Nothing was written, it says, and nothing of it may be there. */
    why = len ? h_must_serve(1) : h_must_return(1);
    attack_saw("returned %u, driver got %u", len, h_report.element[0].len);
    if (!why && h_report.element[0].len != want)
        why = "the length is wrong";
    return why;
}

/* ---- what is allowed ---- */

static const char *out_of_order(const struct hostile_attack *a, struct request *r)
{
    const char *why;

    for (unsigned int i = a->order.count; i > 0; i--) {
        h_serve(&r[i - 1]);
        h_give_back(&r[i - 1], h_writable(&r[i - 1]));
    }
    why = h_must_serve(a->order.count);
    if (!why && h_report.element[0].id == h_report.element[1].id)
        why = "the same id twice";
    return why;
}

static const char *idx_and_back(const struct hostile_attack *a, struct request *r)
{
    uint16_t idx = h_used_idx();

    (void)a;
    for (unsigned int i = 0; i < 1000; i++) {
        h_set_used_idx((uint16_t)(idx + 0x4000));
        h_set_used_idx(idx);
    }
    h_serve(r);
    h_give_back(r, h_writable(r));
    return h_must_serve(1);
}

static const char *told_late(const struct hostile_attack *a, struct request *r)
{
    uint16_t idx = h_used_idx();

    (void)a;
    h_serve(r);
    h_put_used(idx, r->head, h_writable(r));
    h_set_used_idx((uint16_t)(idx + 1));
    h_pause_ms(300);
    h_tell();
    return h_must_serve(1);
}

static const char *garbage_around(const struct hostile_attack *a, struct request *r)
{
    volatile uint8_t *used = h_used();
    uint16_t idx = h_used_idx();

    (void)a;
    h_serve(r);
    for (unsigned int i = 4; i < HPAGE; i++)
        used[i] = 0xee;
    /* NO_NOTIFY, which is ours to set, and flags that do not exist. */
    *(volatile uint16_t *)(used + SVQ_USED_FLAGS) = 0xffff;
    h_put_used(idx, r->head, h_writable(r));
    h_set_used_idx((uint16_t)(idx + 1));
    h_tell();
    return h_must_serve(1);
}

static const char *after_failure(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;

    (void)a;
    h_hold_acks = true;
    lie(0xffffffffu, 1, 1);
    if (!h_wait_failed(generation))
        return "the device did not fail";
    for (unsigned int i = 0; i < 200; i++)
        lie(r->head, i, i);
    h_hold_acks = false;
    return h_must_fail(generation);
}

static const char *while_resetting(const struct hostile_attack *a, struct request *r)
{
    uint64_t used = h_queue->used;

    (void)a;
    (void)r;
    h_hold_acks = true;
    if (!h_wait_state(VSH_STATE_RESETTING))
        return "the device is not reset";
    for (unsigned int i = 0; i < 200; i++) {
        *(volatile uint16_t *)(h_at(used) + SVQ_USED_IDX) = (uint16_t)(i * 77);
        h_tell();
    }
    if (h_info->state != VSH_STATE_RESETTING)
        return "the state changed without an acknowledgement";
    attack_saw("backend: state %u all the time", h_info->state);
    h_hold_acks = false;
    if (!h_exchange(&(struct peer_order){.kind = PEER_NOTHING}))
        return "the device does not start again";
    return h_report.timeouts ? "driver: the reset does not end" : h_seen_untouched();
}

/* ---- races ---- */

/* An element changes while Xen reads it: it is one of the two, whichever. */
static const char *race(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;
    uint16_t idx = h_used_idx();
    volatile uint32_t *val;

    h_serve(r);
    h_put_used(idx, r->head, h_writable(r));
    val = (volatile uint32_t *)(h_used() + (a->arg ? SVQ_USED_LEN(idx % h_size())
                                                   : SVQ_USED_ID(idx % h_size())));
    if (!h_flip(val, 0xfffffff0u, *val))
        return "no thread";
    h_set_used_idx((uint16_t)(idx + 1));
    h_tell();
    h_pause_ms(100);
    h_flip_end();
    if (h_info->state != VSH_STATE_RUNNING) {
        attack_saw("it was caught");
        return h_must_fail(generation);
    }
    attack_saw("it was not caught");
    return h_must_serve(1);
}

static const struct hostile_attack attacks[] = {
    /* The first: that the good backend has gone may count as well. */
    H_FAILING("used id of no chain", FAILS, ATTACK_ANY, SVQ_ERR_USED_ID, H_READS(1), bad_id, FREE),
    H_FAILING("used id of a chain's middle", FAILS, 1, SVQ_ERR_USED_ID, H_READS(1), bad_id, MIDDLE),
    H_FAILING("used id of a chain's end", FAILS, 1, SVQ_ERR_USED_ID, H_READS(1), bad_id, LAST),
    H_FAILING("used id just beyond the table", FAILS, 1, SVQ_ERR_USED_ID, H_READS(1), bad_id, SIZE),
    H_FAILING("used id that is right modulo the size", FAILS, 1, SVQ_ERR_USED_ID, H_READS(1),
              bad_id, BEYOND),
    H_FAILING("used id that is right in 16 bits", FAILS, 1, SVQ_ERR_USED_ID, H_READS(1), bad_id,
              HIGH_HALF),
    H_FAILING("used id that is right but for the top bit", FAILS, 1, SVQ_ERR_USED_ID, H_READS(1),
              bad_id, TOP_BIT),
    H_FAILING("used id of ones", FAILS, 1, SVQ_ERR_USED_ID, H_READS(1), bad_id, ALL_ONES),
    H_FAILING("used id twice in one batch", FAILS, 1, SVQ_ERR_USED_ID, H_READS(2), repeated_id, 0),
    H_FAILING("used id returned again", FAILS, 1, SVQ_ERR_USED_ID, H_READS(2), returned_again, 0),
    H_FAILING("used idx one too far", FAILS, 1, SVQ_ERR_USED_IDX, H_READS(1), bad_idx, 2),
    H_FAILING("used idx back by one", FAILS, 1, SVQ_ERR_USED_IDX, H_READS(1), bad_idx, 0xffff),
    H_FAILING("used idx back by two", FAILS, 1, SVQ_ERR_USED_IDX, H_READS(1), bad_idx, 0xfffe),
    H_FAILING("used idx jumps by half its range", FAILS, 1, SVQ_ERR_USED_IDX, H_READS(1), bad_idx,
              0x8000),
    H_FAILING("used idx jumps by the queue size", FAILS, 1, SVQ_ERR_USED_IDX, H_READS(1),
              idx_by_size, 0),
    H_FAILING("used idx jumps by the queue size and one", FAILS, 1, SVQ_ERR_USED_IDX, H_READS(1),
              idx_by_size, 1),
    H_FAILING("return of a request with nothing in flight", FAILS, 1, SVQ_ERR_USED_IDX,
              H_WAIT(5000), nothing_in_flight, 0),
    H_HARMLESS("used length of ones", CUT, H_READS(1), length, 0xffffffffu),
    H_HARMLESS("used length one too long", CUT, H_READS(1), length, 1),
    H_HARMLESS("used length that is negative as 32 bits", CUT, H_READS(1), length, 0x80000000u),
    H_HARMLESS("used length of a page for a status byte", CUT, H_NO_DATA, length, HPAGE),
    H_HARMLESS("used length of 0", "served, with that length", H_READS(1), length, 0),
    H_HARMLESS("requests returned in reverse order", "all of them are served", H_READS(4),
               out_of_order, 0),
    H_HARMLESS("used idx forth and back, untold", SERVED, H_READS(1), idx_and_back, 0),
    H_HARMLESS("notification long after the used idx", "served once it comes", H_READS(1),
               told_late, 0),
    H_HARMLESS("garbage in the used ring's flags and other elements", SERVED, H_READS(1),
               garbage_around, 0),
    H_FAILING("used ring written 200 times after a failure",
              "one failure, the device works after a reset", 1, SVQ_ERR_USED_ID, H_READS(1),
              after_failure, 0),
    {{"backend", "used ring written 200 times during a reset",
      "ignored; the reset ends with its acknowledgement", 0, 0},
     {.kind = PEER_DO_RESET, .point = PEER_KICKED},
     while_resetting,
     0},
    H_FAILING("used id changes while it is read", "served or failed, never another id", ATTACK_ANY,
              SVQ_ERR_USED_ID, H_READS(1), race, 0),
    H_HARMLESS("used length changes while it is read", "served, cut to what was writable",
               H_READS(1), race, 1),
};

void hostile_used(void)
{
    h_attacks(attacks, H_COUNT(attacks));
}
