/* SPDX-License-Identifier: MIT */
/*
 * What the unit tests' environment asks of cmocka, for the fuzzers: a check that
 * fails ends the program where it stands, so that libFuzzer keeps the input and
 * the sanitizers show the stack.
 */
#ifndef FUZZ_CMOCKA_H
#define FUZZ_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_FAIL(...)                                                                             \
    do {                                                                                           \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                            \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        abort();                                                                                   \
    } while (0)

#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond))                                                                               \
            FUZZ_FAIL("broken: %s", #cond);                                                        \
    } while (0)

#define FUZZ_COMPARE(a, op, b)                                                                     \
    do {                                                                                           \
        unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b);             \
        if (!(a_ op b_))                                                                           \
            FUZZ_FAIL("broken: %s " #op " %s: %#llx, %#llx", #a, #b, a_, b_);                      \
    } while (0)

#define print_error(...) fprintf(stderr, __VA_ARGS__)
#define fail_msg(...) FUZZ_FAIL(__VA_ARGS__)
#define assert_true(c) FUZZ_CHECK(c)
#define assert_false(c) FUZZ_CHECK(!(c))
#define assert_null(p) FUZZ_CHECK((p) == NULL)
#define assert_non_null(p) FUZZ_CHECK((p) != NULL)
#define assert_ptr_equal(a, b) FUZZ_CHECK((a) == (b))
#define assert_ptr_not_equal(a, b) FUZZ_CHECK((a) != (b))
#define assert_int_equal(a, b) FUZZ_COMPARE(a, ==, b)
#define assert_int_not_equal(a, b) FUZZ_COMPARE(a, !=, b)
#define assert_string_equal(a, b) FUZZ_CHECK(!strcmp(a, b))
#define assert_memory_equal(a, b, n) FUZZ_CHECK(!memcmp(a, b, n))
#define assert_in_range(v, lo, hi)                                                                 \
    do {                                                                                           \
        FUZZ_COMPARE(v, >=, lo);                                                                   \
        FUZZ_COMPARE(v, <=, hi);                                                                   \
    } while (0)

#endif /* FUZZ_CMOCKA_H */
