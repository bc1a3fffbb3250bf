// SPDX-License-Identifier: MIT
/* Message formats: QEMU's docs/interop/vhost-user.rst, the protocol's specification. */
#include "vhost_user.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

#define CONFIG_HEAD ((uint32_t)offsetof(struct config, data))

_Static_assert(sizeof(struct header) + sizeof(struct mem_table) <= VHOST_USER_MAX_MESSAGE &&
                   sizeof(struct header) + sizeof(struct config) <= VHOST_USER_MAX_MESSAGE,
               "every message fits in");

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

__attribute__((format(printf, 3, 4))) static int fail(struct vhost_user *vu, int err,
                                                      const char *fmt, ...)
{
    char what[96];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    if (vu->request) {
        snprintf(vu->error, sizeof(vu->error), "%s: %s", request_name(vu->request), what);
    } else {
        snprintf(vu->error, sizeof(vu->error), "%s", what);
    }
    return err;
}

void vhost_user_init(struct vhost_user *vu)
{
    memset(vu, 0, sizeof(*vu));
    vu->fd = -1;
}

const char *vhost_user_error(const struct vhost_user *vu)
{
    return vu->error;
}

void vhost_user_adopt(struct vhost_user *vu, int fd)
{
    vhost_user_init(vu);
    vu->fd = fd;
}

bool vhost_user_busy(const struct vhost_user *vu)
{
    return vu->request != 0;
}

bool vhost_user_sending(const struct vhost_user *vu)
{
    return vu->out_done < vu->out_len;
}

const char *vhost_user_request_name(const struct vhost_user *vu)
{
    return request_name(vu->request);
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
    vhost_user_adopt(vu, fd);
    return 0;
}

void vhost_user_close(struct vhost_user *vu)
{
    if (vu->fd >= 0) {
        close(vu->fd);
        vu->fd = -1;
    }
}

/* Until all is sent, or the socket is full. */
static int send_some(struct vhost_user *vu)
{
    union {
        char buf[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_REGIONS)];
        struct cmsghdr align;
    } control;

    while (vhost_user_sending(vu)) {
        struct iovec iov = {.iov_base = vu->out + vu->out_done,
                            .iov_len = vu->out_len - vu->out_done};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;

        if (vu->nr_out_fds && !vu->out_done) {
            size_t len = sizeof(int) * vu->nr_out_fds;
            struct cmsghdr *cmsg;

            memset(&control, 0, sizeof(control));
            msg.msg_control = control.buf;
            msg.msg_controllen = CMSG_SPACE(len);
            cmsg = CMSG_FIRSTHDR(&msg);
            cmsg->cmsg_level = SOL_SOCKET;
            cmsg->cmsg_type = SCM_RIGHTS;
            cmsg->cmsg_len = CMSG_LEN(len);
            memcpy(CMSG_DATA(cmsg), vu->out_fds, len);
        }

        n = sendmsg(vu->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            vu->out_done += (size_t)n;
        } else if (errno == EAGAIN) {
            return 0;
        } else if (errno != EINTR) {
            return fail(vu, -errno, "send: %s", strerror(errno));
        }
    }
    return 0;
}

/*
 * 1 when in_len is len, 0 when more has to come. A plain recv(): the kernel
 * closes descriptors that come with the data.
 */
static int recv_some(struct vhost_user *vu, size_t len)
{
    while (vu->in_len < len) {
        ssize_t n = recv(vu->fd, vu->in + vu->in_len, len - vu->in_len, MSG_DONTWAIT);

        if (n > 0) {
            vu->in_len += (size_t)n;
        } else if (n == 0) {
            return fail(vu, -ECONNRESET, "the device closed the connection");
        } else if (errno == EAGAIN) {
            return 0;
        } else if (errno != EINTR) {
            return fail(vu, -errno, "recv: %s", strerror(errno));
        }
    }
    return 1;
}

/* Of the one of a request that is under way. */
static int check_header(struct vhost_user *vu, const struct header *h)
{
    if (h->request != vu->request) {
        return fail(vu, -EPROTO, "the reply is to request %" PRIu32, h->request);
    }
    if ((h->flags & FLAG_VERSION_MASK) != FLAG_VERSION || !(h->flags & FLAG_REPLY)) {
        return fail(vu, -EPROTO, "the reply has flags %#" PRIx32, h->flags);
    }
    /* An empty reply is one of the ways in which a device has no config space. */
    if (h->size != vu->reply_len && !(h->request == GET_CONFIG && h->size == 0)) {
        return fail(vu, -EPROTO, "the reply has %" PRIu32 " bytes instead of %" PRIu32, h->size,
                    vu->reply_len);
    }
    return 0;
}

static int check_config(struct vhost_user *vu, uint32_t size)
{
    uint32_t len = vu->reply_len - CONFIG_HEAD;
    struct config c;

    memcpy(&c, vu->in + sizeof(struct header), CONFIG_HEAD);
    /* The other is that its size field is zero. */
    if (size == 0 || c.size == 0) {
        return fail(vu, -EOPNOTSUPP, "the device has no %" PRIu32 " bytes", len);
    }
    if (c.offset != 0 || c.size != len) {
        return fail(vu, -EPROTO,
                    "the reply is for %" PRIu32 " bytes at %" PRIu32 " instead of %" PRIu32 " at 0",
                    c.size, c.offset, len);
    }
    return 0;
}

static int check_body(struct vhost_user *vu, uint32_t size)
{
    struct vring_state state;

    switch (vu->request) {
    case GET_FEATURES:
    case GET_PROTOCOL_FEATURES:
        return 0;
    case GET_QUEUE_NUM:
        return vhost_user_value(vu) ? 0 : fail(vu, -EPROTO, "the device has no queues");
    case GET_CONFIG:
        return check_config(vu, size);
    case GET_VRING_BASE:
        memcpy(&state, vu->in + sizeof(struct header), sizeof(state));
        if (state.index != vu->queue) {
            return fail(vu, -EPROTO, "the reply is about queue %" PRIu32, state.index);
        }
        return 0;
    default:
        if (vhost_user_value(vu)) {
            return fail(vu, -EIO, "the device refused it (%" PRIu64 ")", vhost_user_value(vu));
        }
        return 0;
    }
}

/* 1: it is there, and good. */
static int recv_reply(struct vhost_user *vu)
{
    struct header h;
    int ret = 1;

    if (vu->in_len < sizeof(h)) {
        ret = recv_some(vu, sizeof(h));
        if (ret <= 0) {
            return ret;
        }
    }
    memcpy(&h, vu->in, sizeof(h));
    ret = check_header(vu, &h);
    if (ret) {
        return ret;
    }
    ret = recv_some(vu, sizeof(h) + h.size);
    if (ret <= 0) {
        return ret;
    }
    ret = check_body(vu, h.size);
    return ret ? ret : 1;
}

/* Nobody asked the device for anything. */
static int check_silent(struct vhost_user *vu)
{
    ssize_t n;

    vu->in_len = 0;
    n = recv(vu->fd, vu->in, sizeof(vu->in), MSG_DONTWAIT);
    if (n > 0) {
        return fail(vu, -EPROTO, "the device sent %zd bytes that nobody asked for", n);
    }
    if (n == 0) {
        return fail(vu, -ECONNRESET, "the device closed the connection");
    }
    return errno == EAGAIN || errno == EINTR ? 0 : fail(vu, -errno, "recv: %s", strerror(errno));
}

int vhost_user_go_on(struct vhost_user *vu)
{
    int ret;

    if (vu->fd < 0) {
        return fail(vu, -ENOTCONN, "not connected");
    }
    if (!vu->request) {
        return check_silent(vu);
    }
    ret = send_some(vu);
    if (ret) {
        return ret;
    }
    if (vhost_user_sending(vu)) {
        return 0;
    }
    ret = vu->replies ? recv_reply(vu) : 1;
    if (ret == 1 && vu->request == SET_PROTOCOL_FEATURES) {
        vu->need_reply = vu->features & VHOST_USER_PROTOCOL_F_REPLY_ACK;
    }
    if (ret == 1 || ret == -EOPNOTSUPP) {
        vu->request = 0;
    }
    return ret;
}

static int begin(struct vhost_user *vu, enum request request, uint32_t flags, const void *payload,
                 uint32_t size, const int *fds, unsigned int nr_fds)
{
    struct header h = {.request = request, .flags = FLAG_VERSION | flags, .size = size};
    int err;

    if (vu->fd < 0) {
        return fail(vu, -ENOTCONN, "not connected");
    }
    if (vu->request) {
        return fail(vu, -EBUSY, "%s has to wait for it", request_name(request));
    }
    /* What has come already cannot be a reply to what is about to be sent. */
    err = check_silent(vu);
    if (err) {
        return err;
    }
    vu->request = request;
    vu->in_len = 0;
    vu->out_done = 0;
    vu->out_len = sizeof(h) + size;
    vu->nr_out_fds = nr_fds;
    memcpy(vu->out, &h, sizeof(h));
    if (size) {
        memcpy(vu->out + sizeof(h), payload, size);
    }
    if (nr_fds) {
        memcpy(vu->out_fds, fds, nr_fds * sizeof(*fds));
    }
    return send_some(vu);
}

/* A request that has no reply of its own. */
static int set(struct vhost_user *vu, enum request request, const void *payload, uint32_t size,
               const int *fds, unsigned int nr_fds)
{
    vu->replies = vu->need_reply;
    vu->reply_len = sizeof(uint64_t);
    return begin(vu, request, vu->need_reply ? FLAG_NEED_REPLY : 0, payload, size, fds, nr_fds);
}

static int get(struct vhost_user *vu, enum request request, const void *payload, uint32_t size,
               uint32_t reply_len)
{
    vu->replies = true;
    vu->reply_len = reply_len;
    return begin(vu, request, 0, payload, size, NULL, 0);
}

static int get_u64(struct vhost_user *vu, enum request request)
{
    return get(vu, request, NULL, 0, sizeof(uint64_t));
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

uint64_t vhost_user_value(const struct vhost_user *vu)
{
    uint64_t value;

    memcpy(&value, vu->in + sizeof(struct header), sizeof(value));
    return value;
}

int vhost_user_set_owner(struct vhost_user *vu)
{
    return set(vu, SET_OWNER, NULL, 0, NULL, 0);
}

int vhost_user_get_features(struct vhost_user *vu)
{
    return get_u64(vu, GET_FEATURES);
}

int vhost_user_set_features(struct vhost_user *vu, uint64_t features)
{
    return set_u64(vu, SET_FEATURES, features);
}

int vhost_user_get_protocol_features(struct vhost_user *vu)
{
    return get_u64(vu, GET_PROTOCOL_FEATURES);
}

int vhost_user_set_protocol_features(struct vhost_user *vu, uint64_t features)
{
    vu->features = features;
    return set_u64(vu, SET_PROTOCOL_FEATURES, features);
}

int vhost_user_get_queue_num(struct vhost_user *vu)
{
    return get_u64(vu, GET_QUEUE_NUM);
}

int vhost_user_get_config(struct vhost_user *vu, uint32_t len)
{
    struct config c = {.offset = 0, .size = len};

    if (len > sizeof(c.data)) {
        return fail(vu, -EINVAL, "a config space of %" PRIu32 " bytes is too long", len);
    }
    return get(vu, GET_CONFIG, &c, CONFIG_HEAD + len, CONFIG_HEAD + len);
}

const uint8_t *vhost_user_config(const struct vhost_user *vu)
{
    return vu->in + sizeof(struct header) + CONFIG_HEAD;
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
        return fail(vu, -EINVAL, "%u regions", nr);
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

int vhost_user_get_vring_base(struct vhost_user *vu, uint32_t queue)
{
    struct vring_state state = {.index = queue};

    vu->queue = queue;
    return get(vu, GET_VRING_BASE, &state, sizeof(state), sizeof(state));
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
