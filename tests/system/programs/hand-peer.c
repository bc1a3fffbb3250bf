// SPDX-License-Identifier: MIT
/*
 * Runs in a guest, as root: the driver of a device that hostile-backend serves.
 * It does what that one orders (peer.h), and reports what became of it.
 *
 *   hand-peer MMIO-BASE
 *
 * Buffers lie in pages whose other bytes are guards. After each order it does I/O
 * on the guest's other disk. Exit 0 when told to quit.
 */
#include "hand.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hypercall.h"
#include "peer.h"
#include "witness.h"

#define WAIT_SECONDS 20
#define ORDER_SECONDS 120
#define STORM 20000u

/* In the page of the exchange. */
#define X_HEADER 0u
#define X_REPORT 256u
#define X_ORDER 1024u
#define X_STATUS 2048u

/* Where buffers lie in their pages, unless they are whole pages. */
#define H_OFF 208u
#define D_OFF 776u
#define D_LEN 1000u
#define S_OFF 3001u

/* Descriptors 0 to 3 are the exchange's; a read has three. */
#define READ_HEAD(i) (4u + 3u * (i))

struct page {
    uint8_t *va;
    uint64_t pa;
};

static struct page xpage, header[PEER_MAX_READS], data[PEER_MAX_READS], status[PEER_MAX_READS];
static struct peer_report rep;
static bool running;

static void get_page(struct page *p)
{
    p->va = locked_page(&p->pa);
}

static void pause_ms(unsigned int ms)
{
    usleep(ms * 1000);
}

static uint64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec;
}

static bool needs_reset(void)
{
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET;
}

/* Until n more requests are back than before; false if they are not. */
static bool wait_back(uint16_t before, unsigned int n)
{
    uint64_t end = now() + WAIT_SECONDS;

    while ((uint16_t)(used_idx() - before) < n) {
        if (needs_reset())
            return false;
        if (now() >= end) {
            rep.timeouts++;
            return false;
        }
        pause_ms(1);
    }
    return true;
}

/* A backend that lets a reset wait makes us wait. */
static bool start_again(void)
{
    uint64_t end = now() + 3 * WAIT_SECONDS;

    do {
        if (start())
            return true;
        pause_ms(20);
    } while (now() < end);
    return false;
}

static bool exchange(struct peer_order *order)
{
    struct blk_header h = {.type = PEER_EXCHANGE};
    uint32_t timeouts = rep.timeouts;
    uint16_t before = used_idx();
    uint8_t *x = xpage.va;
    bool back;

    memcpy(x + X_HEADER, &h, sizeof(h));
    memcpy(x + X_REPORT, &rep, sizeof(rep));
    memset(x + X_ORDER, 0, sizeof(*order));
    x[X_STATUS] = 0xff;
    set_desc(0, xpage.pa + X_HEADER, sizeof(h), SVQ_DESC_F_NEXT, 1);
    set_desc(1, xpage.pa + X_REPORT, sizeof(rep), SVQ_DESC_F_NEXT, 2);
    set_desc(2, xpage.pa + X_ORDER, sizeof(*order), SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE, 3);
    set_desc(3, xpage.pa + X_STATUS, 1, SVQ_DESC_F_WRITE, 0);
    offer(0);
    kick();
    back = wait_back(before, 1);
    /* That the backend takes its time between orders is no part of them. */
    rep.timeouts = timeouts;
    if (!back || x[X_STATUS])
        return false;
    memcpy(order, x + X_ORDER, sizeof(*order));
    return true;
}

/* ---- requests with guards ---- */

static bool whole(const struct peer_order *o)
{
    return o->flags & PEER_WHOLE_PAGES;
}

static void prepare(const struct peer_order *o, unsigned int i)
{
    struct blk_header h = {.type = PEER_READ, .sector = PEER_SECTOR + i};
    unsigned int head = READ_HEAD(i), more = SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE;
    uint32_t h_off = whole(o) ? 0 : H_OFF, d_off = whole(o) ? 0 : D_OFF;

    memset(header[i].va, PEER_GUARD, PAGE);
    memset(data[i].va, PEER_GUARD, PAGE);
    memset(status[i].va, PEER_GUARD, PAGE);
    if (whole(o))
        memset(data[i].va, 0, PAGE);
    memcpy(header[i].va + h_off, &h, sizeof(h));
    memset(data[i].va + d_off, 0, D_LEN);
    status[i].va[S_OFF] = 0xff;

    set_desc(head, header[i].pa + h_off, whole(o) ? PAGE : sizeof(h), SVQ_DESC_F_NEXT, head + 1);
    set_desc(head + 1, data[i].pa + d_off, whole(o) ? PAGE : D_LEN, more, head + 2);
    set_desc(head + 2, status[i].pa + S_OFF, 1, SVQ_DESC_F_WRITE, 0);
    if (o->flags & PEER_NO_DATA)
        desc[head].next = (uint16_t)(head + 2);
}

static unsigned int differing(const uint8_t *p, uint32_t from, uint32_t to, uint8_t want)
{
    unsigned int n = 0;

    for (uint32_t i = from; i < to; i++)
        n += p[i] != want;
    return n;
}

static void inspect(const struct peer_order *o, unsigned int i)
{
    struct blk_header h = {.type = PEER_READ, .sector = PEER_SECTOR + i};
    uint32_t d_off = whole(o) ? 0 : D_OFF, d_end = whole(o) ? PAGE : D_OFF + D_LEN;
    uint32_t h_off = whole(o) ? 0 : H_OFF;

    rep.header_bad += memcmp(header[i].va + h_off, &h, sizeof(h)) != 0;
    rep.header_bad += differing(header[i].va, 0, h_off, PEER_GUARD) +
                      differing(header[i].va, h_off + sizeof(h), PAGE, PEER_GUARD);
    rep.guards_bad += differing(data[i].va, 0, d_off, PEER_GUARD) +
                      differing(data[i].va, d_end, PAGE, PEER_GUARD);
    rep.guards_bad += differing(status[i].va, 0, S_OFF, PEER_GUARD) +
                      differing(status[i].va, S_OFF + 1, PAGE, PEER_GUARD);
    if (!status[i].va[S_OFF] &&
        (o->flags & PEER_NO_DATA || !differing(data[i].va, d_off, d_off + D_LEN, PEER_DATA)))
        rep.good++;
}

static void offer_reads(const struct peer_order *o, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        prepare(o, i);
        offer(READ_HEAD(i));
    }
}

static void note_used(uint16_t before)
{
    rep.used = (uint16_t)(used_idx() - before);
    for (unsigned int i = 0; i < rep.used && i < PEER_MAX_READS; i++) {
        unsigned int at = (before + i) % QSIZE;

        rep.element[i].id = *(volatile uint32_t *)(used + SVQ_USED_ID(at));
        rep.element[i].len = *(volatile uint32_t *)(used + SVQ_USED_LEN(at));
    }
}

static void do_read(const struct peer_order *o)
{
    unsigned int n = o->count && o->count <= PEER_MAX_READS ? o->count : 1;
    uint16_t before = used_idx();

    offer_reads(o, n);
    kick();
    wait_back(before, n);
    note_used(before);
    for (unsigned int i = 0; i < n; i++)
        inspect(o, i);
    if (o->flags & PEER_LINGER) {
        memset(data[0].va, PEER_REUSED, PAGE);
        pause_ms(200);
        rep.reused_bad += differing(data[0].va, 0, PAGE, PEER_REUSED);
    }
}

/* ---- resets ---- */

/* The backend shows that it has come as far as it was to come. */
static void wait_mark(const struct peer_order *o)
{
    volatile uint8_t *mark = data[0].va + (whole(o) ? 0 : D_OFF);
    uint64_t end = now() + WAIT_SECONDS;

    while (*mark != PEER_MARK) {
        if (now() >= end) {
            rep.timeouts++;
            return;
        }
        pause_ms(1);
    }
}

static void reset_device(void)
{
    wr(SVQ_MMIO_STATUS, 0);
    if (!wait_status(0, 0xff))
        rep.timeouts++;
    running = false;
}

static void reset_queue(void)
{
    uint64_t end = now() + WAIT_SECONDS;

    wr(SVQ_MMIO_QUEUE_SEL, 0);
    wr(SVQ_MMIO_QUEUE_RESET, 1);
    /* Whose pages these are now, the backend must not find out. */
    memset(data[0].va, PEER_REUSED, PAGE);
    while (rd(SVQ_MMIO_QUEUE_RESET)) {
        if (now() >= end) {
            rep.timeouts++;
            running = false;
            return;
        }
        pause_ms(1);
    }
    empty_rings();
    set_queue(QSIZE, desc_pa, avail_pa, used_pa);
    if (!rd(SVQ_MMIO_QUEUE_READY))
        rep.timeouts++;
}

static void reset_now(const struct peer_order *o)
{
    if (o->flags & PEER_QUEUE_ONLY)
        reset_queue();
    else
        reset_device();
    memset(data[0].va, PEER_REUSED, PAGE);
}

static void do_reset(const struct peer_order *o)
{
    uint16_t before = used_idx();
    bool bad;

    if (o->point != PEER_BEFORE)
        offer_reads(o, 1);
    if (o->point > PEER_OFFERED)
        kick();
    if (o->point == PEER_HELD || o->point == PEER_UNTOLD)
        wait_mark(o);
    if (o->point == PEER_RETURNED || o->point == PEER_ACKNOWLEDGED)
        wait_back(before, 1);
    if (o->point == PEER_ACKNOWLEDGED)
        wr(SVQ_MMIO_INT_ACK, rd(SVQ_MMIO_INT_STATUS));
    reset_now(o);
    bad = !(o->flags & PEER_QUEUE_ONLY) && !start_again();
    running = !bad;
    rep.timeouts += bad;
    /* The backend tries to write until it says that it has stopped: that is, until this is back. */
    before = used_idx();
    prepare(o, 1);
    offer(READ_HEAD(1));
    kick();
    wait_back(before, 1);
    rep.reused_bad += differing(data[0].va, 0, PAGE, PEER_REUSED);
}

/* ---- memory that is not there any more ---- */

static void do_balloon(const struct peer_order *o)
{
    const uint64_t gone[] = {[PEER_DATA_PAGE] = data[0].pa,
                             [PEER_DESC_PAGE] = desc_pa,
                             [PEER_AVAIL_PAGE] = avail_pa,
                             [PEER_USED_PAGE] = used_pa};
    uint8_t *va[] = {[PEER_DATA_PAGE] = data[0].va,
                     [PEER_DESC_PAGE] = (uint8_t *)desc,
                     [PEER_AVAIL_PAGE] = (uint8_t *)avail,
                     [PEER_USED_PAGE] = used};
    unsigned int page = o->point % 4;
    uint16_t before = used_idx();
    long ret;

    offer_reads(o, 1);
    kick();
    wait_mark(o);
    /* Nobody touches the page until there is one again. */
    ret = hc_decrease(gone[page] / PAGE);
    if (ret) {
        snprintf(rep.other, sizeof(rep.other), "decrease_reservation: %ld", ret);
        return;
    }
    /* Meanwhile the backend, which waits a moment, writes and returns the request. */
    pause_ms(500);
    if (page != PEER_USED_PAGE) {
        wait_back(before, 1);
        note_used(before);
    }
    rep.device_status = rd(SVQ_MMIO_STATUS);
    ret = hc_populate(gone[page] / PAGE);
    if (ret)
        errx(2, "populate_physmap: %ld", ret);
    /* The page that is there now is another one for everybody else, until the reset. */
    memset(va[page], PEER_REUSED, PAGE);
    pause_ms(100);
    rep.reused_bad = differing(va[page], 0, PAGE, PEER_REUSED);
    reset_device();
}

/* Notifications for queues that are there and that are not, while the backend has the request. */
static void do_kick(const struct peer_order *o)
{
    uint16_t before = used_idx();

    offer_reads(o, 1);
    for (unsigned int i = 0; i < STORM; i++)
        wr(SVQ_MMIO_QUEUE_NOTIFY, i % 4 ? 0 : i * 2654435761u);
    wait_back(before, 1);
    note_used(before);
    inspect(o, 0);
}

static void do_wait(const struct peer_order *o)
{
    for (unsigned int ms = 0; ms < o->count && !needs_reset(); ms += 10)
        pause_ms(10);
}

static void perform(const struct peer_order *o)
{
    const char *other;

    rep = (struct peer_report){.round = rep.round + 1};
    running = true;

    switch (o->kind) {
    case PEER_DO_READ:
        do_read(o);
        break;
    case PEER_DO_RESET:
        do_reset(o);
        break;
    case PEER_DO_BALLOON:
        do_balloon(o);
        break;
    case PEER_DO_KICK:
        do_kick(o);
        break;
    case PEER_DO_WAIT:
        do_wait(o);
        break;
    default:
        break;
    }

    rep.device_status |= rd(SVQ_MMIO_STATUS);
    rep.interrupts = rd(SVQ_MMIO_INT_STATUS);
    wr(SVQ_MMIO_INT_ACK, rep.interrupts);
    if (rep.timeouts || needs_reset())
        running = false;
    other = witness();
    if (other)
        snprintf(rep.other, sizeof(rep.other), "%s", other);
}

int main(int argc, char **argv)
{
    struct peer_order order;
    uint64_t since;

    if (argc != 2)
        errx(2, "usage: hand-peer MMIO-BASE");
    open_device(argv[1]);
    hand_features |= 1ULL << SVQ_F_RING_RESET;
    get_page(&xpage);
    for (unsigned int i = 0; i < PEER_MAX_READS; i++) {
        get_page(&header[i]);
        get_page(&data[i]);
        get_page(&status[i]);
    }

    since = now();
    for (;;) {
        if (!running && !start_again())
            errx(1, "the device does not start");
        running = exchange(&order);
        if (!running) {
            /* The backend may come and go as often as Xen lets it, but not for ever. */
            if (now() - since >= ORDER_SECONDS)
                errx(1, "the backend gives no orders");
            continue;
        }
        if (order.kind == PEER_QUIT)
            break;
        perform(&order);
        since = now();
    }
    wr(SVQ_MMIO_STATUS, 0);
    printf("%u orders carried out\n", rep.round);
    return 0;
}
