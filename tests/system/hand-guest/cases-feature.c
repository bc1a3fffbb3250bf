// SPDX-License-Identifier: MIT
/* Features of queues that Linux 6.12 lacks, or takes without showing what comes of them. */
#include "cases.h"

/* ---- VIRTIO_F_IN_ORDER ---- */

#define BATCH 16u

static uint32_t used_id(uint16_t i)
{
    return *(volatile uint32_t *)(used + SVQ_USED_ID(i % QSIZE));
}

/* Requests that take differently long come back as they went. */
static const char *in_order(void)
{
    for (unsigned int round = 0; round < 20; round++) {
        uint16_t first = avail_idx;

        for (unsigned int i = 0; i < BATCH; i++) {
            read_desc(3 * i, i % 3);
            /* The first ones are flushes and reads of a place far back, by turns. */
            ((struct blk_header *)(buf[i % 3] + HEADER_OFF))->sector = i % 2 ? 0 : 1000 * i;
            offer(3 * i);
        }
        kick();
        if (!wait_returned(avail_idx))
            return "a request is lost";
        for (unsigned int i = 0; i < BATCH; i++)
            if (used_id((uint16_t)(first + i)) != 3 * i)
                return "out of order";
    }
    return "in order";
}

/* ---- VIRTIO_F_EVENT_IDX ---- */

static const char *one_read(void)
{
    read_desc(0, 0);
    return offer_and_see();
}

static const char *events(void)
{
    volatile uint16_t *used_event = &avail[2 + QSIZE];

    *used_event = (uint16_t)(returned() + 100);
    wr(SVQ_MMIO_INT_ACK, SVQ_INT_USED);
    if (strcmp(one_read(), "served"))
        return "not served";
    wait_ms(50);
    if (rd(SVQ_MMIO_INT_STATUS) & SVQ_INT_USED)
        return "an interrupt that was not asked for";
    *used_event = returned();
    if (strcmp(one_read(), "served"))
        return "not served";
    wait_ms(50);
    return rd(SVQ_MMIO_INT_STATUS) & SVQ_INT_USED ? "as asked for"
                                                  : "no interrupt, although it was asked for";
}

/* ---- VIRTIO_F_RING_RESET ---- */

static bool queue_is_reset(void)
{
    uint64_t end = now_ms() + 20000;

    while (rd(SVQ_MMIO_QUEUE_RESET))
        if (now_ms() >= end)
            return false;
    return !rd(SVQ_MMIO_QUEUE_READY);
}

static const char *enable_again(void)
{
    empty_rings();
    set_queue(QSIZE, pa(desc), pa(avail), pa(used));
    if (!rd(SVQ_MMIO_QUEUE_READY))
        return "not enabled again";
    return works() && works() ? "works again" : "does not work again";
}

static const char *reset_at_rest(void)
{
    const char *said = "works again";

    for (unsigned int i = 0; i < 5 && !strcmp(said, "works again"); i++) {
        wr(SVQ_MMIO_QUEUE_SEL, 0);
        wr(SVQ_MMIO_QUEUE_RESET, 1);
        said = queue_is_reset() ? enable_again() : "not reset";
    }
    return said;
}

/* The device process is stopped: it cannot have agreed, so Xen must not say that it is done. */
static const char *reset_in_flight(void)
{
    for (unsigned int i = 0; i < 3; i++) {
        read_desc(3 * i, i);
        offer(3 * i);
    }
    kick();
    wr(SVQ_MMIO_QUEUE_SEL, 0);
    wr(SVQ_MMIO_QUEUE_RESET, 1);
    wait_ms(100);
    return rd(SVQ_MMIO_QUEUE_RESET) == 1 ? "waits" : "does not wait";
}

/* What was in flight is never returned, and nothing is written to its buffers. */
static const char *reset_is_over(void)
{
    if (!queue_is_reset())
        return "not reset";
    for (unsigned int i = 0; i < 3; i++)
        if (buf[i][STATUS_OFF] != 0xff || buf[i][DATA_OFF + 511])
            return "a buffer was written to";
    if (returned() != 1)
        return "a request was returned";
    return enable_again();
}

static const char *three_in_flight(void)
{
    wr(SVQ_MMIO_INT_ACK, SVQ_INT_USED);
    for (unsigned int i = 0; i < 3; i++) {
        read_desc(3 * i, i);
        offer(3 * i);
    }
    kick();
    return returned() == 1 ? "in flight" : "not in flight";
}

/* They were served meanwhile, and the device is as it was: nobody has reset it. */
static const char *served_asleep(void)
{
    if (returned() != 4)
        return "not served meanwhile";
    for (unsigned int i = 0; i < 3; i++)
        if (!read_done(i))
            return "served, with wrong data";
    if (!(rd(SVQ_MMIO_INT_STATUS) & SVQ_INT_USED))
        return "no interrupt";
    return works() ? "served, and works again" : "does not work again";
}

static const struct hand_case cases[] = {
    {"IN_ORDER", 0, IN_ORDER, ALONE, "in order", 0, 0, 0, 0, 0, in_order, 0},
    {"EVENT_IDX", 0, EVENT_IDX, ALONE, "as asked for", 0, 0, 0, 0, 0, events, 0},
    {"queue reset at rest", 0, RING_RESET, ALONE, "works again", 0, 0, 0, 0, 0, reset_at_rest, 0},
    {"queue reset with requests in flight", 0, RING_RESET, HELD, "waits", "works again", 0, 0, 0, 0,
     reset_in_flight, reset_is_over},
    {"guest suspended with requests in flight", 0, 0, ASLEEP, "in flight, asleep, idle, slept",
     "served, and works again", 0, 0, 0, 0, three_in_flight, served_asleep},
    {"packed: queue reset at rest", 1, PACKED | RING_RESET, ALONE, "works again", 0, 0, 0, 0, 0,
     reset_at_rest, 0},
};

const struct case_list feature_cases = LIST(cases);
