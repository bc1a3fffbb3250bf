// SPDX-License-Identifier: MIT
#include "rings.h"

/* How long a device may take; limits, nothing is measured by them. */
#define ANSWER_MS 20000
/* For a device process that has to come back. */
#define RETURN_MS 30000

#define ALIGNED __attribute__((aligned(PAGE)))

struct svq_desc desc[PAGE / 16] ALIGNED;
struct svq_packed_desc *const packed_desc = (struct svq_packed_desc *)desc;
uint16_t avail[PAGE / 2] ALIGNED;
uint8_t used[PAGE] ALIGNED;
struct svq_desc table[2 * PAGE / 16] ALIGNED;
uint8_t buf[4][PAGE] ALIGNED;

bool packed;
uint16_t avail_idx, packed_next;
bool packed_wrap;

static volatile uint8_t *regs;
static uint64_t features;

/* Packed: descriptors of each buffer that is out, by its id; and where the next return is. */
static uint16_t list_len[QSIZE];
static uint16_t packed_seen, packed_returned;
static bool seen_wrap;

void use_device(unsigned int n)
{
    regs = (volatile uint8_t *)(0x2000000ul + n * SVQ_MMIO_SIZE);
}

uint32_t rd(uint32_t off)
{
    return *(volatile uint32_t *)(regs + off);
}

void wr(uint32_t off, uint32_t val)
{
    *(volatile uint32_t *)(regs + off) = val;
}

uint64_t pa(const void *p)
{
    return (uint64_t)p;
}

uint64_t offered(void)
{
    uint64_t high;

    wr(SVQ_MMIO_DEV_FEAT_SEL, 1);
    high = rd(SVQ_MMIO_DEV_FEATURES);
    wr(SVQ_MMIO_DEV_FEAT_SEL, 0);
    return high << 32 | rd(SVQ_MMIO_DEV_FEATURES);
}

bool wait_status(uint32_t set, uint32_t clear)
{
    uint64_t end = now_ms() + ANSWER_MS;

    do {
        uint32_t s = rd(SVQ_MMIO_STATUS);

        if ((s & set) == set && !(s & clear))
            return true;
        yield();
    } while (now_ms() < end);
    return false;
}

/* Up to FEATURES_OK, VIRTIO 3.1.1. */
bool negotiate(uint64_t wanted)
{
    const uint32_t up = SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER;

    features = wanted | F(SVQ_F_VERSION_1);
    wr(SVQ_MMIO_STATUS, 0);
    if (!wait_status(0, 0xff))
        return false;
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE);
    wr(SVQ_MMIO_STATUS, up);
    wr(SVQ_MMIO_DRV_FEAT_SEL, 0);
    wr(SVQ_MMIO_DRV_FEATURES, (uint32_t)features);
    wr(SVQ_MMIO_DRV_FEAT_SEL, 1);
    wr(SVQ_MMIO_DRV_FEATURES, (uint32_t)(features >> 32));
    wr(SVQ_MMIO_STATUS, up | SVQ_STATUS_FEATURES_OK);
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK;
}

static void set64(uint32_t low, uint64_t val)
{
    wr(low, (uint32_t)val);
    wr(low + 4, (uint32_t)(val >> 32));
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
    memset(desc, 0, sizeof(desc));
    memset(avail, 0, sizeof(avail));
    memset(used, 0, sizeof(used));
    packed = features & F(SVQ_F_RING_PACKED);
    avail_idx = packed_next = packed_seen = packed_returned = 0;
    packed_wrap = seen_wrap = true;
}

static bool start_once(uint64_t wanted)
{
    if (!negotiate(wanted))
        return false;
    empty_rings();
    set_queue(QSIZE, pa(desc), pa(avail), pa(used));
    if (!rd(SVQ_MMIO_QUEUE_READY))
        return false;
    wr(SVQ_MMIO_STATUS, rd(SVQ_MMIO_STATUS) | SVQ_STATUS_DRIVER_OK);
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_DRIVER_OK;
}

bool start(uint64_t wanted)
{
    uint64_t end = now_ms() + RETURN_MS;

    do {
        if (start_once(wanted) && works())
            return true;
        wait_ms(50);
    } while (now_ms() < end);
    return false;
}

void fill(struct svq_desc *d, uint64_t addr, uint32_t len, unsigned int flags, unsigned int next)
{
    *d = (struct svq_desc){
        .addr = addr, .len = len, .flags = (uint16_t)flags, .next = (uint16_t)next};
}

static void prepare(unsigned int n)
{
    struct blk_header h = {0};

    memcpy(buf[n] + HEADER_OFF, &h, sizeof(h));
    buf[n][STATUS_OFF] = 0xff;
    memset(buf[n] + DATA_OFF, 0, SECTOR);
}

static void parts(struct svq_desc *d, unsigned int first, unsigned int n)
{
    prepare(n);
    fill(&d[0], pa(buf[n] + HEADER_OFF), sizeof(struct blk_header), SVQ_DESC_F_NEXT, first + 1);
    fill(&d[1], pa(buf[n] + DATA_OFF), SECTOR, SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE, first + 2);
    fill(&d[2], pa(buf[n] + STATUS_OFF), 1, SVQ_DESC_F_WRITE, 0);
}

void read_desc(unsigned int i, unsigned int n)
{
    parts(&desc[i], i, n);
}

void read_table(struct svq_desc *t, unsigned int n)
{
    parts(t, 0, n);
}

bool read_done(unsigned int n)
{
    return buf[n][STATUS_OFF] == 0 && buf[n][DATA_OFF + 510] == 0x55 &&
           buf[n][DATA_OFF + 511] == 0xaa;
}

void offer(unsigned int head)
{
    avail[2 + avail_idx % QSIZE] = (uint16_t)head;
    avail_idx++;
    __sync_synchronize();
    *(volatile uint16_t *)&avail[1] = avail_idx;
    __sync_synchronize();
}

void offer_packed(const struct svq_desc *d, unsigned int n, unsigned int id)
{
    struct svq_packed_desc *first = &packed_desc[packed_next];
    uint16_t first_flags = 0;

    list_len[id % QSIZE] = (uint16_t)n;
    for (unsigned int i = 0; i < n; i++) {
        struct svq_packed_desc *p = &packed_desc[packed_next];
        uint16_t flags = d[i].flags & (uint16_t) ~(SVQ_PACKED_F_AVAIL | SVQ_PACKED_F_USED);

        flags |= packed_wrap ? SVQ_PACKED_F_AVAIL : SVQ_PACKED_F_USED;
        p->addr = d[i].addr;
        p->len = d[i].len;
        p->id = (uint16_t)id;
        if (i)
            p->flags = flags;
        else
            first_flags = flags;
        if (++packed_next == QSIZE) {
            packed_next = 0;
            packed_wrap = !packed_wrap;
        }
    }
    /* The first one last: with it, the whole list is there. */
    __sync_synchronize();
    *(volatile uint16_t *)&first->flags = first_flags;
    __sync_synchronize();
}

void kick(void)
{
    wr(SVQ_MMIO_QUEUE_NOTIFY, 0);
}

static void look_packed(void)
{
    for (;;) {
        struct svq_packed_desc *p = &packed_desc[packed_seen];
        uint16_t flags = *(volatile uint16_t *)&p->flags;
        bool a = flags & SVQ_PACKED_F_AVAIL, u = flags & SVQ_PACKED_F_USED;

        if (a != u || u != seen_wrap)
            return;
        __sync_synchronize();
        packed_seen = (uint16_t)(packed_seen + list_len[p->id % QSIZE]);
        packed_returned++;
        if (packed_seen >= QSIZE) {
            packed_seen = (uint16_t)(packed_seen - QSIZE);
            seen_wrap = !seen_wrap;
        }
    }
}

uint16_t returned(void)
{
    uint16_t idx;

    if (packed) {
        look_packed();
        return packed_returned;
    }
    idx = *(volatile uint16_t *)(used + SVQ_USED_IDX);
    __sync_synchronize();
    return idx;
}

bool wait_returned(uint16_t n)
{
    uint64_t end = now_ms() + ANSWER_MS;

    while (returned() != n) {
        if (now_ms() >= end || rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET)
            return returned() == n;
        yield();
    }
    return true;
}

bool works(void)
{
    uint16_t before = returned();

    if (packed) {
        struct svq_desc d[3];

        parts(d, 0, 3);
        offer_packed(d, 3, 5);
    } else {
        read_desc(QSIZE - 3, 3);
        offer(QSIZE - 3);
    }
    kick();
    return wait_returned((uint16_t)(before + 1)) && read_done(3);
}

const char *outcome(uint16_t n)
{
    uint64_t was = features;

    if (wait_returned(n))
        return "served";
    if (!(rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET))
        return "nothing happens";
    if (rd(SVQ_MMIO_STATUS) & SVQ_STATUS_DRIVER_OK && !(rd(SVQ_MMIO_INT_STATUS) & SVQ_INT_CONFIG))
        return "needs reset, but does not say so";
    return start(was) ? "needs reset, works again" : "needs reset, does not work again";
}
