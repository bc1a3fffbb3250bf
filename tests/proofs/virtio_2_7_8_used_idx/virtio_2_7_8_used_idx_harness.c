/* SPDX-License-Identifier: MIT */
/* 2.7.8: never more is returned than is in flight, whatever the device's idx says. */
#include "proof.h"
#include "svq_shadow.h"

void harness(void)
{
    struct svq_queue *q = &dev.queue[0];
    enum svq_error err;
    uint16_t was;

    proof_dev();
    proof_mem(&q->shadow_used, SVQ_USED_BYTES(SIZE), SVQ_PAGE_SIZE);
    was = q->shadow_used_seen;

    err = svq_shadow_look(q);

    PROVE(err != SVQ_ERR_NONE ||
              (uint16_t)(q->shadow_used_seen - q->last_shadow_used) <= q->in_flight,
          "accepted implies no more than is in flight");
    PROVE(err == SVQ_ERR_NONE || q->shadow_used_seen == was, "refused implies forgotten");

    COVER(err == SVQ_ERR_NONE && q->shadow_used_seen < q->last_shadow_used);
    COVER(err == SVQ_ERR_USED_IDX);
}
