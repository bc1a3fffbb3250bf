/* SPDX-License-Identifier: MIT */
/*
 * One CPU flushes while another one switches from domain to domain, with every way in which the
 * steps of the two can come after one another, if the one that flushes is interrupted once, and
 * most of those if it is twice.
 */
#include <ucontext.h>

#include "rig.h"

#define PLACE (5UL << 18)
#define MANY 1000u

enum { FLUSHES, SWITCHES, NOBODY };

static ucontext_t outside, inside[2];
static char stack[2][256 * 1024];
static bool finished[2];
static unsigned int running, steps_left;

static void elsewhere(void)
{
    unsigned int me = running;

    if (me == NOBODY || --steps_left)
        return;
    running = NOBODY;
    swapcontext(&inside[me], &outside);
}

/* So many steps of it.  False: it has come to its end before. */
static bool go_on(unsigned int who, unsigned int steps)
{
    if (!steps || finished[who])
        return !finished[who];
    running = who;
    steps_left = steps;
    hw.cpu = who;
    swapcontext(&outside, &inside[who]);
    running = NOBODY;
    hw.cpu = 0;

    return !finished[who];
}

static void flushes(void)
{
    p2m_foreign_flush(&rig.be, &rig.user[0]);
    finished[FLUSHES] = true;
}

static void switches(void)
{
    p2m_restore_state(&rig.be_vcpu[0]);
    p2m_restore_state(&rig.fe_vcpu[0]);
    p2m_restore_state(&rig.be_vcpu[0]);
    finished[SWITCHES] = true;
}

static void begin(unsigned int who, void (*what)(void))
{
    finished[who] = false;
    getcontext(&inside[who]);
    inside[who].uc_stack.ss_sp = stack[who];
    inside[who].uc_stack.ss_size = sizeof(stack[who]);
    inside[who].uc_link = &outside;
    makecontext(&inside[who], what, 0);
}

static void show(unsigned int place)
{
    unsigned int page = 0;
    bool writable = true;
    int error;

    assert_int_equal(rig_map(0, &place, &page, &writable, 1, false, &error), 1);
}

/*
 * So many steps of the other CPU, of the flush, and so on, by turns; then the rest.  False: the
 * other CPU has come to its end with its first ones.
 */
static bool play(unsigned int place, bool known, const unsigned int n[5])
{
    unsigned int i;
    bool more;

    rig_run(1, &rig.fe_vcpu[0]);
    rig_run(2, &rig.fe_vcpu[1]);
    hw.tlb[1] = (struct hw_tlb){};
    hw.tlb[2] = (struct hw_tlb){};
    rig.be.arch.p2m.tlb_cpus.bits = known ? 3 : 1;

    show(place);
    begin(SWITCHES, switches);
    begin(FLUSHES, flushes);
    more = go_on(SWITCHES, n[0]);
    rig_unmap(0, &place, 1);
    for (i = 1; i < 5; i++)
        go_on(i % 2 ? FLUSHES : SWITCHES, n[i]);
    go_on(FLUSHES, MANY);
    rig_flush(0); /* that was it, or it was done then */

    /* What the other CPU learns from now on is forgotten by the next flush. */
    show(place);
    rig_unmap(0, &place, 1);
    rig_flush(0);
    show(place);
    go_on(SWITCHES, MANY);
    rig_unmap(0, &place, 1);
    rig_flush(0);

    return more;
}

static unsigned int start(void)
{
    unsigned int place;

    rig_start(8, false);
    place = rig_place(PLACE);
    rig_run(0, &rig.be_vcpu[1]);
    running = NOBODY;
    hw.elsewhere = elsewhere;

    return place;
}

static void all_ways(bool known)
{
    unsigned int place = start(), n[5] = {};

    for (n[0] = 0; n[0] < 60; n[0]++)
        for (n[1] = 0; n[1] < 24; n[1]++)
            for (n[2] = 0; n[2] < 30; n[2]++)
                if (!play(place, known, n))
                    goto end;
end:
    /* It has gone through all of what the other CPU does. */
    assert_in_range(n[0], 15, 59);
    rig_end();
}

static void other_cpu_may_know(void **state)
{
    (void)state;
    all_ways(true);
}

static void other_cpu_does_not_know(void **state)
{
    (void)state;
    all_ways(false);
}

/* It begins with the other CPU in another domain, and about to come back. */
static void interrupted_twice(void **state)
{
    unsigned int place = start(), n[5] = {};

    (void)state;
    for (n[1] = 1; n[1] < 16; n[1]++)
        for (n[2] = 1; n[2] < 12; n[2]++)
            for (n[3] = 1; n[3] < 10; n[3]++)
                for (n[4] = 1; n[4] < 12; n[4]++)
                    play(place, true, n);
    rig_end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_cpu_may_know),
        cmocka_unit_test(other_cpu_does_not_know),
        cmocka_unit_test(interrupted_twice),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
