/* SPDX-License-Identifier: MIT */
/*
 * 2.7.13, 2.7.8: the table of what is in flight.  From whatever state it can be in,
 * one chain goes, or comes back: what is published is in flight now, and was not;
 * what is taken back was; its length is cut to what its buffers have; no slot is
 * lost or in two chains; and the state after it is one that it can be in.  So that
 * holds after any number of them.  Chains of descriptors; for tables,
 * virtio_2_7_5_3_table_room says that they do not overlap.
 */
#include "proof.h"
#include "svq_ring.h"
#include "svq_shadow.h"
#include "svq_tables.h"

static void *mem_at(const struct svq_mem *m, uint32_t off);

/* What is in the rings at first is of no interest, and they are arrays here, not pages. */
#define memset(p, c, n) ((void)0)
#define svq_mem_at mem_at
#include "svq_shadow.c"

#define FREE SIZE

static struct svq_slot slot[SIZE];
static struct svq_seg parts[SIZE];
static struct svq_desc desc[SIZE];
static uint16_t avail[SVQ_AVAIL_BYTES(SIZE) / 2];
static uint8_t used[SVQ_USED_BYTES(SIZE)];

/* What is expected: the head of the chain that each slot is of, and what the chain may write. */
static unsigned int owner[SIZE];
static uint64_t writable[SIZE];

void svq_env_notify(struct svq_dev *d, int q)
{
    PROVE(d == &dev && q == 0, "the queue's own channel");
}

static void *mem_at(const struct svq_mem *m, uint32_t off)
{
    struct svq_queue *q = &dev.queue[0];

    if (m == &q->shadow_desc) {
        PROVE(!(off % sizeof(desc[0])) && off < sizeof(desc), "a descriptor of the table");
        return &desc[off / sizeof(desc[0])];
    }
    if (m == &q->shadow_avail) {
        PROVE(!(off % 2) && off < sizeof(avail), "a part of the available ring");
        return &avail[off / 2];
    }

    PROVE(m == &q->shadow_used && off < sizeof(used), "a part of the used ring");

    return &used[off];
}

/* Can the table be like this? */
static bool is_sane(const struct svq_queue *q)
{
    unsigned int h, i, n, flights = 0, nr_free = 0;
    bool seen[SIZE] = {false};

    if (q->shadow_size > SIZE || !q->shadow_size || (q->shadow_size & (q->shadow_size - 1)) ||
        q->free_slots > q->shadow_size)
        return false;

    for (n = 0, i = q->free; n < SIZE && n < q->free_slots; n++) {
        if (i >= q->shadow_size || seen[i] || owner[i] != FREE || slot[i].count)
            return false;
        seen[i] = true;
        nr_free++;
        i = slot[i].next;
    }

    for (h = 0; h < SIZE && h < q->shadow_size; h++) {
        if (!slot[h].count)
            continue;
        if (slot[h].count > q->shadow_size || slot[h].table != SVQ_NO_TABLE || slot[h].done ||
            slot[h].writable > writable[h])
            return false;
        for (n = 0, i = h; n < SIZE && n < slot[h].count; n++) {
            if (i >= q->shadow_size || seen[i] || owner[i] != h)
                return false;
            seen[i] = true;
            i = slot[i].next;
        }
        flights++;
    }

    for (i = 0; i < SIZE && i < q->shadow_size; i++)
        if (!seen[i])
            return false;

    return q->in_flight == flights && nr_free == q->free_slots;
}

static void go(struct svq_queue *q)
{
    uint16_t at = q->shadow_avail_idx & (q->shadow_size - 1U), head, flights = q->in_flight;
    struct svq_chain c;
    unsigned int n, i = q->free;

    ASSUME(c.parts >= 1 && c.writable <= 1ULL << 32 && !c.in_table && !c.remapped);
    if (!svq_shadow_fits(q, &c)) {
        PROVE(c.parts > q->free_slots, "refused for a reason");
        return;
    }

    head = q->free;
    PROVE(head < q->shadow_size && owner[head] == FREE, "it was not in flight");
    for (n = 0; n < SIZE && n < c.parts; n++, i = slot[i].next)
        owner[i] = head;
    writable[head] = c.writable;

    svq_shadow_put(q, &c);
    svq_shadow_publish(&dev, q, 1);

    PROVE(avail[2 + at] == head, "its head is in the available ring");
    PROVE(avail[1] == q->shadow_avail_idx, "the idx covers it");
    PROVE(slot[head].count == c.parts && !slot[head].done && slot[head].id == c.id,
          "published implies in flight");
    PROVE(slot[head].writable == c.writable || slot[head].writable == UINT32_MAX,
          "and it is known what may be written");
    PROVE(q->in_flight == flights + 1, "one more is in flight");

    COVER(c.parts == SIZE);
    COVER(c.parts == 2 && q->in_flight == 2);
}

static void come_back(struct svq_queue *q)
{
    unsigned int head, i;
    uint32_t len;

    /* virtio_2_7_8_used_idx */
    ASSUME(q->in_flight);

    if (svq_shadow_next(q, &head, &len) != SVQ_ERR_NONE)
        return;

    PROVE(head < q->shadow_size && owner[head] == head, "what is taken back was in flight");
    PROVE(len <= writable[head], "the length is clamped");

    svq_shadow_free_table(q, head);
    svq_shadow_free(q, head);
    for (i = 0; i < SIZE; i++)
        if (owner[i] == head)
            owner[i] = FREE;

    COVER(q->free_slots == SIZE && len);
    COVER(q->free_slots == 2 && slot[head].next != head + 1);
}

void harness(void)
{
    struct svq_queue *q = &dev.queue[0];

    proof_dev();
    __CPROVER_havoc_object(slot);
    __CPROVER_havoc_object(parts);
    __CPROVER_havoc_object(owner);
    __CPROVER_havoc_object(writable);
    q->slot = slot;
    q->part = parts;
    ASSUME(is_sane(q));

    if (nondet_bool())
        go(q);
    else
        come_back(q);

    PROVE(is_sane(q), "no slot is lost, none is in two chains");
}
