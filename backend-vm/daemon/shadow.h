/* SPDX-License-Identifier: MIT */
/* A mediated device as the kernel module shows it: window, apertures, event channels. */
#ifndef VSHD_SHADOW_H
#define VSHD_SHADOW_H

#include <stdbool.h>
#include <stdint.h>

#include <virtio-shadow/abi.h>

#include "vhost_user.h"

#define SHADOW_MAX_REGIONS (VSH_MAX_BANKS + 1)

struct shadow_region {
    uint64_t das; /* in the device address space */
    uint64_t size;
    int fd;
};

/* The window is the daemon's alone: device processes get its queues, and no mailbox. */

struct shadow {
    int fd; /* -1: not attached */
    unsigned int nr_queues;
    unsigned int nr_regions;
    struct shadow_region region[SHADOW_MAX_REGIONS]; /* for the device process: the queues last */
    struct shadow_region all;                        /* of the window */
    uint64_t aperture_gfn[VSH_MAX_BANKS];
    void *window;
    uint64_t window_size;
};

/* What the daemon goes by of the info page. */
struct shadow_info {
    uint32_t policy;
    uint32_t state;
    uint32_t generation;
    uint32_t reply_seq;
    int32_t reply_error;
    uint64_t driver_features;
    uint32_t nr_queues;
    struct vsh_queue_info queue[VSH_MAX_QUEUES];
};

/*
 * shadow_view.c: that of a window, of which so many frames are mapped, and which must have this
 * many queues at least. As shadow_info().
 */
int shadow_view(struct shadow_info *info, const void *window, uint32_t nr_frames,
                unsigned int nr_queues);

/* All return 0 or -errno. */
void shadow_init(struct shadow *sh);
int shadow_attach(struct shadow *sh, const char *path, uint32_t frontend, uint32_t device);
void shadow_detach(struct shadow *sh);

/* What went wrong in shadow_attach(), and what to do. */
const char *shadow_attach_error(int err);

/* Readable when Xen has changed the info page; shadow_clear() takes that back. */
int shadow_fd(const struct shadow *sh);
void shadow_clear(struct shadow *sh);

/* A consistent copy, checked; state VSH_STATE_GONE if there is no window any more. */
int shadow_info(const struct shadow *sh, struct shadow_info *info);

/*
 * Sends the request in body, whose version, request_seq and aperture this call
 * fills in. *reply is 0 or VSH_ERR_*.
 */
int shadow_request(struct shadow *sh, const struct vsh_mailbox *body, int32_t *reply);
const char *shadow_reply_name(int32_t reply);
const char *shadow_state_name(uint32_t state);

/* Has the device returned all that was made available on the queue with these rings? */
bool shadow_queue_idle(const struct shadow *sh, const struct vhost_user_rings *rings);

/* -1 takes it away. */
int shadow_set_kick(struct shadow *sh, uint32_t queue, int fd);
int shadow_set_call(struct shadow *sh, uint32_t queue, int fd);

#endif
