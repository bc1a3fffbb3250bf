// SPDX-License-Identifier: MIT
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio_features.h"
#include "virtio_types.h"

#define WANTED_PROTOCOL_FEATURES                                                                   \
    (VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK |                                  \
     VHOST_USER_PROTOCOL_F_BACKEND_REQ | VHOST_USER_PROTOCOL_F_CONFIG)

void session_init(struct session *s, struct loop *loop, int limit_ms, void (*wake)(void *),
                  void *arg)
{
    memset(s, 0, sizeof(*s));
    s->loop = loop;
    s->limit_ms = limit_ms;
    s->wake = wake;
    s->arg = arg;
    s->backend_peer = -1;
    vhost_user_init(&s->vu);
    backend_channel_init(&s->backend);
}

const char *session_error(const struct session *s)
{
    return vhost_user_error(&s->vu);
}

bool session_queue_live(const struct session *s, uint32_t index)
{
    return s->live & 1u << index;
}

__attribute__((format(printf, 3, 4))) static int refuse(struct session *s, int err, const char *fmt,
                                                        ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(s->vu.error, sizeof(s->vu.error), fmt, ap);
    va_end(ap);
    return err;
}

static void drop_backend_peer(struct session *s)
{
    if (s->backend_peer >= 0) {
        close(s->backend_peer);
        s->backend_peer = -1;
    }
}

/* The error's text remains. */
static void let_go(struct session *s, enum session_state state)
{
    loop_timer_cancel(s->loop, &s->limit);
    loop_unwatch(s->loop, &s->backend_watch);
    loop_unwatch(s->loop, &s->peer_watch);
    vhost_user_close(&s->vu);
    backend_channel_close(&s->backend);
    drop_backend_peer(s);
    s->step = 0;
    s->live = 0;
    s->orders = (struct session_orders){0};
    s->state = state;
}

void session_close(struct session *s)
{
    let_go(s, SESSION_CLOSED);
}

static void failed(struct session *s, int err)
{
    let_go(s, SESSION_FAILED);
    s->err = err;
    s->wake(s->arg);
}

/*
 * The steps. Each sends a message, unless it is not needed, and takes its answer;
 * one that sends none is the end of a job.
 */

static int send_features(struct session *s)
{
    return vhost_user_get_features(&s->vu);
}

static int take_features(struct session *s)
{
    const struct session_device *device = &s->device;

    s->device_features = vhost_user_value(&s->vu);
    s->features = features_offered(device->type, s->device_features, device->driver_rings);
    if (!s->features) {
        return refuse(s, -EPROTO,
                      "the device has features %#" PRIx64 ", without VIRTIO_F_VERSION_1",
                      s->device_features);
    }
    return 0;
}

static bool has_protocol(const struct session *s)
{
    return s->device_features & VHOST_USER_F_PROTOCOL_FEATURES;
}

static int send_protocol(struct session *s)
{
    return vhost_user_get_protocol_features(&s->vu);
}

static int take_protocol(struct session *s)
{
    s->protocol_features = vhost_user_value(&s->vu) & WANTED_PROTOCOL_FEATURES;
    return 0;
}

static int send_set_protocol(struct session *s)
{
    return vhost_user_set_protocol_features(&s->vu, s->protocol_features);
}

static int send_owner(struct session *s)
{
    return vhost_user_set_owner(&s->vu);
}

static bool has_channel(const struct session *s)
{
    return s->protocol_features & VHOST_USER_PROTOCOL_F_BACKEND_REQ;
}

static int send_channel(struct session *s)
{
    int err = backend_channel_open(&s->backend, &s->backend_peer);

    if (err) {
        return refuse(s, err, "cannot make a channel for the device's requests: %s",
                      strerror(-err));
    }
    return vhost_user_set_backend_req_fd(&s->vu, s->backend_peer);
}

static void backend_ready(void *arg);

static int take_channel(struct session *s)
{
    int err;

    drop_backend_peer(s);
    err = loop_watch(s->loop, &s->backend_watch, backend_channel_fd(&s->backend), backend_ready, s);
    return err ? refuse(s, err, "cannot watch the device's requests: %s", strerror(-err)) : 0;
}

static bool has_mq(const struct session *s)
{
    return s->protocol_features & VHOST_USER_PROTOCOL_F_MQ;
}

static int send_queues(struct session *s)
{
    return vhost_user_get_queue_num(&s->vu);
}

static int take_queues(struct session *s)
{
    uint64_t n = vhost_user_value(&s->vu);

    if (n < s->nr_queues) {
        s->nr_queues = (unsigned int)n;
    }
    return 0;
}

static bool has_config(const struct session *s)
{
    return s->protocol_features & VHOST_USER_PROTOCOL_F_CONFIG && s->device.type != VIRTIO_ID_NET &&
           virtio_type_config_len(s->device.type, s->device_features) != 0;
}

/* A device of unknown type refuses lengths beyond its own, which it cannot be asked for. */
static int send_config(struct session *s)
{
    if (!s->probe) {
        s->probe = virtio_type_config_len(s->device.type, s->device_features);
        if (s->probe == VIRTIO_CONFIG_UNKNOWN) {
            s->probe = VHOST_USER_MAX_CONFIG;
        }
    }
    return vhost_user_get_config(&s->vu, s->probe);
}

static int take_config(struct session *s)
{
    s->config_len = s->probe;
    memcpy(s->config, vhost_user_config(&s->vu), s->config_len);
    return 0;
}

/* The device has no configuration space of the length that it was asked for. True: ask for less. */
static bool asks_for_less(struct session *s)
{
    if (virtio_type_config_len(s->device.type, s->device_features) != VIRTIO_CONFIG_UNKNOWN) {
        return false;
    }
    s->probe -= 4;
    return true;
}

static int check_config(struct session *s)
{
    uint32_t len = virtio_type_config_len(s->device.type, s->device_features);

    if (s->device.type == VIRTIO_ID_NET) {
        s->config_len = net_config(s->config, &s->device.net, &s->features);
    } else if (len != VIRTIO_CONFIG_UNKNOWN && s->config_len < len) {
        return refuse(s, -EPROTO,
                      "the device has no configuration space of %" PRIu32 " bytes, a device of "
                      "type %" PRIu32 " (%s) needs one",
                      len, s->device.type, virtio_type_name(s->device.type));
    }
    return 0;
}

static int check_queues(struct session *s)
{
    unsigned int min = virtio_type_min_queues(s->device.type);

    if (s->nr_queues >= min) {
        s->nr_queues =
            virtio_type_limit_queues(s->device.type, s->features, s->config, s->nr_queues);
    }
    if (s->nr_queues < min) {
        return refuse(s, -EPROTO,
                      "the device has %u queue(s), one of type %" PRIu32 " (%s) needs %u",
                      s->nr_queues, s->device.type, virtio_type_name(s->device.type), min);
    }
    return 0;
}

static int opened(struct session *s)
{
    int err = check_config(s);

    if (!err) {
        err = check_queues(s);
    }
    if (!err) {
        s->state = SESSION_OPEN;
        s->wake(s->arg);
    }
    return err;
}

static int send_set_features(struct session *s)
{
    return vhost_user_set_features(&s->vu, s->orders.features);
}

static int send_memory(struct session *s)
{
    return vhost_user_set_mem_table(&s->vu, s->orders.region, s->orders.nr_regions);
}

/* The queues are jobs of their own. */
static int has_memory(struct session *s)
{
    (void)s;
    return 0;
}

static const struct session_queue *current(const struct session *s)
{
    return &s->orders.queue[s->queue];
}

static int send_num(struct session *s)
{
    return vhost_user_set_vring_num(&s->vu, s->queue, current(s)->size);
}

static int send_base(struct session *s)
{
    return vhost_user_set_vring_base(&s->vu, s->queue, s->orders.base);
}

static int send_addr(struct session *s)
{
    return vhost_user_set_vring_addr(&s->vu, s->queue, &current(s)->rings);
}

static int send_call(struct session *s)
{
    return vhost_user_set_vring_call(&s->vu, s->queue, current(s)->call);
}

/* The kick starts the queue, so it comes when everything else is there. */
static int send_kick(struct session *s)
{
    return vhost_user_set_vring_kick(&s->vu, s->queue, current(s)->kick);
}

static int send_enable(struct session *s)
{
    return vhost_user_set_vring_enable(&s->vu, s->queue, true);
}

static int queue_started(struct session *s)
{
    s->live |= 1u << s->queue;
    s->wake(s->arg);
    return 0;
}

static int send_get_base(struct session *s)
{
    return vhost_user_get_vring_base(&s->vu, s->queue);
}

static int queue_stopped(struct session *s)
{
    s->live &= ~(1u << s->queue);
    s->wake(s->arg);
    return 0;
}

/* The driver has been told how long it is, and how many queues there are. */
static int send_read_config(struct session *s)
{
    return vhost_user_get_config(&s->vu, s->config_len);
}

static int config_read(struct session *s)
{
    memcpy(s->config, vhost_user_config(&s->vu), s->config_len);
    virtio_type_limit_queues(s->device.type, s->features, s->config, s->nr_queues);
    s->wake(s->arg);
    return 0;
}

enum step {
    STEP_NONE,
    STEP_FEATURES,
    STEP_PROTOCOL,
    STEP_SET_PROTOCOL,
    STEP_OWNER,
    STEP_CHANNEL,
    STEP_QUEUES,
    STEP_CONFIG,
    STEP_OPENED,
    STEP_SET_FEATURES,
    STEP_MEMORY,
    STEP_HAS_MEMORY,
    STEP_NUM,
    STEP_BASE,
    STEP_ADDR,
    STEP_CALL,
    STEP_KICK,
    STEP_ENABLE,
    STEP_QUEUE_STARTED,
    STEP_GET_BASE,
    STEP_QUEUE_STOPPED,
    STEP_READ_CONFIG,
    STEP_CONFIG_READ,
};

static const struct {
    int (*send)(struct session *s);          /* NULL: the job ends, with take */
    int (*take)(struct session *s);          /* NULL: there is nothing in the answer */
    bool (*needed)(const struct session *s); /* NULL: always */
} steps[] = {
    [STEP_FEATURES] = {send_features, take_features, NULL},
    [STEP_PROTOCOL] = {send_protocol, take_protocol, has_protocol},
    [STEP_SET_PROTOCOL] = {send_set_protocol, NULL, has_protocol},
    [STEP_OWNER] = {send_owner, NULL, NULL},
    [STEP_CHANNEL] = {send_channel, take_channel, has_channel},
    [STEP_QUEUES] = {send_queues, take_queues, has_mq},
    [STEP_CONFIG] = {send_config, take_config, has_config},
    [STEP_OPENED] = {NULL, opened, NULL},
    [STEP_SET_FEATURES] = {send_set_features, NULL, NULL},
    [STEP_MEMORY] = {send_memory, NULL, NULL},
    [STEP_HAS_MEMORY] = {NULL, has_memory, NULL},
    [STEP_NUM] = {send_num, NULL, NULL},
    [STEP_BASE] = {send_base, NULL, NULL},
    [STEP_ADDR] = {send_addr, NULL, NULL},
    [STEP_CALL] = {send_call, NULL, NULL},
    [STEP_KICK] = {send_kick, NULL, NULL},
    [STEP_ENABLE] = {send_enable, NULL, has_protocol},
    [STEP_QUEUE_STARTED] = {NULL, queue_started, NULL},
    [STEP_GET_BASE] = {send_get_base, NULL, NULL},
    [STEP_QUEUE_STOPPED] = {NULL, queue_stopped, NULL},
    [STEP_READ_CONFIG] = {send_read_config, NULL, NULL},
    [STEP_CONFIG_READ] = {NULL, config_read, NULL},
};

static bool take_first(uint32_t *queues, uint32_t *index)
{
    if (!*queues) {
        return false;
    }
    *index = (uint32_t)__builtin_ctz(*queues);
    *queues &= *queues - 1;
    return true;
}

static void say_good_bye(struct session *s)
{
    int err = vhost_user_finish(&s->vu);

    if (err) {
        failed(s, refuse(s, err, "the connection cannot be shut down: %s", strerror(-err)));
    }
}

/* The next job that is waiting, if there is one. */
static bool choose(struct session *s)
{
    struct session_orders *orders = &s->orders;

    if (s->state == SESSION_ENDING) {
        if (orders->end) {
            orders->end = false;
            say_good_bye(s);
        }
        return false;
    }
    if (orders->begin) {
        orders->begin = false;
        s->step = STEP_SET_FEATURES;
    } else if (take_first(&orders->start, &s->queue)) {
        s->step = STEP_NUM;
    } else if (s->state == SESSION_STARTING) {
        s->state = SESSION_RUNNING;
        s->wake(s->arg);
    }
    if (!s->step && take_first(&orders->stop, &s->queue)) {
        s->step = STEP_GET_BASE;
    }
    if (!s->step && orders->read_config) {
        orders->read_config = false;
        s->step = STEP_READ_CONFIG;
    }
    return s->step != STEP_NONE;
}

static void too_late(void *arg)
{
    struct session *s = arg;

    failed(s, refuse(s, -ETIMEDOUT, "%s: no answer within %d ms", vhost_user_request_name(&s->vu),
                     s->limit_ms));
}

/* The limit is one for the whole message, however many times something of it comes. */
static int send_step(struct session *s)
{
    int err = steps[s->step].send(s);

    loop_timer_set(s->loop, &s->limit, s->limit_ms, too_late, s);
    return err;
}

/* 0, 1 if it has to be answered first, -errno. */
static int take_step(struct session *s)
{
    int ret = vhost_user_go_on(&s->vu);

    if (ret == 0) {
        return 1;
    }
    loop_timer_cancel(s->loop, &s->limit);
    if (ret == -EOPNOTSUPP && s->step == STEP_CONFIG) {
        if (asks_for_less(s) && s->probe) {
            return 0;
        }
        ret = 0; /* opened() says whether it needs one */
    } else if (ret == 1) {
        ret = steps[s->step].take ? steps[s->step].take(s) : 0;
    }
    s->step++;
    return ret;
}

/* From one message to the next, until an answer has to be waited for, or there is nothing to do. */
static int go_on(struct session *s)
{
    int ret = 0;

    while (ret == 0) {
        if (vhost_user_busy(&s->vu)) {
            ret = take_step(s);
        } else if (s->state == SESSION_ENDING || s->step == STEP_NONE) {
            s->step = STEP_NONE;
            if (!choose(s)) {
                return 0;
            }
        } else if (!steps[s->step].send) {
            ret = steps[s->step].take(s);
            s->step = STEP_NONE;
        } else if (steps[s->step].needed && !steps[s->step].needed(s)) {
            s->step++;
        } else {
            ret = send_step(s);
        }
    }
    return ret < 0 ? ret : 0;
}

static void work(struct session *s)
{
    int err = go_on(s);

    if (!err && s->peer_watch.active) {
        err = loop_watch_writing(s->loop, &s->peer_watch, vhost_user_sending(&s->vu));
    }
    if (err) {
        failed(s, err);
    }
}

/* The device closes its end, or it talks although nobody has asked it. */
static void heard(struct session *s)
{
    int err = vhost_user_go_on(&s->vu);

    if (err == -ECONNRESET && s->state == SESSION_ENDING) {
        s->vu.error[0] = '\0';
        let_go(s, SESSION_ENDED);
        s->wake(s->arg);
    } else if (err) {
        failed(s, err);
    }
}

static void peer_ready(void *arg)
{
    struct session *s = arg;

    if (vhost_user_busy(&s->vu)) {
        work(s);
    } else {
        heard(s);
    }
}

static void backend_ready(void *arg)
{
    struct session *s = arg;
    int ret = backend_channel_read(&s->backend);

    if (ret < 0) {
        loop_unwatch(s->loop, &s->backend_watch);
        s->backend_error = ret;
        s->wake(s->arg);
    } else if (ret && s->state < SESSION_ENDING && s->config_len && has_config(s)) {
        s->orders.read_config = true;
        if (s->state >= SESSION_OPEN) {
            work(s);
        }
    }
}

void session_adopt(struct session *s, int fd, const struct session_device *device)
{
    int err;

    vhost_user_adopt(&s->vu, fd);
    s->device = *device;
    s->nr_queues =
        device->max_queues < SESSION_MAX_QUEUES ? device->max_queues : SESSION_MAX_QUEUES;
    s->state = SESSION_OPENING;
    err = loop_watch(s->loop, &s->peer_watch, fd, peer_ready, s);
    if (err) {
        failed(s, refuse(s, err, "cannot watch the connection: %s", strerror(-err)));
        return;
    }
    s->step = STEP_FEATURES;
    work(s);
}

/*
 * A device process can put a link to another's socket where its own should be, and
 * have its guest served by that one, with the other guest's disk.
 */
static int check_user(struct session *s, uid_t user)
{
    socklen_t len = sizeof(struct ucred);
    struct ucred peer;
    int err = 0;

    if (getsockopt(s->vu.fd, SOL_SOCKET, SO_PEERCRED, &peer, &len)) {
        err = refuse(s, -errno, "cannot tell whose socket it is: %s", strerror(errno));
    } else if (peer.uid != user) {
        err = refuse(s, -EPERM, "the socket is user %u's, and the device process is user %u's",
                     peer.uid, user);
    }
    if (err) {
        vhost_user_close(&s->vu);
    }
    return err;
}

int session_open(struct session *s, const char *path, const struct session_device *device)
{
    int err = vhost_user_connect(&s->vu, path);

    if (!err && device->user) {
        err = check_user(s, device->user);
    }
    if (!err) {
        session_adopt(s, s->vu.fd, device);
    }
    return err;
}

void session_start(struct session *s, uint64_t driver_features,
                   const struct vhost_user_region *regions, unsigned int nr_regions,
                   const struct session_queue *queues, unsigned int nr_queues)
{
    struct session_orders *orders = &s->orders;
    /* Some of what was offered is not the device's, but ours. */
    uint64_t features = driver_features & s->features & s->device_features;

    if (s->state != SESSION_OPEN || nr_regions > SESSION_MAX_REGIONS ||
        nr_queues > SESSION_MAX_QUEUES) {
        failed(s, refuse(s, -EINVAL, "%u regions and %u queues cannot be started", nr_regions,
                         nr_queues));
        return;
    }
    s->state = SESSION_STARTING;
    orders->features = features | (s->device_features & VHOST_USER_F_PROTOCOL_FEATURES);
    /* At the start of the ring; of a packed one in either direction, with its wrap counter. */
    orders->base = (features & VIRTIO_F_RING_PACKED) ? 1u << 15 | 1u << 31 : 0;
    orders->nr_regions = nr_regions;
    memcpy(orders->region, regions, nr_regions * sizeof(*regions));
    for (uint32_t i = 0; i < nr_queues; i++) {
        orders->queue[i] = queues[i];
        orders->start |= queues[i].size ? 1u << i : 0;
    }
    orders->begin = true;
    work(s);
}

void session_start_queue(struct session *s, uint32_t index, const struct session_queue *queue)
{
    if (s->state != SESSION_STARTING && s->state != SESSION_RUNNING) {
        return;
    }
    s->orders.queue[index] = *queue;
    s->orders.start |= 1u << index;
    work(s);
}

void session_stop_queue(struct session *s, uint32_t index)
{
    if (s->state != SESSION_STARTING && s->state != SESSION_RUNNING) {
        return;
    }
    s->orders.stop |= 1u << index;
    work(s);
}

void session_stop(struct session *s)
{
    if (s->state == SESSION_CLOSED || s->state >= SESSION_ENDING) {
        return;
    }
    s->state = SESSION_ENDING;
    s->orders.end = true;
    work(s);
}
