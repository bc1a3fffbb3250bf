/* SPDX-License-Identifier: MIT */
/*
 * Formats of the split and the packed virtqueue, VIRTIO 1.4 sections 2.7 and
 * 2.8, and the constants of the virtio-mmio transport, section 4.2.
 * Little-endian throughout.
 */
#ifndef VIRTIO_SHADOW_RING_H
#define VIRTIO_SHADOW_RING_H

/* 2.7.5 The Virtqueue Descriptor Table */
struct svq_desc {
    uint64_t addr;      /* device address space */
    uint32_t len;       /* bytes */
    uint16_t flags;
    uint16_t next;
};

#define SVQ_DESC_F_NEXT         1u
#define SVQ_DESC_F_WRITE        2u
#define SVQ_DESC_F_INDIRECT     4u

#define SVQ_DESC_ALIGN          16u
#define SVQ_AVAIL_ALIGN         2u
#define SVQ_USED_ALIGN          4u

/* 2.7.6 The Virtqueue Available Ring: flags, idx, ring[n], used_event */
#define SVQ_AVAIL_FLAGS         0u
#define SVQ_AVAIL_IDX           2u
#define SVQ_AVAIL_RING(i)       (4u + 2u * (i))
#define SVQ_AVAIL_USED_EVENT(n) (4u + 2u * (n))
#define SVQ_AVAIL_BYTES(n)      (6u + 2u * (n))
#define SVQ_AVAIL_F_NO_INTERRUPT 1u

/* 2.7.8 The Virtqueue Used Ring: flags, idx, ring[n] of { id, len }, avail_event */
#define SVQ_USED_FLAGS          0u
#define SVQ_USED_IDX            2u
#define SVQ_USED_ID(i)          (4u + 8u * (i))
#define SVQ_USED_LEN(i)         (8u + 8u * (i))
#define SVQ_USED_AVAIL_EVENT(n) (4u + 8u * (n))
#define SVQ_USED_BYTES(n)       (6u + 8u * (n))
#define SVQ_USED_F_NO_NOTIFY    1u

#define SVQ_DESC_BYTES(n)       (16u * (n))

/* 2.8 Packed Virtqueues: one ring of descriptors, which both sides write. */
struct svq_packed_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t id;        /* of the buffer; in the last descriptor of a list */
    uint16_t flags;     /* SVQ_DESC_F_*, and: */
};

#define SVQ_PACKED_F_AVAIL      (1u << 7)
#define SVQ_PACKED_F_USED       (1u << 15)

/* 2.8.14 Event Suppression Structure: offset and wrap counter, flags */
#define SVQ_EVENT_OFF_WRAP      0u
#define SVQ_EVENT_FLAGS         2u
#define SVQ_EVENT_BYTES         4u
#define SVQ_EVENT_ALIGN         4u
#define SVQ_EVENT_F_ENABLE      0u
#define SVQ_EVENT_F_DISABLE     1u
#define SVQ_EVENT_F_DESC        2u

/* 2.1 Device Status Field */
#define SVQ_STATUS_ACKNOWLEDGE  1u
#define SVQ_STATUS_DRIVER       2u
#define SVQ_STATUS_DRIVER_OK    4u
#define SVQ_STATUS_FEATURES_OK  8u
#define SVQ_STATUS_NEEDS_RESET  64u
#define SVQ_STATUS_FAILED       128u

/* 6 Reserved Feature Bits */
#define SVQ_F_FIRST_RESERVED    24u
#define SVQ_F_LAST_RESERVED     49u
#define SVQ_F_INDIRECT_DESC     28u
#define SVQ_F_EVENT_IDX         29u
#define SVQ_F_VERSION_1         32u
#define SVQ_F_ACCESS_PLATFORM   33u
#define SVQ_F_RING_PACKED       34u
#define SVQ_F_IN_ORDER          35u
#define SVQ_F_RING_RESET        40u
#define SVQ_F_INDIRECT_PAGES    44u     /* proposed: tables in pages of their own */

/* 4.2.2 MMIO Device Register Layout */
#define SVQ_MMIO_MAGIC          0x000u
#define SVQ_MMIO_VERSION        0x004u
#define SVQ_MMIO_DEVICE_ID      0x008u
#define SVQ_MMIO_VENDOR_ID      0x00cu
#define SVQ_MMIO_DEV_FEATURES   0x010u
#define SVQ_MMIO_DEV_FEAT_SEL   0x014u
#define SVQ_MMIO_DRV_FEATURES   0x020u
#define SVQ_MMIO_DRV_FEAT_SEL   0x024u
#define SVQ_MMIO_QUEUE_SEL      0x030u
#define SVQ_MMIO_QUEUE_SIZE_MAX 0x034u
#define SVQ_MMIO_QUEUE_SIZE     0x038u
#define SVQ_MMIO_QUEUE_READY    0x044u
#define SVQ_MMIO_QUEUE_NOTIFY   0x050u
#define SVQ_MMIO_INT_STATUS     0x060u
#define SVQ_MMIO_INT_ACK        0x064u
#define SVQ_MMIO_STATUS         0x070u
#define SVQ_MMIO_DESC_LOW       0x080u
#define SVQ_MMIO_DESC_HIGH      0x084u
#define SVQ_MMIO_AVAIL_LOW      0x090u
#define SVQ_MMIO_AVAIL_HIGH     0x094u
#define SVQ_MMIO_USED_LOW       0x0a0u
#define SVQ_MMIO_USED_HIGH      0x0a4u
#define SVQ_MMIO_SHM_LEN_LOW    0x0b0u
#define SVQ_MMIO_SHM_LEN_HIGH   0x0b4u
#define SVQ_MMIO_SHM_BASE_LOW   0x0b8u
#define SVQ_MMIO_SHM_BASE_HIGH  0x0bcu
#define SVQ_MMIO_QUEUE_RESET    0x0c0u
#define SVQ_MMIO_CONFIG_GEN     0x0fcu
#define SVQ_MMIO_CONFIG         0x100u
#define SVQ_MMIO_SIZE           0x200u

#define SVQ_MMIO_MAGIC_VALUE    0x74726976u     /* "virt" */
#define SVQ_INT_USED            1u
#define SVQ_INT_CONFIG          2u

#endif /* VIRTIO_SHADOW_RING_H */
