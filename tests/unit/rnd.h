/* SPDX-License-Identifier: MIT */
/* Numbers that are random, and the same whenever a seed is. */
#ifndef UNIT_RND_H
#define UNIT_RND_H

#include <stdbool.h>
#include <stdint.h>

/* Any but 0: the seed, then the state. */
static uint64_t rng;

static inline uint32_t rnd(uint32_t below)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 32) % below;
}

static inline bool one_in(uint32_t n)
{
    return rnd(n) == 0;
}

#endif /* UNIT_RND_H */
