// SPDX-License-Identifier: MIT
/*
 * Runs in a guest, as root: drives a mediated virtio block device by hand, from
 * user space, so that rings can be malformed in ways no kernel driver would.
 *
 *   hand-driver MMIO-BASE DOMID
 *   hand-driver MMIO-BASE recover N
 *
 * The second form makes nothing wrong: N times, it starts the device, sees that
 * it works, and waits for it to fail because of somebody else. DOMID is the guest's
 * own. For hypercalls the kernel needs "xen_privcmd.unrestricted=1".
 *
 * No kernel driver may be bound to the device. Registers are reached through
 * /dev/mem; buffers and rings are locked pages whose guest-physical addresses
 * come from /proc/self/pagemap. Each case starts from a working device, does one
 * wrong thing, and expects what it says of it; after each, a reset must give back
 * a working device, and the guest's other disk does I/O. Prints a line for each
 * (attack.h); exit 0 if all passed.
 */
#include "hand-driver.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "witness.h"

#define FAILS "the device fails with a configuration interrupt"

const char *judge(const char *why)
{
    const char *other = witness();

    return why ? why : other;
}

/* What the driver sees of a failure; then a reset, which must help. */
const char *fails(bool live)
{
    if (!wait_status(SVQ_STATUS_NEEDS_RESET, 0))
        return "no DEVICE_NEEDS_RESET";
    attack_saw("status %#x, interrupts %#x", rd(SVQ_MMIO_STATUS), rd(SVQ_MMIO_INT_STATUS));
    return needs_reset_and_recovers(live);
}

/* The device goes on, and what it does is right. */
const char *goes_on(void)
{
    if (!works())
        return "a good request is not served";
    attack_saw("status %#x, a good request is served", rd(SVQ_MMIO_STATUS));
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET ? "DEVICE_NEEDS_RESET" : NULL;
}

const char *recovers(void)
{
    attack_saw("status %#x", rd(SVQ_MMIO_STATUS));
    for (unsigned int i = 0; i < 300; i++) {
        if (start() && works())
            return NULL;
        usleep(100000);
    }
    return "the device does not work after a reset";
}

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
    *(volatile uint16_t *)&avail[1] = (uint16_t)(avail_idx + QSIZE + 1);
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

static void addr_in_window(void)
{
    good_chain();
    desc[1].addr = SVQ_WINDOW_DAS;
    offer_and_kick();
}

static void buffer_over_ram_end(void)
{
    good_chain();
    desc[1].addr = ram_end - SECTOR / 2;
    offer_and_kick();
}

static void buffer_over_ram_start(void)
{
    good_chain();
    desc[1].addr = ram_start - SECTOR / 2;
    offer_and_kick();
}

static void too_many_pages(void)
{
    good_chain();
    desc[1].addr = ram_start;
    desc[1].len = (SVQ_CHAIN_PAGES + 1) * PAGE;
    offer_and_kick();
}

static void all_of_ram(void)
{
    good_chain();
    desc[1].addr = ram_start;
    desc[1].len = (uint32_t)(ram_end - ram_start);
    offer_and_kick();
}

static void all_flags(void)
{
    good_chain();
    desc[1].flags = 0xffff;
    offer_and_kick();
}

static void indirect_and_next(void)
{
    good_chain();
    desc[0].flags |= SVQ_DESC_F_INDIRECT;
    offer_and_kick();
}

static void avail_idx_by_half(void)
{
    good_chain();
    *(volatile uint16_t *)&avail[1] = (uint16_t)(avail_idx + 0x8000);
    __sync_synchronize();
    kick();
}

/* Two chains with a common tail have more descriptors than there are. */
static void shared_tail(void)
{
    good_chain();
    for (unsigned int i = 2; i < QSIZE - 1; i++)
        set_desc(i, buf_pa, 1, SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE, i + 1);
    set_desc(QSIZE - 1, buf_pa + STATUS_OFF, 1, SVQ_DESC_F_WRITE, 0);
    set_desc(0, buf_pa, 16, SVQ_DESC_F_NEXT, 2);
    set_desc(1, buf_pa, 16, SVQ_DESC_F_NEXT, 2);
    offer(0);
    offer(1);
    kick();
}

static const struct {
    const char *name;
    void (*wrong)(void);
    enum svq_error error;
} bad_ring[] = {
    {"buffer outside RAM", addr_outside_ram, SVQ_ERR_ADDR},
    {"buffer in the device's own registers", addr_in_registers, SVQ_ERR_ADDR},
    {"buffer that wraps around 2^64", addr_wraps, SVQ_ERR_ADDR},
    {"buffer that ends outside RAM", len_beyond_ram, SVQ_ERR_ADDR},
    {"buffer of no bytes", len_zero, SVQ_ERR_LEN},
    {"loop of one descriptor", loop_of_one, SVQ_ERR_CHAIN_LONG},
    {"loop of two descriptors", loop_of_two, SVQ_ERR_CHAIN_LONG},
    {"next just beyond the table", next_beyond_table, SVQ_ERR_NEXT},
    {"next far beyond the table", next_far_beyond_table, SVQ_ERR_NEXT},
    {"readable descriptor after a writable one", readable_after_writable, SVQ_ERR_ORDER},
    {"indirect descriptor without the feature", indirect_not_negotiated, SVQ_ERR_INDIRECT},
    {"unknown descriptor flags", unknown_flags, SVQ_ERR_FLAGS},
    {"head just beyond the table", head_beyond_table, SVQ_ERR_HEAD},
    {"head far beyond the table", head_far_beyond_table, SVQ_ERR_HEAD},
    {"head offered twice", head_offered_twice, SVQ_ERR_HEAD_BUSY},
    {"available idx beyond the queue size", avail_idx_jumps, SVQ_ERR_AVAIL_IDX},
    {"available idx goes back", avail_idx_goes_back, SVQ_ERR_AVAIL_IDX},
    {"QueueReady cleared on a live queue", live_queue_unreadied, SVQ_ERR_STATUS},
    {"buffer in the shadow queues' window", addr_in_window, SVQ_ERR_ADDR},
    {"buffer across the end of RAM", buffer_over_ram_end, SVQ_ERR_ADDR},
    {"buffer across the start of RAM", buffer_over_ram_start, SVQ_ERR_ADDR},
    {"buffer of one page more than a chain may have", too_many_pages, SVQ_ERR_CHAIN_PAGES},
    {"buffer of all RAM", all_of_ram, SVQ_ERR_CHAIN_PAGES},
    {"descriptor flags of ones", all_flags, SVQ_ERR_FLAGS},
    {"indirect descriptor with a next one, without the feature", indirect_and_next,
     SVQ_ERR_INDIRECT},
    {"available idx jumps by half its range", avail_idx_by_half, SVQ_ERR_AVAIL_IDX},
    {"chains with a common tail", shared_tail, SVQ_ERR_OVERCOMMIT},
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

static void attack_rings(void)
{
    for (unsigned int i = 0; i < sizeof(bad_ring) / sizeof(*bad_ring); i++) {
        const struct attack a = {"driver", bad_ring[i].name, FAILS, 1, bad_ring[i].error};

        /* Something returned before, so that indices are not all 0. */
        if (!start() || !works()) {
            attack_end(&a, "the device does not work to begin with");
            continue;
        }
        bad_ring[i].wrong();
        attack_end(&a, judge(fails(true)));
    }
}

static void attack_setup(void)
{
    for (unsigned int i = 0; i < sizeof(bad_setup) / sizeof(*bad_setup); i++) {
        const struct attack a = {"driver", bad_setup[i].name, "the device fails", 1, SVQ_ERR_RING};

        if (!negotiate()) {
            attack_end(&a, "cannot negotiate");
            continue;
        }
        set_queue(bad_setup[i].size, desc_pa + (uint64_t)bad_setup[i].desc_off,
                  avail_pa + (uint64_t)bad_setup[i].avail_off,
                  used_pa + (uint64_t)bad_setup[i].used_off);
        attack_end(&a, judge(rd(SVQ_MMIO_QUEUE_READY) ? "the queue was accepted" : fails(false)));
    }
}

/* Resets while requests are under way. */
static void attack_resets(void)
{
    const struct attack a = {"driver", "resets with a request under way",
                             "the device works afterwards", 0, 0};

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
    attack_end(&a, judge(start() && works() ? NULL : "the device does not work afterwards"));
}

int main(int argc, char **argv)
{
    static const struct attack good = {"driver", "nothing: a good read by hand",
                                       "the request is served", 0, 0};

    if (argc != 3 && !(argc == 4 && !strcmp(argv[2], "recover")))
        errx(2, "usage: hand-driver MMIO-BASE DOMID | MMIO-BASE recover N");
    open_device(argv[1]);

    if (argc == 4)
        return recover((unsigned int)atoi(argv[3]));

    own_domid = (unsigned int)atoi(argv[2]);
    find_ram();
    attack_end(&good, judge(start() && works() ? NULL : "the device does not work"));
    attack_rings();
    attack_setup();
    attack_registers();
    attack_races();
    attack_memory();
    attack_worst();
    attack_resets();

    wr(SVQ_MMIO_STATUS, 0);
    return attacks_failed ? 1 : 0;
}
