/* SPDX-License-Identifier: MIT */
/*
 * view.h: whatever is in the info page, and however it changes while it is read, a
 * backend reads no word outside of it, and goes by no count or place that is not
 * there.
 */
#include "proof.h"

#include <virtio-shadow/view.h>

static uint32_t page[VSH_FRAME_SIZE / 4];

/* Each word is another one each time. */
static uint32_t load(const uint32_t *word)
{
    PROVE(__CPROVER_same_object(word, page), "only the page is read");
    PROVE(__CPROVER_POINTER_OFFSET(word) <= VSH_FRAME_SIZE - 4, "up to its last word");
    PROVE(!(__CPROVER_POINTER_OFFSET(word) & 3), "word by word");

    return nondet_u32();
}

/* For more records than there are today, as each costs time below. */
static void records(void)
{
    uint32_t nr = nondet_u32(), max = nondet_u32(), offset = nondet_u32(), stride = nondet_u32();
    uint32_t bytes = nondet_u32(), i = nondet_u32();

    ASSUME(max <= 64 && bytes >= 8 && bytes <= 128);
    if (!vsh_view_has_records(nr, max, offset, stride, bytes) || i >= nr)
        return;

    PROVE(nr <= max && offset >= sizeof(struct vsh_info), "they are behind the head");
    PROVE((wide)offset + (wide)i * stride + bytes <= VSH_FRAME_SIZE, "they end with the page");
    PROVE(!((offset + i * stride) & 7), "they are aligned");
    COVER(nr == 64 && i == 63);
    COVER(offset + i * stride + bytes == VSH_FRAME_SIZE);
}

void harness(void)
{
    uint32_t frames = nondet_u32(), q = nondet_u32();
    enum vsh_view_result result;
    struct vsh_view v;

    records();

    result = vsh_view_read(&v, page, frames, load);
    COVER(result == VSH_VIEW_BUSY);
    COVER(result == VSH_VIEW_GONE);
    COVER(result == VSH_VIEW_VERSION);
    COVER(result == VSH_VIEW_BAD);
    if (result != VSH_VIEW_OK)
        return;

    PROVE(v.info.magic == VSH_MAGIC && v.info.version == VSH_ABI_VERSION, "it is ours");
    PROVE(v.info.nr_queues <= VSH_MAX_QUEUES && v.info.nr_banks <= VSH_MAX_BANKS,
          "there is room for all records");
    PROVE(v.info.nr_frames >= VSH_FRAME_FIRST_QUEUE && v.info.nr_frames <= frames,
          "the window is no larger than what is mapped");
    PROVE((wide)v.info.window_base + (wide)v.info.nr_frames * VSH_FRAME_SIZE <= ~0ULL,
          "its addresses do not wrap");
    PROVE((wide)v.info.queue_offset + (wide)v.info.nr_queues * v.info.queue_stride <=
              VSH_FRAME_SIZE,
          "so does who reads a record later");

    if (q < v.info.nr_queues) {
        PROVE(v.queue[q].table_frame < v.info.nr_frames, "tables are in the window");
        PROVE((wide)v.queue[q].bounce_out_frame + v.queue[q].bounce_frames <= v.info.nr_frames &&
                  (wide)v.queue[q].bounce_in_frame + v.queue[q].bounce_frames <= v.info.nr_frames,
              "so are bounce pages");
    }
    COVER(v.info.nr_queues == VSH_MAX_QUEUES && v.info.nr_banks == VSH_MAX_BANKS);
    COVER(q < v.info.nr_queues && v.queue[q].bounce_frames > 1000);
}
