/* SPDX-License-Identifier: MIT */
/*
 * 2.7.5.3 (2.8.7 if PACKED): an indirect table, wherever it is said to be, however
 * long, with anything in it, behind whatever direct descriptors.
 */
#include "proof.h"

#ifndef BEFORE
#define BEFORE 0u
#endif

void harness(void)
{
    struct svq_queue *q = &dev.queue[0];
    uint64_t addr = nondet_u64();
    uint32_t len = nondet_u32();
    struct svq_chain c;
    enum svq_error err;
    unsigned int i;

    proof_dev();
    q->packed = PACKED;
    c = (struct svq_chain){0};

    /* 2.7.5.3.1: direct ones may come first. */
    for (i = 0; i < BEFORE; i++)
        ASSUME(c.nr < q->size && !(q->chain[i].flags & ~SVQ_DESC_F_WRITE) &&
               svq_chain_add(&dev, q, &c) == SVQ_ERR_NONE);

    err = svq_chain_add_table(&dev, q, &c, addr, len);

    if (err == SVQ_ERR_NONE) {
        PROVE(q->indirect, "2.7.5.3.1: only if negotiated");
        PROVE(len && !(len % 16) && len / 16 <= q->size, "a table of one to queue size entries");
        PROVE(svq_in_ram(&dev, addr, len), "a table in RAM");
        PROVE(c.indirect, "the chain knows of its table");
        PROVE(!PACKED || c.nr == len / 16 + BEFORE, "2.8.7: all of its entries");
        proof_well_formed(q, &c);
    }
    PROVE(c.nr <= q->size, "no more descriptors than there is room for");

    COVER(err == SVQ_ERR_NONE && c.nr == SIZE);
    COVER(err == SVQ_ERR_NONE && c.remapped == !(PACKED || BEFORE));
    COVER(err == SVQ_ERR_TABLE && !len);
    COVER(err == SVQ_ERR_PAGE);
    COVER(err == SVQ_ERR_ORDER);
    COVER(PACKED || err == SVQ_ERR_CHAIN_LONG);
    COVER(PACKED || err == SVQ_ERR_NEXT);
    COVER(PACKED || err == SVQ_ERR_TABLE_LINK);
}
