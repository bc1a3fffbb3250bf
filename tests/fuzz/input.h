/* SPDX-License-Identifier: MIT */
/* The bytes of one fuzzer run, read as numbers.  What is beyond their end is 0. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *p;
    size_t left;
};

static inline uint8_t in_u8(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->p++;
}

static inline uint16_t in_u16(struct input *in)
{
    uint16_t lo = in_u8(in);

    return (uint16_t)(lo | in_u8(in) << 8);
}

static inline uint32_t in_u32(struct input *in)
{
    uint32_t lo = in_u16(in);

    return lo | (uint32_t)in_u16(in) << 16;
}

static inline uint64_t in_u64(struct input *in)
{
    uint64_t lo = in_u32(in);

    return lo | (uint64_t)in_u32(in) << 32;
}

/* One byte's choice. */
static inline unsigned int in_below(struct input *in, unsigned int n)
{
    return in_u8(in) % n;
}

/*
 * A number as hostile code would choose it: small ones, those next to a limit,
 * or any.
 */
static inline uint32_t in_odd32(struct input *in)
{
    uint8_t how = in_u8(in);

    switch (how >> 5) {
    case 0:
    case 1:
    case 2:
        return how & 0x1f;
    case 3:
        return 1u << (how & 0x1f);
    case 4:
        return (1u << (how & 0x1f)) - 1;
    case 5:
        return ~0u - (how & 0x1f);
    case 6:
        return in_u16(in);
    default:
        return in_u32(in);
    }
}

#endif /* FUZZ_INPUT_H */
