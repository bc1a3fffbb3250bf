// SPDX-License-Identifier: MIT
/* Split rings: what can be wrong with descriptors, chains, and indices. */
#include "cases.h"

const char *offer_and_see(void)
{
    uint16_t before = returned();

    offer(0);
    kick();
    return outcome((uint16_t)(before + 1));
}

static const char *good(void)
{
    const char *said;

    read_desc(0, 0);
    said = offer_and_see();
    return read_done(0) ? said : "served, with wrong data";
}

static const char *outside_ram(void)
{
    read_desc(0, 0);
    desc[1].addr = 1ull << 40;
    return offer_and_see();
}

static const char *in_registers(void)
{
    read_desc(0, 0);
    desc[1].addr = 0x2000000;
    return offer_and_see();
}

static const char *wraps(void)
{
    read_desc(0, 0);
    desc[1].addr = ~0ull - 255;
    return offer_and_see();
}

static const char *ends_outside(void)
{
    read_desc(0, 0);
    desc[1].len = 0xffffffffu;
    return offer_and_see();
}

static const char *no_bytes(void)
{
    read_desc(0, 0);
    desc[1].len = 0;
    return offer_and_see();
}

static const char *loop_of_one(void)
{
    read_desc(0, 0);
    desc[2].flags |= SVQ_DESC_F_NEXT;
    desc[2].next = 2;
    return offer_and_see();
}

static const char *loop_of_two(void)
{
    read_desc(0, 0);
    desc[2].flags |= SVQ_DESC_F_NEXT;
    desc[2].next = 1;
    return offer_and_see();
}

static const char *loop_of_all(void)
{
    for (unsigned int i = 0; i < QSIZE; i++)
        fill(&desc[i], pa(buf[0]) + DATA_OFF, 16, SVQ_DESC_F_NEXT, (i + 1) % QSIZE);
    return offer_and_see();
}

static const char *next_just_beyond(void)
{
    read_desc(0, 0);
    desc[0].next = QSIZE;
    return offer_and_see();
}

static const char *next_far_beyond(void)
{
    read_desc(0, 0);
    desc[0].next = 0xffff;
    return offer_and_see();
}

static const char *readable_after_writable(void)
{
    read_desc(0, 0);
    desc[2].flags = 0;
    return offer_and_see();
}

static const char *table_not_negotiated(void)
{
    read_desc(0, 0);
    desc[0].flags = SVQ_DESC_F_INDIRECT;
    return offer_and_see();
}

static const char *unknown_flags(void)
{
    read_desc(0, 0);
    desc[0].flags |= 0x100;
    return offer_and_see();
}

static const char *see(void)
{
    uint16_t before = returned();

    kick();
    return outcome((uint16_t)(before + 1));
}

static const char *head_just_beyond(void)
{
    read_desc(0, 0);
    offer(QSIZE);
    return see();
}

static const char *head_far_beyond(void)
{
    read_desc(0, 0);
    offer(0xffff);
    return see();
}

static const char *offered_twice(void)
{
    uint16_t before = returned();

    read_desc(0, 0);
    offer(0);
    offer(0);
    kick();
    return outcome((uint16_t)(before + 2));
}

static const char *idx_jumps(void)
{
    read_desc(0, 0);
    *(volatile uint16_t *)&avail[1] = (uint16_t)(avail_idx + QSIZE + 1);
    __sync_synchronize();
    return see();
}

static const char *idx_goes_back(void)
{
    *(volatile uint16_t *)&avail[1] = (uint16_t)(avail_idx - 1);
    __sync_synchronize();
    return see();
}

static const char *unreadied(void)
{
    wr(SVQ_MMIO_QUEUE_SEL, 0);
    wr(SVQ_MMIO_QUEUE_READY, 0);
    return outcome((uint16_t)(returned() + 1));
}

/* Once around the indices, which have 16 bits, and a thousand times around the ring. */
static const char *around(void)
{
    const unsigned int batch = QSIZE / 3 - 1;

    for (unsigned int i = 0; i < batch; i++)
        read_desc(3 * i, i % 3);
    for (unsigned int done = 0; done < 0x10000 + 2 * batch; done += batch) {
        for (unsigned int i = 0; i < batch; i++)
            offer(3 * i);
        kick();
        if (!wait_returned(avail_idx))
            return "a request is lost";
    }
    return read_done(0) && read_done(1) && read_done(2) ? "served" : "served, with wrong data";
}

#define BAD(name, run)                                                                             \
    {                                                                                              \
        name, 0, 0, ALONE, FAILS, 0, 1, 0, 0, 0, run, 0                                            \
    }

static const struct hand_case rings[] = {
    {"good read", 0, 0, ALONE, "served", 0, 0, 0, 0, 0, good, 0},
    {"indices wrap around 2^16", 0, 0, ALONE, "served", 0, 0, 0, 0, 0, around, 0},
    BAD("buffer outside RAM", outside_ram),
    BAD("buffer in the device's own registers", in_registers),
    BAD("buffer that wraps around 2^64", wraps),
    BAD("buffer that ends outside RAM", ends_outside),
    BAD("buffer of no bytes", no_bytes),
    BAD("loop of one descriptor", loop_of_one),
    BAD("loop of two descriptors", loop_of_two),
    BAD("loop of all descriptors", loop_of_all),
    BAD("next just beyond the table", next_just_beyond),
    BAD("next far beyond the table", next_far_beyond),
    BAD("readable descriptor after a writable one", readable_after_writable),
    BAD("indirect descriptor without the feature", table_not_negotiated),
    BAD("unknown descriptor flags", unknown_flags),
    BAD("head just beyond the table", head_just_beyond),
    BAD("head far beyond the table", head_far_beyond),
    BAD("head offered twice", offered_twice),
    BAD("available idx jumps by more than the queue size", idx_jumps),
    BAD("available idx goes back", idx_goes_back),
    BAD("QueueReady cleared on a live queue", unreadied),
};

const struct case_list ring_cases = LIST(rings);

/* ---- queues that must not be accepted ---- */

static const char *set_up(uint32_t size, uint64_t d, uint64_t a, uint64_t u)
{
    if (!negotiate(0))
        return "cannot negotiate";
    empty_rings();
    set_queue(size, pa(desc) + d, pa(avail) + a, pa(used) + u);
    if (rd(SVQ_MMIO_QUEUE_READY))
        return "accepted";
    return outcome(1);
}

#define FAR (1ull << 41)
#define SETUP(id, name, size, d, a, u)                                                             \
    static const char *setup_##id(void)                                                            \
    {                                                                                              \
        return set_up(size, d, a, u);                                                              \
    }
#include "setups.h"
#undef SETUP

#define SETUP(id, name, size, d, a, u) BAD(name, setup_##id),
static const struct hand_case setups[] = {
#include "setups.h"
};

const struct case_list setup_cases = LIST(setups);
