/* SPDX-License-Identifier: MIT */
/*
 * 2.7, 2.8, 4.2.3.2: the sizes of a ring's parts, for every queue size: no sum
 * overflows, and no part has more pages than there is room for, wherever in its
 * first page it begins.  The same for the window, for every number of queues.
 */
#include "proof.h"
#include "svq_ring.h"

static bool fits(uint32_t bytes, uint32_t align)
{
    uint32_t off = nondet_u32();

    ASSUME(off < SVQ_PAGE_SIZE && !(off & (align - 1)));

    return (off + bytes + SVQ_PAGE_SIZE - 1) / SVQ_PAGE_SIZE <= SVQ_RING_FRAMES;
}

void harness(void)
{
    uint32_t size = nondet_u32(), queues = nondet_u32(), policy = nondet_u32(), bounce, records;
    uint32_t part, frames = 0, frame;
    struct svq_ring_layout s, p;

    ASSUME(size >= 1 && size <= SVQ_QUEUE_MAX && queues >= 1 && queues <= VSH_MAX_QUEUES);

    s = svq_split_layout(size);
    p = svq_packed_layout(size);

    PROVE(s.desc_bytes == 16 * size, "2.7: the descriptor table");
    PROVE(s.avail_bytes == 6 + 2 * size, "2.7: the available ring");
    PROVE(s.used_bytes == 6 + 8 * size, "2.7: the used ring");
    PROVE(s.avail_align == 2 && s.used_align == 4, "2.7: alignment");
    PROVE(p.desc_bytes == 16 * size, "2.8: the descriptor ring");
    PROVE(p.avail_bytes == 4 && p.used_bytes == 4, "2.8.14: event suppression");
    PROVE(p.avail_align == 4 && p.used_align == 4, "2.8: alignment");
    PROVE(fits(s.desc_bytes, SVQ_DESC_ALIGN) && fits(s.avail_bytes, s.avail_align) &&
              fits(s.used_bytes, s.used_align) && fits(p.avail_bytes, p.avail_align),
          "there is room for the pages of every part");

    for (part = 0; part < SVQ_PARTS; part++) {
        PROVE(svq_part_frames(size, (enum svq_part)part) >= 1, "a part has a frame of its own");
        frames += svq_part_frames(size, (enum svq_part)part);
    }
    bounce = svq_bounce_frames(policy, size);
    PROVE(bounce <= SVQ_BOUNCE_FRAMES, "there is room for the pages that are copied to");
    frames += 2 * bounce;
    PROVE(svq_queue_frames(size, bounce) == frames, "a queue is its parts");
    PROVE(svq_window_frames(queues, size, bounce) == VSH_FRAME_FIRST_QUEUE + queues * frames,
          "a window is its queues");
    PROVE(svq_window_frames(queues, size, bounce) <= SVQ_WINDOW_FRAMES_MAX, "and is bounded");

    /* Writable are the mailbox, and of each queue its used ring and what the device sends: nothing
     * else. */
    frame = nondet_u32();
    ASSUME(frame < svq_window_frames(queues, size, bounce));
    if (svq_window_writable(size, bounce, frame) && frame != VSH_FRAME_MAILBOX) {
        uint32_t used =
            svq_part_frames(size, SVQ_PART_DESC) + svq_part_frames(size, SVQ_PART_AVAIL);
        uint32_t at = (frame - VSH_FRAME_FIRST_QUEUE) % frames;

        PROVE(frame >= VSH_FRAME_FIRST_QUEUE, "the info page is read-only");
        PROVE((at >= used && at < used + svq_part_frames(size, SVQ_PART_USED)) ||
                  at >= frames - bounce,
              "descriptors, available ring, tables, and what the device reads are read-only");
    }

    records = svq_page_records(size);
    /* The size of what the environment allocates is a power of two. */
    PROVE(size & (size - 1) || !(records & (records - 1)), "as many records as a hash wants");
    PROVE(records >= 2 * SVQ_CHAIN_PAGES, "two of the largest chains have records");

    COVER(size == SVQ_QUEUE_MAX && queues == VSH_MAX_QUEUES);
    COVER(svq_window_writable(size, bounce, frame) && frame > 100);
}
