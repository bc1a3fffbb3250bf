/* SPDX-License-Identifier: MIT */
/*
 * What must be known of a virtio device's type before it can be mediated: how many
 * queues it needs, how long its configuration space is, where that says how many
 * queues there are, and whether it can be mediated at all.
 */
#ifndef VSHD_VIRTIO_TYPES_H
#define VSHD_VIRTIO_TYPES_H

#include <stdint.h>

#define VIRTIO_ID_NET 1u
#define VIRTIO_ID_BLOCK 2u
#define VIRTIO_ID_SCSI 8u
#define VIRTIO_ID_GPU 16u
#define VIRTIO_ID_INPUT 18u
#define VIRTIO_ID_VSOCK 19u
#define VIRTIO_ID_FS 26u

/* The device must be asked how long its configuration space is. */
#define VIRTIO_CONFIG_UNKNOWN UINT32_MAX

/* "network", "block", ... or "other" */
const char *virtio_type_name(uint32_t type);

/* NULL, or why devices of this type cannot be mediated: half a sentence. */
const char *virtio_type_refused(uint32_t type);

unsigned int virtio_type_min_queues(uint32_t type);

/* Bytes, with these features; or VIRTIO_CONFIG_UNKNOWN. */
uint32_t virtio_type_config_len(uint32_t type, uint64_t features);

/*
 * Makes the configuration space speak of no more than max_queues queues in all, as
 * the mediator has no more. How many there are then.
 */
unsigned int virtio_type_limit_queues(uint32_t type, uint64_t features, uint8_t *config,
                                      unsigned int max_queues);

#endif
