/* SPDX-License-Identifier: MIT */
/*
 * Operations at random, from fixed seeds: after each one rig_check() compares entries, references
 * and all TLBs with what the operations have said.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"

#define SEEDS 24u
#define STEPS 1000u

static uint64_t state_of_rnd;

static unsigned int rnd(unsigned int below)
{
    state_of_rnd ^= state_of_rnd << 13;
    state_of_rnd ^= state_of_rnd >> 7;
    state_of_rnd ^= state_of_rnd << 17;

    return (unsigned int)(state_of_rnd >> 20) % below;
}

/* Three blocks of an aperture, and one of another GiB. */
static const uint64_t block[] = {5UL << 18, (5UL << 18) + 512, (5UL << 18) + 1024, 9UL << 18};

static unsigned int pick(unsigned int *place)
{
    unsigned int i, nr = 1 + rnd(12), first = rnd(rig.nr_places);

    for (i = 0; i < nr; i++)
        place[i] = (first + i * (rnd(4) ? 1 : 3)) % rig.nr_places;
    /* Each once. */
    for (i = 1; i < nr; i++) {
        unsigned int k;

        for (k = 0; k < i; k++)
            if (place[i] == place[k])
                return i;
    }

    return nr;
}

static void map(unsigned int user)
{
    unsigned int place[RIG_BATCH], page[RIG_BATCH], i, nr = pick(place);
    bool writable[RIG_BATCH], some = rnd(2);
    int error;

    for (i = 0; i < nr; i++) {
        page[i] = rnd(3) ? place[i] % 8 : rnd(8);
        writable[i] = some ^ !rnd(8);
    }
    rig_map(user, place, page, writable, nr, rnd(2), &error);
}

/* The backend's own changes, in a block or for a page. */
static void backend(void)
{
    uint64_t gfn = block[rnd(4)];

    switch (rnd(5)) {
    case 0:
        rig_set(&rig.be, gfn, 512, 1UL << 18, p2m_ram_rw);
        break;
    case 1:
        rig_set(&rig.be, gfn, 512, ~0UL, p2m_invalid);
        break;
    case 2:
        rig_set(&rig.be, gfn + rnd(8), 1, NR_FRAMES - 1 - rnd(4), p2m_ram_rw);
        break;
    case 3:
        rig_set(&rig.be, rig.place[rnd(rig.nr_places)].gfn, 1, ~0UL, p2m_invalid);
        break;
    default:
        /* Elsewhere, to have tables come and go. */
        rig_set(&rig.be, (7UL << 18) + rnd(6) * 512, 1, rnd(2) ? NR_FRAMES - 1 : ~0UL, p2m_ram_rw);
        break;
    }
}

/* Its pool of page tables is as big as its owner likes. */
static struct page_info *taken[64];
static unsigned int nr_taken;

static void pool(bool all_back)
{
    struct paging_domain *p = &rig.be.arch.paging;

    if (!all_back && p->p2m_free_pages && nr_taken < 64) {
        taken[nr_taken++] = page_list_remove_head(&p->p2m_freelist);
        p->p2m_free_pages--;
        p->p2m_total_pages--;
    }
    while (all_back && nr_taken) {
        page_list_add_tail(taken[--nr_taken], &p->p2m_freelist);
        p->p2m_free_pages++;
        p->p2m_total_pages++;
    }
}

static void step(void)
{
    unsigned int place[RIG_BATCH], user = rnd(RIG_USERS), n;

    switch (rnd(16)) {
    case 0 ... 4:
        map(user);
        break;
    case 5 ... 7:
        n = pick(place);
        rig_unmap(user, place, n);
        if (rnd(2))
            rig_flush(user);
        break;
    case 8:
        rig_flush(user);
        break;
    case 9:
        rig_protect(user, rnd(rig.nr_places), rnd(2));
        if (rnd(2))
            rig_flush(user);
        break;
    case 10:
        n = pick(place);
        rig_replace(place, n);
        break;
    case 11 ... 12:
        backend();
        break;
    case 13:
        rig_run(rnd(HW_CPUS), rnd(2) ? &rig.be_vcpu[rnd(2)] : &rig.fe_vcpu[0]);
        break;
    case 14:
        hw.cpu = rnd(HW_CPUS);
        break;
    default:
        pool(!rnd(3));
        break;
    }

    if (rig.nr_held[user] > 400)
        rig_flush(user);
}

static void seed(void **state)
{
    unsigned int number = *(const unsigned int *)*state, i, k;

    state_of_rnd = (number + 1) * 0x9e3779b97f4a7c15ULL;
    nr_taken = 0;
    rig_start(3 + number % 9, number & 1);
    for (i = 0; i < 4; i++)
        for (k = 0; k < 8; k++)
            rig_place(block[i] + k);

    for (i = 0; i < STEPS; i++)
        step();

    pool(true);
    rig_end();
}

int main(int argc, char **argv)
{
    static unsigned int numbers[SEEDS];
    static char names[SEEDS][16];
    static struct CMUnitTest tests[SEEDS];
    unsigned int i;

    for (i = 0; i < SEEDS; i++) {
        numbers[i] = i;
        snprintf(names[i], sizeof(names[i]), "seed_%u", i);
        tests[i] = (struct CMUnitTest){names[i], seed, NULL, NULL, &numbers[i]};
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
