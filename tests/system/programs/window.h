/* SPDX-License-Identifier: MIT */
/* Where in a window that is mapped the record of a queue is, as the info page says. */
#ifndef WINDOW_H
#define WINDOW_H

#include <err.h>

#include <virtio-shadow/view.h>

static inline uint32_t window_load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* A copy of the info page. Exits with status 2 if that is not one. */
static inline void window_view(struct vsh_view *v, const volatile void *window, uint64_t bytes)
{
    enum vsh_view_result result = VSH_VIEW_BUSY;

    for (unsigned int i = 0; result == VSH_VIEW_BUSY && i < 1000; i++)
        result = vsh_view_read(v, (const void *)window, (uint32_t)(bytes >> VSH_FRAME_SHIFT),
                               window_load);
    if (result != VSH_VIEW_OK)
        errx(2, "the window has no info page of version %u that makes sense (%d)", VSH_ABI_VERSION,
             (int)result);
}

/* The same, for reading the record of queue q while Xen changes it. */
static inline const volatile struct vsh_queue_info *window_queue(const volatile void *window,
                                                                 uint64_t bytes, uint32_t q)
{
    struct vsh_view v;

    window_view(&v, window, bytes);
    if (q >= v.info.nr_queues)
        errx(2, "the device has no queue %u", q);
    return (const volatile struct vsh_queue_info *)((const volatile uint8_t *)window +
                                                    v.info.queue_offset + q * v.info.queue_stride);
}

#endif
