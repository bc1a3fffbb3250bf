// SPDX-License-Identifier: MIT
/* Indirect tables of split rings: right and wrong ones. Each case runs in place, and with copies.
 */
#include "cases.h"

#define ENTRIES 3u
#define IND SVQ_DESC_F_INDIRECT

void point_to(struct svq_desc *t)
{
    read_table(t, 0);
    fill(&desc[0], pa(t), ENTRIES * sizeof(*t), IND, 0);
}

static const char *see(void)
{
    const char *said = offer_and_see();

    return strcmp(said, "served") || read_done(0) ? said : "served, with wrong data";
}

static const char *good(void)
{
    point_to(table);
    return see();
}

static const char *further_back(void)
{
    point_to(table + 100);
    return see();
}

/* Two entries at the end of a page, one at the beginning of the next. */
static const char *over_a_page_end(void)
{
    point_to(table + PAGE / 16 - 2);
    return see();
}

/* As many entries as the queue has descriptors. */
static const char *longest(void)
{
    const unsigned int pieces = QSIZE - 2, bytes = SECTOR * 2 / pieces;
    unsigned int i, at = DATA_OFF;

    point_to(table);
    /* Two sectors in all: small pieces, and the rest. */
    for (i = 0; i < pieces; i++) {
        unsigned int len = i + 1 < pieces ? bytes : 2 * SECTOR - bytes * (pieces - 1);

        fill(&table[1 + i], pa(buf[0]) + at, len, SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE, i + 2);
        at += len;
    }
    fill(&table[1 + pieces], pa(buf[0]) + STATUS_OFF, 1, SVQ_DESC_F_WRITE, 0);
    desc[0].len = QSIZE * sizeof(*table);
    return see();
}

/* 2.7.5.3.1: a device ignores WRITE on a descriptor that points to a table. */
static const char *pointer_with_write(void)
{
    point_to(table);
    desc[0].flags |= SVQ_DESC_F_WRITE;
    return see();
}

/* Direct descriptors, the last of which points to a table. */
static const char *behind_a_direct_one(void)
{
    read_desc(0, 0);
    memcpy(table, &desc[1], 2 * sizeof(*table));
    table[0].next = 1;
    fill(&desc[1], pa(table), 2 * sizeof(*table), IND, 0);
    return see();
}

static const char *with_length(uint32_t len)
{
    point_to(table);
    desc[0].len = len;
    return see();
}

static const char *no_entries(void)
{
    return with_length(0);
}

static const char *half_an_entry(void)
{
    return with_length(ENTRIES * 16 - 8);
}

static const char *one_byte(void)
{
    return with_length(1);
}

static const char *longer_than_the_queue(void)
{
    return with_length((QSIZE + 1) * 16);
}

static const char *four_gib(void)
{
    return with_length(0xfffffff0u);
}

static const char *table_in_a_table(void)
{
    point_to(table);
    table[0].flags |= IND;
    return see();
}

static const char *with_next(void)
{
    point_to(table);
    desc[0].flags |= SVQ_DESC_F_NEXT;
    desc[0].next = 1;
    fill(&desc[1], pa(buf[0]), 1, SVQ_DESC_F_WRITE, 0);
    return see();
}

static const char *next_just_beyond(void)
{
    point_to(table);
    table[1].next = ENTRIES;
    return see();
}

static const char *next_far_beyond(void)
{
    point_to(table);
    table[1].next = 0xffff;
    return see();
}

static const char *loop(void)
{
    point_to(table);
    table[2].flags |= SVQ_DESC_F_NEXT;
    table[2].next = 1;
    return see();
}

static const char *loop_of_one(void)
{
    point_to(table);
    table[0].next = 0;
    return see();
}

static const char *entry_outside_ram(void)
{
    point_to(table);
    table[1].addr = 1ull << 40;
    return see();
}

static const char *entry_wraps(void)
{
    point_to(table);
    table[1].addr = ~0ull - 255;
    return see();
}

static const char *entry_of_no_bytes(void)
{
    point_to(table);
    table[1].len = 0;
    return see();
}

static const char *entry_with_unknown_flags(void)
{
    point_to(table);
    table[1].flags |= 0x80;
    return see();
}

static const char *readable_after_writable(void)
{
    point_to(table);
    table[2].flags = 0;
    return see();
}

static const char *table_at(uint64_t addr)
{
    point_to(table);
    desc[0].addr = addr;
    return see();
}

static const char *outside_ram(void)
{
    return table_at(1ull << 40);
}

static const char *in_the_registers(void)
{
    return table_at(0x2000000);
}

static const char *at_the_top(void)
{
    return table_at(~0ull - 15);
}

/* ---- tables that another vCPU changes all the time ---- */

#define ROUNDS 300u
#define ROUNDS_OF_FAILURE 12u

static volatile unsigned int rewrites;

static void rewrite(void)
{
    bool all = write_u16(&table[1].next, 0xffff) && write_u16(&table[1].next, 2) &&
               write_u16(&table[1].flags, IND) &&
               write_u16(&table[1].flags, SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE);

    rewrites += all;
}

/* Each request is served or refused, and what is served is as it should be. */
static const char *rewritten(uint64_t features)
{
    const char *said = "each is served or refused";
    unsigned int served = 0, refused = 0;

    rewrites = 0;
    point_to(table);
    beside_start(rewrite);
    for (unsigned int i = 0; i < ROUNDS && refused < ROUNDS_OF_FAILURE; i++) {
        uint16_t before = returned();

        buf[0][STATUS_OFF] = 0xff;
        fill(&desc[0], pa(table), ENTRIES * 16, IND, 0);
        offer(0);
        kick();
        if (wait_returned((uint16_t)(before + 1))) {
            served++;
            if (!read_done(0))
                said = "served, with wrong data";
        }
        if (rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET) {
            refused++;
            if (!start(features)) {
                said = "does not work again";
                break;
            }
        } else if (returned() == before) {
            said = "nothing happens";
            break;
        }
    }
    beside_stop();
    print("# %u served, %u refused, %u rewrites\n", served, refused, rewrites);
    if (!rewrites)
        said = "nothing was rewritten";
    return start(features) ? said : "does not work at the end";
}

static const char *rewritten_copy(void)
{
    return rewritten(INDIRECT);
}

static const char *rewritten_in_place(void)
{
    return rewritten(INDIRECT | PAGES);
}

/* One case by copy, and one in place, of which Xen counts so many. */
#define BOTH(name, said, failures, copied, in_place, run)                                          \
    {"copied: " name, 1, INDIRECT, ALONE, said, 0, failures, copied, 0, 0, run, 0},                \
    {                                                                                              \
        "in place: " name, 0, INDIRECT | PAGES, ALONE, said, 0, failures, in_place ? 0 : copied,   \
            in_place, 0, run, 0                                                                    \
    }

#define BAD(name, run)                                                                             \
    {"copied: " name, 1, INDIRECT, ALONE, FAILS, 0, 1, ANY, 0, 0, run, 0},                         \
    {                                                                                              \
        "in place: " name, 0, INDIRECT | PAGES, ALONE, FAILS, 0, 1, ANY, ANY, 0, run, 0            \
    }

static const struct hand_case tables[] = {
    BOTH("good table", "served", 0, 1, 1, good),
    BOTH("table of as many entries as the queue has", "served", 0, 1, 1, longest),
    BOTH("table with WRITE on what points to it", "served", 0, 1, 1, pointer_with_write),
    /* Not at the beginning of a page, not alone in the chain: copied even where they need not be.
     */
    BOTH("table further back in a page", "served", 0, 1, 0, further_back),
    BOTH("table over a page end", "served", 0, 1, 0, over_a_page_end),
    BOTH("table behind a direct descriptor", "served", 0, 1, 0, behind_a_direct_one),
    BAD("table of no entries", no_entries),
    BAD("table of half an entry", half_an_entry),
    BAD("table of one byte", one_byte),
    BAD("table longer than the queue", longer_than_the_queue),
    BAD("table of 4 GiB", four_gib),
    BAD("table in a table", table_in_a_table),
    BAD("INDIRECT and NEXT", with_next),
    BAD("next just beyond the table", next_just_beyond),
    BAD("next far beyond the table", next_far_beyond),
    BAD("loop", loop),
    BAD("loop of one entry", loop_of_one),
    BAD("entry outside RAM", entry_outside_ram),
    BAD("entry that wraps around 2^64", entry_wraps),
    BAD("entry of no bytes", entry_of_no_bytes),
    BAD("entry with unknown flags", entry_with_unknown_flags),
    BAD("readable entry after a writable one", readable_after_writable),
    BAD("table outside RAM", outside_ram),
    BAD("table in the device's own registers", in_the_registers),
    BAD("table at the top of the address space", at_the_top),
    {"copied: another vCPU rewrites the table", 1, INDIRECT, ALONE, "each is served or refused", 0,
     ANY, ANY, 0, 0, rewritten_copy, 0},
    {"in place: another vCPU rewrites the table", 0, INDIRECT | PAGES, ALONE,
     "each is served or refused", 0, ANY, ANY, ANY, 0, rewritten_in_place, 0},
};

const struct case_list table_cases = LIST(tables);
