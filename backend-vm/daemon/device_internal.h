/* SPDX-License-Identifier: MIT */
/*
 * What the device_*.c files share.
 *
 * Events only record facts and wake the device: from the loop, device.c looks at
 * all facts and acts. Calls go down this list, never up:
 *
 *   device.c        the phases: device_check() alone acts
 *   device_run.c    the phases in which a device process has, or had, the queues
 *   device_queue.c  event channels of queues, and the reset of single queues
 *   device_link.c   the device process, and the session with it
 *   device_xen.c    what Xen is told
 *   device_facts.c  what is noted, for the toolstack, the log and the next look
 */
#ifndef VSHD_DEVICE_INTERNAL_H
#define VSHD_DEVICE_INTERNAL_H

#include "device.h"
#include "image.h"
#include "log.h"
#include "loop.h"
#include "options.h"
#include "session.h"
#include "shadow.h"
#include "store.h"

/*
 * ATTACH -> CONNECT -> LINKED -> RUNNING -> DRAIN -> CONNECT -> ...
 * LINKED, RUNNING and CONNECT -> REPLACE -> CONNECT, if the process must go
 * and from any of them, if need be through DRAIN: -> END -> DONE
 */
enum phase {
    PHASE_ATTACH,  /* to the kernel module; again after a while if it fails */
    PHASE_CONNECT, /* to the vhost-user device; the same */
    PHASE_LINKED,  /* the session is open, and Xen knows what the device is */
    PHASE_RUNNING, /* the device has the queues, or is being given them */
    PHASE_DRAIN,   /* it was told to stop; it closes its end when it is through */
    PHASE_REPLACE, /* it was killed, and another will take its place when it is gone */
    PHASE_END,     /* waiting for its process to end */
    PHASE_DONE,
};

struct device {
    const struct device_env *env;
    struct store_device node;
    char name[48];
    char socket[108];
    uid_t user; /* of its process; 0: the daemon's */
    struct image_access image;
    bool probed; /* the process looks at the image's header first */

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
    struct session_queue queue[SESSION_MAX_QUEUES];
    unsigned int nr_queues;
    uint32_t queue_generation[SESSION_MAX_QUEUES];
    uint32_t starting; /* a bit per queue that the driver has enabled again ... */
    uint32_t stopping; /* ... that it resets, and that has yet to return its requests ... */
    uint32_t halting;  /* ... or to be stopped then */
    int64_t stop_deadline[SESSION_MAX_QUEUES];
    struct timer queue_timer;
    bool started; /* PHASE_RUNNING: the session runs, and the toolstack knows */
    uint64_t driver_features;

    pid_t process;
    bool killed;
    bool insisted; /* PHASE_END: SIGKILL was sent */
    bool exited;   /* a process has ended since the last look ... */
    int status;    /* ... like this ... */
    bool by_us;    /* ... and was told to */

    void (*check)(void *device);
    struct timer wake;  /* at once */
    struct timer timer; /* what for depends on the phase */
    int retry_ms;
    int64_t give_up; /* loop_now() at which the toolstack is told so */
    bool announced;  /* the toolstack knows that it works */
    char complaint[192];
};

/* device_facts.c */
void device_wake(struct device *d);
/* The device is looked at after ms milliseconds, if not before; device_due() says whether they are
 * over. */
void device_wait(struct device *d, int ms);
bool device_due(const struct device *d);
__attribute__((format(printf, 2, 3))) void device_complain(struct device *d, const char *fmt, ...);
void device_announce(struct device *d, enum store_state state, const char *error);
void device_give_up(struct device *d);
/* Once more after a while, or never. */
void device_retry(struct device *d);
void device_worked(struct device *d);

/* device_xen.c */
int device_describe(struct device *d);
void device_tell_config(struct device *d);
void device_ack_reset(struct device *d, uint32_t generation);
void device_ack_queue(struct device *d, uint32_t queue, uint32_t generation);
void device_detach(struct device *d);

/* device_link.c */
void device_connect(struct device *d);
void device_disconnect(struct device *d);
void device_kill(struct device *d, int signal);
/* How its process has ended, once; NULL if it has not. */
const char *device_exited(struct device *d);

/* device_queue.c */
int device_join(struct device *d, const struct shadow_info *info);
void device_unjoin(struct device *d);
void device_kick_queues(struct device *d, uint32_t queues);
/* Not 0: the session is of no more use. */
int device_check_queues(struct device *d, const struct shadow_info *info);

/* device_run.c: what each returns is the next phase */
enum phase device_start(struct device *d, const struct shadow_info *info);
enum phase device_running(struct device *d, const struct shadow_info *info);
enum phase device_draining(struct device *d);
enum phase device_replacing(struct device *d);
/*
 * The device process does not do what it should, or is gone: another will take its
 * place. If it is there it will be killed first, as what it is still doing would get
 * in the way of the next, which is given the same requests.
 */
enum phase device_lost(struct device *d);

#endif
