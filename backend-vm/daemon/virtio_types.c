// SPDX-License-Identifier: MIT
#include "virtio_types.h"

#include <stddef.h>

/* struct virtio_blk_config up to write zeroes; see virtio_features.c for what follows. */
#define BLK_CONFIG_LEN 60
#define BLK_F_MQ (1ULL << 12)
#define FS_F_NOTIFICATION (1ULL << 0)

#define ADDRESSES                                                                                  \
    "its requests hold addresses of guest memory, which only the driver's side can read"

struct type {
    uint32_t id;
    const char *name;
    unsigned int min_queues;
    uint32_t config_len;
    const char *refused;
};

static const struct type types[] = {
    {VIRTIO_ID_NET, "network", 2, 12, NULL},
    {VIRTIO_ID_BLOCK, "block", 1, BLK_CONFIG_LEN, NULL},
    {3, "console", 2, VIRTIO_CONFIG_UNKNOWN, NULL},
    {4, "entropy", 1, 0, NULL},
    {5, "balloon", 2, 0, "its requests are about pages of guest memory, by their addresses"},
    {VIRTIO_ID_SCSI, "scsi", 3, 36, NULL},
    {13, "balloon", 2, 0, "its requests are about pages of guest memory, by their addresses"},
    {VIRTIO_ID_GPU, "gpu", 2, 0, ADDRESSES},
    {VIRTIO_ID_INPUT, "input", 2, 136, NULL},
    {VIRTIO_ID_VSOCK, "vsock", 3, 8, NULL},
    {20, "crypto", 2, VIRTIO_CONFIG_UNKNOWN, NULL},
    {23, "iommu", 2, 0, "it translates addresses for other devices"},
    {24, "mem", 1, 0, "it plugs and unplugs guest memory, by its address"},
    {25, "sound", 4, VIRTIO_CONFIG_UNKNOWN, NULL},
    {VIRTIO_ID_FS, "fs", 2, 40, NULL},
    {27, "pmem", 1, 0, "its data is memory that the device and the guest share, with no queue"},
    {30, "video encoder", 2, 0, ADDRESSES},
    {31, "video decoder", 2, 0, ADDRESSES},
    {34, "i2c", 1, 0, NULL},
    {41, "gpio", 1, 8, NULL},
    {48, "media", 2, 0, ADDRESSES},
};

static const struct type *find(uint32_t id)
{
    static const struct type other = {0, "other", 1, VIRTIO_CONFIG_UNKNOWN, NULL};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].id == id) {
            return &types[i];
        }
    }
    return &other;
}

const char *virtio_type_name(uint32_t type)
{
    return find(type)->name;
}

const char *virtio_type_refused(uint32_t type)
{
    return find(type)->refused;
}

unsigned int virtio_type_min_queues(uint32_t type)
{
    return find(type)->min_queues;
}

uint32_t virtio_type_config_len(uint32_t type, uint64_t features)
{
    if (type == VIRTIO_ID_FS && features & FS_F_NOTIFICATION) {
        return 44; /* with notify_buf_size */
    }
    return find(type)->config_len;
}

/* A little-endian count of queues in the configuration space, apart from others that are not
 * counted. */
static unsigned int limit(uint8_t *field, unsigned int bytes, unsigned int others,
                          unsigned int max_queues)
{
    unsigned int room = max_queues > others ? max_queues - others : 0;
    uint32_t n = 0;

    for (unsigned int i = 0; i < bytes; i++) {
        n |= (uint32_t)field[i] << (8 * i);
    }
    if (n == 0 || n > room) {
        n = room;
    }
    for (unsigned int i = 0; i < bytes; i++) {
        field[i] = (uint8_t)(n >> (8 * i));
    }
    return n + others;
}

unsigned int virtio_type_limit_queues(uint32_t type, uint64_t features, uint8_t *config,
                                      unsigned int max_queues)
{
    switch (type) {
    case VIRTIO_ID_NET:
        return max_queues < 2 ? max_queues : 2;
    case VIRTIO_ID_BLOCK:
        if (!(features & BLK_F_MQ)) {
            return max_queues ? 1 : 0;
        }
        return limit(config + 34, 2, 0, max_queues);
    case VIRTIO_ID_SCSI: /* but for control and events */
        return limit(config, 4, 2, max_queues);
    case VIRTIO_ID_FS: /* but for those of high priority, and of notifications */
        return limit(config + 36, 4, (features & FS_F_NOTIFICATION) ? 2 : 1, max_queues);
    default:
        return max_queues;
    }
}
