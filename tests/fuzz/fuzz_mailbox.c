/* SPDX-License-Identifier: MIT */
/* A backend that writes anything to its mailbox, at any moment, against the reference model. */
#include "ref_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t scribble;

/* Once it was copied, whatever is there is of no interest; nor is the seq once it was read. */
static void on_copy(void)
{
    struct vsh_mailbox *m = be_mailbox();
    uint32_t seq = m->request_seq;

    if (scribble & 1)
        memset(m, scribble, sizeof(*m));
    m->request_seq = seq;
}

static void on_read(struct env_where w, void *p, size_t bytes)
{
    uint32_t seq;

    if (w.area != ENV_MAILBOX || !(scribble & 2))
        return;
    assert_int_equal(bytes, sizeof(seq));
    (memcpy)(&seq, p, sizeof(seq));
    seq += scribble;
    (memcpy)(p, &seq, sizeof(seq));
}

static void driver(struct input *in)
{
    uint8_t what = in_u8(in);
    uint64_t f;

    switch (what % 8) {
    case 0:
        rd_write(SVQ_MMIO_STATUS, 4, 0);
        break;
    case 1: /* with RING_RESET if it is there */
        rd_write(SVQ_MMIO_STATUS, 4, 3);
        f = drv_offered();
        rd.dev_sel = 0;
        rd_write(SVQ_MMIO_DRV_FEAT_SEL, 4, 0);
        rd_write(SVQ_MMIO_DRV_FEATURES, 4, (uint32_t)f);
        rd_write(SVQ_MMIO_DRV_FEAT_SEL, 4, 1);
        rd_write(SVQ_MMIO_DRV_FEATURES, 4, f >> 32);
        rd_write(SVQ_MMIO_STATUS, 4, 11);
        break;
    case 2:
        rd_write(SVQ_MMIO_QUEUE_SEL, 4, what >> 7);
        rd_write(SVQ_MMIO_QUEUE_SIZE, 4, 1u << (what >> 4 & 3));
        rd_write(SVQ_MMIO_DESC_LOW, 4, BANK0 + (what >> 7) * 0x8000);
        rd_write(SVQ_MMIO_AVAIL_LOW, 4, BANK0 + 0x1000 + (what >> 7) * 0x8000);
        rd_write(SVQ_MMIO_USED_LOW, 4, BANK0 + 0x2000 + (what >> 7) * 0x8000);
        rd_write(SVQ_MMIO_QUEUE_READY, 4, 1);
        break;
    case 3:
    case 4:
        rd_write(SVQ_MMIO_STATUS, 4, 15);
        break;
    case 5:
        rd_write(SVQ_MMIO_QUEUE_SEL, 4, what >> 7);
        rd_write(SVQ_MMIO_QUEUE_RESET, 4, 1);
        break;
    default:
        rd_write(SVQ_MMIO_QUEUE_NOTIFY, 4, what >> 7);
        break;
    }
}

/* One field of it, or several bytes anywhere. */
static void spoil(struct input *in)
{
    struct vsh_mailbox *m = be_mailbox();
    uint8_t what = in_u8(in);

    switch (what % 14) {
    case 0:
        m->version = in_odd32(in);
        break;
    case 1:
        m->request = in_odd32(in);
        break;
    case 2:
        m->generation += in_odd32(in);
        break;
    case 3:
        m->device_id = in_odd32(in);
        break;
    case 4:
        m->device_features ^= in_u64(in);
        break;
    case 5:
        m->nr_queues = in_odd32(in);
        break;
    case 6:
        m->queue_size = in_odd32(in);
        break;
    case 7:
        m->config_len = in_odd32(in);
        break;
    case 8:
        m->queue = in_odd32(in);
        break;
    case 9:
        m->aperture_gfn[what >> 7] = in_u64(in);
        break;
    case 10: /* next to the other one */
        m->aperture_gfn[what >> 7] =
            m->aperture_gfn[1 - (what >> 7)] + env->dev.bank[0].size / PAGE - 2 + in_u8(in) % 5;
        break;
    case 11: /* next to the end */
        m->aperture_gfn[what >> 7] =
            (1ULL << 40) - env->dev.bank[0].size / PAGE - 2 + in_u8(in) % 5;
        break;
    case 12:
        m->request_seq = in_odd32(in);
        break;
    default:
        ((uint8_t *)m)[in_u16(in) % sizeof(*m)] = in_u8(in);
        break;
    }
}

static void describe(struct input *in)
{
    struct vsh_mailbox *m = be_mailbox();
    uint8_t what = in_u8(in);

    be_describe();
    m->device_features = BE_FEATURES | (what & 0x80 ? 1ULL << SVQ_F_RING_RESET : 0);
    m->queue = what >> 6 & 1;
    m->generation = be_info()->generation;
    m->request = what % 8;
    if (m->request == VSH_REQ_QUEUE_ACK)
        m->generation = be_queue_info(m->queue)->generation;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t what;

    rd_create(&in);
    env->on_copy = on_copy;
    env->on_read = on_read;
    scribble = 0;

    while (in.left) {
        what = in_u8(&in);
        switch (what % 4) {
        case 0:
            driver(&in);
            break;
        case 1:
            describe(&in);
            be_mailbox()->request_seq++;
            if (what & 0x80)
                spoil(&in);
            scribble = what >> 2;
            rd_request();
            break;
        case 2:
            spoil(&in);
            break;
        default:
            scribble = what >> 2;
            env->throttled = what & 0x80;
            rd_request();
            env->throttled = false;
            break;
        }
    }

    env->on_read = NULL;
    rd_destroy();
    return 0;
}
