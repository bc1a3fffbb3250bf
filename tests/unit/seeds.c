/* SPDX-License-Identifier: MIT */
/* Groups of tests that do something at random, one test for each fixed seed. */
#include <stdio.h>

#include "seeds.h"

static uint64_t errors_seen;

void seeds_see_failure(void)
{
    if (env->dev.failures)
        errors_seen |= 1ULL << env->dev.last_error;
}

void seeds_expect_failures(const enum svq_error wanted[], unsigned int nr)
{
    unsigned int i;

    for (i = 0; i < nr; i++)
        if (!(errors_seen & (1ULL << wanted[i])))
            fail_msg("no seed met '%s'", svq_error_text(wanted[i]));
}

int seeds_main(int argc, char **argv, const char *const kinds[], unsigned int nr_kinds,
               unsigned int each, CMUnitTestFunction run, struct CMUnitTest look_back)
{
    static struct seed seeds[SEEDS_MAX];
    static struct CMUnitTest tests[SEEDS_MAX + 1]; /* those without a name are none */
    unsigned int i;

    assert_true(nr_kinds * each <= SEEDS_MAX);
    for (i = 0; i < nr_kinds * each; i++) {
        seeds[i].number = i;
        seeds[i].kind = i / each;
        snprintf(seeds[i].name, sizeof(seeds[i].name), "%s_%u", kinds[i / each], i);
        tests[i] = (struct CMUnitTest){seeds[i].name, run, NULL, env_test_cleanup, &seeds[i]};
    }
    tests[i] = look_back;

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
