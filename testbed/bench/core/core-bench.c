/* SPDX-License-Identifier: MIT */
/*
 * How long a chain takes through the core, there and back:
 *
 *   core-bench [MILLISECONDS]
 *
 * Prints a JSON list: ns per chain, by format of the driver's ring, descriptors of a chain and
 * policy, for chains that come alone and for as many at a time as the ring has room for, up to 32.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define ROUNDS 7
#define BUFFERS (BENCH_RAM_BASE + (1ULL << 20))

static bool packed;
static unsigned int length, batch;
static uint16_t avail_idx, avail_at, used_at, shadow_seen, shadow_used;
static bool avail_wrap, used_wrap;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct svq_desc *ring_desc(unsigned int i)
{
    return (struct svq_desc *)bench_ram(BENCH_RAM_BASE) + i;
}

static uint16_t *avail_word(unsigned int off)
{
    return (uint16_t *)((uint8_t *)bench_ram(BENCH_RAM_BASE + 0x5000) + off);
}

/* As of a disk: a header, pages, a status byte; a single one is a page. Chains share no page. */
static struct svq_desc element(unsigned int chain, unsigned int i)
{
    uint64_t base = BUFFERS + (uint64_t)chain * (length + 1) * SVQ_PAGE_SIZE;

    if (length == 1)
        return (struct svq_desc){base, SVQ_PAGE_SIZE, SVQ_DESC_F_WRITE, 0};
    if (i == 0)
        return (struct svq_desc){base, 16, 0, 0};
    if (i == length - 1)
        return (struct svq_desc){base + 64, 1, SVQ_DESC_F_WRITE, 0};
    return (struct svq_desc){base + (uint64_t)i * SVQ_PAGE_SIZE, SVQ_PAGE_SIZE, SVQ_DESC_F_WRITE,
                             0};
}

/* A split ring's descriptors never change: chain c has those from c * length on. */
static void prepare_split(void)
{
    for (unsigned int c = 0; c < batch; c++)
        for (unsigned int i = 0; i < length; i++) {
            struct svq_desc d = element(c, i);

            if (i + 1 < length) {
                d.flags |= SVQ_DESC_F_NEXT;
                d.next = (uint16_t)(c * length + i + 1);
            }
            *ring_desc(c * length + i) = d;
        }
}

static void offer_split(unsigned int c)
{
    *avail_word(SVQ_AVAIL_RING(avail_idx % BENCH_RING_SIZE)) = (uint16_t)(c * length);
    avail_idx++;
    __atomic_store_n(avail_word(SVQ_AVAIL_IDX), avail_idx, __ATOMIC_RELEASE);
}

static void offer_packed(unsigned int c)
{
    uint16_t head = avail_at, head_flags = 0;

    for (unsigned int i = 0; i < length; i++) {
        struct svq_desc d = element(c, i), *to = ring_desc(avail_at);
        uint16_t flags = (uint16_t)(d.flags | (i + 1 < length ? SVQ_DESC_F_NEXT : 0) |
                                    (avail_wrap ? SVQ_PACKED_F_AVAIL : SVQ_PACKED_F_USED));

        to->addr = d.addr;
        to->len = d.len;
        /* In a packed descriptor, the id comes first and the flags last. */
        to->flags = (uint16_t)c;
        if (i)
            to->next = flags;
        else
            head_flags = flags;
        if (++avail_at == BENCH_RING_SIZE) {
            avail_at = 0;
            avail_wrap = !avail_wrap;
        }
    }
    __atomic_store_n(&ring_desc(head)->next, head_flags, __ATOMIC_RELEASE);
}

static void *window(uint64_t das)
{
    return bench_window + (das - SVQ_WINDOW_DAS);
}

/* What a device writes of a chain, all buffers but the first of more than one. */
static uint32_t chain_bytes(void)
{
    return length == 1 ? SVQ_PAGE_SIZE : (length - 2) * SVQ_PAGE_SIZE + 1;
}

/* The device: returns all that it finds, unread. */
static void serve(void)
{
    const struct vsh_queue_info *info = svq_info_queue(&bench_dev, 0);
    uint8_t *avail = window(info->avail), *used = window(info->used);
    uint16_t idx = __atomic_load_n((uint16_t *)(avail + SVQ_AVAIL_IDX), __ATOMIC_ACQUIRE);

    for (; shadow_seen != idx; shadow_seen++, shadow_used++) {
        uint16_t head = *(uint16_t *)(avail + SVQ_AVAIL_RING(shadow_seen % BENCH_RING_SIZE));

        *(uint32_t *)(used + SVQ_USED_ID(shadow_used % BENCH_RING_SIZE)) = head;
        *(uint32_t *)(used + SVQ_USED_LEN(shadow_used % BENCH_RING_SIZE)) = chain_bytes();
    }
    __atomic_store_n((uint16_t *)(used + SVQ_USED_IDX), shadow_used, __ATOMIC_RELEASE);
}

/* The driver takes back as many as it has offered, or something is wrong. */
static void take_back(void)
{
    if (!packed) {
        if (*(uint16_t *)bench_ram(BENCH_RAM_BASE + 0x6000 + SVQ_USED_IDX) != avail_idx)
            bench_fail("not all chains came back");
        return;
    }
    for (unsigned int c = 0; c < batch; c++) {
        uint16_t flags = ring_desc(used_at)->next;

        if (!(flags & SVQ_PACKED_F_AVAIL) != !used_wrap ||
            !(flags & SVQ_PACKED_F_USED) != !used_wrap)
            bench_fail("not all chains came back");
        used_at = (uint16_t)(used_at + length);
        if (used_at >= BENCH_RING_SIZE) {
            used_at = (uint16_t)(used_at - BENCH_RING_SIZE);
            used_wrap = !used_wrap;
        }
    }
}

static void once(void)
{
    for (unsigned int c = 0; c < batch; c++)
        packed ? offer_packed(c) : offer_split(c);
    svq_mmio_write(&bench_dev, SVQ_MMIO_QUEUE_NOTIFY, 4, 0);
    bench_run();
    serve();
    svq_queue_called(&bench_dev, 0);
    bench_run();
    take_back();
}

/* The fastest round: the others were disturbed. */
static double measure(uint32_t policy, uint64_t ns)
{
    double best = 0;

    bench_create(packed, policy);
    avail_idx = avail_at = used_at = shadow_seen = shadow_used = 0;
    avail_wrap = used_wrap = true;
    if (!packed)
        prepare_split();
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begin = now_ns(), end, chains = 0;

        do {
            once();
            chains += batch;
            end = now_ns();
        } while (end - begin < ns / ROUNDS);
        if (!round || (double)(end - begin) / (double)chains < best)
            best = (double)(end - begin) / (double)chains;
    }
    bench_destroy();
    return best;
}

static void report(const char *policy, uint32_t number, uint64_t ns)
{
    unsigned int most = BENCH_RING_SIZE / length;
    static const char *comma = "";
    double alone, together;

    batch = 1;
    alone = measure(number, ns);
    batch = most > 32 ? 32 : most;
    together = measure(number, ns);
    printf("%s\n {\"ring\": \"%s\", \"policy\": \"%s\", \"descriptors\": %u, "
           "\"ns_per_chain\": %.1f, \"batch\": %u, \"ns_per_chain_in_batch\": %.1f}",
           comma, packed ? "packed" : "split", policy, length, alone, batch, together);
    comma = ",";
}

int main(int argc, char **argv)
{
    static const unsigned int lengths[] = {1, 3, 16, 128};
    uint64_t ns = (argc > 1 ? strtoull(argv[1], NULL, 0) : 150) * 1000000;

    printf("[");
    for (int format = 0; format < 2; format++)
        for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            packed = format;
            length = lengths[i];
            report("grant", VSH_POLICY_GRANT, ns);
            report("copy", VSH_POLICY_COPY, ns);
            report("hybrid", VSH_POLICY_HYBRID, ns);
        }
    printf("\n]\n");
    return 0;
}
