/* SPDX-License-Identifier: MIT */
/*
 * Policy hybrid: the parts into which a buffer is divided are its bytes, each once
 * and in their order; those that are granted are whole pages; those that are copied
 * have room for all of their bytes.  For every buffer, behind whatever parts there
 * are already.  And what comes back is copied for the used length, and no further.
 */
#include "proof.h"
#include "svq_bounce.h"

/* Proved in invariant_1_bounce_room: what it hands out is in the pool. */
bool alloc_contract(struct svq_bounce *b, uint32_t len, uint32_t *off);
void free_contract(struct svq_bounce *b, uint32_t off, uint32_t len);
#define svq_bounce_alloc alloc_contract
#define svq_bounce_free free_contract
#include "svq_buffers.c"

#define PARTS 6u
#define POOL (SVQ_BOUNCE_WORDS * 32u * SVQ_BOUNCE_GRANULE)

static struct svq_queue *const q = &dev.queue[0];
static struct svq_seg part[PARTS];
static unsigned int nr_freed;
static uint32_t copied;
static struct svq_seg seg;

bool alloc_contract(struct svq_bounce *b, uint32_t len, uint32_t *off)
{
    uint32_t at = nondet_u32();

    PROVE(b == &q->bounce[0] || b == &q->bounce[1], "a pool of the queue");
    PROVE(len, "a copy has a byte");

    if (nondet_bool())
        return false;

    ASSUME(at < POOL && len <= POOL - at);
    *off = at;

    return true;
}

void free_contract(struct svq_bounce *b, uint32_t off, uint32_t len)
{
    PROVE(b == &q->bounce[seg.write] && off == seg.off && len == seg.len,
          "what it had is given back");
    nr_freed++;
}

enum svq_error svq_guest_copy(struct svq_pages *p, uint64_t addr, uint8_t *const page[],
                              uint32_t off, uint32_t len, bool to_guest)
{
    PROVE(p == &q->pages && to_guest && seg.bounced && seg.write,
          "only what the device has written");
    PROVE(page == q->bounce[1].page && addr == seg.addr && off == seg.off,
          "from where it was to write it to where it belongs");
    PROVE(len && len <= seg.len && !nr_freed, "no further than the buffer, which still has it");
    copied = len;

    return nondet_bool() ? SVQ_ERR_PAGE : SVQ_ERR_NONE;
}

void svq_pages_put(struct svq_pages *p, uint64_t gfn, bool write)
{
    PROVE(p == &q->pages && !seg.bounced && write == seg.write &&
              gfn >= seg.addr >> SVQ_PAGE_SHIFT &&
              gfn <= (seg.addr + seg.len - 1) >> SVQ_PAGE_SHIFT,
          "a page of a part that was granted");
}

void svq_pages_put_hint(struct svq_pages *p, uint64_t gfn, uint32_t hint, bool write)
{
    PROVE(hint == seg.off, "it may be where that page was found, and nothing else");
    svq_pages_put(p, gfn, write);
}

static void divided(void)
{
    uint64_t addr = nondet_u64(), at = addr;
    uint32_t len = nondet_u32(), left = len;
    bool write = nondet_bool();
    unsigned int i, before;
    struct svq_chain c;
    enum plan plan;

    ASSUME(len && addr < SVQ_WINDOW_DAS && len <= SVQ_WINDOW_DAS - addr);
    q->part = part;
    ASSUME(q->shadow_size <= PARTS && c.parts <= q->shadow_size);
    before = c.parts;

    plan = divide(q, &c, addr, len, write);

    PROVE(c.parts <= q->shadow_size, "no more parts than the shadow ring can have");
    if (plan != PLAN_OK) {
        COVER(plan == PLAN_WAIT && c.parts == before + 3);
        COVER(plan == PLAN_LONG && c.parts == before + 2);
        return;
    }

    for (i = before; i < PARTS && i < c.parts; i++) {
        const struct svq_seg *s = &part[i];

        PROVE(s->addr == at && s->len && s->len <= left, "the buffer's bytes, in their order");
        PROVE(s->write == write, "in its direction");
        PROVE(s->bounced || !((s->addr | s->len) & SVQ_PAGE_MASK), "granted: whole pages");
        PROVE(!s->bounced || (s->off < POOL && s->len <= POOL - s->off), "copied: all fits");
        PROVE(!s->bounced || s->len < 2 * SVQ_PAGE_SIZE, "not more than needs be");
        at += s->len;
        left -= s->len;
    }
    PROVE(c.parts > before && !left, "all of them");

    COVER(c.parts == before + 3);
    COVER(c.parts == before + 1 && !part[before].bounced && len == 0xfffff000u);
    COVER(c.parts == before + 1 && part[before].bounced && len == 2 * SVQ_PAGE_SIZE - 2);
    COVER(c.parts == before + 2 && part[before].bounced && before);
}

static void returned(void)
{
    uint32_t len = nondet_u32(), was = len;
    unsigned int work = 0;
    uint32_t n;

    ASSUME(seg.len && seg.addr < SVQ_WINDOW_DAS && seg.len <= SVQ_WINDOW_DAS - seg.addr);
    /* Pages in turn: two stand for all. */
    ASSUME(seg.bounced ||
           (!((seg.addr | seg.len) & SVQ_PAGE_MASK) && seg.len <= 2 * SVQ_PAGE_SIZE));
    n = !seg.write ? 0 : seg.len < len ? seg.len : len;

    if (return_seg(q, &seg, &len, &work) == SVQ_ERR_NONE)
        PROVE(nr_freed == seg.bounced, "its copy is given up once");

    PROVE(len == was - n, "what is left is for what follows");
    PROVE(copied == (seg.bounced ? n : 0), "as many bytes as the device has written, and exist");

    COVER(copied == 1 && seg.len == 2);
    COVER(copied == seg.len && seg.len > SVQ_PAGE_SIZE && len);
    COVER(!seg.bounced && seg.write);
}

void harness(void)
{
    __CPROVER_havoc_object(&dev);
    __CPROVER_havoc_object(&seg);

    if (nondet_bool())
        divided();
    else
        returned();
}
