/* SPDX-License-Identifier: MIT */
/* A reference model of registers, mailbox and states. */
#include "ref_dev.h"

#define BIT(n) (1ULL << (n))

typedef unsigned __int128 wide;

struct ref_dev rd;

static bool has(unsigned int feature)
{
    return rd.accepted & BIT(feature);
}

/* 6: what is between driver and device, and what is the queues'. */
static uint64_t offered(void)
{
    uint64_t f = 0;
    unsigned int i;

    if (!rd.features)
        return 0;

    for (i = 0; i < 64; i++)
        if ((i < 24 || i > 49) && rd.features & BIT(i))
            f |= BIT(i);

    f |= BIT(SVQ_F_VERSION_1);
    f |= (BIT(SVQ_F_EVENT_IDX) | BIT(SVQ_F_IN_ORDER) | BIT(SVQ_F_RING_PACKED)) & ~rd.withheld;
    f |= rd.features & (BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_RING_RESET)) & ~rd.withheld;
    if (rd.indirect == SVQ_INDIRECT_OFF)
        f &= ~BIT(SVQ_F_INDIRECT_DESC);

    if (f & BIT(SVQ_F_INDIRECT_DESC) && rd.indirect != SVQ_INDIRECT_COPY) {
        f |= BIT(SVQ_F_INDIRECT_PAGES) & ~rd.withheld;
        if (rd.indirect == SVQ_INDIRECT_REMAP)
            f &= ~BIT(SVQ_F_RING_PACKED);
    }

    return f;
}

static struct rd_queue *selected(void)
{
    return rd.queue_sel < rd.queues && rd.queue_sel < env->dev.nr_queues ? &rd.queue[rd.queue_sel]
                                                                         : NULL;
}

static void clear_queue(struct rd_queue *q)
{
    *q = (struct rd_queue){.generation = q->generation};
}

static void leave_running(void)
{
    if (rd.state == VSH_STATE_RUNNING) {
        rd.ack_needed = rd.attached;
        rd.generation++;
    }
    rd.start_pending = false;
}

static void stop_queues(void)
{
    unsigned int i;

    for (i = 0; i < RD_QUEUES; i++)
        rd.queue[i].live = rd.queue[i].resetting = false;
}

/* 2.1.2 */
static void fail(void)
{
    if (rd.state == VSH_STATE_IDLE || rd.state == VSH_STATE_FAILED)
        return;
    leave_running();
    stop_queues();
    rd.status |= SVQ_STATUS_NEEDS_RESET;
    if (rd.status & SVQ_STATUS_DRIVER_OK)
        rd.interrupts |= SVQ_INT_CONFIG;
    rd.state = VSH_STATE_FAILED;
}

static void settle(void)
{
    unsigned int i;

    if (!rd.attached)
        rd.state = VSH_STATE_IDLE;
    else if (rd.start_pending) {
        rd.state = VSH_STATE_RUNNING;
        rd.start_pending = false;
        for (i = 0; i < RD_QUEUES; i++)
            rd.queue[i].live = rd.queue[i].ready;
    } else
        rd.state = VSH_STATE_READY;
}

static void config_changed(void)
{
    rd.config_gen++;
    if (rd.status & SVQ_STATUS_DRIVER_OK)
        rd.interrupts |= SVQ_INT_CONFIG;
}

/* ---- The registers ---- */

static uint32_t half(uint64_t val, uint32_t sel)
{
    return sel > 1 ? 0 : (uint32_t)(val >> 32 * sel);
}

static uint64_t with_half(uint64_t was, uint32_t sel, uint32_t val)
{
    if (sel > 1)
        return was;
    return sel ? (was & 0xffffffff) | (uint64_t)val << 32 : (was >> 32 << 32) | val;
}

static uint64_t expected(uint32_t off, unsigned int size)
{
    const struct rd_queue *q = selected();
    uint64_t val = 0;
    unsigned int i;

    if (off >= 0x100) {
        for (i = 0; i < size && off < 0x200; i++)
            if (off - 0x100 + i < VSH_CONFIG_SIZE)
                val |= (uint64_t)rd.config[off - 0x100 + i] << 8 * i;
        return val;
    }
    if (size != 4)
        return 0;

    switch (off) {
    case 0x000:
        return 0x74726976;
    case 0x004:
        return 2;
    case 0x008:
        return rd.id;
    case 0x00c:
        return rd.vendor;
    case 0x010:
        return half(offered(), rd.dev_sel);
    case 0x034:
        return q ? rd.queue_size : 0;
    case 0x044:
        return q && q->ready;
    case 0x060:
        return rd.interrupts;
    case 0x070:
        return rd.status;
    case 0x0b0:
    case 0x0b4:
    case 0x0b8:
    case 0x0bc:
        return 0xffffffff;
    case 0x0c0:
        return q && q->resetting;
    case 0x0fc:
        return rd.config_gen;
    default:
        return 0;
    }
}

static bool in_ram(uint64_t addr, uint32_t len)
{
    unsigned int b;

    for (b = 0; b < env->dev.nr_banks; b++) {
        const struct vsh_bank *bank = &env->dev.bank[b];

        if (addr >= bank->base && (wide)addr + len <= (wide)bank->base + bank->size)
            return true;
    }
    return false;
}

/* 2.7, 2.8, 4.2.3.2 */
static bool is_ring(const struct rd_queue *q)
{
    bool packed = has(SVQ_F_RING_PACKED);
    uint32_t n = q->size;
    uint32_t bytes[3] = {16 * n, packed ? 4 : 6 + 2 * n, packed ? 4 : 6 + 8 * n};
    uint32_t align[3] = {16, packed ? 4 : 2, 4};
    unsigned int i, ones = 0;

    for (i = 0; i < 32; i++)
        ones += n >> i & 1;
    if (!n || n > rd.queue_size || (!packed && ones != 1))
        return false;
    for (i = 0; i < 3; i++)
        if (q->addr[i] % align[i] || !in_ram(q->addr[i], bytes[i]))
            return false;
    return true;
}

/* The parts of all rings, at their largest. */
static void look_for_tangles(void)
{
    unsigned int a, b;

    for (a = 0; a < 3 * RD_QUEUES; a++)
        for (b = 0; b < a; b++) {
            uint64_t x = rd.queue[a / 3].addr[a % 3], y = rd.queue[b / 3].addr[b % 3];

            if (rd.queue[a / 3].ready && rd.queue[b / 3].ready && (x > y ? x - y : y - x) < 0x200)
                rd.tangled = true;
        }
}

static void write_ready(struct rd_queue *q, uint32_t val)
{
    bool up = rd.status & SVQ_STATUS_DRIVER_OK;

    if (!q || rd.status & SVQ_STATUS_NEEDS_RESET || (up && !!val == q->ready))
        return;
    if (up && (!val || !has(SVQ_F_RING_RESET)))
        fail();
    else if (!val)
        clear_queue(q);
    else if (!(rd.status & SVQ_STATUS_FEATURES_OK) || q->ready)
        return;
    else if (!is_ring(q))
        fail();
    else {
        q->ready = true;
        q->live = rd.state == VSH_STATE_RUNNING;
        look_for_tangles();
    }
}

static void write_queue_reset(struct rd_queue *q, uint32_t val)
{
    if (!q || !q->ready || val != 1 || !has(SVQ_F_RING_RESET) ||
        !(rd.status & SVQ_STATUS_FEATURES_OK) || rd.status & SVQ_STATUS_NEEDS_RESET)
        return;
    if (q->live) {
        q->live = false;
        q->resetting = true;
        q->generation++;
    } else if (!q->resetting)
        clear_queue(q);
}

static void write_status(uint32_t val)
{
    uint32_t set = val & 0xbf & ~rd.status;
    unsigned int i;

    if (!val) {
        leave_running();
        stop_queues();
        for (i = 0; i < RD_QUEUES; i++)
            clear_queue(&rd.queue[i]);
        rd.status = rd.interrupts = rd.dev_sel = rd.drv_sel = rd.queue_sel = 0;
        rd.accepted = 0;
        rd.tangled = false;
        if (rd.ack_needed)
            rd.state = VSH_STATE_RESETTING;
        else
            settle();
        return;
    }

    if (rd.status & SVQ_STATUS_NEEDS_RESET)
        return;
    /* 2.2.2, and tables in pages of their own are tables. */
    if (rd.accepted & ~offered() || !has(SVQ_F_VERSION_1) ||
        (has(SVQ_F_INDIRECT_PAGES) && !has(SVQ_F_INDIRECT_DESC)))
        set &= ~SVQ_STATUS_FEATURES_OK;
    /* 3.1.1 */
    if (!((rd.status | set) & SVQ_STATUS_FEATURES_OK))
        set &= ~SVQ_STATUS_DRIVER_OK;

    rd.status |= set;
    if (set & SVQ_STATUS_DRIVER_OK) {
        rd.start_pending = true;
        if (rd.state == VSH_STATE_READY)
            settle();
    }
}

static void write_register(uint32_t off, uint32_t val)
{
    struct rd_queue *q = selected(), *open = q && !q->ready ? q : NULL;

    switch (off) {
    case 0x014:
        rd.dev_sel = val;
        break;
    case 0x020:
        if (!(rd.status & SVQ_STATUS_FEATURES_OK))
            rd.accepted = with_half(rd.accepted, rd.drv_sel, val);
        break;
    case 0x024:
        rd.drv_sel = val;
        break;
    case 0x030:
        rd.queue_sel = val;
        break;
    case 0x038:
        if (open)
            open->size = val <= 1024 ? val : 0;
        break;
    case 0x044:
        write_ready(q, val);
        break;
    case 0x064:
        rd.interrupts &= ~val;
        break;
    case 0x070:
        write_status(val);
        break;
    case 0x080:
    case 0x084:
    case 0x090:
    case 0x094:
    case 0x0a0:
    case 0x0a4:
        if (open)
            open->addr[(off >> 4) - 8] =
                with_half(open->addr[(off >> 4) - 8], off & 4 ? 1 : 0, val);
        break;
    case 0x0c0:
        write_queue_reset(q, val);
        break;
    default:
        break;
    }
}

static uint64_t device_read(uint32_t off, unsigned int size)
{
    return rd.by_locks && svq_mmio_is_int(off, size) ? svq_int_read(&env->dev, off)
                                                     : svq_mmio_read(&env->dev, off, size);
}

static void device_write(uint32_t off, unsigned int size, uint64_t val)
{
    int q = svq_mmio_queue(off, size, val);

    assert_true(q < (int)VSH_MAX_QUEUES);
    if (rd.by_locks && q >= 0)
        svq_queue_kicked(&env->dev, (unsigned int)q);
    else if (rd.by_locks && svq_mmio_is_int(off, size))
        svq_int_write(&env->dev, off, (uint32_t)val);
    else
        svq_mmio_write(&env->dev, off, size, val);
}

void rd_read(uint32_t off, unsigned int size)
{
    assert_int_equal(device_read(off, size), expected(off, size));
}

void rd_write(uint32_t off, unsigned int size, uint64_t val)
{
    uint32_t failures = env->dev.failures;

    if (size == 4 && off < 0x100)
        write_register(off, (uint32_t)val);
    device_write(off, size, val);
    env_check();
    env_run();

    /* Whatever it found in rings that are in each other's way. */
    if (rd.tangled && env->dev.failures != failures && rd.state == VSH_STATE_RUNNING)
        fail();
    if (rd.tangled)
        rd.interrupts |= env->dev.int_status & SVQ_INT_USED;
    rd_compare();
}

/* ---- The mailbox ---- */

#define ERR_BIT(e) (1u << -(e))

/* All that is wrong with this description. */
static uint32_t wrong(const struct vsh_mailbox *m)
{
    wide first[2], end[2];
    uint32_t errors = 0;
    unsigned int i, ones = 0;

    for (i = 0; i < 32; i++)
        ones += m->queue_size >> i & 1;
    for (i = 0; i < 2; i++) {
        first[i] = m->aperture_gfn[i];
        end[i] = first[i] + env->dev.bank[i].size / PAGE;
        if (end[i] > (wide)1 << 40)
            errors |= ERR_BIT(VSH_ERR_APERTURE);
    }
    if (first[0] < end[1] && first[1] < end[0])
        errors |= ERR_BIT(VSH_ERR_APERTURE);
    if (!m->device_id)
        errors |= ERR_BIT(VSH_ERR_DEVICE_ID);
    if (!m->nr_queues || m->nr_queues > env->dev.nr_queues)
        errors |= ERR_BIT(VSH_ERR_QUEUES);
    if (ones != 1 || m->queue_size > RD_SIZE)
        errors |= ERR_BIT(VSH_ERR_QUEUE_SIZE);
    if (m->config_len > VSH_CONFIG_SIZE)
        errors |= ERR_BIT(VSH_ERR_CONFIG);
    if (!(m->device_features & BIT(SVQ_F_VERSION_1)))
        errors |= ERR_BIT(VSH_ERR_FEATURES);

    return errors;
}

static void set_config(const struct vsh_mailbox *m)
{
    unsigned int i;

    for (i = 0; i < VSH_CONFIG_SIZE; i++)
        rd.config[i] = i < m->config_len ? m->config[i] : 0;
    rd.config_len = m->config_len;
    config_changed();
}

static bool same_config(const struct vsh_mailbox *m)
{
    unsigned int i;

    for (i = 0; i < rd.config_len; i++)
        if (m->config[i] != rd.config[i])
            return false;
    return true;
}

static void gone(void)
{
    rd.attached = rd.ack_needed = false;
    rd.features = 0;
    rd.queues = 0;
    if (rd.state == VSH_STATE_RUNNING || rd.status & SVQ_STATUS_FEATURES_OK)
        fail();
    else if (rd.state != VSH_STATE_FAILED)
        rd.state = VSH_STATE_IDLE;
}

/* The errors that are an answer to it; 0: it is carried out. */
static uint32_t request(const struct vsh_mailbox *m)
{
    struct rd_queue *q;
    uint32_t errors;

    if (m->version != VSH_ABI_VERSION)
        return ERR_BIT(VSH_ERR_REQUEST);

    switch (m->request) {
    case VSH_REQ_ATTACH:
        if (rd.attached)
            gone();
        if (rd.state != VSH_STATE_IDLE)
            return ERR_BIT(VSH_ERR_STATE);
        errors = wrong(m);
        if (errors)
            return errors;
        rd.attached = true;
        rd.id = m->device_id;
        rd.vendor = m->vendor_id;
        rd.features = m->device_features;
        rd.queues = m->nr_queues;
        rd.queue_size = m->queue_size;
        rd.state = VSH_STATE_READY;
        env->aperture[0] = m->aperture_gfn[0];
        env->aperture[1] = m->aperture_gfn[1];
        set_config(m);
        return 0;

    case VSH_REQ_CONFIG:
        if (!rd.attached)
            return ERR_BIT(VSH_ERR_STATE);
        if (m->config_len != rd.config_len)
            return ERR_BIT(VSH_ERR_CONFIG);
        if (!same_config(m))
            set_config(m);
        return 0;

    case VSH_REQ_RESET_ACK:
        if (!rd.ack_needed || m->generation != rd.generation)
            return ERR_BIT(VSH_ERR_STATE);
        rd.ack_needed = false;
        if (rd.state == VSH_STATE_RESETTING)
            settle();
        return 0;

    case VSH_REQ_DETACH:
        gone();
        return 0;

    case VSH_REQ_QUEUE_ACK:
        if (m->queue >= env->dev.nr_queues)
            return ERR_BIT(VSH_ERR_QUEUES);
        q = &rd.queue[m->queue];
        if (rd.state != VSH_STATE_RUNNING || !q->resetting || q->generation != m->generation)
            return ERR_BIT(VSH_ERR_STATE);
        clear_queue(q);
        return 0;

    default:
        return ERR_BIT(VSH_ERR_REQUEST);
    }
}

void rd_request(void)
{
    struct vsh_mailbox m = *be_mailbox();
    uint32_t errors, told = env->notify_control;
    bool limited =
        m.request == VSH_REQ_ATTACH || m.request == VSH_REQ_CONFIG || m.request == VSH_REQ_DETACH;
    bool is_new = m.request_seq != rd.seq && !(limited && env->throttled);

    if (is_new) {
        errors = request(&m);
        rd.seq = m.request_seq;
    }

    svq_dev_control(&env->dev);
    env_check();
    env_run();

    if (is_new) {
        rd.error = be_info()->reply_error;
        assert_true(rd.error <= 0 && rd.error > -32);
        assert_true(errors ? errors & ERR_BIT(rd.error) : !rd.error);
        assert_true(env->notify_control != told);
    } else
        assert_int_equal(env->notify_control, told);
    rd_compare();
}

/* ---- ---- */

void rd_compare(void)
{
    static const uint32_t regs[] = {0x008, 0x00c, 0x010, 0x034, 0x044, 0x060,
                                    0x070, 0x0c0, 0x0fc, 0x100, 0x13c};
    const struct vsh_info *info = be_info();
    unsigned int i;

    for (i = 0; i < COUNT(regs); i++)
        rd_read(regs[i], 4);

    assert_int_equal(info->state, rd.state);
    assert_int_equal(info->generation, rd.generation);
    assert_int_equal(info->reply_seq, rd.seq);
    assert_int_equal(info->reply_error, rd.error);
    for (i = 0; i < env->dev.nr_queues; i++) {
        uint32_t size = rd.queue[i].live ? 1 : 0;

        while (size && size < rd.queue[i].size)
            size *= 2;
        assert_int_equal(svq_info_queue(&env->dev, i)->size, size);
        assert_int_equal(svq_info_queue(&env->dev, i)->generation, rd.queue[i].generation);
    }
}

void rd_create(struct input *in)
{
    uint8_t shape = in_u8(in);

    memset(&rd, 0, sizeof(rd));
    rd.indirect = (enum svq_indirect)(shape % (SVQ_INDIRECT_OFF + 1));
    rd.by_locks = shape & 4;
    rd.withheld = (shape & 8 ? BIT(SVQ_F_EVENT_IDX) : 0) | (shape & 0x10 ? BIT(SVQ_F_IN_ORDER) : 0);
    rd.withheld |=
        (shape & 0x20 ? BIT(SVQ_F_RING_PACKED) : 0) | (shape & 0x40 ? BIT(SVQ_F_RING_RESET) : 0);
    env_create(&(struct env_opts){
        .queues = 1 + (shape >> 7),
        .size = RD_SIZE,
        .bank0 = 1 * MIB,
        .bank1 = 1 * MIB,
        .records = 64,
        .indirect = rd.indirect,
        .withheld = rd.withheld,
    });
}

void rd_destroy(void)
{
    env_check_records();
    env_release();
    env_destroy();
}
