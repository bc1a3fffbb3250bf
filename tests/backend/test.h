/* SPDX-License-Identifier: MIT */
/* What every test program here begins with. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A test's name as the argument runs that one alone. */
#define TEST_MAIN(tests)                                                                           \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        if (argc > 1) {                                                                            \
            cmocka_set_test_filter(argv[1]);                                                       \
        }                                                                                          \
        return cmocka_run_group_tests_name(argv[0], tests, NULL, NULL);                            \
    }

/* Descriptors that this process has open. */
int count_fds(void);

/* A directory of its own below TMPDIR, and a file of that name in it. */
const char *scratch_dir(void);
void scratch_path(char *path, size_t size, const char *name);

#endif
