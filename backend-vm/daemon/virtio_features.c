// SPDX-License-Identifier: MIT
#include "virtio_features.h"

#include <stddef.h>

/*
 * Bits 24 to 49 concern queues, transport and negotiation. The mediator is the
 * transport and has the queues, so what the device can do there matters only
 * where the mediator uses it on the shadow virtqueues.
 */
#define SHADOW_BITS (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)
/* Without shadow virtqueues it is the driver that uses them. */
#define RING_BITS (SHADOW_BITS | VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER)
#define FIRST_TRANSPORT_BIT 24
#define LAST_TRANSPORT_BIT 49
#define TRANSPORT_BITS                                                                             \
    (((1ULL << (LAST_TRANSPORT_BIT + 1)) - 1) & ~((1ULL << FIRST_TRANSPORT_BIT) - 1))

/*
 * CONFIG_WCE lets the driver write the config space, which the mediator does
 * not pass on. The other two have fields beyond those that are asked for.
 */
#define VIRTIO_BLK_F_CONFIG_WCE (1ULL << 11)
#define VIRTIO_BLK_F_SECURE_ERASE (1ULL << 16)
#define VIRTIO_BLK_F_ZONED (1ULL << 17)

/*
 * What a network device may say of itself although it takes a frontend like
 * QEMU to do it: a vhost-user device has data queues and nothing else, so there
 * is no control queue, and nothing that needs one; nor is there a config space,
 * so MAC, STATUS and the like are for virtio_net.c to offer.
 */
static const uint8_t net_not_the_devices[] = {
    2,  /* CTRL_GUEST_OFFLOADS */
    3,  /* MTU */
    5,  /* MAC */
    16, /* STATUS */
    17, /* CTRL_VQ */
    18, /* CTRL_RX */
    19, /* CTRL_VLAN */
    20, /* CTRL_RX_EXTRA */
    21, /* GUEST_ANNOUNCE */
    22, /* MQ */
    23, /* CTRL_MAC_ADDR */
    50, /* DEVICE_STATS */
    51, /* HASH_TUNNEL */
    52, /* VQ_NOTF_COAL */
    53, /* NOTF_COAL */
    57, /* HASH_REPORT */
    60, /* RSS */
    61, /* RSC_EXT */
    62, /* STANDBY */
    63, /* SPEED_DUPLEX */
};

uint64_t features_offered(uint32_t device_type, uint64_t device_features, bool driver_rings)
{
    uint64_t features = device_features & ~TRANSPORT_BITS;

    if (!(device_features & VIRTIO_F_VERSION_1)) {
        return 0;
    }
    if (device_type == VIRTIO_ID_BLOCK) {
        features &= ~(VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_BLK_F_SECURE_ERASE | VIRTIO_BLK_F_ZONED);
    }
    if (device_type == VIRTIO_ID_NET) {
        for (size_t i = 0; i < sizeof(net_not_the_devices); i++) {
            features &= ~(1ULL << net_not_the_devices[i]);
        }
    }
    /*
     * The daemon's, whatever the device knows of it. Block devices return every
     * request in the end, others keep buffers until there is something to fill
     * them with, and would have to be asked for them (device_queue.c).
     */
    if (device_type == VIRTIO_ID_BLOCK && !driver_rings) {
        features |= VIRTIO_F_RING_RESET;
    }
    return features | (device_features & (driver_rings ? RING_BITS : SHADOW_BITS));
}
