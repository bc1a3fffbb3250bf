/* SPDX-License-Identifier: MIT */
/*
 * 2.7.4.2, 2.7.5: one more descriptor of a chain, whatever chain and whatever
 * descriptor: a step of the induction over its length.
 */
#include "proof.h"

void harness(void)
{
    struct svq_queue *q = &dev.queue[0];
    struct svq_chain c, was;
    struct svq_desc d;
    enum svq_error err;

    proof_dev();
    ASSUME(proof_sound(&c) && c.nr < q->size);
    /* What was read of a table is the most that work can be besides. */
    ASSUME(c.work <= 2 * (SVQ_CHAIN_PAGES + SVQ_QUEUE_MAX));
    was = c;
    d = q->chain[c.nr];

    err = svq_chain_add(&dev, q, &c);

    if (err == SVQ_ERR_NONE) {
        PROVE(proof_sound(&c), "a chain stays within its limits");
        PROVE(c.nr == was.nr + 1, "it is one longer");
        PROVE(d.len && svq_in_ram(&dev, d.addr, d.len),
              "accepted implies that the buffer is in RAM");
        PROVE((d.flags & SVQ_DESC_F_WRITE) || !was.writable, "2.7.4.2: readable before writable");
        PROVE(c.bytes == was.bytes + d.len, "the bytes are counted");
        PROVE(c.writable == was.writable + (d.flags & SVQ_DESC_F_WRITE ? d.len : 0),
              "the writable bytes are counted");
        PROVE(c.pages - was.pages == svq_pages_of(d.addr, d.len), "the pages are counted");
    } else
        PROVE(c.nr == was.nr, "what is not accepted is not added");
    PROVE(c.id == was.id && c.ring_descs == was.ring_descs, "the rest is left alone");

    COVER(err == SVQ_ERR_NONE && c.bytes == 1ULL << 23);
    COVER(err == SVQ_ERR_NONE && c.pages == SVQ_CHAIN_PAGES);
    COVER(err == SVQ_ERR_CHAIN_BYTES);
    COVER(err == SVQ_ERR_CHAIN_PAGES);
    COVER(err == SVQ_ERR_ORDER);
    COVER(err == SVQ_ERR_ADDR);
    COVER(err == SVQ_ERR_LEN);
}
