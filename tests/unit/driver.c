/* SPDX-License-Identifier: MIT */
/* The driver in the frontend. */
#include "driver.h"

struct drv_queue drv_queue[VSH_MAX_QUEUES];
uint64_t drv_ring_features;

uint32_t drv_read(uint32_t reg)
{
    return (uint32_t)svq_mmio_read(&env->dev, reg, 4);
}

void drv_write_only(uint32_t reg, uint32_t val)
{
    svq_mmio_write(&env->dev, reg, 4, val);
    env_check();
}

void drv_write(uint32_t reg, uint32_t val)
{
    drv_write_only(reg, val);
    env_run();
}

void drv_reset(void)
{
    drv_write(SVQ_MMIO_STATUS, 0);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), 0);
    assert_int_equal(env_visible(), 0);
}

uint64_t drv_offered(void)
{
    uint64_t f;

    drv_write(SVQ_MMIO_DEV_FEAT_SEL, 1);
    f = (uint64_t)drv_read(SVQ_MMIO_DEV_FEATURES) << 32;
    drv_write(SVQ_MMIO_DEV_FEAT_SEL, 0);
    return f | drv_read(SVQ_MMIO_DEV_FEATURES);
}

void drv_accept(uint64_t features)
{
    drv_write(SVQ_MMIO_DRV_FEAT_SEL, 1);
    drv_write(SVQ_MMIO_DRV_FEATURES, (uint32_t)(features >> 32));
    drv_write(SVQ_MMIO_DRV_FEAT_SEL, 0);
    drv_write(SVQ_MMIO_DRV_FEATURES, (uint32_t)features);
}

static void add_status(uint32_t bit)
{
    drv_write(SVQ_MMIO_STATUS, drv_read(SVQ_MMIO_STATUS) | bit);
}

void drv_probe(void)
{
    drv_reset();
    add_status(SVQ_STATUS_ACKNOWLEDGE);
    add_status(SVQ_STATUS_DRIVER);
    drv_accept((drv_offered() & ~DRV_RING_FEATURES) | drv_ring_features);
    add_status(SVQ_STATUS_FEATURES_OK);
}

static void zero(uint64_t addr, uint64_t bytes)
{
    static const uint8_t zeroes[SVQ_PAGE_SIZE];

    for (; bytes; addr++, bytes--)
        if (addr % PAGE == 0 && bytes >= PAGE) {
            env_write(addr, zeroes, PAGE);
            addr += PAGE - 1;
            bytes -= PAGE - 1;
        } else
            env_write(addr, zeroes, 1);
}

bool drv_setup_at(unsigned int q, unsigned int size, uint64_t desc, uint64_t avail, uint64_t used)
{
    drv_queue[q] = (struct drv_queue){.desc = desc, .avail = avail, .used = used, .size = size};

    drv_write(SVQ_MMIO_QUEUE_SEL, q);
    drv_write(SVQ_MMIO_QUEUE_SIZE, size);
    drv_write(SVQ_MMIO_DESC_LOW, (uint32_t)desc);
    drv_write(SVQ_MMIO_DESC_HIGH, (uint32_t)(desc >> 32));
    drv_write(SVQ_MMIO_AVAIL_LOW, (uint32_t)avail);
    drv_write(SVQ_MMIO_AVAIL_HIGH, (uint32_t)(avail >> 32));
    drv_write(SVQ_MMIO_USED_LOW, (uint32_t)used);
    drv_write(SVQ_MMIO_USED_HIGH, (uint32_t)(used >> 32));
    drv_write(SVQ_MMIO_QUEUE_READY, 1);

    return drv_read(SVQ_MMIO_QUEUE_READY) == 1;
}

bool drv_setup(unsigned int q, unsigned int size)
{
    uint64_t ring = RINGS + q * DRV_RING_BYTES;

    zero(ring, DRV_RING_BYTES);
    return drv_setup_at(q, size, ring, ring + 0x5000, ring + 0x6000);
}

void drv_start(unsigned int size)
{
    unsigned int q, max;

    drv_probe();
    for (q = 0;; q++) {
        drv_write(SVQ_MMIO_QUEUE_SEL, q);
        max = drv_read(SVQ_MMIO_QUEUE_SIZE_MAX);
        if (!max)
            break;
        assert_true(drv_setup(q, size ? size : max));
    }
    add_status(SVQ_STATUS_DRIVER_OK);
}

void drv_desc(unsigned int q, unsigned int i, uint64_t addr, uint32_t len, unsigned int flags,
              unsigned int next)
{
    struct svq_desc d = {addr, len, (uint16_t)flags, (uint16_t)next};

    env_write(drv_queue[q].desc + i * sizeof(d), &d, sizeof(d));
}

void drv_offer(unsigned int q, unsigned int head)
{
    struct drv_queue *dq = &drv_queue[q];

    env_write16(dq->avail + SVQ_AVAIL_RING(dq->avail_idx % dq->size), (uint16_t)head);
    dq->avail_idx++;
    env_write16(dq->avail + SVQ_AVAIL_IDX, dq->avail_idx);
}

void drv_kick(unsigned int q)
{
    drv_write(SVQ_MMIO_QUEUE_NOTIFY, q);
}

void drv_submit(unsigned int q, unsigned int head)
{
    drv_offer(q, head);
    drv_kick(q);
}

void drv_read_buffer(unsigned int q, unsigned int i, uint64_t addr, uint32_t len)
{
    drv_desc(q, i, addr, len, 0, 0);
    drv_submit(q, i);
}

void drv_write_buffer(unsigned int q, unsigned int i, uint64_t addr, uint32_t len)
{
    drv_desc(q, i, addr, len, SVQ_DESC_F_WRITE, 0);
    drv_submit(q, i);
}

uint16_t drv_used_idx(unsigned int q)
{
    return env_read16(drv_queue[q].used + SVQ_USED_IDX);
}

bool drv_used(unsigned int q, uint32_t *id, uint32_t *len)
{
    struct drv_queue *dq = &drv_queue[q];
    uint32_t elem[2];

    if (drv_used_idx(q) == dq->used_idx)
        return false;

    env_read(dq->used + SVQ_USED_ID(dq->used_idx % dq->size), elem, sizeof(elem));
    dq->used_idx++;
    *id = elem[0];
    *len = elem[1];
    return true;
}

void drv_expect_used(unsigned int q, uint32_t id, uint32_t len)
{
    uint32_t got_id = ~0U, got_len = ~0U;

    assert_true(drv_used(q, &got_id, &got_len));
    assert_int_equal(got_id, id);
    assert_int_equal(got_len, len);
}

void drv_assert_failed(enum svq_error err, int q)
{
    assert_string_equal(svq_error_text(env->dev.last_error), svq_error_text(err));
    assert_int_equal(env->dev.last_error, err);
    assert_int_equal(env->report_error, err);
    assert_int_equal(env->report_queue, q);
    assert_int_equal(env->dev.info->state, VSH_STATE_FAILED);
    assert_true(drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET);
    if (drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_DRIVER_OK) {
        assert_true(drv_read(SVQ_MMIO_INT_STATUS) & SVQ_INT_CONFIG);
        assert_true(env->interrupts);
    }
    assert_int_equal(env_visible(), 0);
}

void drv_assert_alive(void)
{
    assert_string_equal(svq_error_text(env->dev.last_error), svq_error_text(SVQ_ERR_NONE));
    assert_int_equal(env->dev.info->state, VSH_STATE_RUNNING);
    assert_int_equal(env->dev.failures, 0);
    assert_int_equal(env->reports, 0);
    assert_int_equal(drv_read(SVQ_MMIO_STATUS), DRV_OK);
}
