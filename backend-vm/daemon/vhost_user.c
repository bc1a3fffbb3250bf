// SPDX-License-Identifier: MIT
/* Message formats: QEMU's docs/interop/vhost-user.rst, the protocol's specification. */
#include "vhost_user.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop.h"

enum request {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    GET_QUEUE_NUM = 17,
    SET_VRING_ENABLE = 18,
    SET_BACKEND_REQ_FD = 21,
    GET_CONFIG = 24,
};

#define FLAG_VERSION_MASK 0x3u
#define FLAG_VERSION 0x1u
#define FLAG_REPLY 0x4u
#define FLAG_NEED_REPLY 0x8u

/* All of the protocol's integers are in native order, and all of its structures packed. */
struct header {
    uint32_t request;
    uint32_t flags;
    uint32_t size; /* of what follows */
} __attribute__((packed));

struct mem_region {
    uint64_t guest_addr;
    uint64_t size;
    uint64_t user_addr;
    uint64_t mmap_offset;
} __attribute__((packed));

struct mem_table {
    uint32_t nr;
    uint32_t pad;
    struct mem_region region[VHOST_USER_MAX_REGIONS];
} __attribute__((packed));

struct vring_state {
    uint32_t index;
    uint32_t num;
} __attribute__((packed));

struct vring_addr {
    uint32_t index;
    uint32_t flags;
    uint64_t desc;
    uint64_t used;
    uint64_t avail;
    uint64_t log;
} __attribute__((packed));

struct config {
    uint32_t offset;
    uint32_t size;
    uint32_t flags;
    uint8_t data[VHOST_USER_MAX_CONFIG];
} __attribute__((packed));

#define CONFIG_HEAD offsetof(struct config, data)

static const char *request_name(enum request request)
{
    switch (request) {
    case GET_FEATURES:
        return "GET_FEATURES";
    case SET_FEATURES:
        return "SET_FEATURES";
    case SET_OWNER:
        return "SET_OWNER";
    case SET_MEM_TABLE:
        return "SET_MEM_TABLE";
    case SET_VRING_NUM:
        return "SET_VRING_NUM";
    case SET_VRING_ADDR:
        return "SET_VRING_ADDR";
    case SET_VRING_BASE:
        return "SET_VRING_BASE";
    case GET_VRING_BASE:
        return "GET_VRING_BASE";
    case SET_VRING_KICK:
        return "SET_VRING_KICK";
    case SET_VRING_CALL:
        return "SET_VRING_CALL";
    case GET_PROTOCOL_FEATURES:
        return "GET_PROTOCOL_FEATURES";
    case SET_PROTOCOL_FEATURES:
        return "SET_PROTOCOL_FEATURES";
    case GET_QUEUE_NUM:
        return "GET_QUEUE_NUM";
    case SET_VRING_ENABLE:
        return "SET_VRING_ENABLE";
    case SET_BACKEND_REQ_FD:
        return "SET_BACKEND_REQ_FD";
    case GET_CONFIG:
        return "GET_CONFIG";
    }
    return "?";
}

__attribute__((format(printf, 4, 5))) static int fail(struct vhost_user *vu, enum request request,
                                                      int err, const char *fmt, ...)
{
    char what[96];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    snprintf(vu->error, sizeof(vu->error), "%s: %s", request_name(request), what);
    return err;
}

void vhost_user_init(struct vhost_user *vu, int limit_ms)
{
    *vu = (struct vhost_user){.fd = -1, .limit_ms = limit_ms};
}

const char *vhost_user_error(const struct vhost_user *vu)
{
    return vu->error;
}

int vhost_user_adopt(struct vhost_user *vu, int fd)
{
    vu->fd = fd;
    vu->need_reply = false;
    vu->error[0] = '\0';
    return 0;
}

int vhost_user_connect(struct vhost_user *vu, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd, err;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        snprintf(vu->error, sizeof(vu->error), "the socket's path is longer than %zu characters",
                 sizeof(addr.sun_path) - 1);
        return -ENAMETOOLONG;
    }
    strcpy(addr.sun_path, path);

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        err = -errno;
        snprintf(vu->error, sizeof(vu->error), "socket: %s", strerror(errno));
        return err;
    }
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
        err = -errno;
        snprintf(vu->error, sizeof(vu->error), "connect: %s", strerror(errno));
        close(fd);
        return err;
    }
    return vhost_user_adopt(vu, fd);
}

void vhost_user_close(struct vhost_user *vu)
{
    if (vu->fd >= 0) {
        close(vu->fd);
        vu->fd = -1;
    }
}

/* Until fd is ready for events, or the deadline. */
static int wait_ready(struct vhost_user *vu, enum request request, short events, int64_t deadline)
{
    struct pollfd pfd = {.fd = vu->fd, .events = events};

    for (;;) {
        int64_t left = deadline - loop_now();
        int n = poll(&pfd, 1, left > 0 ? (int)left : 0);

        if (n > 0) {
            return 0;
        }
        if (n == 0) {
            return fail(vu, request, -ETIMEDOUT, "no answer within %d ms", vu->limit_ms);
        }
        if (errno != EINTR) {
            return fail(vu, request, -errno, "poll: %s", strerror(errno));
        }
    }
}

/* Descriptors go with the first byte. */
static int send_all(struct vhost_user *vu, enum request request, const void *buf, size_t len,
                    const int *fds, unsigned int nr_fds, int64_t deadline)
{
    union {
        char buf[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_REGIONS)];
        struct cmsghdr align;
    } control;
    size_t done = 0;

    while (done < len) {
        struct iovec iov = {.iov_base = (char *)buf + done, .iov_len = len - done};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;
        int err;

        if (nr_fds && !done) {
            struct cmsghdr *cmsg;

            memset(&control, 0, sizeof(control));
            msg.msg_control = control.buf;
            msg.msg_controllen = CMSG_SPACE(sizeof(int) * nr_fds);
            cmsg = CMSG_FIRSTHDR(&msg);
            cmsg->cmsg_level = SOL_SOCKET;
            cmsg->cmsg_type = SCM_RIGHTS;
            cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nr_fds);
            memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nr_fds);
        }

        n = sendmsg(vu->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) {
            err = wait_ready(vu, request, POLLOUT, deadline);
            if (err) {
                return err;
            }
        } else if (errno != EINTR) {
            return fail(vu, request, -errno, "send: %s", strerror(errno));
        }
    }
    return 0;
}

/* A plain recv(): descriptors that come with the data are discarded by the kernel. */
static int recv_all(struct vhost_user *vu, enum request request, void *buf, size_t len,
                    int64_t deadline)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = recv(vu->fd, (char *)buf + done, len - done, MSG_DONTWAIT);
        int err;

        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0) {
            return fail(vu, request, -ECONNRESET, "the device closed the connection");
        } else if (errno == EAGAIN) {
            err = wait_ready(vu, request, POLLIN, deadline);
            if (err) {
                return err;
            }
        } else if (errno != EINTR) {
            return fail(vu, request, -errno, "recv: %s", strerror(errno));
        }
    }
    return 0;
}

static int send_request(struct vhost_user *vu, enum request request, uint32_t flags,
                        const void *payload, uint32_t size, const int *fds, unsigned int nr_fds,
                        int64_t deadline)
{
    struct {
        struct header h;
        char payload[sizeof(struct mem_table) > sizeof(struct config) ? sizeof(struct mem_table)
                                                                      : sizeof(struct config)];
    } __attribute__((packed)) msg;

    if (vu->fd < 0) {
        return fail(vu, request, -ENOTCONN, "not connected");
    }
    msg.h = (struct header){.request = request, .flags = FLAG_VERSION | flags, .size = size};
    if (size) {
        memcpy(msg.payload, payload, size);
    }
    return send_all(vu, request, &msg, sizeof(msg.h) + size, fds, nr_fds, deadline);
}

/* Reads a reply of exactly size bytes, or, if may_be_empty, of none: *empty. */
static int recv_reply(struct vhost_user *vu, enum request request, void *payload, uint32_t size,
                      bool *empty, int64_t deadline)
{
    struct header h;
    int err;

    err = recv_all(vu, request, &h, sizeof(h), deadline);
    if (err) {
        return err;
    }
    if (h.request != (uint32_t)request) {
        return fail(vu, request, -EPROTO, "the reply is to request %" PRIu32, h.request);
    }
    if ((h.flags & FLAG_VERSION_MASK) != FLAG_VERSION || !(h.flags & FLAG_REPLY)) {
        return fail(vu, request, -EPROTO, "the reply has flags %#" PRIx32, h.flags);
    }
    if (empty) {
        *empty = h.size == 0;
        if (*empty) {
            return 0;
        }
    }
    if (h.size != size) {
        return fail(vu, request, -EPROTO, "the reply has %" PRIu32 " bytes instead of %" PRIu32,
                    h.size, size);
    }
    return recv_all(vu, request, payload, size, deadline);
}

/* A request that has no reply of its own. */
static int set(struct vhost_user *vu, enum request request, const void *payload, uint32_t size,
               const int *fds, unsigned int nr_fds)
{
    int64_t deadline = loop_now() + vu->limit_ms;
    uint64_t status;
    int err;

    err = send_request(vu, request, vu->need_reply ? FLAG_NEED_REPLY : 0, payload, size, fds,
                       nr_fds, deadline);
    if (err || !vu->need_reply) {
        return err;
    }
    err = recv_reply(vu, request, &status, sizeof(status), NULL, deadline);
    if (err) {
        return err;
    }
    if (status) {
        return fail(vu, request, -EIO, "the device refused it (%" PRIu64 ")", status);
    }
    return 0;
}

static int get_u64(struct vhost_user *vu, enum request request, uint64_t *value)
{
    int64_t deadline = loop_now() + vu->limit_ms;
    int err = send_request(vu, request, 0, NULL, 0, NULL, 0, deadline);

    return err ? err : recv_reply(vu, request, value, sizeof(*value), NULL, deadline);
}

static int set_u64(struct vhost_user *vu, enum request request, uint64_t value)
{
    return set(vu, request, &value, sizeof(value), NULL, 0);
}

static int set_state(struct vhost_user *vu, enum request request, uint32_t index, uint32_t num)
{
    struct vring_state state = {.index = index, .num = num};

    return set(vu, request, &state, sizeof(state), NULL, 0);
}

int vhost_user_set_owner(struct vhost_user *vu)
{
    return set(vu, SET_OWNER, NULL, 0, NULL, 0);
}

int vhost_user_get_features(struct vhost_user *vu, uint64_t *features)
{
    return get_u64(vu, GET_FEATURES, features);
}

int vhost_user_set_features(struct vhost_user *vu, uint64_t features)
{
    return set_u64(vu, SET_FEATURES, features);
}

int vhost_user_get_protocol_features(struct vhost_user *vu, uint64_t *features)
{
    return get_u64(vu, GET_PROTOCOL_FEATURES, features);
}

int vhost_user_set_protocol_features(struct vhost_user *vu, uint64_t features)
{
    int err = set_u64(vu, SET_PROTOCOL_FEATURES, features);

    if (!err) {
        vu->need_reply = features & VHOST_USER_PROTOCOL_F_REPLY_ACK;
    }
    return err;
}

int vhost_user_get_queue_num(struct vhost_user *vu, uint64_t *num)
{
    int err = get_u64(vu, GET_QUEUE_NUM, num);

    if (!err && *num == 0) {
        err = fail(vu, GET_QUEUE_NUM, -EPROTO, "the device has no queues");
    }
    return err;
}

int vhost_user_get_config(struct vhost_user *vu, void *config, uint32_t len)
{
    int64_t deadline = loop_now() + vu->limit_ms;
    struct config c = {.offset = 0, .size = len};
    bool empty;
    int err;

    if (len > sizeof(c.data)) {
        return fail(vu, GET_CONFIG, -EOPNOTSUPP, "%" PRIu32 " bytes are too many", len);
    }
    err = send_request(vu, GET_CONFIG, 0, &c, (uint32_t)CONFIG_HEAD + len, NULL, 0, deadline);
    if (err) {
        return err;
    }
    err = recv_reply(vu, GET_CONFIG, &c, (uint32_t)CONFIG_HEAD + len, &empty, deadline);
    if (err) {
        return err;
    }
    /* An empty reply, or one whose size field is zero, is how a device says no. */
    if (empty || c.size == 0) {
        return fail(vu, GET_CONFIG, -EOPNOTSUPP, "the device has no %" PRIu32 " bytes", len);
    }
    if (c.offset != 0 || c.size != len) {
        return fail(vu, GET_CONFIG, -EPROTO,
                    "the reply is for %" PRIu32 " bytes at %" PRIu32 " instead of %" PRIu32 " at 0",
                    c.size, c.offset, len);
    }
    memcpy(config, c.data, len);
    return 0;
}

int vhost_user_set_backend_req_fd(struct vhost_user *vu, int fd)
{
    return set(vu, SET_BACKEND_REQ_FD, NULL, 0, &fd, 1);
}

int vhost_user_set_mem_table(struct vhost_user *vu, const struct vhost_user_region *regions,
                             unsigned int nr)
{
    struct mem_table table = {.nr = nr};
    int fds[VHOST_USER_MAX_REGIONS];

    if (nr == 0 || nr > VHOST_USER_MAX_REGIONS) {
        return fail(vu, SET_MEM_TABLE, -EINVAL, "%u regions", nr);
    }
    for (unsigned int i = 0; i < nr; i++) {
        table.region[i] = (struct mem_region){
            .guest_addr = regions[i].guest_addr,
            .size = regions[i].size,
            .user_addr = regions[i].user_addr,
        };
        fds[i] = regions[i].fd;
    }
    return set(vu, SET_MEM_TABLE, &table,
               (uint32_t)(offsetof(struct mem_table, region) + nr * sizeof(table.region[0])), fds,
               nr);
}

int vhost_user_set_vring_num(struct vhost_user *vu, uint32_t queue, uint32_t size)
{
    return set_state(vu, SET_VRING_NUM, queue, size);
}

int vhost_user_set_vring_base(struct vhost_user *vu, uint32_t queue, uint32_t base)
{
    return set_state(vu, SET_VRING_BASE, queue, base);
}

int vhost_user_get_vring_base(struct vhost_user *vu, uint32_t queue, uint32_t *base)
{
    int64_t deadline = loop_now() + vu->limit_ms;
    struct vring_state state = {.index = queue};
    int err = send_request(vu, GET_VRING_BASE, 0, &state, sizeof(state), NULL, 0, deadline);

    if (!err) {
        err = recv_reply(vu, GET_VRING_BASE, &state, sizeof(state), NULL, deadline);
    }
    if (err) {
        return err;
    }
    if (state.index != queue) {
        return fail(vu, GET_VRING_BASE, -EPROTO, "the reply is about queue %" PRIu32, state.index);
    }
    *base = state.num;
    return 0;
}

int vhost_user_set_vring_addr(struct vhost_user *vu, uint32_t queue,
                              const struct vhost_user_rings *rings)
{
    struct vring_addr addr = {
        .index = queue,
        .desc = rings->desc,
        .avail = rings->avail,
        .used = rings->used,
    };

    return set(vu, SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
}

static int set_vring_fd(struct vhost_user *vu, enum request request, uint32_t queue, int fd)
{
    uint64_t value = queue & 0xff;

    return set(vu, request, &value, sizeof(value), &fd, 1);
}

int vhost_user_set_vring_kick(struct vhost_user *vu, uint32_t queue, int fd)
{
    return set_vring_fd(vu, SET_VRING_KICK, queue, fd);
}

int vhost_user_set_vring_call(struct vhost_user *vu, uint32_t queue, int fd)
{
    return set_vring_fd(vu, SET_VRING_CALL, queue, fd);
}

int vhost_user_set_vring_enable(struct vhost_user *vu, uint32_t queue, bool enable)
{
    return set_state(vu, SET_VRING_ENABLE, queue, enable);
}

int vhost_user_finish(struct vhost_user *vu)
{
    return shutdown(vu->fd, SHUT_WR) ? -errno : 0;
}
