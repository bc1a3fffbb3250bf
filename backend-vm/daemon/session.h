/* SPDX-License-Identifier: MIT */
/*
 * A session with a vhost-user device: from connecting to the device's closing
 * its end. A session runs the device once; a device that was stopped is
 * connected to again.
 */
#ifndef VSHD_SESSION_H
#define VSHD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "backend_channel.h"
#include "vhost_user.h"
#include "virtio_net.h"

#define SESSION_MAX_QUEUES 8

/* What the device is to be. */
struct session_device {
    uint32_t type; /* virtio device id */
    unsigned int max_queues;
    bool driver_rings;       /* it is to use the driver's virtqueues, no shadow virtqueues */
    struct net_settings net; /* of a network device */
};

struct session {
    struct vhost_user vu;
    struct backend_channel backend;
    uint32_t device_type;
    uint64_t device_features;   /* as the device has them */
    uint64_t features;          /* what may be offered to the driver */
    uint64_t protocol_features; /* agreed upon */
    unsigned int nr_queues;     /* of the device, at most what was asked for */
    uint32_t config_len;
    uint8_t config[VHOST_USER_MAX_CONFIG];
    bool started;
    uint32_t live; /* a bit per queue that was started */
};

struct session_queue {
    uint32_t size; /* 0: not live */
    struct vhost_user_rings rings;
    int kick;
    int call;
};

void session_init(struct session *s, int limit_ms);
const char *session_error(const struct session *s);

/*
 * Connects to the device at path and learns what it is. After an error the
 * session is closed. -ENOENT and -ECONNREFUSED: nobody listens there yet.
 */
int session_open(struct session *s, const char *path, const struct session_device *device);
bool session_is_open(const struct session *s);
/* Readable when the device has closed the connection, or misbehaves. */
int session_fd(const struct session *s);

/* Hands everything over; the device works from then on. */
int session_start(struct session *s, uint64_t driver_features,
                  const struct vhost_user_region *regions, unsigned int nr_regions,
                  const struct session_queue *queues, unsigned int nr_queues);

/*
 * One queue of a session that runs. It must have returned its requests before it
 * is stopped, see below.
 */
int session_start_queue(struct session *s, uint32_t index, const struct session_queue *queue);
int session_stop_queue(struct session *s, uint32_t index);

/*
 * Says good-bye: the device stops, finishes what it has begun, and closes its
 * end. It has let go of all requests when session_ended() says so.
 *
 * GET_VRING_BASE, which stops a queue as well, says nothing about requests that
 * are under way, and libvhost-user gives the call eventfd up with it, so that
 * it cannot return them properly any more.
 */
int session_stop(struct session *s);

/*
 * The device's own requests: -1, or readable when there are some. What they
 * want is said by session_backend(): 1 when the config space may have changed,
 * which session_read_config() reads, 0 if nothing, -errno when the channel is of
 * no more use. -EPIPE: the device has closed it.
 */
int session_backend_fd(const struct session *s);
int session_backend(struct session *s);
int session_read_config(struct session *s);

/* Reads what there is: 1 when the device has closed its end, 0 if not, -errno. */
int session_ended(struct session *s);

void session_close(struct session *s);

#endif
