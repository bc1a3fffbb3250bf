// SPDX-License-Identifier: MIT
/*
 * What a table costs, in place and by copy, by its length and by how many come with
 * one kick: the time that the kick takes, in which Xen reads, checks and hands over
 * the requests, and the time until all are back.
 */
#include "cases.h"
#include "measure.h"

#define BATCH 16u
#define ROUNDS 64u
/* The longest queue, and so the longest tables, there can be. */
#define LONG 1024u
#define ALIGNED __attribute__((aligned(PAGE)))

static struct svq_desc tables[BATCH][LONG] ALIGNED;
static struct svq_desc originals[LONG];

/* The queue's rings. */
static struct svq_desc long_desc[LONG] ALIGNED;
static uint16_t long_avail[PAGE / 2] ALIGNED;
static uint8_t long_used[3 * PAGE] ALIGNED;
static uint16_t offered_idx;

static bool start_long(uint64_t features)
{
    if (!negotiate(features))
        return false;
    memset(long_avail, 0, sizeof(long_avail));
    memset(long_used, 0, sizeof(long_used));
    offered_idx = 0;
    set_queue(LONG, pa(long_desc), pa(long_avail), pa(long_used));
    wr(SVQ_MMIO_STATUS, rd(SVQ_MMIO_STATUS) | SVQ_STATUS_DRIVER_OK);
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_DRIVER_OK;
}

static void offer_long(unsigned int head)
{
    long_avail[2 + offered_idx++ % LONG] = (uint16_t)head;
    __sync_synchronize();
    *(volatile uint16_t *)&long_avail[1] = offered_idx;
    __sync_synchronize();
}

static bool all_returned(void)
{
    uint64_t end = now_ms() + 10000;

    while (*(volatile uint16_t *)(long_used + SVQ_USED_IDX) != offered_idx) {
        if (now_ms() >= end)
            return false;
        yield();
    }
    return true;
}

static uint64_t ticks(void)
{
    uint64_t count;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(count));
    return count;
}

/* For testbed/bench/plugin: what is counted since the last one goes to its file. */
static void mark(void)
{
    __asm__ volatile("hint #112" : : : "memory");
}

static unsigned int ns(uint64_t t)
{
    uint64_t freq;

    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(freq));
    return (unsigned int)(t * 1000000000ull / freq);
}

/* A read of four sectors, in as many pieces as make the table this long. All is in one page. */
static void table_of(unsigned int entries)
{
    unsigned int pieces = entries - 2, at = DATA_OFF, i;

    read_table(originals, 0);
    for (i = 0; i < pieces; i++) {
        unsigned int len = i + 1 < pieces ? 2 : 4 * SECTOR - 2 * (pieces - 1);

        fill(&originals[1 + i], pa(buf[0]) + at, len, SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE, i + 2);
        at += len;
    }
    fill(&originals[1 + pieces], pa(buf[0]) + STATUS_OFF, 1, SVQ_DESC_F_WRITE, 0);
    for (i = 0; i < BATCH; i++) {
        memcpy(tables[i], originals, entries * sizeof(*originals));
        fill(&long_desc[i], pa(tables[i]), entries * 16, SVQ_DESC_F_INDIRECT, 0);
    }
}

static void sort(uint64_t *v, unsigned int n)
{
    for (unsigned int i = 1; i < n; i++)
        for (unsigned int k = i; k && v[k] < v[k - 1]; k--) {
            uint64_t t = v[k];

            v[k] = v[k - 1];
            v[k - 1] = t;
        }
}

static void one(const char *how, unsigned int entries, unsigned int batch)
{
    static uint64_t kicks[ROUNDS], totals[ROUNDS];

    table_of(entries);
    mark();
    for (unsigned int r = 0; r < ROUNDS; r++) {
        uint64_t begin, kicked;

        for (unsigned int i = 0; i < batch; i++)
            offer_long(i);
        begin = ticks();
        kick();
        kicked = ticks();
        if (!all_returned()) {
            print("not ok measure: requests do not return\n");
            return;
        }
        totals[r] = ticks() - begin;
        kicks[r] = kicked - begin;
    }
    mark();
    sort(kicks, ROUNDS);
    sort(totals, ROUNDS);
    print("measured %s entries=%u batch=%u kick_min=%u kick_median=%u total_min=%u "
          "total_median=%u\n",
          how, entries, batch, ns(kicks[0]) / batch, ns(kicks[ROUNDS / 2]) / batch,
          ns(totals[0]) / batch, ns(totals[ROUNDS / 2]) / batch);
}

void measure(void)
{
    static const unsigned int lengths[] = {4, 16, 32, 64, 128, 256, 512, LONG};

    for (unsigned int device = 0; device < 2; device++) {
        use_device(device);
        /* Until it works with a queue of the usual length. */
        if (!start(INDIRECT) || !start_long(INDIRECT | (device ? 0 : PAGES))) {
            print("not ok measure: device does not work\n");
            return;
        }
        for (unsigned int i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
            one(device ? "copied" : "in_place", lengths[i], 1);
            one(device ? "copied" : "in_place", lengths[i], BATCH);
        }
    }
}
