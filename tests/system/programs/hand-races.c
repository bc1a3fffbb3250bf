// SPDX-License-Identifier: MIT
/* A driver driven by hand: rings that another vCPU changes while Xen reads them. */
#include <pthread.h>
#include <string.h>

#include "hand-driver.h"

#define ROUNDS 60u
/* Of those after which the device starts again. */
#define FAILURES 6u

enum { ADDR, LEN, FLAGS, NEXT, HEAD, IDX };

static volatile bool stop;

/* The good value is the last: what is read then is right again. */
static void *flip(void *arg)
{
    const unsigned int what = *(unsigned int *)arg;

    while (!stop) {
        switch (what) {
        case ADDR:
            *(volatile uint64_t *)&desc[1].addr = 1ULL << 45;
            *(volatile uint64_t *)&desc[1].addr = buf_pa + DATA_OFF;
            break;
        case LEN:
            *(volatile uint32_t *)&desc[1].len = 0xffffffffu;
            *(volatile uint32_t *)&desc[1].len = SECTOR;
            break;
        case FLAGS:
            *(volatile uint16_t *)&desc[1].flags = 0xffff;
            *(volatile uint16_t *)&desc[1].flags = SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE;
            break;
        case NEXT:
            *(volatile uint16_t *)&desc[1].next = 0xffff;
            *(volatile uint16_t *)&desc[1].next = 2;
            break;
        case HEAD:
            for (unsigned int i = 0; i < QSIZE; i++) {
                *(volatile uint16_t *)&avail[2 + i] = 0x8000;
                *(volatile uint16_t *)&avail[2 + i] = 0;
            }
            break;
        default:
            *(volatile uint16_t *)&avail[1] = (uint16_t)(avail_idx + 0x4000);
            *(volatile uint16_t *)&avail[1] = avail_idx;
            break;
        }
    }
    return NULL;
}

static const char *race(unsigned int what)
{
    unsigned int served = 0, refused = 0, i;
    const char *why = NULL;
    pthread_t thread;

    if (!start() || !works())
        return "the device does not work to begin with";
    stop = false;
    if (pthread_create(&thread, NULL, flip, &what))
        return "no thread";
    for (i = 0; i < ROUNDS && refused < FAILURES && !why; i++) {
        uint16_t before = used_idx();

        good_chain();
        offer(0);
        kick();
        /* An entry that was bad when it was read, and an idx, are to be looked at again. */
        while (used_idx() == before && !(rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET))
            if (what == IDX || what == HEAD)
                kick();
        if (used_idx() != before)
            served++;
        if (!(rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET))
            continue;
        refused++;
        if (!start())
            why = "the device does not start after a reset";
    }
    stop = true;
    pthread_join(thread, NULL);
    attack_saw("%u served, %u refused", served, refused);
    return why ? why : recovers();
}

static const struct {
    const char *name;
    unsigned int what;
    int error;
} races[] = {
    {"address changes while it is read", ADDR, SVQ_ERR_ADDR},
    {"length changes while it is read", LEN, SVQ_ERR_ADDR},
    {"flags change while they are read", FLAGS, SVQ_ERR_FLAGS},
    {"next changes while it is read", NEXT, SVQ_ERR_NEXT},
    {"available entry changes while it is read", HEAD, ATTACK_ANY},
    {"available idx changes while it is read", IDX, ATTACK_ANY},
};

void attack_races(void)
{
    for (unsigned int i = 0; i < sizeof(races) / sizeof(*races); i++) {
        const struct attack a = {"driver", races[i].name, "served or failed, a reset helps",
                                 ATTACK_ANY, races[i].error};

        attack_end(&a, judge(race(races[i].what)));
    }
}
