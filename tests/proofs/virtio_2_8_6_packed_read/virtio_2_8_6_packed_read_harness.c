/* SPDX-License-Identifier: MIT */
/*
 * 2.8.1, 2.8.6, 2.8.17, 2.8.19: the next list of a packed ring, of any size,
 * whatever the driver writes into it, also while it is read.
 */
#include "proof.h"
#include "svq_ring.h"

/* Any ids may be in flight: which one was asked for, and what was said. */
static unsigned int asked;
static bool was_busy;

static bool is_busy(const struct svq_queue *q, unsigned int id)
{
    PROVE(q == &dev.queue[0] && id / 32 < SVQ_BUSY_WORDS, "an id of the bitmap");
    asked = id;
    was_busy = nondet_bool();
    return was_busy;
}

#define svq_is_busy is_busy

/* Proved in virtio_2_8_7_table. */
#define svq_chain_add_table table_contract
#include "svq_packed.c"

enum svq_error table_contract(struct svq_dev *d, struct svq_queue *q, struct svq_chain *c,
                              uint64_t addr, uint32_t len)
{
    unsigned int more = nondet_uint(), err = nondet_uint();

    ASSUME(err < SVQ_ERR_COUNT && more <= SIZE);
    c->indirect = true;
    if (!q->indirect)
        return SVQ_ERR_INDIRECT;
    PROVE(!c->nr, "2.8.19: a table is not in a list");
    ASSUME(more >= (err == SVQ_ERR_NONE) && more <= q->size);
    c->nr += more;

    return (enum svq_error)err;
}

void harness(void)
{
    struct svq_queue *q = &dev.queue[0];
    uint16_t was;
    bool wrap;
    struct svq_chain c;
    enum svq_error err;

    proof_dev();
    q->packed = true;
    ASSUME(q->last_avail < q->size);
    proof_mem(&q->desc, SVQ_DESC_BYTES(q->size), SVQ_DESC_ALIGN);

    if (!svq_packed_avail(q))
        return;
    err = svq_packed_read(&dev, q, &c);

    if (err == SVQ_ERR_NONE) {
        PROVE(asked == c.id && !was_busy, "2.8.6: the buffer id is not in flight");
        PROVE(c.ring_descs >= 1 && c.ring_descs <= q->size, "2.8.17: no longer than the ring");
        PROVE(c.nr >= 1 && c.nr <= q->size, "2.8.17: no longer than the queue");
        if (!c.indirect) {
            PROVE(c.nr == c.ring_descs, "every descriptor is a buffer");
            proof_well_formed(q, &c);
        } else
            PROVE(q->indirect && c.ring_descs == 1, "2.8.19: a table by itself");

        was = q->last_avail;
        wrap = q->avail_wrap;
        svq_packed_advance(q, &c);
        PROVE(q->last_avail < q->size, "2.8.1: the next place is in the ring");
        PROVE((q->avail_wrap != wrap) == (q->last_avail <= was),
              "2.8.1: the counter flips exactly at the end of the ring");
    }

    COVER(err == SVQ_ERR_NONE && c.ring_descs == SIZE);
    COVER(err == SVQ_ERR_NONE && q->size == 3 && c.ring_descs == 2 && q->last_avail == 0);
    COVER(err == SVQ_ERR_NONE && c.indirect);
    COVER(err == SVQ_ERR_CHAIN_PART);
    COVER(err == SVQ_ERR_CHAIN_LONG);
    COVER(err == SVQ_ERR_HEAD_BUSY);
    COVER(err == SVQ_ERR_TABLE_LINK);
}
