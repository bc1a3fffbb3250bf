/* SPDX-License-Identifier: MIT */
/*
 * 2.7.5, 2.7.6, 2.7.13: the next chain of a split ring, whatever the driver writes
 * into ring and descriptors, also while it is read.
 */
#include "proof.h"

/* Proved in virtio_2_7_5_3_table: what it accepts; here what matters for the ring. */
#define svq_chain_add_table table_contract
#include "svq_split.c"

enum svq_error table_contract(struct svq_dev *d, struct svq_queue *q, struct svq_chain *c,
                              uint64_t addr, uint32_t len)
{
    unsigned int more = nondet_uint(), err = nondet_uint();

    ASSUME(err < SVQ_ERR_COUNT && more <= SIZE);
    c->indirect = true;
    if (!q->indirect)
        return SVQ_ERR_INDIRECT;
    ASSUME(more >= (err == SVQ_ERR_NONE) && more <= q->size - c->nr);
    c->nr += more;

    return (enum svq_error)err;
}

void harness(void)
{
    struct svq_queue *q = &dev.queue[0];
    struct svq_chain c;
    enum svq_error err;

    proof_dev();
    q->packed = false;
    ASSUME(!(q->size & (q->size - 1)));
    proof_mem(&q->desc, SVQ_DESC_BYTES(q->size), SVQ_DESC_ALIGN);
    proof_mem(&q->avail, SVQ_AVAIL_BYTES(q->size), SVQ_AVAIL_ALIGN);

    err = svq_split_read(&dev, q, &c);

    if (err == SVQ_ERR_NONE) {
        PROVE(c.id < q->size, "2.7.6: the head is in the table");
        PROVE(!svq_is_busy(q, c.id), "2.7.13: the head is not in flight");
        PROVE(c.ring_descs >= 1 && c.ring_descs <= q->size, "2.7.5: no more than the table has");
        PROVE(c.nr >= 1 && c.nr <= q->size, "2.7.5: no longer than the queue");
        if (!c.indirect) {
            PROVE(c.nr == c.ring_descs, "every descriptor is a buffer");
            proof_well_formed(q, &c);
        } else
            PROVE(q->indirect, "2.7.5.3.1: a table only if negotiated");
    }

    COVER(err == SVQ_ERR_NONE && c.ring_descs == SIZE);
    COVER(err == SVQ_ERR_NONE && c.indirect && c.ring_descs > 1);
    COVER(err == SVQ_ERR_HEAD);
    COVER(err == SVQ_ERR_HEAD_BUSY);
    COVER(err == SVQ_ERR_CHAIN_LONG);
    COVER(err == SVQ_ERR_NEXT);
    COVER(err == SVQ_ERR_FLAGS);
    COVER(err == SVQ_ERR_TABLE_LINK);
}
