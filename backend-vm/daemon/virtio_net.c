// SPDX-License-Identifier: MIT
#include "virtio_net.h"

#include <stddef.h>
#include <string.h>

#define STATUS_LINK_UP 1

struct config {
    uint8_t mac[6];
    uint8_t status[2]; /* little-endian, like all of it */
    uint8_t max_virtqueue_pairs[2];
    uint8_t mtu[2];
} __attribute__((packed));

uint32_t net_config(uint8_t *config, const struct net_settings *net, uint64_t *features)
{
    struct config c = {.status = {STATUS_LINK_UP}, .max_virtqueue_pairs = {NET_QUEUES / 2}};

    memcpy(c.mac, net->mac, sizeof(c.mac));
    *features |= VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS;
    if (net->mtu) {
        c.mtu[0] = (uint8_t)net->mtu;
        c.mtu[1] = (uint8_t)(net->mtu >> 8);
        *features |= VIRTIO_NET_F_MTU;
    }
    memcpy(config, &c, sizeof(c));
    return sizeof(c);
}
