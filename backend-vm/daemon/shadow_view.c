// SPDX-License-Identifier: MIT
/* The info page of a mediated device, as the daemon sees it. */
#include "shadow.h"

#include <errno.h>
#include <string.h>

#include <virtio-shadow/view.h>

/* Xen writes the page in one go: more tries than this never happen. */
#define TRIES 1000

static uint32_t load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

int shadow_view(struct shadow_info *info, const void *window, uint32_t nr_frames,
                unsigned int nr_queues)
{
    enum vsh_view_result result = VSH_VIEW_BUSY;
    struct vsh_view view;

    memset(info, 0, sizeof(*info));
    for (int i = 0; i < TRIES && result == VSH_VIEW_BUSY; i++) {
        result = vsh_view_read(&view, window, nr_frames, load);
    }
    if (result == VSH_VIEW_GONE) {
        /* Xen put a dummy in its place. */
        info->state = VSH_STATE_GONE;
        return 0;
    }
    if (result == VSH_VIEW_BUSY) {
        return -EAGAIN;
    }
    if (result != VSH_VIEW_OK || view.info.nr_queues < nr_queues) {
        return -EPROTO;
    }
    info->policy = view.info.policy;
    info->state = view.info.state;
    info->generation = view.info.generation;
    info->reply_seq = view.info.reply_seq;
    info->reply_error = view.info.reply_error;
    info->driver_features = view.info.driver_features;
    info->nr_queues = view.info.nr_queues;
    memcpy(info->queue, view.queue, view.info.nr_queues * sizeof(view.queue[0]));
    return 0;
}
