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
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <virtio-shadow/ring.h>

#define PAGE 4096u
#define QSIZE 64u
#define SECTOR 512u

#define BLK_IN 0u /* struct virtio_blk_req.type: the device writes the data */

/* How long a device may take to answer; a limit, nothing is measured by it. */
#define ANSWER_SECONDS 60

struct blk_header {
    uint32_t type, reserved;
    uint64_t sector;
};

static volatile uint8_t *regs;

/* One locked page each. */
static struct svq_desc *desc;
static uint16_t *avail;
static uint8_t *used;
static uint8_t *buf; /* header at 0, status at 1024, data from 2048 */
static uint64_t desc_pa, avail_pa, used_pa, buf_pa;

static uint16_t avail_idx;

#define HEADER_OFF 0u
#define STATUS_OFF 1024u
#define DATA_OFF 2048u

static uint32_t rd(uint32_t off)
{
    return *(volatile uint32_t *)(regs + off);
}

static void wr(uint32_t off, uint32_t val)
{
    *(volatile uint32_t *)(regs + off) = val;
}

static void *locked_page(uint64_t *pa)
{
    static int pagemap = -1;
    uint64_t entry;
    void *va = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);

    if (va == MAP_FAILED)
        err(2, "cannot lock a page");
    memset(va, 0, PAGE);
    if (pagemap < 0)
        pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pread(pagemap, &entry, sizeof(entry), (off_t)((uintptr_t)va / PAGE * 8)) != 8 ||
        !(entry >> 63))
        err(2, "cannot learn a page's address from /proc/self/pagemap");
    *pa = (entry & ((1ULL << 55) - 1)) * PAGE;
    return va;
}

static uint64_t seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec;
}

static bool wait_status(uint32_t set, uint32_t clear)
{
    uint64_t end = seconds() + ANSWER_SECONDS;

    do {
        uint32_t s = rd(SVQ_MMIO_STATUS);

        if ((s & set) == set && !(s & clear))
            return true;
    } while (seconds() < end);
    return false;
}

static void set64(uint32_t low, uint64_t val)
{
    wr(low, (uint32_t)val);
    wr(low + 4, (uint32_t)(val >> 32));
}

/* Up to FEATURES_OK, VIRTIO 3.1.1. */
static bool negotiate(void)
{
    wr(SVQ_MMIO_STATUS, 0);
    if (!wait_status(0, 0xff))
        return false;
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE);
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    wr(SVQ_MMIO_DRV_FEAT_SEL, 0);
    wr(SVQ_MMIO_DRV_FEATURES, 0);
    wr(SVQ_MMIO_DRV_FEAT_SEL, 1);
    wr(SVQ_MMIO_DRV_FEATURES, 1); /* VERSION_1 */
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK);
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK;
}

static void set_queue(uint32_t size, uint64_t d, uint64_t a, uint64_t u)
{
    wr(SVQ_MMIO_QUEUE_SEL, 0);
    wr(SVQ_MMIO_QUEUE_SIZE, size);
    set64(SVQ_MMIO_DESC_LOW, d);
    set64(SVQ_MMIO_AVAIL_LOW, a);
    set64(SVQ_MMIO_USED_LOW, u);
    wr(SVQ_MMIO_QUEUE_READY, 1);
}

static bool start(void)
{
    memset(desc, 0, PAGE);
    memset(avail, 0, PAGE);
    memset(used, 0, PAGE);
    avail_idx = 0;
    if (!negotiate())
        return false;
    set_queue(QSIZE, desc_pa, avail_pa, used_pa);
    if (!rd(SVQ_MMIO_QUEUE_READY))
        return false;
    wr(SVQ_MMIO_STATUS, rd(SVQ_MMIO_STATUS) | SVQ_STATUS_DRIVER_OK);
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_DRIVER_OK;
}

static void set_desc(unsigned int i, uint64_t addr, uint32_t len, unsigned int flags,
                     unsigned int next)
{
    desc[i] = (struct svq_desc){
        .addr = addr, .len = len, .flags = (uint16_t)flags, .next = (uint16_t)next};
}

/* The descriptors 0, 1, 2 of a good read of sector 0. */
static void good_chain(void)
{
    struct blk_header h = {.type = BLK_IN};

    memcpy(buf + HEADER_OFF, &h, sizeof(h));
    buf[STATUS_OFF] = 0xff;
    memset(buf + DATA_OFF, 0, SECTOR);
    set_desc(0, buf_pa + HEADER_OFF, sizeof(h), SVQ_DESC_F_NEXT, 1);
    set_desc(1, buf_pa + DATA_OFF, SECTOR, SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE, 2);
    set_desc(2, buf_pa + STATUS_OFF, 1, SVQ_DESC_F_WRITE, 0);
}

static void offer(unsigned int head)
{
    avail[2 + avail_idx % QSIZE] = (uint16_t)head;
    avail_idx++;
    __sync_synchronize();
    *(volatile uint16_t *)&avail[1] = avail_idx;
    __sync_synchronize();
}

static void kick(void)
{
    wr(SVQ_MMIO_QUEUE_NOTIFY, 0);
}

static uint16_t used_idx(void)
{
    uint16_t idx = *(volatile uint16_t *)(used + SVQ_USED_IDX);

    __sync_synchronize();
    return idx;
}

static bool wait_used(uint16_t want)
{
    uint64_t end = seconds() + ANSWER_SECONDS;

    while (used_idx() != want)
        if (seconds() >= end)
            return false;
    return true;
}

/* A good read of sector 0, whose last two bytes are those of a partition table. */
static bool works(void)
{
    uint16_t before = used_idx();

    good_chain();
    offer(0);
    kick();
    return wait_used((uint16_t)(before + 1)) && buf[STATUS_OFF] == 0 &&
           buf[DATA_OFF + 510] == 0x55 && buf[DATA_OFF + 511] == 0xaa;
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

static unsigned int passed, failed;

static void report(const char *name, const char *why)
{
    if (why) {
        failed++;
        printf("not ok %s (%s)\n", name, why);
    } else {
        passed++;
        printf("ok %s\n", name);
    }
    fflush(stdout);
}

/* After something wrong: what VIRTIO 2.1.2 asks of the device, then a reset. */
static const char *needs_reset_and_recovers(bool live)
{
    if (!wait_status(SVQ_STATUS_NEEDS_RESET, 0))
        return "no DEVICE_NEEDS_RESET";
    if (live && !(rd(SVQ_MMIO_INT_STATUS) & SVQ_INT_CONFIG))
        return "no configuration interrupt";
    if (!start())
        return "the device does not start after a reset";
    if (!works())
        return "the device does not work after a reset";
    return NULL;
}

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
    off_t base;
    int mem;

    if (argc != 2 && !(argc == 4 && !strcmp(argv[2], "recover")))
        errx(2, "usage: hand-driver MMIO-BASE [recover N]");
    base = (off_t)strtoull(argv[1], NULL, 0);
    mem = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
    if (mem < 0)
        err(2, "/dev/mem");
    regs = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, base & ~(off_t)(PAGE - 1));
    if (regs == MAP_FAILED)
        err(2, "cannot map the registers at %#jx", (intmax_t)base);
    regs += base & (PAGE - 1);
    if (rd(SVQ_MMIO_MAGIC) != SVQ_MMIO_MAGIC_VALUE || rd(SVQ_MMIO_DEVICE_ID) != 2)
        errx(2, "there is no virtio block device at %#jx", (intmax_t)base);

    desc = locked_page(&desc_pa);
    avail = locked_page(&avail_pa);
    used = locked_page(&used_pa);
    buf = locked_page(&buf_pa);

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
