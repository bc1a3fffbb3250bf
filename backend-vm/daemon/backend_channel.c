// SPDX-License-Identifier: MIT
/* Message formats: QEMU's docs/interop/vhost-user.rst, the protocol's specification. */
#include "backend_channel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONFIG_CHANGE_MSG 2

#define FLAG_VERSION_MASK 0x3u
#define FLAG_VERSION 0x1u
#define FLAG_REPLY 0x4u
#define FLAG_NEED_REPLY 0x8u

/* What one call reads at most: a device that does not stop talking has to wait for others. */
#define MAX_READS 8

struct header {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
} __attribute__((packed));

struct reply {
    struct header h;
    uint64_t status;
} __attribute__((packed));

void backend_channel_init(struct backend_channel *ch)
{
    ch->fd = -1;
    ch->have = 0;
}

int backend_channel_open(struct backend_channel *ch, int *peer)
{
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
        return -errno;
    }
    ch->fd = fd[0];
    ch->have = 0;
    *peer = fd[1];
    return 0;
}

void backend_channel_close(struct backend_channel *ch)
{
    if (ch->fd >= 0) {
        close(ch->fd);
    }
    backend_channel_init(ch);
}

int backend_channel_fd(const struct backend_channel *ch)
{
    return ch->fd;
}

/* Does not wait for room: a device that does not read its answers gets none. */
static int answer(const struct backend_channel *ch, uint32_t request, bool ok)
{
    struct reply r = {
        .h = {.request = request, .flags = FLAG_VERSION | FLAG_REPLY, .size = sizeof(r.status)},
        .status = !ok,
    };
    ssize_t n = send(ch->fd, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT);

    return n == sizeof(r) ? 0 : n < 0 && errno == EPIPE ? -EPIPE : -EPROTO;
}

/* The requests that are complete in the buffer. */
static int handle(struct backend_channel *ch)
{
    int changed = 0;

    for (;;) {
        struct header h;
        size_t len;

        if (ch->have < sizeof(h)) {
            return changed;
        }
        memcpy(&h, ch->buf, sizeof(h));
        if ((h.flags & FLAG_VERSION_MASK) != FLAG_VERSION || h.flags & FLAG_REPLY ||
            h.size > sizeof(ch->buf) - sizeof(h)) {
            return -EPROTO;
        }
        len = sizeof(h) + h.size;
        if (ch->have < len) {
            return changed;
        }
        ch->have -= len;
        memmove(ch->buf, ch->buf + len, ch->have);
        if (h.request == CONFIG_CHANGE_MSG) {
            changed = 1;
        }
        if (h.flags & FLAG_NEED_REPLY) {
            int err = answer(ch, h.request, h.request == CONFIG_CHANGE_MSG);

            if (err) {
                return err;
            }
        }
    }
}

int backend_channel_read(struct backend_channel *ch)
{
    int changed = 0;

    for (int i = 0; i < MAX_READS; i++) {
        /* A plain recv(): descriptors that come with the data are discarded by the kernel. */
        ssize_t n = recv(ch->fd, ch->buf + ch->have, sizeof(ch->buf) - ch->have, MSG_DONTWAIT);
        int ret;

        if (n == 0) {
            return changed ? changed : -EPIPE;
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR ? changed : -errno;
        }
        ch->have += (size_t)n;
        ret = handle(ch);
        if (ret < 0) {
            return ret;
        }
        changed |= ret;
    }
    return changed;
}
