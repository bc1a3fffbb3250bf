/* SPDX-License-Identifier: MIT */
/* The backend. */
#include "backend.h"
#include "driver.h"

#include <virtio-shadow/view.h>

uint64_t be_features = BE_FEATURES;

static struct {
    uint16_t avail_seen, used_idx;
} queue[VSH_MAX_QUEUES];

const struct vsh_info *be_info(void)
{
    return (const struct vsh_info *)env->window[VSH_FRAME_INFO];
}

const struct vsh_queue_info *be_queue_info(unsigned int q)
{
    const struct vsh_info *info = be_info();

    assert_true(q < VSH_MAX_QUEUES);
    assert_true(vsh_view_has_records(info->nr_queues, VSH_MAX_QUEUES, info->queue_offset,
                                     info->queue_stride, sizeof(struct vsh_queue_info)));
    return (const struct vsh_queue_info *)(env->window[VSH_FRAME_INFO] + info->queue_offset +
                                           q * info->queue_stride);
}

struct vsh_mailbox *be_mailbox(void)
{
    return (struct vsh_mailbox *)env->window[VSH_FRAME_MAILBOX];
}

/* Window frames are not neighbours in memory: byte by byte. */
static uint8_t *byte(uint64_t das, bool write)
{
    uint64_t frame = (das - SVQ_WINDOW_DAS) / PAGE;

    assert_true(das >= SVQ_WINDOW_DAS && frame < be_info()->nr_frames);
    if (write)
        assert_true(svq_window_writable(
            be_queue_info(0)->max_size,
            svq_bounce_frames(be_info()->policy, be_queue_info(0)->max_size), (uint32_t)frame));
    return &env->window[frame][das % PAGE];
}

static void get(uint64_t das, void *dst, size_t bytes)
{
    size_t i;

    /* A table in place: through the aperture. */
    if (das < SVQ_WINDOW_DAS) {
        assert_int_equal(env_entry(das), SVQ_RO);
        env_read(das, dst, bytes);
        return;
    }

    for (i = 0; i < bytes; i++)
        ((uint8_t *)dst)[i] = *byte(das + i, false);
}

void be_read(uint64_t das, void *dst, size_t bytes)
{
    size_t i;

    for (i = 0; das < SVQ_WINDOW_DAS && i < bytes + das % PAGE; i += PAGE)
        assert_in_range(env_entry(das + i), SVQ_RO, SVQ_RW);
    if (das < SVQ_WINDOW_DAS)
        env_read(das, dst, bytes);
    else
        get(das, dst, bytes);
}

static void put(uint64_t das, const void *src, size_t bytes)
{
    size_t i;

    for (i = 0; das < SVQ_WINDOW_DAS && i < bytes + das % PAGE; i += PAGE)
        assert_int_equal(env_entry(das + i), SVQ_RW);
    if (das < SVQ_WINDOW_DAS) {
        env_write(das, src, bytes);
        return;
    }

    for (i = 0; i < bytes; i++)
        *byte(das + i, true) = ((const uint8_t *)src)[i];
}

void be_write(uint64_t das, const void *src, size_t bytes)
{
    put(das, src, bytes);
}

void be_describe(void)
{
    struct vsh_mailbox *m = be_mailbox();
    unsigned int i;

    m->version = VSH_ABI_VERSION;
    m->device_id = 2;
    m->vendor_id = 0x4b4d4551;
    m->device_features = be_features;
    m->nr_queues = be_info()->nr_queues;
    m->queue_size = be_queue_info(0)->max_size;
    m->config_len = BE_CONFIG_LEN;
    for (i = 0; i < VSH_CONFIG_SIZE; i++)
        m->config[i] = (uint8_t)(i + 1);
    m->aperture_gfn[0] = BE_APERTURE0;
    m->aperture_gfn[1] = BE_APERTURE1;
}

int be_request_only(uint32_t request)
{
    struct vsh_mailbox *m = be_mailbox();
    unsigned int told = env->notify_control, i;
    uint64_t was[VSH_MAX_BANKS];

    for (i = 0; i < VSH_MAX_BANKS; i++) {
        was[i] = env->aperture[i];
        if (request == VSH_REQ_ATTACH)
            env->aperture[i] = m->aperture_gfn[i];
    }

    m->request = request;
    m->request_seq++;
    svq_dev_control(&env->dev);

    assert_int_equal(be_info()->reply_seq, m->request_seq);
    assert_true(env->notify_control > told);
    if (be_info()->reply_error)
        for (i = 0; i < VSH_MAX_BANKS; i++)
            env->aperture[i] = was[i];
    env_check();

    return be_info()->reply_error;
}

int be_request(uint32_t request)
{
    int rc = be_request_only(request);

    env_run();
    return rc;
}

int be_attach_only(void)
{
    be_describe();
    return be_request_only(VSH_REQ_ATTACH);
}

int be_attach(void)
{
    int rc = be_attach_only();

    env_run();
    return rc;
}

int be_ack_only(void)
{
    be_mailbox()->version = VSH_ABI_VERSION;
    be_mailbox()->generation = be_info()->generation;
    return be_request_only(VSH_REQ_RESET_ACK);
}

int be_ack(void)
{
    int rc = be_ack_only();

    env_run();
    return rc;
}

int be_queue_ack_only(unsigned int q)
{
    be_mailbox()->version = VSH_ABI_VERSION;
    be_mailbox()->queue = q;
    be_mailbox()->generation = be_queue_info(q)->generation;
    return be_request_only(VSH_REQ_QUEUE_ACK);
}

int be_queue_ack(unsigned int q)
{
    int rc = be_queue_ack_only(q);

    env_run();
    return rc;
}

void be_begin_queue(unsigned int q)
{
    queue[q].avail_seen = queue[q].used_idx = 0;
}

void be_begin(void)
{
    unsigned int q;

    for (q = 0; q < VSH_MAX_QUEUES; q++)
        be_begin_queue(q);
}

bool be_next(unsigned int q, unsigned int *head)
{
    const struct vsh_queue_info *qi = be_queue_info(q);
    uint16_t idx, entry;

    assert_true(qi->size);
    get(qi->avail + SVQ_AVAIL_IDX, &idx, sizeof(idx));
    if (idx == queue[q].avail_seen)
        return false;

    get(qi->avail + SVQ_AVAIL_RING(queue[q].avail_seen % qi->size), &entry, sizeof(entry));
    queue[q].avail_seen++;
    *head = entry;
    return true;
}

struct svq_desc be_desc(unsigned int q, unsigned int i)
{
    struct svq_desc d;

    get(be_queue_info(q)->desc + i * sizeof(d), &d, sizeof(d));
    return d;
}

void be_used_elem(unsigned int q, unsigned int at, uint32_t id, uint32_t len)
{
    const struct vsh_queue_info *qi = be_queue_info(q);

    put(qi->used + SVQ_USED_ID(at), &id, sizeof(id));
    put(qi->used + SVQ_USED_LEN(at), &len, sizeof(len));
}

void be_used_idx(unsigned int q, uint16_t idx)
{
    put(be_queue_info(q)->used + SVQ_USED_IDX, &idx, sizeof(idx));
}

void be_used_flags(unsigned int q, uint16_t flags)
{
    put(be_queue_info(q)->used + SVQ_USED_FLAGS, &flags, sizeof(flags));
}

void be_avail_event(unsigned int q, uint16_t event)
{
    put(be_queue_info(q)->used + SVQ_USED_AVAIL_EVENT(be_size(q)), &event, sizeof(event));
}

uint16_t be_used_event(unsigned int q)
{
    uint16_t event;

    get(be_queue_info(q)->avail + SVQ_AVAIL_USED_EVENT(be_size(q)), &event, sizeof(event));
    return event;
}

unsigned int be_size(unsigned int q)
{
    return be_queue_info(q)->size;
}

unsigned int be_chain(unsigned int q, unsigned int head, struct svq_desc chain[])
{
    uint64_t table = be_queue_info(q)->desc;
    unsigned int size = be_size(q), nr = 0, i = head;
    struct svq_desc d;

    for (;;) {
        assert_true(i < size);
        get(table + i * sizeof(d), &d, sizeof(d));
        if (d.flags & SVQ_DESC_F_INDIRECT) {
            assert_int_equal(d.flags, SVQ_DESC_F_INDIRECT);
            table = d.addr;
            size = d.len / sizeof(d);
            i = 0;
            continue;
        }
        chain[nr++] = d;
        if (!(d.flags & SVQ_DESC_F_NEXT))
            return nr;
        i = d.next;
    }
}

void be_put(unsigned int q, uint32_t id, uint32_t len)
{
    be_used_elem(q, queue[q].used_idx % be_queue_info(q)->size, id, len);
    be_used_idx(q, ++queue[q].used_idx);
}

void be_kick_only(unsigned int q)
{
    svq_queue_called(&env->dev, q);
    env_check();
}

void be_kick(unsigned int q)
{
    be_kick_only(q);
    env_run();
}

void be_return(unsigned int q, uint32_t id, uint32_t len)
{
    be_put(q, id, len);
    be_kick(q);
}

unsigned int be_take(unsigned int q)
{
    unsigned int head = 0;

    assert_true(be_next(q, &head));
    return head;
}

unsigned int be_take_chain(unsigned int q, struct svq_desc chain[], unsigned int nr)
{
    unsigned int head = be_take(q);

    assert_int_equal(be_chain(q, head, chain), nr);
    return head;
}

void be_serve(unsigned int q, uint32_t len)
{
    be_return(q, be_take(q), len);
}

void up(const struct env_opts *opts)
{
    env_create(opts);
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_start(0);
    be_begin();
    drv_assert_alive();
}

void up_again(void)
{
    drv_reset();
    assert_int_equal(be_ack(), VSH_ERR_NONE);
    drv_start(0);
    be_begin();
    assert_int_equal(be_info()->state, VSH_STATE_RUNNING);
}

void up_step(void)
{
    switch (env->dev.state) {
    case VSH_STATE_FAILED:
        drv_write_only(SVQ_MMIO_STATUS, 0);
        break;
    case VSH_STATE_RESETTING:
        be_ack_only();
        break;
    case VSH_STATE_IDLE:
        be_attach_only();
        break;
    default:
        break;
    }
}

void up_by(void (*step)(void))
{
    unsigned int i;

    for (i = 0; i < 20 && env->dev.state != VSH_STATE_RUNNING; i++) {
        step();
        env_run();
    }
    assert_int_equal(env->dev.state, VSH_STATE_RUNNING);
}
