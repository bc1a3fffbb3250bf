/* SPDX-License-Identifier: MIT */
/* A network device's config space, which vhost-user leaves to this side. */
#ifndef VSHD_VIRTIO_NET_H
#define VSHD_VIRTIO_NET_H

#include <stdint.h>

#define VIRTIO_NET_F_MTU (1ULL << 3)
#define VIRTIO_NET_F_MAC (1ULL << 5)
#define VIRTIO_NET_F_STATUS (1ULL << 16)

/* Receive and transmit; more would need a control queue. */
#define NET_QUEUES 2u
#define NET_MIN_MTU 68
#define NET_MAX_MTU 65535

struct net_settings {
    uint8_t mac[6];
    uint16_t mtu; /* 0: the driver is told none */
};

/* Fills in config, and adds the features that stand for what is in it. Its length. */
uint32_t net_config(uint8_t *config, const struct net_settings *net, uint64_t *features);

#endif
