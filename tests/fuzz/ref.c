/* SPDX-License-Identifier: MIT */
/* A reference model of one device's queues. */
#include "backend.h"
#include "driver.h"
#include "ref.h"

typedef unsigned __int128 wide;

struct ref_queue ref[REF_QUEUES];

static bool negotiated(unsigned int feature)
{
    return env->dev.driver_features & (1ULL << feature);
}

void ref_start(unsigned int q)
{
    const struct drv_queue *d = &drv_queue[q];

    ref[q] = (struct ref_queue){
        .on = true,
        .size = d->size,
        .packed = negotiated(SVQ_F_RING_PACKED),
        .indirect = negotiated(SVQ_F_INDIRECT_DESC),
        .in_order = negotiated(SVQ_F_IN_ORDER),
        .event_idx = negotiated(SVQ_F_EVENT_IDX),
        .desc = d->desc,
        .avail = d->avail,
        .used = d->used,
        .wrap = true,
        .used_wrap = true,
        .free = d->size,
        .dev_ring = be_queue_info(q)->used,
        .before = env->dev.queue[q].stats.returned,
    };

    /* 2.7: the device's is a power of two. */
    for (ref[q].dev_size = 1; ref[q].dev_size < d->size; ref[q].dev_size *= 2)
        ;
}

void ref_stop(unsigned int q)
{
    ref[q].on = false;
}

static struct ref_chain *find_out(struct ref_queue *r, unsigned int id)
{
    unsigned int i;

    for (i = 0; i < REF_SIZE; i++)
        if (r->chain[i].out && r->chain[i].id == id)
            return &r->chain[i];
    return NULL;
}

/* The one that the device has in this slot of its own ring. */
static struct ref_chain *with_device(struct ref_queue *r, unsigned int slot)
{
    unsigned int i;

    for (i = 0; i < REF_SIZE; i++)
        if (r->chain[i].told && !r->chain[i].returned && r->chain[i].slot == slot)
            return &r->chain[i];
    return NULL;
}

static bool in_ram(uint64_t addr, uint64_t len)
{
    wide end = (wide)addr + len;
    unsigned int b;

    for (b = 0; b < env->dev.nr_banks; b++)
        if (addr >= env->dev.bank[b].base &&
            end <= (wide)env->dev.bank[b].base + env->dev.bank[b].size && len)
            return true;
    return false;
}

/* ---- Chains ---- */

static bool add_buf(struct ref_queue *r, struct ref_chain *c, uint64_t addr, uint32_t len,
                    bool write)
{
    wide bytes = len;
    unsigned int i;

    if (c->nr == r->size || !len || (c->writable && !write) || !in_ram(addr, len))
        return false;

    for (i = 0; i < c->nr; i++)
        bytes += c->buf[i].len;
    c->pages += (addr + len - 1) / PAGE - addr / PAGE + 1;
    if (bytes > (wide)1 << 32 || c->pages > 2048)
        return false;

    if (write)
        c->writable += len;
    c->buf[c->nr++] = (struct ref_buf){addr, len, write};
    return true;
}

static bool add_table(struct ref_queue *r, struct ref_chain *c, uint64_t addr, uint32_t len)
{
    unsigned int entries = len / 16, i, n;
    struct svq_desc d;
    struct svq_packed_desc p;

    if (!r->indirect || !len || len % 16 || entries > r->size || !in_ram(addr, len))
        return false;

    c->table = true;

    if (r->packed) {
        for (i = 0; i < entries; i++) {
            env_read(addr + 16 * i, &p, sizeof(p));
            if (!add_buf(r, c, p.addr, p.len, p.flags & SVQ_DESC_F_WRITE))
                return false;
        }
        return true;
    }

    for (i = 0, n = 0; n <= entries; i = d.next, n++) {
        if (i >= entries)
            return false;
        env_read(addr + 16 * i, &d, sizeof(d));
        if (d.flags & ~(SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE) ||
            !add_buf(r, c, d.addr, d.len, d.flags & SVQ_DESC_F_WRITE))
            return false;
        if (!(d.flags & SVQ_DESC_F_NEXT))
            return true;
    }
    return false; /* a loop */
}

static enum ref_verdict look_split(struct ref_queue *r, struct ref_chain *c)
{
    uint16_t ahead = (uint16_t)(env_read16(r->avail + 2) - r->next);
    unsigned int i;
    struct svq_desc d;

    if (ahead > r->size)
        return REF_BAD;
    if (!ahead)
        return REF_NOTHING;

    i = c->id = env_read16(r->avail + 4 + 2 * (r->next % r->size));
    if (find_out(r, i))
        return REF_BAD;

    do {
        if (i >= r->size || c->descs++ == r->size)
            return REF_BAD;
        env_read(r->desc + 16 * i, &d, sizeof(d));
        if (d.flags & ~7u)
            return REF_BAD;
        if (d.flags & SVQ_DESC_F_INDIRECT) {
            if (d.flags & SVQ_DESC_F_NEXT || !add_table(r, c, d.addr, d.len))
                return REF_BAD;
        } else if (!add_buf(r, c, d.addr, d.len, d.flags & SVQ_DESC_F_WRITE))
            return REF_BAD;
        i = d.next;
    } while (d.flags & SVQ_DESC_F_NEXT);

    return c->descs <= r->free ? REF_GOOD : REF_BAD;
}

static void forward(const struct ref_queue *r, uint16_t *at, bool *wrap, unsigned int by)
{
    while (by--)
        if (++*at == r->size) {
            *at = 0;
            *wrap = !*wrap;
        }
}

static enum ref_verdict look_packed(struct ref_queue *r, struct ref_chain *c)
{
    uint16_t at = r->next;
    bool wrap = r->wrap;
    struct svq_packed_desc d;

    do {
        if (c->descs == r->size)
            return REF_BAD;
        env_read(r->desc + 16 * at, &d, sizeof(d));
        if (!(d.flags & 0x80) == wrap || !(d.flags & 0x8000) != wrap)
            return c->descs ? REF_BAD : REF_NOTHING;
        if (d.flags & ~0x8087u)
            return REF_BAD;
        c->id = d.id;
        if (d.flags & SVQ_DESC_F_INDIRECT) {
            if (d.flags & SVQ_DESC_F_NEXT || c->descs || !add_table(r, c, d.addr, d.len))
                return REF_BAD;
        } else if (!add_buf(r, c, d.addr, d.len, d.flags & SVQ_DESC_F_WRITE))
            return REF_BAD;
        c->descs++;
        forward(r, &at, &wrap, 1);
    } while (d.flags & SVQ_DESC_F_NEXT);

    return find_out(r, c->id) || c->descs > r->free ? REF_BAD : REF_GOOD;
}

enum ref_verdict ref_look(unsigned int q, struct ref_chain *c)
{
    memset(c, 0, sizeof(*c));
    return ref[q].packed ? look_packed(&ref[q], c) : look_split(&ref[q], c);
}

/* ---- To the device ---- */

/* What the device finds at das, in bounce pages. */
static uint8_t bounced(uint64_t das)
{
    uint64_t off = das - SVQ_WINDOW_DAS;

    return env->window[off / PAGE][off % PAGE];
}

/*
 * The device has exactly the driver's bytes, in the same order: those of pages
 * that are granted where they are, those that are copied with the same contents.
 */
static void compare(const struct ref_chain *c, const struct env_flight *f)
{
    unsigned int i, n = 0;
    uint32_t done = 0, k;

    assert_int_equal(f->id, c->id);
    for (i = 0; i < f->nr; i++) {
        const struct svq_desc *d = &f->desc[i];

        for (k = 0; k < d->len;) {
            uint32_t len = d->len - k;
            uint8_t byte;

            assert_true(n < c->nr);
            assert_int_equal(!!(d->flags & SVQ_DESC_F_WRITE), c->buf[n].write);
            if (len > c->buf[n].len - done)
                len = c->buf[n].len - done;
            if (d->addr < SVQ_WINDOW_DAS)
                assert_int_equal(d->addr + k, c->buf[n].addr + done);
            else if (!c->buf[n].write) { /* its first and its last byte */
                env_read(c->buf[n].addr + done, &byte, 1);
                assert_int_equal(bounced(d->addr + k), byte);
                env_read(c->buf[n].addr + done + len - 1, &byte, 1);
                assert_int_equal(bounced(d->addr + k + len - 1), byte);
            }
            k += len;
            done += len;
            if (done == c->buf[n].len) {
                n++;
                done = 0;
            }
        }
    }
    assert_int_equal(n, c->nr);
}

/* What the core has read, and the device was not told of yet. */
static struct ref_chain *taken(struct ref_queue *r, unsigned int slot)
{
    unsigned int i;

    for (i = 0; i < REF_SIZE; i++)
        if (r->chain[i].out && !r->chain[i].told && r->chain[i].slot == slot)
            return &r->chain[i];

    return NULL;
}

void ref_taken(unsigned int queue, unsigned int slot)
{
    struct ref_queue *r = &ref[queue];
    struct ref_chain c;
    unsigned int i;

    if (taken(r, slot))
        return;

    assert_int_equal(ref_look(queue, &c), REF_GOOD);
    r->free -= c.descs;
    if (r->packed)
        forward(r, &r->next, &r->wrap, c.descs);
    else
        r->next++;

    c.out = true;
    c.slot = slot;
    c.number = ++r->published;

    for (i = 0; i < REF_SIZE && r->chain[i].out; i++)
        ;
    assert_true(i < REF_SIZE);
    r->chain[i] = c;
}

void ref_published(unsigned int queue, unsigned int slot)
{
    struct ref_queue *r = &ref[queue];
    struct ref_chain *c;

    assert_true(r->on);
    /* What has come back in the same run is the driver's again. */
    ref_sync(queue);
    assert_null(with_device(r, slot));

    ref_taken(queue, slot);
    c = taken(r, slot);
    compare(c, env->flight[queue][slot]);
    c->told = true;
    r->with_dev++;
}

void ref_restart(unsigned int q)
{
    ref[q].dev_used = 0;
}

/* ---- And back ---- */

static void element(const struct ref_queue *r, uint16_t at, uint32_t e[2])
{
    uint64_t off = r->dev_ring - SVQ_WINDOW_DAS + 4 + 8 * (at % r->dev_size);

    (memcpy)(e, env->window[off / PAGE] + off % PAGE, 8);
}

static uint16_t used_idx(const struct ref_queue *r)
{
    return *(uint16_t *)(env->window[(r->dev_ring - SVQ_WINDOW_DAS) / PAGE] + 2);
}

bool ref_device_lies(unsigned int q)
{
    const struct ref_queue *r = &ref[q];
    uint16_t n = (uint16_t)(used_idx(r) - r->dev_used), i;
    uint32_t e[2], seen = 0;

    if (n > r->with_dev)
        return true;

    for (i = 0; i < n; i++) {
        element(r, (uint16_t)(r->dev_used + i), e);
        if (!with_device(&ref[q], e[0]) || seen & 1u << e[0])
            return true;
        seen |= 1u << e[0];
    }
    return false;
}

static void device_returned(struct ref_queue *r, uint16_t seen)
{
    uint32_t e[2];

    while (r->dev_used != seen) {
        struct ref_chain *c;

        element(r, r->dev_used++, e);
        c = with_device(r, e[0]);
        /* Or it took a return of what the device does not have. */
        assert_non_null(c);
        c->returned = true;
        c->len = e[1];
        r->with_dev--;
    }
}

static void got_back(struct ref_queue *r, struct ref_chain *c, uint32_t len)
{
    assert_int_equal(len, c->len < c->writable ? c->len : c->writable);
    r->got_back++;
    if (r->in_order)
        assert_int_equal(c->number, r->got_back);
    r->free += c->descs;
    c->out = false;
    c->told = false;
}

static unsigned int reap_split(struct ref_queue *r)
{
    unsigned int n = 0;
    uint32_t e[2];

    for (; env_read16(r->used + 2) != r->used_next; r->used_next++, n++) {
        struct ref_chain *c;

        env_read(r->used + 4 + 8 * (r->used_next % r->size), e, sizeof(e));
        c = find_out(r, e[0]);
        assert_true(c && c->returned);
        got_back(r, c, e[1]);
    }

    return n;
}

/* A hostile driver may have written more that looks used: so many have been. */
static unsigned int reap_packed(struct ref_queue *r, uint64_t used)
{
    struct svq_packed_desc d;
    unsigned int n = 0;

    for (; r->got_back < used; n++) {
        struct ref_chain *c;

        env_read(r->desc + 16 * r->used_next, &d, sizeof(d));
        c = find_out(r, d.id);
        assert_true(c && c->returned);
        assert_int_equal(d.flags & ~2u, r->used_wrap ? 0x8080 : 0);
        got_back(r, c, d.len);
        forward(r, &r->used_next, &r->used_wrap, c->descs);
    }

    return n;
}

unsigned int ref_sync(unsigned int q)
{
    struct ref_queue *r = &ref[q];

    if (!r->on)
        return 0;

    device_returned(r, env->dev.queue[q].last_shadow_used);

    return r->packed ? reap_packed(r, env->dev.queue[q].stats.returned - r->before) : reap_split(r);
}
