/* SPDX-License-Identifier: MIT */
/*
 * Bounce pages: frames of the window to and from which buffers are copied.  A
 * queue has a pool for each direction, and they are never mixed: what the device
 * reads is in frames that it cannot write, and what it writes goes to frames in
 * which there has been nothing but what it wrote.
 *
 * A granule keeps its contents when it is freed.  In the outgoing pool these are
 * bytes that this backend has been sent before, and that it could have kept.
 */
#ifndef SVQ_BOUNCE_H
#define SVQ_BOUNCE_H

#include <virtio-shadow/svq.h>

#include "svq_runs.h"

/* Nothing is handed out. */
void svq_bounce_init(struct svq_bounce *b);

/* Room for len > 0 bytes, in one piece: its offset.  False if there is none. */
bool svq_bounce_alloc(struct svq_bounce *b, uint32_t len, uint32_t *off);

/* What len bytes take. */
static inline uint32_t svq_bounce_granules(uint32_t len)
{
    return len / SVQ_BOUNCE_GRANULE + !!(len % SVQ_BOUNCE_GRANULE);
}

static inline void svq_bounce_free(struct svq_bounce *b, uint32_t off, uint32_t len)
{
    unsigned int nr = svq_bounce_granules(len);

    svq_runs_set(b->used, off / SVQ_BOUNCE_GRANULE, nr, false);
    b->nr_free += nr;
}

#endif /* SVQ_BOUNCE_H */
