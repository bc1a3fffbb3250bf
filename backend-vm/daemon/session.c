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

#define WANTED_PROTOCOL_FEATURES                                                                   \
    (VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK |                                  \
     VHOST_USER_PROTOCOL_F_BACKEND_REQ | VHOST_USER_PROTOCOL_F_CONFIG)

/* struct virtio_blk_config up to write zeroes; see virtio_features.c for what follows. */
#define BLK_CONFIG_LEN 60
/* Its field num_queues. */
#define BLK_CONFIG_NUM_QUEUES 34
#define VIRTIO_BLK_F_MQ (1ULL << 12)

void session_init(struct session *s, int limit_ms)
{
    memset(s, 0, sizeof(*s));
    vhost_user_init(&s->vu, limit_ms);
    backend_channel_init(&s->backend);
}

const char *session_error(const struct session *s)
{
    return vhost_user_error(&s->vu);
}

bool session_is_open(const struct session *s)
{
    return s->vu.fd >= 0;
}

int session_fd(const struct session *s)
{
    return s->vu.fd;
}

void session_close(struct session *s)
{
    vhost_user_close(&s->vu);
    backend_channel_close(&s->backend);
    s->started = false;
    s->live = 0;
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

static int negotiate_protocol(struct session *s)
{
    uint64_t offered;
    int err;

    s->protocol_features = 0;
    if (!(s->device_features & VHOST_USER_F_PROTOCOL_FEATURES)) {
        return 0;
    }
    err = vhost_user_get_protocol_features(&s->vu, &offered);
    if (err) {
        return err;
    }
    s->protocol_features = offered & WANTED_PROTOCOL_FEATURES;
    return vhost_user_set_protocol_features(&s->vu, s->protocol_features);
}

static int get_queues(struct session *s, unsigned int max_queues)
{
    uint64_t n = 1;
    int err;

    if (s->protocol_features & VHOST_USER_PROTOCOL_F_MQ) {
        err = vhost_user_get_queue_num(&s->vu, &n);
        if (err) {
            return err;
        }
    } else if (max_queues > 1) {
        /* Without MQ a device has as many queues as its type says, and cannot be asked. */
        n = max_queues;
    }
    s->nr_queues = n < max_queues ? (unsigned int)n : max_queues;
    return 0;
}

static uint16_t blk_queues(const uint8_t *config)
{
    return (uint16_t)(config[BLK_CONFIG_NUM_QUEUES] | config[BLK_CONFIG_NUM_QUEUES + 1] << 8);
}

/* The driver must not find more queues there than the mediator has. */
static void set_blk_queues(uint8_t *config, unsigned int n)
{
    config[BLK_CONFIG_NUM_QUEUES] = (uint8_t)n;
    config[BLK_CONFIG_NUM_QUEUES + 1] = (uint8_t)(n >> 8);
}

static void limit_blk_queues(struct session *s)
{
    unsigned int n;

    if (!(s->features & VIRTIO_BLK_F_MQ)) {
        s->nr_queues = s->nr_queues ? 1 : 0;
        return;
    }
    n = blk_queues(s->config);
    if (n == 0 || n > s->nr_queues) {
        n = s->nr_queues;
    }
    s->nr_queues = n;
    set_blk_queues(s->config, n);
}

/* A device refuses lengths beyond its config space, and cannot be asked how long that is. */
static int get_config(struct session *s, const struct session_device *device)
{
    static const uint32_t lengths[] = {VHOST_USER_MAX_CONFIG, 128, 64, 32, 24, 16, 12, 8, 4};
    int err;

    s->config_len = 0;
    memset(s->config, 0, sizeof(s->config));
    if (device->type == VIRTIO_ID_NET) {
        s->config_len = net_config(s->config, &device->net, &s->features);
        return 0;
    }
    if (!(s->protocol_features & VHOST_USER_PROTOCOL_F_CONFIG)) {
        if (device->type == VIRTIO_ID_BLOCK) {
            return refuse(s, -EPROTO, "the device has no config space, a block device needs one");
        }
        return 0;
    }
    if (device->type == VIRTIO_ID_BLOCK) {
        err = vhost_user_get_config(&s->vu, s->config, BLK_CONFIG_LEN);
        s->config_len = err ? 0 : BLK_CONFIG_LEN;
        return err;
    }
    for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        err = vhost_user_get_config(&s->vu, s->config, lengths[i]);
        if (!err) {
            s->config_len = lengths[i];
        }
        if (err != -EOPNOTSUPP) {
            return err;
        }
    }
    return 0;
}

/* The driver has been told how long it is, and how many queues there are. */
int session_read_config(struct session *s)
{
    uint8_t config[VHOST_USER_MAX_CONFIG] = {0};
    int err;

    if (!(s->protocol_features & VHOST_USER_PROTOCOL_F_CONFIG) || !s->config_len ||
        s->device_type == VIRTIO_ID_NET) {
        return 0;
    }
    err = vhost_user_get_config(&s->vu, config, s->config_len);
    if (err) {
        return err;
    }
    if (s->device_type == VIRTIO_ID_BLOCK && s->features & VIRTIO_BLK_F_MQ) {
        set_blk_queues(config, s->nr_queues);
    }
    memcpy(s->config, config, sizeof(s->config));
    return 0;
}

static int open_backend_channel(struct session *s)
{
    int peer, err;

    if (!(s->protocol_features & VHOST_USER_PROTOCOL_F_BACKEND_REQ)) {
        return 0;
    }
    err = backend_channel_open(&s->backend, &peer);
    if (err) {
        return refuse(s, err, "cannot make a channel for the device's requests: %s",
                      strerror(-err));
    }
    err = vhost_user_set_backend_req_fd(&s->vu, peer);
    close(peer);
    return err;
}

static int introduce(struct session *s, const struct session_device *device)
{
    int err;

    err = vhost_user_get_features(&s->vu, &s->device_features);
    if (err) {
        return err;
    }
    s->features = features_offered(device->type, s->device_features, device->driver_rings);
    if (!s->features) {
        return refuse(s, -EPROTO,
                      "the device has features %#" PRIx64 ", without VIRTIO_F_VERSION_1",
                      s->device_features);
    }
    err = negotiate_protocol(s);
    if (err) {
        return err;
    }
    err = vhost_user_set_owner(&s->vu);
    if (err) {
        return err;
    }
    err = open_backend_channel(s);
    if (err) {
        return err;
    }
    err = get_queues(s, device->max_queues < SESSION_MAX_QUEUES ? device->max_queues
                                                                : SESSION_MAX_QUEUES);
    if (err) {
        return err;
    }
    err = get_config(s, device);
    if (err) {
        return err;
    }
    if (device->type == VIRTIO_ID_BLOCK) {
        limit_blk_queues(s);
    } else if (device->type == VIRTIO_ID_NET) {
        if (s->nr_queues < NET_QUEUES) {
            return refuse(s, -EPROTO, "the device has %u queue, a network device needs %u",
                          s->nr_queues, NET_QUEUES);
        }
        s->nr_queues = NET_QUEUES;
    }
    return 0;
}

int session_open(struct session *s, const char *path, const struct session_device *device)
{
    int err = vhost_user_connect(&s->vu, path);

    if (err) {
        return err;
    }
    s->device_type = device->type;
    err = introduce(s, device);
    if (err) {
        session_close(s);
    }
    return err;
}

static int start_queue(struct session *s, uint32_t index, const struct session_queue *q,
                       uint32_t base)
{
    int err = vhost_user_set_vring_num(&s->vu, index, q->size);

    if (!err) {
        err = vhost_user_set_vring_base(&s->vu, index, base);
    }
    if (!err) {
        err = vhost_user_set_vring_addr(&s->vu, index, &q->rings);
    }
    if (!err) {
        err = vhost_user_set_vring_call(&s->vu, index, q->call);
    }
    /* The kick starts the queue, so it comes when everything else is there. */
    if (!err) {
        err = vhost_user_set_vring_kick(&s->vu, index, q->kick);
    }
    if (!err && s->device_features & VHOST_USER_F_PROTOCOL_FEATURES) {
        err = vhost_user_set_vring_enable(&s->vu, index, true);
    }
    return err;
}

int session_start_queue(struct session *s, uint32_t index, const struct session_queue *queue)
{
    s->live |= 1u << index;
    return start_queue(s, index, queue, 0);
}

int session_stop_queue(struct session *s, uint32_t index)
{
    uint32_t base;

    s->live &= ~(1u << index);
    return vhost_user_get_vring_base(&s->vu, index, &base);
}

int session_start(struct session *s, uint64_t driver_features,
                  const struct vhost_user_region *regions, unsigned int nr_regions,
                  const struct session_queue *queues, unsigned int nr_queues)
{
    /* Some of what was offered is not the device's, but ours. */
    uint64_t features = driver_features & s->features & s->device_features;
    /* At the start of the ring; of a packed one in either direction, with its wrap counter. */
    uint32_t base = (features & VIRTIO_F_RING_PACKED) ? 1u << 15 | 1u << 31 : 0;
    int err;

    features |= s->device_features & VHOST_USER_F_PROTOCOL_FEATURES;
    err = vhost_user_set_features(&s->vu, features);
    if (!err) {
        err = vhost_user_set_mem_table(&s->vu, regions, nr_regions);
    }
    s->started = true;
    for (uint32_t i = 0; !err && i < nr_queues; i++) {
        if (!queues[i].size) {
            continue;
        }
        err = start_queue(s, i, &queues[i], base);
        s->live |= 1u << i;
    }
    return err;
}

int session_stop(struct session *s)
{
    s->live = 0;
    return vhost_user_finish(&s->vu);
}

int session_backend_fd(const struct session *s)
{
    return backend_channel_fd(&s->backend);
}

int session_backend(struct session *s)
{
    return backend_channel_read(&s->backend);
}

int session_ended(struct session *s)
{
    char junk[256];
    ssize_t n = recv(s->vu.fd, junk, sizeof(junk), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno == ECONNRESET)) {
        return 1;
    }
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    return refuse(s, -EPROTO, "the device sent %zd bytes that nobody asked for", n);
}
