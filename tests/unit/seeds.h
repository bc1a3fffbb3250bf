/* SPDX-License-Identifier: MIT */
/* Groups of tests that do something at random, one test for each fixed seed. */
#ifndef UNIT_SEEDS_H
#define UNIT_SEEDS_H

#include "env.h"

#define SEEDS_MAX 128u

struct seed {
    unsigned int number; /* over all kinds */
    unsigned int kind;
    char name[32];
};

/*
 * The main program: so many seeds of each kind, with which run() is called, and look_back, which
 * is about all of them together, so that there is no running it alone.
 */
int seeds_main(int argc, char **argv, const char *const kinds[], unsigned int nr_kinds,
               unsigned int each, CMUnitTestFunction run, struct CMUnitTest look_back);

/* Remembers why the device has failed, if it has. */
void seeds_see_failure(void);
/* For each of these reasons, some seed has made a device fail. */
void seeds_expect_failures(const enum svq_error wanted[], unsigned int nr);

#endif /* UNIT_SEEDS_H */
