/* SPDX-License-Identifier: MIT */
/*
 * A session with a vhost-user device: from connecting to the device's closing
 * its end. A session runs the device once; a device that was stopped is
 * connected to again.
 *
 * No call waits for the device. A session follows its own states in the loop,
 * one message after the other, each within a time limit, and calls wake() when
 * its owner should look at it:
 *
 *   CLOSED -> OPENING -> OPEN -> STARTING -> RUNNING -> ENDING -> ENDED
 *   and from any of them but CLOSED: -> FAILED, and -> ENDING from OPEN on
 */
#ifndef VSHD_SESSION_H
#define VSHD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend_channel.h"
#include "loop.h"
#include "vhost_user.h"
#include "virtio_net.h"

#define SESSION_MAX_QUEUES 8
#define SESSION_MAX_REGIONS 3

enum session_state {
    SESSION_CLOSED,
    SESSION_OPENING,  /* it is asked what it is */
    SESSION_OPEN,     /* it is known what it is */
    SESSION_STARTING, /* it is given memory and queues */
    SESSION_RUNNING,
    SESSION_ENDING, /* it will be, or was, told to stop */
    SESSION_ENDED,  /* it has closed its end, and let go of all requests */
    SESSION_FAILED, /* see session_error(); the connection is closed */
};

/* What the device must be. */
struct session_device {
    uint32_t type; /* virtio device id */
    unsigned int max_queues;
    bool driver_rings;       /* it will use the driver's virtqueues, no shadow virtqueues */
    struct net_settings net; /* of a network device */
    uid_t user;              /* who must be the one that listens; 0: anybody */
};

struct session_queue {
    uint32_t size; /* 0: not live */
    struct vhost_user_rings rings;
    int kick;
    int call;
};

/* What the session was told to do. Descriptors are the caller's. */
struct session_orders {
    bool end;
    bool begin;
    bool read_config;
    uint32_t start; /* a bit per queue */
    uint32_t stop;
    uint64_t features;
    uint32_t base;
    unsigned int nr_regions;
    struct vhost_user_region region[SESSION_MAX_REGIONS];
    struct session_queue queue[SESSION_MAX_QUEUES];
};

struct session {
    struct loop *loop;
    int limit_ms; /* for each message */
    void (*wake)(void *arg);
    void *arg;

    enum session_state state;
    int err; /* FAILED: -errno */
    struct session_device device;
    struct vhost_user vu;
    struct backend_channel backend;
    int backend_peer;  /* the device's end of it, until it is handed over; -1 */
    int backend_error; /* -errno: it is of no more use */
    struct watch peer_watch, backend_watch;
    struct timer limit;

    int step;       /* of session.c; 0: none */
    uint32_t queue; /* that the step is about */
    uint32_t probe; /* how long a configuration space the device is asked for */
    struct session_orders orders;

    uint64_t device_features;   /* as the device has them */
    uint64_t features;          /* what may be offered to the driver */
    uint64_t protocol_features; /* agreed upon */
    unsigned int nr_queues;     /* of the device, at most what was asked for */
    uint32_t config_len;
    uint8_t config[VHOST_USER_MAX_CONFIG];
    uint32_t live; /* a bit per queue that the device has */
};

void session_init(struct session *s, struct loop *loop, int limit_ms, void (*wake)(void *),
                  void *arg);
const char *session_error(const struct session *s);

/*
 * Connects to the device at path, and begins to learn what it is. -ENOENT,
 * -ECONNREFUSED, -EAGAIN: nobody listens there yet. After any error the session is
 * CLOSED.
 */
int session_open(struct session *s, const char *path, const struct session_device *device);
/* The same with a connected socket, which is the session's from then on. */
void session_adopt(struct session *s, int fd, const struct session_device *device);

/* When it is OPEN: begins to hand everything over. Queues of size 0 are left out. */
void session_start(struct session *s, uint64_t driver_features,
                   const struct vhost_user_region *regions, unsigned int nr_regions,
                   const struct session_queue *queues, unsigned int nr_queues);

/*
 * One queue of a session that runs: session_queue_live() says when it is started,
 * or stopped. Its descriptors must stay open until it is stopped or the session is
 * closed. It must have returned its requests before it is stopped, see below.
 */
void session_start_queue(struct session *s, uint32_t index, const struct session_queue *queue);
void session_stop_queue(struct session *s, uint32_t index);
bool session_queue_live(const struct session *s, uint32_t index);

/*
 * Says good-bye as soon as the message that is under way is answered: the device
 * stops, finishes what it has begun, and closes its end. It has let go of all
 * requests when the session is ENDED.
 *
 * GET_VRING_BASE, which stops a queue as well, says nothing about requests that
 * are under way, and libvhost-user gives the call eventfd up with it, so that
 * it cannot return them properly any more.
 */
void session_stop(struct session *s);

/* In any state. */
void session_close(struct session *s);

#endif
