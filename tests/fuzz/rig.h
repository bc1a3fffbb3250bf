/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers share: a device in the unit tests' environment, with a small
 * guest, and the reference model beside it.
 */
#ifndef FUZZ_RIG_H
#define FUZZ_RIG_H

#include "backend.h"
#include "driver.h"
#include "input.h"
#include "ref.h"

#define BIT(n) (1ULL << (n))

/* Guest RAM: rings, tables in pages of their own, buffers; few pages, so that they are shared. */
#define RIG_BANK0 (3 * MIB)
#define RIG_BANK1 (1 * MIB)
#define RIG_TABLE(q, n) (BANK0 + 512 * KIB + ((q)*REF_SIZE + (n)) * PAGE)
#define RIG_BUF_PAGES 24u

struct rig {
    /* Nobody writes while the core reads: the reference model goes along. */
    bool exact;
    /* Somebody else has done what makes pages or the backend fail. */
    bool troubled;
    bool was_live[REF_QUEUES];
    uint32_t restarts; /* of the device, that were seen */
    /* What the honest backend knows. */
    unsigned int held[REF_QUEUES][REF_SIZE], nr_held[REF_QUEUES];
    /*
     * Queues are run one by one, as long as they can be, and only then the device;
     * otherwise the device at once.  last: nothing is left but what it takes the device for.
     */
    bool by_queues, last;
    bool noted[REF_QUEUES]; /* why the device is to fail was looked into already */
    uint64_t driver_bits;   /* features that the next driver wants, as far as they are offered */
    unsigned int sizes[REF_QUEUES];
};

extern struct rig rig;

/* Of a ring, more often large than small. */
unsigned int rig_size(uint8_t which);

/*
 * A device that runs, in the configuration that the input's first bytes say.  may_zero: it may be
 * one that has buffers zeroed before they are granted.
 */
void rig_create(struct input *in, bool exact, bool may_zero);

/*
 * One svq_dev_run(), or one svq_queue_run() of every queue, and what is to be seen after
 * it.  True if there is more to do.
 */
bool rig_step(void);
/* One svq_queue_run(), whatever is left of others'. */
void rig_step_queue(unsigned int q);
/* Until nothing is left. */
void rig_run(void);

/* After anything that may have made queues live, or stopped them. */
void rig_watch(void);

/* One step of the administrator, the driver and the backend towards a running device. */
void rig_repair(void);

/* Set queue q up again, after its reset. */
void rig_setup(unsigned int q);

/* Whatever has happened, it can be made to work again; and nothing is held in the end. */
void rig_destroy(void);

#endif /* FUZZ_RIG_H */
