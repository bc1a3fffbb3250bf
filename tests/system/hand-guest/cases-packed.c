// SPDX-License-Identifier: MIT
/* Packed rings. */
#include "cases.h"

#define IND SVQ_DESC_F_INDIRECT

/* A table of a packed ring has the ring's format. */
static void packed_table(struct svq_desc *t, unsigned int n)
{
    struct svq_packed_desc *p = (struct svq_packed_desc *)t;

    read_table(t, n);
    for (unsigned int i = 0; i < 3; i++) {
        uint16_t flags = t[i].flags & SVQ_DESC_F_WRITE;

        p[i].id = 0;
        p[i].flags = flags;
    }
}

static const char *see(const struct svq_desc *d, unsigned int n, unsigned int id)
{
    uint16_t before = returned();
    const char *said;

    offer_packed(d, n, id);
    kick();
    said = outcome((uint16_t)(before + 1));
    return strcmp(said, "served") || read_done(0) ? said : "served, with wrong data";
}

static const char *good(void)
{
    struct svq_desc d[3];

    read_table(d, 0);
    return see(d, 3, 7);
}

/* Lists of three in a ring of 64: at each place, over the end, with any id. */
static const char *around(void)
{
    const char *said = "served";

    for (unsigned int i = 0; i < 5 * QSIZE && !strcmp(said, "served"); i++) {
        struct svq_desc d[3];

        read_table(d, 0);
        said = see(d, 3, i * 11 % QSIZE);
    }
    return said;
}

/* As many at a time as there is room for, with ids in no order. */
static const char *many(void)
{
    for (unsigned int round = 0; round < 20; round++) {
        uint16_t before = returned();
        unsigned int n = QSIZE / 3;

        for (unsigned int i = 0; i < n; i++) {
            struct svq_desc d[3];

            read_table(d, i % 3);
            offer_packed(d, 3, (i * 5 + round) % QSIZE);
        }
        kick();
        if (!wait_returned((uint16_t)(before + n)))
            return "a request is lost";
    }
    return read_done(0) && read_done(1) && read_done(2) ? "served" : "served, with wrong data";
}

static const char *table_of(uint32_t len, unsigned int flags)
{
    struct svq_desc d[2];

    packed_table(table, 0);
    fill(&d[0], pa(table), len, IND | flags, 0);
    fill(&d[1], pa(buf[1]), 1, SVQ_DESC_F_WRITE, 0);
    return see(d, flags & SVQ_DESC_F_NEXT ? 2 : 1, 3);
}

static const char *good_table(void)
{
    return table_of(3 * 16, 0);
}

static const char *no_entries(void)
{
    return table_of(0, 0);
}

static const char *half_an_entry(void)
{
    return table_of(40, 0);
}

static const char *longer_than_the_queue(void)
{
    return table_of((QSIZE + 1) * 16, 0);
}

static const char *indirect_and_next(void)
{
    return table_of(3 * 16, SVQ_DESC_F_NEXT);
}

static const char *table_outside_ram(void)
{
    struct svq_desc d;

    packed_table(table, 0);
    fill(&d, 1ull << 40, 3 * 16, IND, 0);
    return see(&d, 1, 3);
}

static const char *table_over_a_page_end(void)
{
    struct svq_desc *t = table + PAGE / 16 - 2, d;

    packed_table(t, 0);
    fill(&d, pa(t), 3 * 16, IND, 0);
    return see(&d, 1, 3);
}

static const char *endless(void)
{
    struct svq_desc d[QSIZE];

    for (unsigned int i = 0; i < QSIZE; i++)
        fill(&d[i], pa(buf[0]) + DATA_OFF, 16, SVQ_DESC_F_NEXT, 0);
    return see(d, QSIZE, 3);
}

static const char *outside_ram(void)
{
    struct svq_desc d[3];

    read_table(d, 0);
    d[1].addr = 1ull << 40;
    return see(d, 3, 3);
}

static const char *unknown_flags(void)
{
    struct svq_desc d[3];

    read_table(d, 0);
    d[0].flags |= 0x100;
    return see(d, 3, 3);
}

static const char *readable_after_writable(void)
{
    struct svq_desc d[3];

    read_table(d, 0);
    d[2].flags = 0;
    return see(d, 3, 3);
}

/* A descriptor whose bits say that it was returned already is not available. */
static const char *wrong_wrap(void)
{
    struct svq_desc d[3];
    uint16_t before = returned();

    read_table(d, 0);
    packed_wrap = !packed_wrap;
    offer_packed(d, 3, 3);
    kick();
    wait_ms(200);
    return returned() == before && !(rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET)
               ? "nothing happens"
               : "something happens";
}

static const char *id_used_twice(void)
{
    struct svq_desc d[3];
    uint16_t before = returned();

    read_table(d, 0);
    offer_packed(d, 3, 3);
    read_table(d, 1);
    offer_packed(d, 3, 3);
    kick();
    return wait_status(SVQ_STATUS_NEEDS_RESET, 0) && returned() == before ? "needs reset"
                                                                          : "served";
}

static const char *works_again(void)
{
    return start(PACKED | INDIRECT) ? "works again" : "does not work again";
}

#define GOOD(name, copied, run)                                                                    \
    {                                                                                              \
        "packed: " name, 1, PACKED | INDIRECT, ALONE, "served", 0, 0, copied, 0, 0, run, 0         \
    }
#define BAD(name, run)                                                                             \
    {                                                                                              \
        "packed: " name, 1, PACKED | INDIRECT, ALONE, FAILS, 0, 1, ANY, 0, 0, run, 0               \
    }

static const struct hand_case cases[] = {
    GOOD("good read", 0, good),
    GOOD("around the ring", 0, around),
    GOOD("many at a time", 0, many),
    GOOD("good table", 1, good_table),
    GOOD("table over a page end", 1, table_over_a_page_end),
    BAD("table of no entries", no_entries),
    BAD("table of half an entry", half_an_entry),
    BAD("table longer than the queue", longer_than_the_queue),
    BAD("INDIRECT and NEXT", indirect_and_next),
    BAD("table outside RAM", table_outside_ram),
    BAD("list without an end", endless),
    BAD("buffer outside RAM", outside_ram),
    BAD("unknown flags", unknown_flags),
    BAD("readable descriptor after a writable one", readable_after_writable),
    {"packed: descriptor of the other lap", 1, PACKED | INDIRECT, ALONE, "nothing happens", 0, 0, 0,
     0, 0, wrong_wrap, 0},
    {"packed: id that is in flight", 1, PACKED | INDIRECT, HELD, "needs reset", "works again", 1, 0,
     0, 0, id_used_twice, works_again},
};

const struct case_list packed_cases = LIST(cases);
