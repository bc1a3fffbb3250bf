/* SPDX-License-Identifier: MIT */
/* Sequences of operations of those who can touch a device. */
#include "play.h"

static unsigned int who;

/* ---- An honest driver ---- */

static uint64_t buffer(struct input *in)
{
    uint8_t where = in_u8(in);

    return (where & 0x80 ? BANK1 : BUFFERS) + where % RIG_BUF_PAGES * PAGE + in_u16(in) % PAGE;
}

static struct svq_desc valid(struct input *in, bool write)
{
    uint64_t addr = buffer(in);
    uint16_t len = in_u16(in);

    return (struct svq_desc){
        .addr = addr,
        .len = 1 + (len & 0x8000 ? len % 0x4000 : len % 0x200),
        .flags = write ? SVQ_DESC_F_WRITE : 0,
    };
}

static bool is_out(unsigned int q, unsigned int id)
{
    return env->dev.queue[q].busy[id / 32] & 1u << id % 32;
}

static void put_table(unsigned int q, uint64_t table, unsigned int i, struct svq_desc d)
{
    struct svq_packed_desc p = {d.addr, d.len, d.next, d.flags};

    /* It may fault, if the table is in place. */
    if (env->dev.queue[q].packed)
        env_vcpu_writes(table + 16 * i, &p, sizeof(p));
    else
        env_vcpu_writes(table + 16 * i, &d, sizeof(d));
}

/*
 * A valid chain, where the core will look for the next one: the guest-physical
 * address of its first descriptor, or of the table's; 0 if there is no room.
 */
static uint64_t offer_chain(struct input *in, unsigned int q)
{
    const struct svq_queue *queue = &env->dev.queue[q];
    uint8_t shape = in_u8(in);
    unsigned int nr = 1 + shape % 4, writable = (shape >> 2) % 5, id = (shape >> 4) % REF_SIZE, i;
    bool table = queue->indirect && shape & 0x80, wrap = queue->avail_wrap;
    unsigned int at = queue->last_avail, size = queue->size;
    struct svq_desc d;

    if (!queue->live || nr > size || (!table && nr > queue->ring_free) || !queue->ring_free)
        return 0;
    /* A descriptor, or an id, and those after it, that are not in use. */
    id %= size;
    for (i = 0; i < size && is_out(q, id); i++)
        id = (id + 1) % size;
    if (is_out(q, id) || (table && env_page(RIG_TABLE(q, id))->ro))
        return 0;

    for (i = 0; i < nr; i++) {
        d = valid(in, i >= writable);
        if (table) {
            if (!queue->packed && i + 1 < nr)
                d.flags |= SVQ_DESC_F_NEXT;
            d.next = (uint16_t)(i + 1);
            put_table(q, RIG_TABLE(q, id), i, d);
            if (i + 1 < nr)
                continue;
            d = (struct svq_desc){RIG_TABLE(q, id), 16 * nr, SVQ_DESC_F_INDIRECT, 0};
        } else if (i + 1 < nr)
            d.flags |= SVQ_DESC_F_NEXT;

        if (queue->packed) {
            struct svq_packed_desc p = {d.addr, d.len, (uint16_t)id, d.flags};

            p.flags |= wrap ? SVQ_PACKED_F_AVAIL : SVQ_PACKED_F_USED;
            env_write(drv_queue[q].desc + 16 * at, &p, sizeof(p));
            if (++at == size) {
                at = 0;
                wrap = !wrap;
            }
        } else {
            unsigned int place = table ? id : (id + i) % size;

            if (!table)
                d.next = (uint16_t)((place + 1) % size);
            env_write(drv_queue[q].desc + 16 * place, &d, sizeof(d));
        }
    }

    if (!queue->packed) {
        env_write16(drv_queue[q].avail + SVQ_AVAIL_RING(at % size), (uint16_t)id);
        env_write16(drv_queue[q].avail + SVQ_AVAIL_IDX, (uint16_t)(at + 1));
    }

    return table           ? RIG_TABLE(q, id)
           : queue->packed ? drv_queue[q].desc + 16 * queue->last_avail
                           : drv_queue[q].desc + 16 * id;
}

static void offer(struct input *in, unsigned int q)
{
    offer_chain(in, q);
}

static void kick(struct input *in, unsigned int q)
{
    (void)in;
    drv_write_only(SVQ_MMIO_QUEUE_NOTIFY, q);
}

static void offer_and_kick(struct input *in, unsigned int q)
{
    offer(in, q);
    kick(in, q);
}

/* ---- A hostile one ---- */

static uint64_t any_address(struct input *in)
{
    uint8_t how = in_u8(in);

    switch (how % 8) {
    case 0:
        return in_u64(in);
    case 1:
        return BANK0 + RIG_BANK0 - in_u16(in);
    case 2:
        return BANK1 + RIG_BANK1 - in_u16(in);
    case 3:
        return BANK0 + in_odd32(in);
    case 4:
        return RIG_TABLE(how >> 7, (how >> 3) % REF_SIZE) + (in_u8(in) & 0xf0);
    default:
        return buffer(in);
    }
}

static struct svq_desc any(struct input *in)
{
    struct svq_desc d = {.addr = any_address(in)};

    d.len = in_odd32(in);
    d.flags = in_u8(in);
    if (d.flags & 0x40)
        d.flags = (uint16_t)(d.flags | in_u8(in) << 8);
    d.next = in_u8(in);
    if (d.next & 0x80)
        d.next = in_u16(in);

    return d;
}

/* A chain that is valid but for one field of one descriptor. */
static void offer_spoiled(struct input *in, unsigned int q)
{
    uint64_t at = offer_chain(in, q), addr;
    uint8_t what = in_u8(in);
    uint32_t len;

    if (!at || !env->dev.queue[q].live)
        return;
    /* Its first or one of its next, as far as they are neighbours. */
    at += 16 * (what >> 3 & 3);

    switch (what & 7) {
    case 0:
        addr = any_address(in);
        env_write(at, &addr, sizeof(addr));
        break;
    case 1:
        len = in_odd32(in);
        env_write(at + 8, &len, sizeof(len));
        break;
    case 2:
        env_write16(at + 14, in_u16(in));
        break;
    case 4: /* next to the end of a bank */
        len = 1 + in_u16(in) % 5000;
        addr = (what & 0x80 ? BANK0 + RIG_BANK0 : BANK1 + RIG_BANK1) - len;
        len += (what >> 5 & 3u) - 1;
        env_write(at, &addr, sizeof(addr));
        env_write(at + 8, &len, sizeof(len));
        break;
    case 3: /* itself */
        env_write16(at + 14, (uint16_t)((at - drv_queue[q].desc) / 16));
        break;
    default:
        env_write16(at + (env->dev.queue[q].packed ? 14 : 12),
                    (uint16_t)(env_read16(at + (env->dev.queue[q].packed ? 14 : 12)) ^
                               1u << in_u8(in) % 16));
        break;
    }
    kick(in, q);
}

static void write_desc(struct input *in, unsigned int q)
{
    struct svq_desc d = any(in);
    unsigned int i = in_below(in, drv_queue[q].size);

    if (env->dev.queue[q].packed) {
        struct svq_packed_desc p = {d.addr, d.len, d.next, d.flags};

        if (!(p.flags & 0x20))
            p.flags =
                (uint16_t)((p.flags & 0x7f7f) |
                           (env->dev.queue[q].avail_wrap ? SVQ_PACKED_F_AVAIL : SVQ_PACKED_F_USED));
        p.flags &= (uint16_t)~0x20u;
        i = (env->dev.queue[q].last_avail + i) % drv_queue[q].size;
        env_write(drv_queue[q].desc + 16 * i, &p, sizeof(p));
    } else
        drv_desc(q, i, d.addr, d.len, d.flags, d.next);
}

static void write_table(struct input *in, unsigned int q)
{
    struct svq_desc d = any(in);
    uint8_t where = in_u8(in);

    put_table(q, RIG_TABLE(q, where % REF_SIZE), where / REF_SIZE, d);
}

static void write_avail(struct input *in, unsigned int q)
{
    uint64_t avail = drv_queue[q].avail;
    uint8_t how = in_u8(in);

    if (env->dev.queue[q].packed)
        env_write16(avail + (how & 2), in_u16(in));
    else if (how & 0x80)
        env_write16(avail + SVQ_AVAIL_RING(how % drv_queue[q].size), in_u16(in));
    else if (how & 0x40)
        env_write16(avail + SVQ_AVAIL_IDX, in_u16(in));
    else if (how & 0x20)
        env_write16(avail + SVQ_AVAIL_USED_EVENT(drv_queue[q].size), in_u16(in));
    else if (how & 0x10)
        env_write16(avail, how & 1);
    else { /* some more, or next to the most that there can be */
        unsigned int more = how & 8 ? drv_queue[q].size + (how & 7) - 3 : how & 7;

        env_write16(avail + SVQ_AVAIL_IDX, (uint16_t)(env->dev.queue[q].last_avail + more));
        kick(in, q);
    }
}

static void write_head(struct input *in, unsigned int q)
{
    uint16_t at = env->dev.queue[q].last_avail;

    if (env->dev.queue[q].packed)
        return;
    env_write16(drv_queue[q].avail + SVQ_AVAIL_RING(at % drv_queue[q].size), in_u8(in));
    env_write16(drv_queue[q].avail + SVQ_AVAIL_IDX, (uint16_t)(at + 1));
    kick(in, q);
}

/* ---- An honest backend ---- */

static void write_buffers(unsigned int q, unsigned int head)
{
    static const uint8_t bytes[64] = {0xa5, 0x5a};
    struct svq_desc chain[4 * REF_SIZE];
    unsigned int nr, i;

    /* Somebody else may have returned it, or it is being taken away, page by page. */
    if (!env->flight[q][head] || env->dev.queue[q].slot[head].done || !env->dev.queue[q].live)
        return;
    nr = be_chain(q, head, chain);
    for (i = 0; i < nr; i++)
        /* Not into the driver's rings, if it has put a buffer there: the models look at them. */
        if (chain[i].flags & SVQ_DESC_F_WRITE && chain[i].addr >= BUFFERS)
            be_write(chain[i].addr, bytes, chain[i].len < 64 ? chain[i].len : 64);
}

static void give_back(struct input *in, unsigned int q)
{
    unsigned int head, i;
    uint32_t len;

    if (!be_size(q))
        return;
    while (rig.nr_held[q] < REF_SIZE && be_next(q, &head))
        rig.held[q][rig.nr_held[q]++] = head;
    i = in_u8(in);
    len = in_odd32(in);
    if (!rig.nr_held[q])
        return;
    i %= rig.nr_held[q];
    /* What it writes into its buffers is its own affair: where it can. */
    if (len & 1 && !env->tampered && rig.exact)
        write_buffers(q, rig.held[q][i]);
    be_put(q, rig.held[q][i], len);
    rig.held[q][i] = rig.held[q][--rig.nr_held[q]];
    be_kick_only(q);
}

static void call(struct input *in, unsigned int q)
{
    (void)in;
    be_kick_only(q);
}

/* ---- A hostile one ---- */

static void write_elem(struct input *in, unsigned int q)
{
    uint8_t at = in_u8(in);
    uint32_t id = in_odd32(in), len = in_odd32(in);

    if (be_size(q))
        be_used_elem(q, at % be_size(q), id, len);
}

static void write_used(struct input *in, unsigned int q)
{
    uint8_t how = in_u8(in);

    if (!be_size(q))
        return;
    if (how & 0x80)
        be_used_idx(q, in_u16(in));
    else if (how & 0x40)
        be_avail_event(q, in_u16(in));
    else if (how & 0x20)
        be_used_flags(q, in_u16(in));
    else
        be_used_idx(q, (uint16_t)(env->dev.queue[q].last_shadow_used + how % 20));
    be_kick_only(q);
}

/* Return one by its number, whether it is in flight or not. */
static void return_any(struct input *in, unsigned int q)
{
    uint32_t id = in_u8(in), len = in_odd32(in);

    if (!be_size(q))
        return;
    be_used_elem(q, env->dev.queue[q].last_shadow_used % be_size(q), id, len);
    be_used_idx(q, (uint16_t)(env->dev.queue[q].last_shadow_used + 1));
    be_kick_only(q);
}

/* ---- What else happens ---- */

static void reset_queue(struct input *in, unsigned int q)
{
    (void)in;
    drv_write_only(SVQ_MMIO_QUEUE_SEL, q);
    drv_write_only(SVQ_MMIO_QUEUE_RESET, 1);
}

static void queue_again(struct input *in, unsigned int q)
{
    const struct svq_queue *queue = &env->dev.queue[q];

    if (env->dev.state != VSH_STATE_RUNNING || queue->live || env->dev.reset_pending)
        return;
    if (queue->reset != SVQ_RESET_NONE) {
        be_mailbox()->version = VSH_ABI_VERSION;
        be_mailbox()->queue = q;
        be_mailbox()->generation = be_queue_info(q)->generation;
        be_request_only(VSH_REQ_QUEUE_ACK);
    } else if (!queue->ready) {
        rig.sizes[q] = rig_size(in_u8(in));
        rig_setup(q);
    }
}

static void reset_device(struct input *in, unsigned int q)
{
    (void)in;
    (void)q;
    drv_write_only(SVQ_MMIO_STATUS, 0);
}

/* The next driver and the next backend want other features. */
static void other_features(struct input *in, unsigned int q)
{
    static const unsigned int bits[] = {SVQ_F_INDIRECT_DESC, SVQ_F_EVENT_IDX,
                                        SVQ_F_RING_PACKED,   SVQ_F_IN_ORDER,
                                        SVQ_F_RING_RESET,    SVQ_F_INDIRECT_PAGES};
    uint8_t mask = in_u8(in);
    unsigned int i;

    rig.driver_bits = 0;
    for (i = 0; i < COUNT(bits); i++)
        if (mask & BIT(i))
            rig.driver_bits |= BIT(bits[i]);
    reset_device(in, q);
}

static uint64_t any_page(struct input *in)
{
    uint8_t which = in_u8(in);

    return which & 0x80   ? BANK1 + which % RIG_BUF_PAGES * PAGE
           : which & 0x40 ? RIG_TABLE(which >> 5 & 1, which % REF_SIZE)
                          : BUF(which % RIG_BUF_PAGES);
}

/* That is to be the backend from now on. */
static void another_domain(void)
{
    rig_run();
    while (svq_dev_scrub(&env->dev))
        ;
    env_check_scrubbed();
}

static void trouble(struct input *in, unsigned int q)
{
    uint8_t what = in_u8(in);
    uint64_t addr = any_page(in), junk = 0;

    rig.troubled = true;
    switch (what % 12) {
    case 0:
        env_backend_removes(addr);
        break;
    case 1:
        env_backend_occupies(addr);
        break;
    case 2:
        env_replace(addr);
        break;
    case 3:
        env_set_kind(addr, (enum env_kind)(what / 12 % 3));
        break;
    case 4:
        env->grants_left = what / 12;
        env->grant_error = what & 0x80 ? SVQ_ERR_BACKEND_MEM : SVQ_ERR_APERTURE;
        break;
    case 5:
        svq_dev_fail(&env->dev, (int)q, SVQ_ERR_REVOKED);
        break;
    case 6:
        svq_dev_backend_gone(&env->dev);
        if (what & 0x80)
            another_domain();
        break;
    case 7:
        env_page(addr)->shared = what & 0x80;
        break;
    case 8:
        env_vcpu_touches(addr);
        env_vcpu_writes(addr, &junk, sizeof(junk));
        break;
    case 9:
        env->backend_dead = !env->backend_dead;
        break;
    case 10:
        svq_dev_wait_over(&env->dev);
        break;
    default:
        if (what / 12 % 4 == 1)
            env_poll(what & 0x80);
        else if (what / 12 % 4 == 3)
            env_poll_driver();
        else
            svq_dev_forget(&env->dev);
        break;
    }
    env_check();
}

static void request(struct input *in, unsigned int q)
{
    struct vsh_mailbox *m = be_mailbox();
    uint8_t what = in_u8(in);

    be_describe();
    m->queue = q + (what >> 7);
    m->generation = be_info()->generation + (what >> 6 & 1);
    if (what & 0x20)
        m->generation = be_queue_info(q)->generation;
    rig.troubled = true;
    be_request_only(what % 7);
}

static void step(struct input *in, unsigned int q)
{
    (void)in;
    /* Of one queue alone, or of all that there is. */
    if (q && rig.by_queues)
        rig_step_queue(q);
    else
        rig_step();
}

/* ---- Races ---- */

static struct {
    unsigned int after;
    uint8_t byte, with;
} race;

static void flip(struct env_where w, void *p, size_t bytes)
{
    /* What is in place can be changed by nobody; request_seq is be_request_only()'s. */
    if (w.area == ENV_IN_PLACE || w.area == ENV_MAILBOX || !race.after || --race.after)
        return;
    ((uint8_t *)p)[race.byte % bytes] ^= race.with;
}

/* One bit of what the core is about to read, at one of its next reads. */
static void arm(struct input *in, unsigned int q)
{
    uint8_t when = in_u8(in), what = in_u8(in);

    race.after = 1 + when % 32;
    race.byte = what & 7;
    race.with = (uint8_t)(1u << (what >> 3 & 7));
    if (when & 0x80)
        offer_and_kick(in, q);
    else if (when & 0x40)
        give_back(in, q);
    rig_step();
}

/* ---- ---- */

static const struct op {
    void (*run)(struct input *in, unsigned int q);
    unsigned int who; /* 0: everybody's */
} ops[] = {
    {offer_and_kick, 0},
    {offer, 0},
    {kick, 0},
    {give_back, 0},
    {call, 0},
    {reset_queue, 0},
    {queue_again, 0},
    {offer_spoiled, PLAY_DRIVER},
    {offer_spoiled, PLAY_DRIVER},
    {write_desc, PLAY_DRIVER},
    {write_table, PLAY_DRIVER},
    {write_avail, PLAY_DRIVER},
    {write_head, PLAY_DRIVER},
    {write_elem, PLAY_BACKEND},
    {write_used, PLAY_BACKEND},
    {return_any, PLAY_BACKEND},
    {reset_device, PLAY_WORLD},
    {other_features, PLAY_WORLD},
    {trouble, PLAY_WORLD},
    {request, PLAY_WORLD},
    {step, PLAY_STEPS},
    {step, PLAY_STEPS},
    {arm, PLAY_RACES},
    {arm, PLAY_RACES},
};

void play(const uint8_t *data, size_t size, unsigned int players)
{
    struct input in = {data, size};
    unsigned int of[COUNT(ops)], nr = 0, i, q;

    who = players;
    for (i = 0; i < COUNT(ops); i++)
        if (!ops[i].who || ops[i].who & who)
            of[nr++] = i;

    /*
     * The reference reads a chain when it is published.  A hostile driver has buffers where its
     * rings and tables are: zeroed, they are not what the core has read any more.
     */
    rig_create(&in, !(who & PLAY_RACES), who & PLAY_RACES || !(who & PLAY_DRIVER));
    race.after = 0;
    if (who & PLAY_RACES)
        env->on_read = flip;

    while (in.left) {
        uint8_t what = in_u8(&in);

        q = what >> 7 & (env->dev.nr_queues - 1);
        if (env->dev.state != VSH_STATE_RUNNING) {
            rig_repair();
            if (!(who & PLAY_STEPS) || what & 0x40)
                rig_run();
            continue;
        }
        ops[of[(what & 0x7f) % nr]].run(&in, q);
        rig_watch();
        if (!(who & PLAY_STEPS))
            rig_run();
    }

    rig_destroy();
}
