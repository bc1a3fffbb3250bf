// SPDX-License-Identifier: MIT
#include "peer.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

/* Written down again, from the specification, so as not to share a mistake with what is tested. */
#define GET_FEATURES 1
#define SET_FEATURES 2
#define GET_PROTOCOL_FEATURES 15
#define SET_PROTOCOL_FEATURES 16
#define GET_QUEUE_NUM 17
#define SET_BACKEND_REQ_FD 21
#define GET_CONFIG 24
#define CONFIG_CHANGE_MSG 2

#define NEED_REPLY 8u
#define REPLY_FLAGS 5u /* version 1, reply */

#define FEATURES (1ULL << 32 | 1ULL << 30 | 1ULL << 12 | 1ULL << 9)
#define PROTOCOL_FEATURES (1ULL << 0 | 1ULL << 3 | 1ULL << 9)
/* VERSION_1, protocol features, MQ, CTRL_VQ, MRG_RXBUF, MTU; logging, as passt has it */
#define NET_FEATURES                                                                               \
    (1ULL << 32 | 1ULL << 30 | 1ULL << 22 | 1ULL << 17 | 1ULL << 15 | 1ULL << 3 | 1ULL << 26)
#define NET_PROTOCOL_FEATURES (1ULL << 3)
#define PROTOCOL_F_BACKEND_REQ (1ULL << 5)

struct msg {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
    uint8_t body[1024];
} __attribute__((packed));

#define HEADER 12u
#define MAX_FDS 8

struct peer {
    pthread_t thread;
    int listener;
    int conn;
    int stop[2]; /* a pipe: closed to say so */
    _Atomic bool held, released;
    enum peer_fault fault;
    int message;
    int replied;
    uint64_t features, protocol_features, queues; /* to offer */
    uint32_t config_len;
    _Atomic uint64_t given;
    _Atomic uint64_t sectors;
    _Atomic int backend; /* our end of the channel for our requests; -1 */
};

/* False: the other side, or the test, has ended it. */
static bool wait_in(struct peer *p, int fd)
{
    struct pollfd pfd[2] = {{.fd = fd, .events = POLLIN}, {.fd = p->stop[0], .events = POLLIN}};

    poll(pfd, 2, -1);
    return !pfd[1].revents;
}

/*
 * As a device that takes descriptors without looking, the kernel drops them;
 * but for the one that it knows what to do with.
 */
static ssize_t receive(struct peer *p, char *to, size_t len)
{
    union {
        char buf[CMSG_SPACE(sizeof(int) * MAX_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = to, .iov_len = len};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    struct cmsghdr *cmsg;
    uint32_t request;
    ssize_t n;
    int fd;

    if (!(p->protocol_features & PROTOCOL_F_BACKEND_REQ)) {
        return recv(p->conn, to, len, 0);
    }
    h.msg_control = control.buf;
    h.msg_controllen = sizeof(control.buf);
    n = recvmsg(p->conn, &h, MSG_CMSG_CLOEXEC);
    cmsg = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;
    if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS) {
        return n;
    }
    memcpy(&request, to, sizeof(request));
    for (size_t i = 0; CMSG_LEN(sizeof(fd) * (i + 1)) <= cmsg->cmsg_len; i++) {
        memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
        if (request == SET_BACKEND_REQ_FD && p->backend < 0) {
            p->backend = fd;
        } else {
            close(fd);
        }
    }
    return n;
}

static bool read_all(struct peer *p, void *buf, size_t len)
{
    char *to = buf;

    while (len) {
        ssize_t n;

        if (!wait_in(p, p->conn)) {
            return false;
        }
        n = receive(p, to, len);
        if (n <= 0) {
            return false;
        }
        to += n;
        len -= (size_t)n;
    }
    return true;
}

static void send_some(struct peer *p, const struct msg *m, size_t len, bool with_fds)
{
    union {
        char buf[CMSG_SPACE(sizeof(int) * 2)];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = (void *)m, .iov_len = len};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

    if (with_fds) {
        int fds[2] = {p->stop[0], p->listener};
        struct cmsghdr *cmsg;

        h.msg_control = control.buf;
        h.msg_controllen = sizeof(control.buf);
        cmsg = CMSG_FIRSTHDR(&h);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
        memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
    }
    sendmsg(p->conn, &h, MSG_NOSIGNAL);
}

static void send_slowly(struct peer *p, const struct msg *m, size_t len, useconds_t pause)
{
    for (size_t i = 0; i < len; i++) {
        if (send(p->conn, (const char *)m + i, 1, MSG_NOSIGNAL) != 1) {
            return;
        }
        usleep(pause);
    }
}

static void hold(struct peer *p)
{
    p->held = true;
    while (!p->released) {
        usleep(1000);
    }
}

void peer_talk(struct peer *p)
{
    assert_int_equal(send(p->conn, "hello", 5, MSG_NOSIGNAL), 5);
}

bool peer_holds(struct peer *p)
{
    return p->held;
}

void peer_release(struct peer *p)
{
    p->released = true;
}

static void put_u64(struct msg *m, uint64_t v)
{
    m->size = sizeof(v);
    memcpy(m->body, &v, sizeof(v));
}

/* Turns a request into its reply, if it has one. */
static bool answer(struct peer *p, struct msg *m, bool bad)
{
    bool need_reply = m->flags & NEED_REPLY;
    uint64_t sectors = p->sectors, given;
    uint32_t config_len;

    m->flags = REPLY_FLAGS;
    switch (m->request) {
    case GET_FEATURES:
        put_u64(m, bad ? p->features & ~(1ULL << 32) : p->features);
        return true;
    case SET_FEATURES:
        memcpy(&given, m->body, sizeof(given));
        p->given = given;
        put_u64(m, 0);
        return need_reply;
    case GET_PROTOCOL_FEATURES:
        put_u64(m, p->protocol_features);
        return true;
    case GET_QUEUE_NUM:
        put_u64(m, bad ? 0 : p->queues);
        return true;
    case GET_CONFIG:
        memcpy(&config_len, m->body + 4, sizeof(config_len));
        if (config_len > p->config_len) {
            memset(m->body + 4, 0, sizeof(config_len));
            return true;
        }
        memcpy(m->body + 12, &sectors, sizeof(sectors));
        m->body[12 + 34] = 2;
        m->body[0] = bad; /* offset */
        return true;
    default:
        put_u64(m, 0);
        return need_reply;
    }
}

/* Hangs on until the test says stop, or the other side hangs up. */
static void stay(struct peer *p)
{
    char junk[64];

    while (wait_in(p, p->conn) && recv(p->conn, junk, sizeof(junk), 0) > 0) {
    }
}

/* False: this was the last message. */
static bool reply(struct peer *p, struct msg *m, enum peer_fault fault)
{
    uint32_t size = m->size;

    switch (fault) {
    case PEER_CLOSE:
    case PEER_CLOSE_UNREAD:
        return false;
    case PEER_NEVER:
        stay(p);
        return false;
    case PEER_SHORT_HEADER:
        send_some(p, m, HEADER - 3, false);
        return false;
    case PEER_SHORT_BODY:
        send_some(p, m, HEADER + size - 1, false);
        return false;
    case PEER_STALLED_BODY:
        send_some(p, m, HEADER + size - 1, false);
        stay(p);
        return false;
    case PEER_SIZE_ZERO:
        m->size = 0;
        break;
    case PEER_SIZE_LESS:
        m->size = size - 1;
        break;
    case PEER_SIZE_MORE:
        m->size = size + 1;
        break;
    case PEER_SIZE_HUGE:
        m->size = UINT32_MAX;
        send_some(p, m, HEADER + size, false);
        stay(p);
        return false;
    case PEER_WRONG_REQUEST:
        m->request++;
        break;
    case PEER_NOT_A_REPLY:
        m->flags &= ~4u;
        break;
    case PEER_VERSION:
        m->flags ^= 3u;
        break;
    case PEER_REFUSE:
        m->body[7] = 1;
        break;
    case PEER_SLOWER:
        send_slowly(p, m, HEADER + size, 30000);
        return true;
    case PEER_HOLD:
        hold(p);
        break;
    default:
        break;
    }
    if (p->fault == PEER_SLOW) {
        send_slowly(p, m, HEADER + size, 100);
        return true;
    }
    send_some(p, m, HEADER + m->size, fault == PEER_FDS);
    return true;
}

static void serve(struct peer *p)
{
    struct msg m;

    while (read_all(p, &m, HEADER)) {
        bool here = p->replied == p->message;

        if (here && p->fault == PEER_CLOSE_UNREAD && m.size) {
            p->replied++;
            return;
        }
        if (m.size > sizeof(m.body) || !read_all(p, m.body, m.size)) {
            return;
        }
        if (!answer(p, &m, here && p->fault == PEER_BAD_VALUE)) {
            continue;
        }
        p->replied++;
        if (!reply(p, &m, here ? p->fault : PEER_OK)) {
            return;
        }
    }
}

static void *thread(void *arg)
{
    struct peer *p = arg;

    if (wait_in(p, p->listener)) {
        p->conn = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
        if (p->conn >= 0) {
            serve(p);
            if (p->fault == PEER_TALKS_AT_THE_END) {
                send(p->conn, "hello", 5, MSG_NOSIGNAL);
            }
            if (p->fault == PEER_LINGER) {
                wait_in(p, p->stop[0]);
            }
            close(p->conn);
        }
    }
    return NULL;
}

static struct peer *create(uint64_t features, uint64_t protocol_features)
{
    struct peer *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->fault = PEER_OK;
    p->message = -1;
    p->features = features;
    p->protocol_features = protocol_features;
    p->sectors = 1000;
    p->queues = 2;
    p->config_len = 256;
    p->backend = -1;
    return p;
}

static void run(struct peer *p, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    assert_int_equal(pipe2(p->stop, O_CLOEXEC), 0);
    p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(p->listener >= 0);
    strcpy(addr.sun_path, path);
    unlink(path);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(p->listener, 1), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, thread, p), 0);
}

struct peer *peer_start(const char *path, enum peer_fault fault, int message)
{
    struct peer *p = create(FEATURES, PROTOCOL_FEATURES);

    p->fault = fault;
    p->message = message;
    run(p, path);
    return p;
}

struct peer *peer_start_other(const char *path, uint64_t features, uint64_t queues,
                              uint32_t config_len)
{
    struct peer *p = create(1ULL << 32 | 1ULL << 30 | features, PROTOCOL_FEATURES);

    p->queues = queues;
    p->config_len = config_len;
    p->sectors = UINT64_MAX;
    run(p, path);
    return p;
}

struct peer *peer_start_net(const char *path)
{
    struct peer *p = create(NET_FEATURES, NET_PROTOCOL_FEATURES);

    run(p, path);
    return p;
}

uint64_t peer_features(struct peer *p)
{
    return p->given;
}

struct peer *peer_start_resizable(const char *path)
{
    struct peer *p = create(FEATURES, PROTOCOL_FEATURES | PROTOCOL_F_BACKEND_REQ);

    run(p, path);
    return p;
}

bool peer_resize(struct peer *p, uint64_t sectors)
{
    struct msg m = {.request = CONFIG_CHANGE_MSG, .flags = 1};

    p->sectors = sectors;
    return p->backend >= 0 && send(p->backend, &m, HEADER, MSG_NOSIGNAL) == HEADER;
}

int peer_stop(struct peer *p)
{
    int replied;

    close(p->stop[1]);
    pthread_join(p->thread, NULL);
    close(p->stop[0]);
    close(p->listener);
    if (p->backend >= 0) {
        close(p->backend);
    }
    replied = p->replied;
    free(p);
    return replied;
}
