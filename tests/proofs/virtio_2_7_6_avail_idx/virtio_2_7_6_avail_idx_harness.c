/* SPDX-License-Identifier: MIT */
/* 2.7.6, 2.7.13: never more is available than the queue has, whatever the idx says. */
#include "proof.h"
#include "svq_ring.h"

void harness(void)
{
    struct svq_queue *q = &dev.queue[0];
    uint16_t was = q->avail_seen, last;
    enum svq_error err;

    proof_dev();
    proof_mem(&q->avail, SVQ_AVAIL_BYTES(SIZE), SVQ_AVAIL_ALIGN);
    was = q->avail_seen;
    last = q->last_avail;

    err = svq_split_look(q);

    PROVE(err != SVQ_ERR_NONE || (uint16_t)(q->avail_seen - q->last_avail) <= q->size,
          "accepted implies no more than the queue size");
    PROVE(err == SVQ_ERR_NONE || q->avail_seen == was, "refused implies forgotten");
    PROVE(q->last_avail == last, "nothing is taken yet");

    COVER(err == SVQ_ERR_NONE && q->avail_seen < q->last_avail);
    COVER(err == SVQ_ERR_AVAIL_IDX);
}
