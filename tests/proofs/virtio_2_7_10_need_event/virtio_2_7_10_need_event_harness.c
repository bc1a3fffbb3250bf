/* SPDX-License-Identifier: MIT */
/*
 * 2.7.7, 2.7.10, 2.8.10: "an index that went from old to now has passed event": one
 * of the indices that were gone through, old to now - 1, is event; for all of them.
 */
#include "proof.h"
#include "svq_ring.h"

void harness(void)
{
    uint16_t event = nondet_u16(), now = nondet_u16(), old = nondet_u16(), steps, at;
    bool is = svq_need_event(event, now, old);

    steps = (uint16_t)((uint32_t)now + 0x10000 - old);
    at = (uint16_t)((uint32_t)event + 0x10000 - old);

    PROVE(is == (at < steps), "exactly if it was passed");
    COVER(is && now < old);
    COVER(!is && now != old);
}
