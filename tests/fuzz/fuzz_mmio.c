/* SPDX-License-Identifier: MIT */
/* A driver that writes anything to the registers, against the reference model. */
#include "ref_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void backend(struct input *in)
{
    struct vsh_mailbox *m = be_mailbox();
    uint8_t what = in_u8(in), len = in_u8(in);

    be_describe();
    m->device_features = BE_FEATURES;
    m->device_features |= what & 0x80 ? 1ULL << SVQ_F_RING_RESET : 0;
    m->device_features |= what & 0x40 ? 1ULL << SVQ_F_INDIRECT_DESC : 0;
    m->device_features |= what & 0x20 ? 1ULL << SVQ_F_EVENT_IDX : 0;
    m->config_len = len;
    m->queue = what >> 3 & 1;
    m->generation = be_info()->generation;
    if (what % 8 == VSH_REQ_QUEUE_ACK)
        m->generation = be_queue_info(m->queue % be_info()->nr_queues)->generation;
    m->request = what % 8;
    m->request_seq++;
    rd_request();
}

/* As a driver does it. */
static void set_up(struct input *in)
{
    uint8_t what = in_u8(in), odd = in_u8(in);
    uint64_t f, at;
    uint32_t q;

    rd_write(SVQ_MMIO_STATUS, 4, 0);
    rd_write(SVQ_MMIO_STATUS, 4, 3);
    f = drv_offered();
    /* It goes by other selectors. */
    rd.dev_sel = 0;
    f &= ~(what & 1 ? 0 : 1ULL << SVQ_F_RING_PACKED);
    f &= ~(what & 2 ? 0 : 1ULL << SVQ_F_RING_RESET);
    f &= ~(what & 4 ? 0 : 1ULL << SVQ_F_EVENT_IDX);
    /* One more, or one less. */
    f ^= odd & 0x80 ? 1ULL << odd % 64 : 0;
    rd_write(SVQ_MMIO_DRV_FEATURES, 4, (uint32_t)f);
    rd_write(SVQ_MMIO_DRV_FEAT_SEL, 4, 1);
    rd_write(SVQ_MMIO_DRV_FEATURES, 4, f >> 32);
    rd_write(SVQ_MMIO_STATUS, 4, 11);
    for (q = 0; q < 1 + (what >> 3 & 1u); q++) {
        at = BANK0 + q * 0x8000;
        rd_write(SVQ_MMIO_QUEUE_SEL, 4, q);
        rd_write(SVQ_MMIO_QUEUE_SIZE, 4, 1u << (what >> 5));
        rd_write(SVQ_MMIO_DESC_LOW, 4, at);
        rd_write(SVQ_MMIO_AVAIL_LOW, 4, at + 0x1000);
        rd_write(SVQ_MMIO_USED_LOW, 4, at + 0x2000);
        rd_write(SVQ_MMIO_QUEUE_READY, 4, 1);
    }
    if (what & 0x10)
        rd_write(SVQ_MMIO_STATUS, 4, 15);
}

static uint64_t value(struct input *in)
{
    uint8_t how = in_u8(in);

    switch (how & 3) {
    case 0:
        return how >> 2;
    case 1:
        return BANK0 + in_u16(in) * 2u;
    case 2:
        return in_odd32(in);
    default:
        return in_u64(in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    rd_create(&in);
    while (in.left) {
        uint8_t what = in_u8(&in);
        uint32_t off = what % 0x40 * 4u;
        unsigned int bytes = 4;

        if (what == 0xff) {
            backend(&in);
            continue;
        }
        if (what == 0xfe) {
            set_up(&in);
            continue;
        }
        if (what >= 0xf0) {
            off = in_u16(&in) % 0x300;
            bytes = 1u << (what & 3);
        }
        /* The configuration space may lie anywhere, the registers are as wide as they are. */
        if (off < 0x100 && off % 4)
            bytes = bytes == 4 ? 2 : bytes;
        if (what & 0x80 || off >= 0x100)
            rd_read(off, bytes);
        else
            rd_write(off, bytes, value(&in));
    }
    rd_destroy();
    return 0;
}
