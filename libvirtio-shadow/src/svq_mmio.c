/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio device that the driver sees, 4.2.2 (version 2, not legacy).
 */
#include "svq_dev.h"
#include "svq_queue.h"
#include "svq_share.h"

/* The queue that QueueSel names, or NULL. */
static struct svq_queue *selected(struct svq_dev *dev)
{
    uint32_t nr = dev->dev_queues < dev->nr_queues ? dev->dev_queues : dev->nr_queues;

    return dev->queue_sel < nr ? &dev->queue[svq_nospec(dev->queue_sel, nr)] : NULL;
}

/* The same, if its registers may still be written: 4.2.3.2. */
static struct svq_queue *configurable(struct svq_dev *dev)
{
    struct svq_queue *q = selected(dev);

    return q && !q->ready ? q : NULL;
}

static uint32_t half(uint64_t val, uint32_t sel)
{
    return sel == 0 ? (uint32_t)val : sel == 1 ? (uint32_t)(val >> 32) : 0;
}

static void set_half(uint64_t *reg, uint32_t sel, uint32_t val)
{
    if ( sel == 0 )
        *reg = (*reg & 0xffffffff00000000ULL) | val;
    else if ( sel == 1 )
        *reg = (*reg & 0xffffffffULL) | ((uint64_t)val << 32);
}

static uint64_t read_config(const struct svq_dev *dev, uint32_t off, unsigned int size)
{
    uint64_t val = 0;
    unsigned int i;

    /* Byte by byte: 2.5.1 lets a driver read fields that lie anywhere. */
    for ( i = 0; i < size; i++ )
        if ( off + i < VSH_CONFIG_SIZE )
            val |= (uint64_t)dev->config[svq_nospec(off + i, VSH_CONFIG_SIZE)] << (8 * i);

    return val;
}

uint64_t svq_mmio_read(struct svq_dev *dev, uint32_t off, unsigned int size)
{
    const struct svq_queue *q;

    if ( off >= SVQ_MMIO_CONFIG && off < SVQ_MMIO_SIZE )
        return read_config(dev, off - SVQ_MMIO_CONFIG, size);

    /* 4.2.2.2: the other registers are read and written 32 bits at a time. */
    if ( size != 4 || (off & 3) )
        return 0;

    switch ( off )
    {
    case SVQ_MMIO_MAGIC:
        return SVQ_MMIO_MAGIC_VALUE;

    case SVQ_MMIO_VERSION:
        return 2;

    case SVQ_MMIO_DEVICE_ID:
        /* 4.2.2.1: 0 means that there is no device here (yet). */
        return dev->device_id;

    case SVQ_MMIO_VENDOR_ID:
        return dev->vendor_id;

    case SVQ_MMIO_DEV_FEATURES:
        return half(svq_dev_offered(dev), dev->dev_feat_sel);

    case SVQ_MMIO_QUEUE_SIZE_MAX:
        return selected(dev) ? dev->dev_queue_size : 0;

    case SVQ_MMIO_QUEUE_READY:
        q = selected(dev);
        return q && q->ready;

    case SVQ_MMIO_QUEUE_RESET:
        q = selected(dev);
        return q && q->reset != SVQ_RESET_NONE;

    case SVQ_MMIO_INT_STATUS:
        return svq_int_read(dev, off);

    case SVQ_MMIO_STATUS:
        return dev->status;

    case SVQ_MMIO_SHM_LEN_LOW:
    case SVQ_MMIO_SHM_LEN_HIGH:
    case SVQ_MMIO_SHM_BASE_LOW:
    case SVQ_MMIO_SHM_BASE_HIGH:
        /* 4.2.2: a length of -1 says that there is no such region. */
        return 0xffffffffU;

    case SVQ_MMIO_CONFIG_GEN:
        return dev->config_gen;
    }

    return 0;
}

uint32_t svq_int_read(const struct svq_dev *dev, uint32_t off)
{
    return off == SVQ_MMIO_INT_STATUS ? svq_read_once(dev->int_status) : 0;
}

void svq_int_write(struct svq_dev *dev, uint32_t off, uint32_t val)
{
    if ( off == SVQ_MMIO_INT_ACK )
        svq_clear_bits(&dev->int_status, val);
}

int svq_mmio_queue(uint32_t off, unsigned int size, uint64_t val)
{
    uint32_t q = (uint32_t)val;

    return off == SVQ_MMIO_QUEUE_NOTIFY && size == 4 && q < VSH_MAX_QUEUES
           ? (int)svq_nospec(q, VSH_MAX_QUEUES) : -1;
}

void svq_queue_kicked(struct svq_dev *dev, unsigned int nr)
{
    struct svq_queue *q;

    if ( dev->state != VSH_STATE_RUNNING || nr >= dev->nr_queues )
        return;

    q = &dev->queue[svq_nospec(nr, dev->nr_queues)];
    if ( !q->live )
        return;

    q->stats.kicks++;
    if ( svq_is_shared(dev) )
        svq_share_driver_kick(dev, q);
    else
        q->fetch = true;
}

static bool has_ring_reset(const struct svq_dev *dev)
{
    return dev->driver_features & (1ULL << SVQ_F_RING_RESET);
}

static void write_ready(struct svq_dev *dev, uint32_t val)
{
    struct svq_queue *q = selected(dev);
    enum svq_error err;

    if ( !q || (dev->status & SVQ_STATUS_NEEDS_RESET) )
        return;

    if ( dev->status & SVQ_STATUS_DRIVER_OK )
    {
        if ( !!val == q->ready )
            return;

        /* A live queue is only stopped by QueueReset, 2.6.1, and started after one. */
        if ( !val || !has_ring_reset(dev) )
        {
            svq_dev_fail(dev, (int)(q - dev->queue), SVQ_ERR_STATUS);
            return;
        }
    }

    if ( !val )
    {
        svq_queue_reset(dev, q);
        return;
    }

    if ( !(dev->status & SVQ_STATUS_FEATURES_OK) )
        return;

    err = svq_queue_ready(dev, q);
    if ( err != SVQ_ERR_NONE )
        svq_dev_fail(dev, (int)(q - dev->queue), err);
    else if ( dev->status & SVQ_STATUS_DRIVER_OK )
        svq_dev_queue_ready(dev, q);
}

static void write_reset(struct svq_dev *dev, uint32_t val)
{
    struct svq_queue *q = selected(dev);

    /* 4.2.2.2: after the queue is enabled, if it was negotiated. */
    if ( q && q->ready && val == 1 && has_ring_reset(dev) &&
         (dev->status & SVQ_STATUS_FEATURES_OK) && !(dev->status & SVQ_STATUS_NEEDS_RESET) )
        svq_dev_queue_reset(dev, q);
}

static void write_status(struct svq_dev *dev, uint32_t val)
{
    uint32_t old = dev->status, set;

    if ( !val )
    {
        svq_dev_reset(dev);
        return;
    }

    /* 2.1.1: the driver must not clear bits, and NEEDS_RESET is not the driver's. */
    set = val & 0xff & ~old & ~SVQ_STATUS_NEEDS_RESET;

    if ( old & SVQ_STATUS_NEEDS_RESET )
        return;

    /* 2.2.2: FEATURES_OK stays clear if we do not accept the set. */
    if ( (set & SVQ_STATUS_FEATURES_OK) &&
         ((dev->driver_features & ~svq_dev_offered(dev)) ||
          !(dev->driver_features & (1ULL << SVQ_F_VERSION_1)) ||
          /* What is to be in pages of its own, without INDIRECT_DESC? */
          ((dev->driver_features & (1ULL << SVQ_F_INDIRECT_PAGES)) &&
           !(dev->driver_features & (1ULL << SVQ_F_INDIRECT_DESC))) ||
          !svq_share_accepts(dev)) )
        set &= ~SVQ_STATUS_FEATURES_OK;

    /* 3.1.1: nothing runs before the features are agreed on. */
    if ( (set & SVQ_STATUS_DRIVER_OK) && !((old | set) & SVQ_STATUS_FEATURES_OK) )
        set &= ~SVQ_STATUS_DRIVER_OK;

    dev->status = old | set;

    if ( set & SVQ_STATUS_DRIVER_OK )
        svq_dev_driver_ok(dev);
}

void svq_mmio_write(struct svq_dev *dev, uint32_t off, unsigned int size, uint64_t val64)
{
    uint32_t val = (uint32_t)val64;
    struct svq_queue *q;

    /*
     * While a reset is being carried out, another vCPU's writes would be undone
     * by it.  The configuration space is read-only: no field of it that a
     * driver may write is offered.
     */
    if ( size != 4 || (off & 3) || off >= SVQ_MMIO_CONFIG || dev->reset_pending ||
         dev->state == VSH_STATE_GONE )
        return;

    switch ( off )
    {
    case SVQ_MMIO_DEV_FEAT_SEL:
        dev->dev_feat_sel = val;
        break;

    case SVQ_MMIO_DRV_FEATURES:
        if ( !(dev->status & SVQ_STATUS_FEATURES_OK) )
            set_half(&dev->driver_features, dev->drv_feat_sel, val);
        break;

    case SVQ_MMIO_DRV_FEAT_SEL:
        dev->drv_feat_sel = val;
        break;

    case SVQ_MMIO_QUEUE_SEL:
        dev->queue_sel = val;
        break;

    case SVQ_MMIO_QUEUE_SIZE:
        q = configurable(dev);
        /* Too large for the register's type is too large for the queue. */
        if ( q )
            q->size = val <= SVQ_QUEUE_MAX ? (uint16_t)val : 0;
        break;

    case SVQ_MMIO_QUEUE_READY:
        write_ready(dev, val);
        break;

    case SVQ_MMIO_QUEUE_RESET:
        write_reset(dev, val);
        break;

    case SVQ_MMIO_QUEUE_NOTIFY:
        svq_queue_kicked(dev, val);
        break;

    case SVQ_MMIO_INT_ACK:
        svq_int_write(dev, off, val);
        break;

    case SVQ_MMIO_STATUS:
        write_status(dev, val);
        break;

    case SVQ_MMIO_DESC_LOW:
    case SVQ_MMIO_DESC_HIGH:
        q = configurable(dev);
        if ( q )
            set_half(&q->desc_addr, off == SVQ_MMIO_DESC_HIGH, val);
        break;

    case SVQ_MMIO_AVAIL_LOW:
    case SVQ_MMIO_AVAIL_HIGH:
        q = configurable(dev);
        if ( q )
            set_half(&q->avail_addr, off == SVQ_MMIO_AVAIL_HIGH, val);
        break;

    case SVQ_MMIO_USED_LOW:
    case SVQ_MMIO_USED_HIGH:
        q = configurable(dev);
        if ( q )
            set_half(&q->used_addr, off == SVQ_MMIO_USED_HIGH, val);
        break;
    }
}
