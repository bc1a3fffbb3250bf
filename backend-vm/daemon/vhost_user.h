/* SPDX-License-Identifier: MIT */
/*
 * The frontend's side of the vhost-user protocol. One request is under way at a
 * time, and no call waits: a call that begins a request sends what the socket
 * takes, and vhost_user_go_on() does the rest, whenever the socket is ready.
 *
 * The device process is not trusted to follow the protocol: every reply is
 * checked for its type, length and value. Time limits are the caller's. A call
 * returns 0 or -errno, and after an error vhost_user_error() says what was
 * wrong. After any error but -EOPNOTSUPP the connection is of no more use and
 * must be closed.
 */
#ifndef VSHD_VHOST_USER_H
#define VSHD_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHOST_USER_F_PROTOCOL_FEATURES (1ULL << 30)

#define VHOST_USER_PROTOCOL_F_MQ (1ULL << 0)
#define VHOST_USER_PROTOCOL_F_REPLY_ACK (1ULL << 3)
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ (1ULL << 5)
#define VHOST_USER_PROTOCOL_F_CONFIG (1ULL << 9)

#define VHOST_USER_MAX_CONFIG 256
#define VHOST_USER_MAX_REGIONS 8

/* A header, and the longest of the bodies: a table of VHOST_USER_MAX_REGIONS regions, or a config.
 */
#define VHOST_USER_MAX_MESSAGE (12 + 8 + 32 * VHOST_USER_MAX_REGIONS + 12)

struct vhost_user {
    int fd;             /* -1: not connected */
    bool need_reply;    /* REPLY_ACK was negotiated: have every request confirmed */
    uint32_t request;   /* the one that is under way; 0: none */
    bool replies;       /* it has a reply */
    uint64_t features;  /* of SET_PROTOCOL_FEATURES, until it is done */
    uint32_t reply_len; /* of the body that its reply must have */
    uint32_t queue;     /* that it is about */

    /* Descriptors go with the first byte, and are the caller's. */
    size_t out_len, out_done;
    int out_fds[VHOST_USER_MAX_REGIONS];
    unsigned int nr_out_fds;
    size_t in_len;

    uint8_t out[VHOST_USER_MAX_MESSAGE];
    uint8_t in[VHOST_USER_MAX_MESSAGE];
    char error[160];
};

struct vhost_user_region {
    uint64_t guest_addr;
    uint64_t size;
    uint64_t user_addr; /* base of the addresses given to set_vring_addr */
    int fd;             /* mapped from offset 0 */
};

struct vhost_user_rings {
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
};

void vhost_user_init(struct vhost_user *vu);
const char *vhost_user_error(const struct vhost_user *vu);

/* -ENOENT or -ECONNREFUSED when nobody listens yet, -EAGAIN when too many wait to be accepted. */
int vhost_user_connect(struct vhost_user *vu, const char *path);
/* Takes over a connected stream socket. */
void vhost_user_adopt(struct vhost_user *vu, int fd);
void vhost_user_close(struct vhost_user *vu);

/*
 * Sends and receives what is possible now: 1 when the request that was under way
 * is done, 0 when it is not yet, -errno. Without a request, what the device
 * sends, or that it closes its end (-ECONNRESET), is an error.
 */
int vhost_user_go_on(struct vhost_user *vu);
bool vhost_user_busy(const struct vhost_user *vu);
/* It is the device's turn to read. */
bool vhost_user_sending(const struct vhost_user *vu);
/* Which request is under way. */
const char *vhost_user_request_name(const struct vhost_user *vu);

/*
 * What follows begins a request. Descriptors must stay open until it is done.
 * After vhost_user_get_*(), but for config, the answer is vhost_user_value().
 */
uint64_t vhost_user_value(const struct vhost_user *vu);

int vhost_user_set_owner(struct vhost_user *vu);
int vhost_user_get_features(struct vhost_user *vu);
int vhost_user_set_features(struct vhost_user *vu, uint64_t features);
int vhost_user_get_protocol_features(struct vhost_user *vu);
int vhost_user_set_protocol_features(struct vhost_user *vu, uint64_t features);
int vhost_user_get_queue_num(struct vhost_user *vu);

/*
 * vhost_user_go_on() returns -EOPNOTSUPP if the device has no config space of this
 * length; vhost_user_config() points to what it answered otherwise.
 */
int vhost_user_get_config(struct vhost_user *vu, uint32_t len);
const uint8_t *vhost_user_config(const struct vhost_user *vu);

/* fd is what the device sends its own requests on; see backend_channel.h. */
int vhost_user_set_backend_req_fd(struct vhost_user *vu, int fd);

int vhost_user_set_mem_table(struct vhost_user *vu, const struct vhost_user_region *regions,
                             unsigned int nr);
int vhost_user_set_vring_num(struct vhost_user *vu, uint32_t queue, uint32_t size);
int vhost_user_set_vring_base(struct vhost_user *vu, uint32_t queue, uint32_t base);
/* Stops the queue. */
int vhost_user_get_vring_base(struct vhost_user *vu, uint32_t queue);
int vhost_user_set_vring_addr(struct vhost_user *vu, uint32_t queue,
                              const struct vhost_user_rings *rings);
int vhost_user_set_vring_kick(struct vhost_user *vu, uint32_t queue, int fd);
int vhost_user_set_vring_call(struct vhost_user *vu, uint32_t queue, int fd);
int vhost_user_set_vring_enable(struct vhost_user *vu, uint32_t queue, bool enable);

/* Nothing more will be sent. A device that is through with its requests then closes its end. */
int vhost_user_finish(struct vhost_user *vu);

#endif
