/* SPDX-License-Identifier: MIT */
/*
 * The frontend's side of the vhost-user protocol: one message each.
 *
 * The device process is not trusted to follow it: every reply is checked for
 * its type, length and value, and every wait has a limit. A call returns 0 or
 * -errno, and after an error vhost_user_error() says what was wrong. After any
 * error but -EOPNOTSUPP the connection is of no more use and must be closed.
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

struct vhost_user {
    int fd;          /* -1: not connected */
    int limit_ms;    /* for each message */
    bool need_reply; /* REPLY_ACK was negotiated: have every request confirmed */
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

void vhost_user_init(struct vhost_user *vu, int limit_ms);
const char *vhost_user_error(const struct vhost_user *vu);

/* Does not wait: -ENOENT or -ECONNREFUSED when nobody listens yet. */
int vhost_user_connect(struct vhost_user *vu, const char *path);
/* Takes over a connected stream socket. */
int vhost_user_adopt(struct vhost_user *vu, int fd);
void vhost_user_close(struct vhost_user *vu);

int vhost_user_set_owner(struct vhost_user *vu);
int vhost_user_get_features(struct vhost_user *vu, uint64_t *features);
int vhost_user_set_features(struct vhost_user *vu, uint64_t features);
int vhost_user_get_protocol_features(struct vhost_user *vu, uint64_t *features);
int vhost_user_set_protocol_features(struct vhost_user *vu, uint64_t features);
int vhost_user_get_queue_num(struct vhost_user *vu, uint64_t *num);

/* -EOPNOTSUPP: the device has no config space of this length. */
int vhost_user_get_config(struct vhost_user *vu, void *config, uint32_t len);

/* fd is what the device sends its own requests on; see backend_channel.h. */
int vhost_user_set_backend_req_fd(struct vhost_user *vu, int fd);

int vhost_user_set_mem_table(struct vhost_user *vu, const struct vhost_user_region *regions,
                             unsigned int nr);
int vhost_user_set_vring_num(struct vhost_user *vu, uint32_t queue, uint32_t size);
int vhost_user_set_vring_base(struct vhost_user *vu, uint32_t queue, uint32_t base);
/* Stops the queue. */
int vhost_user_get_vring_base(struct vhost_user *vu, uint32_t queue, uint32_t *base);
int vhost_user_set_vring_addr(struct vhost_user *vu, uint32_t queue,
                              const struct vhost_user_rings *rings);
int vhost_user_set_vring_kick(struct vhost_user *vu, uint32_t queue, int fd);
int vhost_user_set_vring_call(struct vhost_user *vu, uint32_t queue, int fd);
int vhost_user_set_vring_enable(struct vhost_user *vu, uint32_t queue, bool enable);

/* Nothing more will be sent. A device that is through with its requests then closes its end. */
int vhost_user_finish(struct vhost_user *vu);

#endif
