/* SPDX-License-Identifier: MIT */
/* Which feature bits of a device can be offered through the mediator. */
#ifndef VSHD_VIRTIO_FEATURES_H
#define VSHD_VIRTIO_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio_types.h"

#define VIRTIO_F_INDIRECT_DESC (1ULL << 28)
#define VIRTIO_F_EVENT_IDX (1ULL << 29)
#define VIRTIO_F_VERSION_1 (1ULL << 32)
#define VIRTIO_F_RING_PACKED (1ULL << 34)
#define VIRTIO_F_IN_ORDER (1ULL << 35)
#define VIRTIO_F_RING_RESET (1ULL << 40)

/*
 * 0 if the device is of no use: it does not know VIRTIO_F_VERSION_1. driver_rings:
 * the device is to have the driver's virtqueues, and no shadow virtqueues.
 */
uint64_t features_offered(uint32_t device_type, uint64_t device_features, bool driver_rings);

#endif
