/* SPDX-License-Identifier: MIT */
/* Sequences of operations of those who can touch a device. */
#ifndef FUZZ_PLAY_H
#define FUZZ_PLAY_H

#include "rig.h"

enum {
    PLAY_DRIVER = 1,   /* a driver that writes anything anywhere in its rings and tables */
    PLAY_BACKEND = 2,  /* a backend that writes anything into the used rings */
    PLAY_WORLD = 4,    /* resets, deaths, page tables that change, grants that fail */
    PLAY_STEPS = 8,    /* the core does its work in parts, between which others do theirs */
    PLAY_RACES = 0x10, /* memory changes between two reads of the core */
};

void play(const uint8_t *data, size_t size, unsigned int who);

#endif /* FUZZ_PLAY_H */
