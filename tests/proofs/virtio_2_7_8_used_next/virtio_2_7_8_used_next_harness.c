/* SPDX-License-Identifier: MIT */
/*
 * 2.7.8: what the device returns is in flight, and the length is cut to what is
 * writable, whatever it writes into its used ring and whatever state the queue is
 * in.
 */
#include "proof.h"
#include "svq_shadow.h"

static struct svq_slot slot[SIZE];

void harness(void)
{
    struct svq_queue *q = &dev.queue[0];
    uint16_t flights, last;
    unsigned int head = nondet_uint();
    uint32_t len;
    enum svq_error err;

    proof_dev();
    __CPROVER_havoc_object(slot);
    q->slot = slot;
    ASSUME(q->shadow_size && q->shadow_size <= SIZE && !(q->shadow_size & (q->shadow_size - 1)));
    proof_mem(&q->shadow_used, SVQ_USED_BYTES(SIZE), SVQ_PAGE_SIZE);
    /* virtio_2_7_8_used_idx */
    ASSUME(q->shadow_used_seen != q->last_shadow_used);
    ASSUME((uint16_t)(q->shadow_used_seen - q->last_shadow_used) <= q->in_flight);
    flights = q->in_flight;
    last = q->last_shadow_used;

    err = svq_shadow_next(q, &head, &len);

    if (err == SVQ_ERR_NONE) {
        PROVE(head < q->shadow_size, "accepted implies a slot of the ring");
        PROVE(slot[head].count && !slot[head].done, "accepted implies in flight");
        PROVE(q->next_number - slot[head].number - 1U >= q->unpublished,
              "accepted implies not one of those that are not published");
        PROVE(len <= slot[head].writable, "the length is clamped");
        PROVE(q->in_flight == flights - 1 && flights, "one less is in flight");
        PROVE((uint16_t)(q->last_shadow_used - last) == 1, "one more is done with");
    } else
        PROVE(q->in_flight == flights && q->last_shadow_used == last, "refused implies ignored");

    COVER(err == SVQ_ERR_NONE && len == slot[head].writable && len);
    COVER(err == SVQ_ERR_NONE && len < slot[head].writable);
    COVER(err == SVQ_ERR_USED_ID);
}
