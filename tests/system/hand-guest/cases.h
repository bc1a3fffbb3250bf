/* SPDX-License-Identifier: MIT */
#ifndef CASES_H
#define CASES_H

#include "rings.h"

#define INDIRECT F(SVQ_F_INDIRECT_DESC)
#define PAGES F(SVQ_F_INDIRECT_PAGES)
#define PACKED F(SVQ_F_RING_PACKED)
#define IN_ORDER F(SVQ_F_IN_ORDER)
#define RING_RESET F(SVQ_F_RING_RESET)
#define EVENT_IDX F(SVQ_F_EVENT_IDX)

#define FAILS "needs reset, works again"
#define ANY (-1)

/* What dom0 has the backend VM do around it. */
enum around {
    ALONE,
    HELD,   /* the device process is stopped between run() and after() */
    SHARED, /* what before() has granted is mapped by the backend VM until after() */
    TRIED,  /* HELD, and the backend VM tries to map what before() has granted: in vain */
    ASLEEP, /* HELD until the guest is suspended after run(), and woken up before after() */
    KEYED,  /* HELD, and Xen's debug key has Xen try to write to tables */
};

struct hand_case {
    const char *name;
    unsigned int device; /* 0: tables in place, 1: tables copied, packed queues offered */
    uint64_t features;
    enum around around;
    const char *expect, *expect_after;
    /* By how much Xen's counters move; ANY: not said. */
    int failures, copied, in_place;
    void (*before)(void);
    const char *(*run)(void); /* with a device that works */
    const char *(*after)(void);
};

struct case_list {
    const struct hand_case *cases;
    unsigned int nr;
};

extern const struct case_list ring_cases, setup_cases, table_cases, page_cases, packed_cases,
    feature_cases, race_cases;

#define LIST(c)                                                                                    \
    {                                                                                              \
        c, sizeof(c) / sizeof(*(c))                                                                \
    }

/* Split: descriptor 0 points to a good table of a read into buf[0]. */
void point_to(struct svq_desc *t);
const char *offer_and_see(void);

#endif
