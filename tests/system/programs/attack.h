/* SPDX-License-Identifier: MIT */
/*
 * Attacks: what each is expected to come to, and how a program says what it did
 * come to. dom0 (attacks.sh) adds what Xen's counters and log say of it.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <stdbool.h>

#include <virtio-shadow/svq.h>

/* Any number of failures of the device, or any error. */
#define ATTACK_ANY (-1)

struct attack {
    const char *side; /* who is hostile: "driver" or "backend" */
    const char *name;
    const char *expected;
    int failures; /* of the device, or ATTACK_ANY */
    int error;    /* enum svq_error of the last of them, or ATTACK_ANY */
};

/* The number that the attack about to end has in docs/threat-model.md, "Found by review". */
void attack_class(int number);

/*
 * A part of it begins, "quiet" or "storm", or the last one ends, "end": dom0 sees how a device
 * that is not attacked does meanwhile. Waits for dom0 like attack_end().
 */
void attack_watch(const char *part);

/* Adds to what was observed. */
void attack_saw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The attack is over: why is NULL, or what was not as expected. Counted in passed
 * and failed. Waits until dom0 has looked, if the environment has ATTACK_WAIT.
 */
void attack_end(const struct attack *a, const char *why);

extern unsigned int attacks_passed, attacks_failed;

#endif
