/* SPDX-License-Identifier: MIT */
/* A whole driver for one virtqueue. */
#include "backend.h"
#include "driver.h"
#include "ring.h"

struct ring ring[VSH_MAX_QUEUES];

#define AVAIL SVQ_PACKED_F_AVAIL
#define USED SVQ_PACKED_F_USED

static bool negotiated(unsigned int feature)
{
    return env->dev.driver_features & (1ULL << feature);
}

static void write32(uint64_t addr, uint32_t val)
{
    env_write(addr, &val, sizeof(val));
}

void ring_begin(unsigned int q, unsigned int size)
{
    struct ring *r = &ring[q];
    unsigned int i;

    *r = (struct ring){
        .queue = q,
        .size = size,
        .packed = negotiated(SVQ_F_RING_PACKED),
        .event_idx = negotiated(SVQ_F_EVENT_IDX),
        .in_order = negotiated(SVQ_F_IN_ORDER),
        .indirect = negotiated(SVQ_F_INDIRECT_DESC),
        .free = size,
        .avail_wrap = true,
        .used_wrap = true,
    };

    /* Ids in no order that is easy to guess: a permutation. */
    for (i = 0; i < size; i++) {
        r->ids[i] = (uint16_t)(size - 1 - i);
        r->next[i] = (uint16_t)(i + 1);
    }
    r->ids_nr = size;
}

void ring_begin_all(void)
{
    unsigned int q;

    for (q = 0; q < env->dev.dev_queues; q++)
        ring_begin(q, drv_queue[q].size);
}

void ring_up(uint64_t driver, uint64_t device, unsigned int size)
{
    be_features = BE_FEATURES | device;
    drv_ring_features = driver;
    env_create(&(struct env_opts){.size = 64});
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    drv_start(size);
    be_begin();
    ring_begin_all();
    drv_assert_alive();
}

void ring_each_kind(void (*test)(uint64_t driver))
{
    const uint64_t event_idx = 1ULL << SVQ_F_EVENT_IDX;

    test(event_idx);
    env_release();
    env_destroy();
    test(event_idx | 1ULL << SVQ_F_RING_PACKED);
}

/* ---- Tables ---- */

/* They begin near the end of a page, if they are not the longest, nor in pages of their own. */
uint64_t ring_table(unsigned int q, unsigned int id)
{
    uint64_t offset = ring[q].size <= 512 && !negotiated(SVQ_F_INDIRECT_PAGES) ? PAGE - 2 * 16 : 0;

    return RING_TABLES + ((uint64_t)q * VSH_MAX_QUEUE_SIZE + id) * 16 * KIB + offset;
}

static void put_table(const struct ring *r, uint64_t table, const struct ring_buf *buf,
                      unsigned int nr)
{
    unsigned int i;

    for (i = 0; i < nr; i++) {
        unsigned int flags = buf[i].write ? SVQ_DESC_F_WRITE : 0;

        if (r->packed) {
            /* 2.8.7: other flags, and the id, are to be ignored. */
            struct svq_packed_desc d = {buf[i].addr, buf[i].len, 0xdead, (uint16_t)flags};

            assert_true(env_vcpu_writes(table + i * sizeof(d), &d, sizeof(d)));
        } else {
            struct svq_desc d = {buf[i].addr, buf[i].len, (uint16_t)flags, (uint16_t)(i + 1)};

            if (i + 1 < nr)
                d.flags |= SVQ_DESC_F_NEXT;
            assert_true(env_vcpu_writes(table + i * sizeof(d), &d, sizeof(d)));
        }
    }
}

/* ---- Split ---- */

static int add_split(struct ring *r, const struct ring_buf *buf, unsigned int nr, enum ring_how how)
{
    unsigned int direct = how == RING_DIRECT ? nr : how == RING_MIXED ? 1 : 0;
    unsigned int descs = how == RING_DIRECT ? nr : direct + 1, i, at, head = r->first_free;
    uint64_t table = ring_table(r->queue, head);

    if (descs > r->free)
        return -1;

    for (i = 0, at = head; i < descs; i++) {
        bool last = i + 1 == descs;

        if (i < direct)
            drv_desc(r->queue, at, buf[i].addr, buf[i].len,
                     (buf[i].write ? SVQ_DESC_F_WRITE : 0) | (last ? 0 : SVQ_DESC_F_NEXT),
                     r->next[at]);
        else {
            put_table(r, table, buf + direct, nr - direct);
            drv_desc(r->queue, at, table, 16 * (nr - direct), SVQ_DESC_F_INDIRECT, 0);
        }
        r->tail[head] = (uint16_t)at;
        at = r->next[at];
    }

    r->first_free = (uint16_t)at;
    r->descs[head] = (uint16_t)descs;
    r->free -= descs;
    drv_offer(r->queue, head);
    r->avail++;

    return (int)head;
}

static bool get_split(struct ring *r, unsigned int *id, uint32_t *len)
{
    uint32_t got;

    if (!drv_used(r->queue, &got, len))
        return false;

    assert_true(got < r->size && r->descs[got]);
    r->next[r->tail[got]] = r->first_free;
    r->first_free = (uint16_t)got;
    r->free += r->descs[got];
    r->descs[got] = 0;
    r->used++;
    *id = got;

    return true;
}

/* ---- Packed ---- */

static void packed_next(const struct ring *r, uint16_t *at, bool *wrap, unsigned int by)
{
    unsigned int to = *at + by;

    if (to >= r->size) {
        to -= r->size;
        *wrap = !*wrap;
    }
    *at = (uint16_t)to;
}

static void put_packed(const struct ring *r, unsigned int at, const struct svq_packed_desc *d)
{
    env_write(drv_queue[r->queue].desc + at * sizeof(*d), d, sizeof(*d));
}

static int add_packed(struct ring *r, const struct ring_buf *buf, unsigned int nr,
                      enum ring_how how)
{
    unsigned int descs = how == RING_DIRECT ? nr : 1, i, id;
    uint64_t table;

    if (descs > r->free)
        return -1;

    id = r->ids[r->ids_first];
    r->ids_first = (r->ids_first + 1) % r->size;
    r->ids_nr--;
    table = ring_table(r->queue, id);

    for (i = 0; i < descs; i++) {
        struct svq_packed_desc d = {.flags = r->avail_wrap ? AVAIL : USED, .id = 0xbeef};

        if (how == RING_DIRECT) {
            d.addr = buf[i].addr;
            d.len = buf[i].len;
            d.flags |= (uint16_t)(buf[i].write ? SVQ_DESC_F_WRITE : 0);
        } else {
            put_table(r, table, buf, nr);
            d.addr = table;
            d.len = 16 * nr;
            d.flags |= SVQ_DESC_F_INDIRECT;
        }
        if (i + 1 < descs)
            d.flags |= SVQ_DESC_F_NEXT;
        else
            d.id = (uint16_t)id;

        put_packed(r, r->avail, &d);
        packed_next(r, &r->avail, &r->avail_wrap, 1);
    }

    r->descs[id] = (uint16_t)descs;
    r->free -= descs;
    r->since_kick += descs;

    return (int)id;
}

static bool get_packed(struct ring *r, unsigned int *id, uint32_t *len)
{
    struct svq_packed_desc d;

    if (r->free == r->size)
        return false;

    env_read(drv_queue[r->queue].desc + r->used * sizeof(d), &d, sizeof(d));
    if (!!(d.flags & AVAIL) != r->used_wrap || !!(d.flags & USED) != r->used_wrap)
        return false;

    assert_true(d.id < r->size && r->descs[d.id]);
    packed_next(r, &r->used, &r->used_wrap, r->descs[d.id]);
    r->free += r->descs[d.id];
    r->descs[d.id] = 0;
    r->ids[(r->ids_first + r->ids_nr++) % r->size] = d.id;
    *id = d.id;
    *len = d.flags & SVQ_DESC_F_WRITE ? d.len : 0;

    return true;
}

/* ---- Either ---- */

int ring_add(unsigned int q, const struct ring_buf *buf, unsigned int nr, enum ring_how how)
{
    struct ring *r = &ring[q];

    if (how == RING_MIXED && (r->packed || nr == 1))
        how = RING_TABLE_ONLY;
    if (!r->indirect)
        how = RING_DIRECT;

    return r->packed ? add_packed(r, buf, nr, how) : add_split(r, buf, nr, how);
}

bool ring_get(unsigned int q, unsigned int *id, uint32_t *len)
{
    struct ring *r = &ring[q];

    return r->packed ? get_packed(r, id, len) : get_split(r, id, len);
}

bool ring_got(unsigned int q)
{
    unsigned int id;
    uint32_t len;

    return ring_get(q, &id, &len);
}

/* As 2.7.10 and 2.8.10 say, worked out without the trick of one subtraction. */
static bool passed(unsigned int event, unsigned int from, unsigned int steps, unsigned int modulus)
{
    unsigned int i;

    for (i = 0; i < steps; i++)
        if ((from + i) % modulus == event)
            return true;
    return false;
}

bool ring_wants_kick(unsigned int q)
{
    struct ring *r = &ring[q];
    uint64_t used = drv_queue[q].used;
    bool wants;

    if (r->packed) {
        uint16_t event = env_read16(used + SVQ_EVENT_OFF_WRAP);
        uint16_t flags = env_read16(used + SVQ_EVENT_FLAGS);
        /* Places of two rounds: those with wrap counter 0 come after those with 1. */
        unsigned int now = r->avail + (r->avail_wrap ? 0 : r->size);
        unsigned int from = now + 2 * r->size - r->since_kick;
        unsigned int at = (event & 0x7fffu) + (event & 0x8000 ? 0 : r->size);

        wants = flags == SVQ_EVENT_F_ENABLE ||
                (flags == SVQ_EVENT_F_DESC && passed(at, from, r->since_kick, 2 * r->size));
        r->since_kick = 0;
    } else {
        unsigned int steps = (uint16_t)(r->avail - r->kicked);

        if (r->event_idx)
            wants =
                passed(env_read16(used + SVQ_USED_AVAIL_EVENT(r->size)), r->kicked, steps, 0x10000);
        else
            wants = !(env_read16(used + SVQ_USED_FLAGS) & SVQ_USED_F_NO_NOTIFY);
        r->kicked = r->avail;
    }

    return wants;
}

static void set_event(unsigned int q, unsigned int flags, uint16_t event)
{
    const struct ring *r = &ring[q];

    if (r->packed)
        write32(drv_queue[q].avail, (uint32_t)flags << 16 | event);
    else if (r->event_idx)
        env_write16(drv_queue[q].avail + SVQ_AVAIL_USED_EVENT(r->size), event);
    else
        env_write16(drv_queue[q].avail + SVQ_AVAIL_FLAGS,
                    flags == SVQ_EVENT_F_DISABLE ? SVQ_AVAIL_F_NO_INTERRUPT : 0);
}

static uint16_t used_place(const struct ring *r, unsigned int ahead)
{
    uint16_t at = r->used;
    bool wrap = r->used_wrap;

    if (!r->packed)
        return (uint16_t)(at + ahead);

    packed_next(r, &at, &wrap, ahead);
    return (uint16_t)(at | (wrap ? 0x8000 : 0));
}

void ring_enable_interrupt(unsigned int q)
{
    const struct ring *r = &ring[q];

    set_event(q, r->event_idx ? SVQ_EVENT_F_DESC : SVQ_EVENT_F_ENABLE, used_place(r, 0));
}

void ring_delay_interrupt(unsigned int q, unsigned int more)
{
    set_event(q, SVQ_EVENT_F_DESC, used_place(&ring[q], more));
}

void ring_disable_interrupt(unsigned int q)
{
    const struct ring *r = &ring[q];

    /* Split, with events: as far away as can be. */
    set_event(q, SVQ_EVENT_F_DISABLE, (uint16_t)(used_place(r, 0) + 0x8000));
}

/* ---- A race ---- */

static struct {
    const struct ring_buf *buf;
    unsigned int looks; /* to come; 0: it has been made available */
    bool wanted;
} race;

static void add_after_the_look(struct env_where w, void *p, size_t bytes)
{
    bool look = ring[0].packed ? w.area == ENV_DESC && w.off % 16 == 14
                               : w.area == ENV_AVAIL && w.off == SVQ_AVAIL_IDX;

    (void)p;
    (void)bytes;
    if (!look || !race.looks || --race.looks)
        return;
    assert_true(ring_add(0, race.buf, 1, RING_DIRECT) >= 0);
    race.wanted = ring_wants_kick(0);
}

void ring_race_begin(const struct ring_buf *buf, unsigned int looks)
{
    race.buf = buf;
    race.looks = looks;
    race.wanted = false;
    env->on_read = add_after_the_look;
}

bool ring_race_end(bool *wanted)
{
    env->on_read = NULL;
    *wanted = race.wanted;
    return !race.looks;
}
