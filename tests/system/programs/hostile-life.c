// SPDX-License-Identifier: MIT
/*
 * The driver's attacks that take a backend which knows when they come: resets at
 * every point of a request's life, and memory that goes away under it.
 */
#include <string.h>

#include "hostile.h"

#define WORKS "the device works again, late writes of the backend are not seen"

/* What a device process that does not know of the reset yet may do: write, and return. */
static unsigned int late_writes(const struct request *r)
{
    unsigned int done = 0;

    for (unsigned int i = 0; i < r->nr; i++) {
        volatile uint8_t *p = h_at(r->desc[i].addr);

        if (!(r->desc[i].flags & SVQ_DESC_F_WRITE) || !p)
            continue;
        for (uint32_t k = 0; k < r->desc[i].len; k += 97)
            done += h_can_write(p + k, 0xbd);
    }
    return done;
}

static unsigned int late_guards(const struct request *r)
{
    unsigned int seen = 0;

    for (unsigned int i = 0; i < r->nr; i++) {
        volatile uint8_t *p = h_at(r->desc[i].addr & ~(uint64_t)(HPAGE - 1));
        uint8_t val;

        for (unsigned int k = 0; p && k < HPAGE && h_can_read(p + k, &val); k++)
            seen += val == PEER_REUSED || val == PEER_GUARD;
    }
    return seen;
}

/* The device, or its queue, leaves; at least some time goes by. */
static bool wait_left(uint32_t generation)
{
    for (unsigned int i = 0; i < 20000; i++) {
        if (h_info->generation != generation || !h_running())
            return true;
        h_pause_ms(1);
    }
    return false;
}

static const char *reset(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;
    unsigned int point = a->order.point, writes = 0, seen = 0;
    bool have = false;

    if (point >= PEER_HELD) {
        have = h_next(r);
        if (!have)
            return "the driver's request does not come";
        h_serve(r);
    }
    h_hold_acks = true;
    if (point == PEER_UNTOLD) {
        h_put_used(h_used_idx(), r->head, h_writable(r));
        h_set_used_idx((uint16_t)(h_used_idx() + 1));
    }
    if (point == PEER_HELD || point == PEER_UNTOLD)
        h_mark(r);
    else if (point > PEER_UNTOLD)
        h_give_back(r, h_writable(r));

    if (!wait_left(generation))
        return "no reset comes";
    /* For a while, as it would take a real one to stop. */
    for (unsigned int i = 0; i < a->arg; i++) {
        if (have) {
            writes += late_writes(r);
            seen += late_guards(r);
            h_put_used(h_used_idx(), r->head, 1);
            h_set_used_idx((uint16_t)(h_used_idx() + 1));
        }
        h_tell();
        h_pause_ms(10);
    }
    attack_saw("backend: %u late writes, %u bytes of the driver's seen", writes, seen);
    h_hold_acks = false;
    if (!h_exchange(&(struct peer_order){.kind = PEER_NOTHING}))
        return "the device does not work again";
    if (seen)
        return "a page that the driver has back can be read";
    if (h_report.timeouts)
        return "driver: the reset does not end";
    return h_seen_untouched();
}

static const char *balloon(const struct hostile_attack *a, struct request *r)
{
    static const struct peer_order again = {
        .kind = PEER_DO_READ, .count = 1, .flags = PEER_WHOLE_PAGES};
    const char *why;

    (void)a;
    if (!h_next(r))
        return "the driver's request does not come";
    h_mark(r);
    /* The driver gives the page back to Xen meanwhile. */
    h_pause_ms(250);
    h_serve(r);
    if (h_running())
        h_give_back(r, h_writable(r));
    if (!h_exchange(&again))
        return "the device does not work again";
    attack_saw("driver: status %#x, %u back", h_report.device_status, h_report.used);
    why = h_seen_untouched();
    if (why)
        return why;

    /* The same buffers, one of them in another page by now. */
    if (!h_next(r))
        return "the driver's next request does not come";
    h_serve(r);
    h_give_back(r, h_writable(r));
    return h_must_serve(1);
}

static const char *kicks(const struct hostile_attack *a, struct request *r)
{
    (void)a;
    if (!h_next(r))
        return "the driver's request does not come";
    h_serve(r);
    h_give_back(r, h_writable(r));
    return h_must_serve(1);
}

#define LIFE(name, where, how)                                                                     \
    {                                                                                              \
        {"driver", name, WORKS, 0, 0},                                                             \
            {.kind = PEER_DO_RESET, .point = (where), .flags = (how) | PEER_WHOLE_PAGES}, reset, 5 \
    }

static const struct hostile_attack attacks[] = {
    LIFE("reset with nothing offered", PEER_BEFORE, 0),
    LIFE("reset before the notification", PEER_OFFERED, 0),
    LIFE("reset right after the notification", PEER_KICKED, 0),
    LIFE("reset while the backend works", PEER_HELD, 0),
    LIFE("reset between used ring and notification", PEER_UNTOLD, 0),
    LIFE("reset right after the return", PEER_RETURNED, 0),
    LIFE("reset after the interrupt is acknowledged", PEER_ACKNOWLEDGED, 0),
    LIFE("queue reset with nothing offered", PEER_BEFORE, PEER_QUEUE_ONLY),
    LIFE("queue reset before the notification", PEER_OFFERED, PEER_QUEUE_ONLY),
    LIFE("queue reset right after the notification", PEER_KICKED, PEER_QUEUE_ONLY),
    LIFE("queue reset while the backend works", PEER_HELD, PEER_QUEUE_ONLY),
    LIFE("queue reset between used ring and notification", PEER_UNTOLD, PEER_QUEUE_ONLY),
    LIFE("queue reset right after the return", PEER_RETURNED, PEER_QUEUE_ONLY),
    LIFE("queue reset after the interrupt is acknowledged", PEER_ACKNOWLEDGED, PEER_QUEUE_ONLY),
    {{"backend", "withholds the acknowledgement of a reset",
      "the driver waits, its other device does not", 0, 0},
     {.kind = PEER_DO_RESET, .point = PEER_HELD, .flags = PEER_WHOLE_PAGES},
     reset,
     40},
    {{"driver", "20000 notifications of one request and of queues that are not there",
      "the request is served once", 0, 0},
     {.kind = PEER_DO_KICK},
     kicks,
     0},
    {{"driver", "page of a buffer in flight given back to Xen",
      "the device works, the next owner's page is empty", 0, 0},
     {.kind = PEER_DO_BALLOON, .point = PEER_DATA_PAGE, .flags = PEER_WHOLE_PAGES},
     balloon,
     0},
    {{"driver", "page of the live descriptor table given back to Xen",
      "the device works after a reset, the next owner's page is empty", 0, 0},
     {.kind = PEER_DO_BALLOON, .point = PEER_DESC_PAGE, .flags = PEER_WHOLE_PAGES},
     balloon,
     0},
    {{"driver", "page of the live available ring given back to Xen",
      "the device works after a reset, the next owner's page is empty", 0, 0},
     {.kind = PEER_DO_BALLOON, .point = PEER_AVAIL_PAGE, .flags = PEER_WHOLE_PAGES},
     balloon,
     0},
    {{"driver", "page of the live used ring given back to Xen",
      "the device works after a reset, the next owner's page is empty", 0, 0},
     {.kind = PEER_DO_BALLOON, .point = PEER_USED_PAGE, .flags = PEER_WHOLE_PAGES},
     balloon,
     0},
};

void hostile_life(void)
{
    h_attacks(attacks, H_COUNT(attacks));
}
