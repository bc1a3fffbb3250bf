/* SPDX-License-Identifier: MIT */
/* What the device_*.c files share. */
#ifndef VSHD_DEVICE_INTERNAL_H
#define VSHD_DEVICE_INTERNAL_H

#include "device.h"
#include "log.h"
#include "loop.h"
#include "options.h"
#include "session.h"
#include "shadow.h"

/*
 * ATTACH -> CONNECT -> LINKED -> RUNNING -> DRAIN -> CONNECT -> ...
 * and from any of them, if need be through DRAIN: -> END -> DONE
 */
enum phase {
    PHASE_ATTACH,  /* to the kernel module; again after a while if it fails */
    PHASE_CONNECT, /* to the vhost-user device; the same */
    PHASE_LINKED,  /* there is a session, and Xen knows what the device is */
    PHASE_RUNNING, /* the device has the queues */
    PHASE_DRAIN,   /* it was told to stop; it closes its end when it is through */
    PHASE_END,     /* waiting for its process to end */
    PHASE_DONE,
};

struct device {
    const struct device_env *env;
    struct store_device node;
    char name[48];
    char socket[108];

    enum phase phase;
    bool closing;
    enum device_close_reason why;
    char error[192]; /* why it was given up; empty if it was not */

    struct shadow shadow;
    struct watch control;
    bool described;      /* Xen has the device's description ... */
    uint32_t config_len; /* ... with this config space */
    uint8_t config[VSH_CONFIG_SIZE];
    uint32_t generation; /* of the run that is under way */
    bool acked;          /* RESET_ACK was sent for acked_generation */
    uint32_t acked_generation;

    struct session session;
    struct watch peer;
    struct watch backend; /* the device's own requests */
    struct session_queue queue[SESSION_MAX_QUEUES];
    unsigned int nr_queues;
    uint32_t queue_generation[SESSION_MAX_QUEUES];
    uint32_t stopping; /* a bit per queue that the driver resets ... */
    int64_t stop_deadline[SESSION_MAX_QUEUES];
    struct timer queue_timer; /* ... and that has yet to return its requests */

    pid_t process;
    bool killed;
    bool lost; /* PHASE_DRAIN: not told to stop, but to be replaced */

    struct timer timer; /* what for depends on the phase */
    int retry_ms;
    int64_t give_up; /* loop_now() at which the toolstack is told so */
    bool announced;  /* the toolstack knows that it works */
    char complaint[192];
};

/* device.c */
void device_check(struct device *d);
void device_give_up(struct device *d);
void device_retry(struct device *d, void (*again)(void *));
__attribute__((format(printf, 2, 3))) void device_complain(struct device *d, const char *fmt, ...);

/* device_link.c: the process and the session */
void device_connect(void *device);
void device_disconnect(struct device *d);
void device_session_lost(struct device *d);
void device_lost(struct device *d);
void device_kill(struct device *d, int signal);

/* device_run.c: starting and stopping */
void device_start(struct device *d, const struct vsh_info *info);
void device_stop(struct device *d);
void device_drained(struct device *d);
void device_replace(struct device *d);

/* device_queue.c: the queues' event channels, and the reset of single queues */
int device_join(struct device *d, const struct vsh_info *info);
void device_unjoin(struct device *d);
void device_kick_queues(struct device *d, uint32_t queues);
void device_check_queues(struct device *d, const struct vsh_info *info);

/* device_xen.c: what Xen is told */
int device_describe(struct device *d);
void device_tell_config(struct device *d);
void device_ack_reset(struct device *d, uint32_t generation);
void device_ack_queue(struct device *d, uint32_t queue, uint32_t generation);
void device_detach(struct device *d);

#endif
