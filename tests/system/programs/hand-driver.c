// SPDX-License-Identifier: MIT
/*
 * Runs in a guest, as root: drives a mediated virtio block device by hand, from
 * user space, so that rings can be malformed in ways no kernel driver would.
 *
 *   hand-driver MMIO-BASE
 *   hand-driver MMIO-BASE recover N
 *
 * The second form makes nothing wrong: N times, it starts the device, sees that
 * it works, and waits for it to fail because of somebody else.
 *
 * No kernel driver may be bound to the device. Registers are reached through
 * /dev/mem; buffers and rings are locked pages whose guest-physical addresses
 * come from /proc/self/pagemap. Each case starts from a working device, does one
 * wrong thing, and expects DEVICE_NEEDS_RESET and a configuration interrupt (or,
 * for the good ones, the request's result); after each, a reset must give back a
 * working device. Prints "ok NAME" or "not ok NAME (why)" a line; exit 0 if all
 * passed.
 */
#include "hand.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what can be wrong ---- */

static void offer_and_kick(void)
{
    offer(0);
    kick();
}

static void addr_outside_ram(void)
{
    good_chain();
    desc[1].addr = 1ULL << 40;
    offer_and_kick();
}

static void addr_in_registers(void)
{
    good_chain();
    desc[1].addr = 0x2000000;
    offer_and_kick();
}

static void addr_wraps(void)
{
    good_chain();
    desc[1].addr = ~0ULL - 255;
    offer_and_kick();
}

static void len_beyond_ram(void)
{
    good_chain();
    desc[1].len = 0xffffffffu;
    offer_and_kick();
}

static void len_zero(void)
{
    good_chain();
    desc[1].len = 0;
    offer_and_kick();
}

static void loop_of_two(void)
{
    good_chain();
    desc[2].flags |= SVQ_DESC_F_NEXT;
    desc[2].next = 1;
    offer_and_kick();
}

static void loop_of_one(void)
{
    good_chain();
    desc[2].flags |= SVQ_DESC_F_NEXT;
    desc[2].next = 2;
    offer_and_kick();
}

static void next_beyond_table(void)
{
    good_chain();
    desc[0].next = QSIZE;
    offer_and_kick();
}

static void next_far_beyond_table(void)
{
    good_chain();
    desc[0].next = 0xffff;
    offer_and_kick();
}

static void readable_after_writable(void)
{
    good_chain();
    desc[2].flags = 0;
    offer_and_kick();
}

static void indirect_not_negotiated(void)
{
    good_chain();
    desc[0].flags = SVQ_DESC_F_INDIRECT;
    offer_and_kick();
}

static void unknown_flags(void)
{
    good_chain();
    desc[0].flags |= 0x100;
    offer_and_kick();
}

static void head_beyond_table(void)
{
    good_chain();
    offer(QSIZE);
    kick();
}

static void head_far_beyond_table(void)
{
    good_chain();
    offer(0xffff);
    kick();
}

static void head_offered_twice(void)
{
    good_chain();
    offer(0);
    offer(0);
    kick();
}

static void avail_idx_jumps(void)
{
    good_chain();
    *(volatile uint16_t *)&avail[1] = QSIZE + 1;
    __sync_synchronize();
    kick();
}

static void avail_idx_goes_back(void)
{
    *(volatile uint16_t *)&avail[1] = (uint16_t)(avail_idx - 1);
    __sync_synchronize();
    kick();
}

static void live_queue_unreadied(void)
{
    wr(SVQ_MMIO_QUEUE_SEL, 0);
    wr(SVQ_MMIO_QUEUE_READY, 0);
}

static const struct {
    const char *name;
    void (*wrong)(void);
} bad_ring[] = {
    {"buffer outside RAM", addr_outside_ram},
    {"buffer in the device's own registers", addr_in_registers},
    {"buffer that wraps around 2^64", addr_wraps},
    {"buffer that ends outside RAM", len_beyond_ram},
    {"buffer of no bytes", len_zero},
    {"loop of one descriptor", loop_of_one},
    {"loop of two descriptors", loop_of_two},
    {"next just beyond the table", next_beyond_table},
    {"next far beyond the table", next_far_beyond_table},
    {"readable descriptor after a writable one", readable_after_writable},
    {"indirect descriptor without the feature", indirect_not_negotiated},
    {"unknown descriptor flags", unknown_flags},
    {"head just beyond the table", head_beyond_table},
    {"head far beyond the table", head_far_beyond_table},
    {"head offered twice", head_offered_twice},
    {"available idx beyond the queue size", avail_idx_jumps},
    {"available idx goes back", avail_idx_goes_back},
    {"QueueReady cleared on a live queue", live_queue_unreadied},
};

/* Rings that must not be accepted in the first place. */
static const struct {
    const char *name;
    uint32_t size;
    int64_t desc_off, avail_off, used_off;
} bad_setup[] = {
    {"queue size 0", 0, 0, 0, 0},
    {"queue size no power of two", 48, 0, 0, 0},
    {"queue size above the maximum", 2048, 0, 0, 0},
    {"queue size beyond 16 bits", 0x10040, 0, 0, 0},
    {"descriptor table unaligned", QSIZE, 8, 0, 0},
    {"available ring unaligned", QSIZE, 0, 1, 0},
    {"used ring unaligned", QSIZE, 0, 0, 2},
    {"descriptor table outside RAM", QSIZE, 1LL << 41, 0, 0},
    {"available ring outside RAM", QSIZE, 0, 1LL << 41, 0},
    {"used ring outside RAM", QSIZE, 0, 0, 1LL << 41},
};

static int recover(unsigned int times)
{
    for (unsigned int i = 0; i <= times; i++) {
        if (!start() || !works()) {
            report("device works", "it does not");
            return 1;
        }
        if (i < times && !wait_status(SVQ_STATUS_NEEDS_RESET, 0)) {
            report("device fails", "no DEVICE_NEEDS_RESET in time");
            return 1;
        }
    }
    wr(SVQ_MMIO_STATUS, 0);
    report("device recovers each time", NULL);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2 && !(argc == 4 && !strcmp(argv[2], "recover")))
        errx(2, "usage: hand-driver MMIO-BASE [recover N]");
    open_device(argv[1]);

    if (argc == 4)
        return recover((unsigned int)atoi(argv[3]));

    report("a good read by hand", start() && works() ? NULL : "the device does not work");

    for (unsigned int i = 0; i < sizeof(bad_ring) / sizeof(*bad_ring); i++) {
        /* Something returned before, so that indices are not all 0. */
        if (!start() || !works()) {
            report(bad_ring[i].name, "the device does not work to begin with");
            continue;
        }
        bad_ring[i].wrong();
        report(bad_ring[i].name, needs_reset_and_recovers(true));
    }

    for (unsigned int i = 0; i < sizeof(bad_setup) / sizeof(*bad_setup); i++) {
        if (!negotiate()) {
            report(bad_setup[i].name, "cannot negotiate");
            continue;
        }
        set_queue(bad_setup[i].size, desc_pa + (uint64_t)bad_setup[i].desc_off,
                  avail_pa + (uint64_t)bad_setup[i].avail_off,
                  used_pa + (uint64_t)bad_setup[i].used_off);
        if (rd(SVQ_MMIO_QUEUE_READY))
            report(bad_setup[i].name, "the queue was accepted");
        else
            report(bad_setup[i].name, needs_reset_and_recovers(false));
    }

    /* Resets while requests are under way. */
    for (unsigned int i = 0; i < 20; i++) {
        if (!start())
            break;
        for (unsigned int n = 0; n < i; n++) {
            good_chain();
            offer(0);
            kick();
            if (n + 1 < i && !wait_used((uint16_t)(n + 1)))
                break;
        }
    }
    report("resets with a request under way",
           start() && works() ? NULL : "the device does not work afterwards");

    wr(SVQ_MMIO_STATUS, 0);
    return failed ? 1 : 0;
}
