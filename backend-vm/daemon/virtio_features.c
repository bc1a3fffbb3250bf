// SPDX-License-Identifier: MIT
#include "virtio_features.h"

/*
 * Bits 24 to 49 concern queues, transport and negotiation. The mediator is the
 * transport and has the queues, so what the device can do there matters only
 * where the mediator uses it on the shadow virtqueues.
 */
#define SHADOW_BITS (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)
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

uint64_t features_offered(uint32_t device_type, uint64_t device_features)
{
    uint64_t features = device_features & ~TRANSPORT_BITS;

    if (!(device_features & VIRTIO_F_VERSION_1)) {
        return 0;
    }
    if (device_type == VIRTIO_ID_BLOCK) {
        features &= ~(VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_BLK_F_SECURE_ERASE | VIRTIO_BLK_F_ZONED);
    }
    return features | (device_features & SHADOW_BITS);
}
