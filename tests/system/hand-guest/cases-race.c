// SPDX-License-Identifier: MIT
/*
 * Tables that Xen is asked to write to, by the second vCPU and without a pause, while
 * the first one offers them. Such a call either is in time, and then the table is
 * copied, or it is refused. None of them may end in a table that is in place.
 */
#include "cases.h"

#define RACES 16u
#define WAIT_MS 5000u

#define ALIGNED __attribute__((aligned(PAGE)))

typedef struct svq_desc table_page[PAGE / 16] ALIGNED;

static table_page raced[RACES], other;

/* What the second vCPU does: 0, or what Xen says. And where to. */
static int (*write_to)(struct svq_desc *t);
static struct svq_desc *volatile target;
static volatile unsigned int calls;

/* Where it is seen: in the table where nobody cares, and behind it. */
#define AT_TABLE 2u
#define AT_PAGE 128u

static int by_grant(struct svq_desc *t)
{
    other[AT_TABLE].next++;
    return grant_copy_to(other, t);
}

static int by_address(struct svq_desc *t)
{
    return version_to(&t[AT_PAGE], calls % 2);
}

static uint64_t seen(const volatile struct svq_desc *t)
{
    return (uint64_t)t[AT_TABLE].next + t[AT_PAGE].addr;
}

/* For tests/hardening/stall.c, which makes some places of Xen's slow in between. */
#define BEGIN_STALL() __asm__ volatile("hint #113" : : : "memory")
#define END_STALL() __asm__ volatile("hint #114" : : : "memory")

static void beside(void)
{
    struct svq_desc *t = target;

    if (!t) {
        yield();
        return;
    }
    BEGIN_STALL();
    write_to(t);
    END_STALL();
    calls++;
}

/* Until whatever call had begun is over, and another one has. */
static bool two_calls(void)
{
    unsigned int begin = calls;
    uint64_t end = now_ms() + WAIT_MS;

    while (calls - begin < 2)
        if (now_ms() >= end)
            return false;
    return true;
}

static const char *race(void)
{
    uint64_t was[RACES], now[RACES], until;
    bool good = true;

    read_table(other, 1);
    for (unsigned int i = 0; i < RACES; i++) {
        memcpy(raced[i], other, 3 * sizeof(*other));
        fill(&desc[i], pa(raced[i]), 3 * sizeof(*other), SVQ_DESC_F_INDIRECT, 0);
    }
    target = NULL;
    beside_start(beside);
    for (unsigned int i = 0; i < RACES && good; i++) {
        target = raced[i];
        good = two_calls();
        /* In another part of a call each time, if calls are that slow. */
        until = now_ms() + 6 * i;
        while (now_ms() < until)
            ;
        offer(i);
        kick();
        was[i] = seen(raced[i]);
        good = two_calls() && good;
        now[i] = seen(raced[i]);
        target = NULL;
    }
    beside_stop();
    if (!good)
        return "calls take too long";
    for (unsigned int i = 0; i < RACES; i++)
        if (was[i] != now[i] && write_to(raced[i]))
            return "changed in flight";
    return "none has changed";
}

static const char *race_by_grant(void)
{
    write_to = by_grant;
    return race();
}

static const char *race_by_address(void)
{
    write_to = by_address;
    return race();
}

static const char *all_come_back(void)
{
    return outcome(avail_idx);
}

#define HERE INDIRECT | PAGES

static const struct hand_case races[] = {
    {"tables are offered while grant copies go there", 0, HERE, HELD, "none has changed", "served",
     0, ANY, ANY, 0, race_by_grant, all_come_back},
    {"tables are offered while results of hypercalls go there", 0, HERE, HELD, "none has changed",
     "served", 0, ANY, ANY, 0, race_by_address, all_come_back},
};

const struct case_list race_cases = LIST(races);
