// SPDX-License-Identifier: MIT
/* A virtio block device, driven by hand from a guest's user space: hand.h. */
#include "hand.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* How long a device may take to answer; a limit, nothing is measured by it. */
#define ANSWER_SECONDS 60

volatile uint8_t *regs;
struct svq_desc *desc;
uint16_t *avail;
uint8_t *used;
uint8_t *buf;
uint64_t desc_pa, avail_pa, used_pa, buf_pa;
uint64_t hand_features = 1ULL << SVQ_F_VERSION_1;

uint16_t avail_idx;

uint32_t rd(uint32_t off)
{
    return *(volatile uint32_t *)(regs + off);
}

void wr(uint32_t off, uint32_t val)
{
    *(volatile uint32_t *)(regs + off) = val;
}

void *locked_page(uint64_t *pa)
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

bool wait_status(uint32_t set, uint32_t clear)
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
bool negotiate(void)
{
    wr(SVQ_MMIO_STATUS, 0);
    if (!wait_status(0, 0xff))
        return false;
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE);
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    wr(SVQ_MMIO_DRV_FEAT_SEL, 0);
    wr(SVQ_MMIO_DRV_FEATURES, (uint32_t)hand_features);
    wr(SVQ_MMIO_DRV_FEAT_SEL, 1);
    wr(SVQ_MMIO_DRV_FEATURES, (uint32_t)(hand_features >> 32));
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_FEATURES_OK);
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK;
}

void set_queue(uint32_t size, uint64_t d, uint64_t a, uint64_t u)
{
    wr(SVQ_MMIO_QUEUE_SEL, 0);
    wr(SVQ_MMIO_QUEUE_SIZE, size);
    set64(SVQ_MMIO_DESC_LOW, d);
    set64(SVQ_MMIO_AVAIL_LOW, a);
    set64(SVQ_MMIO_USED_LOW, u);
    wr(SVQ_MMIO_QUEUE_READY, 1);
}

void empty_rings(void)
{
    memset(desc, 0, PAGE);
    memset(avail, 0, PAGE);
    memset(used, 0, PAGE);
    avail_idx = 0;
}

bool start(void)
{
    empty_rings();
    if (!negotiate())
        return false;
    set_queue(QSIZE, desc_pa, avail_pa, used_pa);
    if (!rd(SVQ_MMIO_QUEUE_READY))
        return false;
    wr(SVQ_MMIO_STATUS, rd(SVQ_MMIO_STATUS) | SVQ_STATUS_DRIVER_OK);
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_DRIVER_OK;
}

void set_desc(unsigned int i, uint64_t addr, uint32_t len, unsigned int flags, unsigned int next)
{
    desc[i] = (struct svq_desc){
        .addr = addr, .len = len, .flags = (uint16_t)flags, .next = (uint16_t)next};
}

/* The descriptors 0, 1, 2 of a good read of sector 0. */
void good_chain(void)
{
    struct blk_header h = {.type = BLK_IN};

    memcpy(buf + HEADER_OFF, &h, sizeof(h));
    buf[STATUS_OFF] = 0xff;
    memset(buf + DATA_OFF, 0, SECTOR);
    set_desc(0, buf_pa + HEADER_OFF, sizeof(h), SVQ_DESC_F_NEXT, 1);
    set_desc(1, buf_pa + DATA_OFF, SECTOR, SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE, 2);
    set_desc(2, buf_pa + STATUS_OFF, 1, SVQ_DESC_F_WRITE, 0);
}

void offer(unsigned int head)
{
    avail[2 + avail_idx % QSIZE] = (uint16_t)head;
    avail_idx++;
    __sync_synchronize();
    *(volatile uint16_t *)&avail[1] = avail_idx;
    __sync_synchronize();
}

void kick(void)
{
    wr(SVQ_MMIO_QUEUE_NOTIFY, 0);
}

uint16_t used_idx(void)
{
    uint16_t idx = *(volatile uint16_t *)(used + SVQ_USED_IDX);

    __sync_synchronize();
    return idx;
}

bool wait_used(uint16_t want)
{
    uint64_t end = seconds() + ANSWER_SECONDS;

    while (used_idx() != want)
        if (seconds() >= end || rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET)
            return used_idx() == want;
    return true;
}

/* A good read of sector 0, whose last two bytes are those of a partition table. */
bool works(void)
{
    uint16_t before = used_idx();

    good_chain();
    offer(0);
    kick();
    return wait_used((uint16_t)(before + 1)) && buf[STATUS_OFF] == 0 &&
           buf[DATA_OFF + 510] == 0x55 && buf[DATA_OFF + 511] == 0xaa;
}

uint64_t offered(void)
{
    uint64_t high;

    wr(SVQ_MMIO_DEV_FEAT_SEL, 1);
    high = rd(SVQ_MMIO_DEV_FEATURES);
    wr(SVQ_MMIO_DEV_FEAT_SEL, 0);
    return high << 32 | rd(SVQ_MMIO_DEV_FEATURES);
}

unsigned int passed, failed;

void report(const char *name, const char *why)
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
const char *needs_reset_and_recovers(bool live)
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

void open_device(const char *where)
{
    off_t base = (off_t)strtoull(where, NULL, 0);
    int mem;

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
}
