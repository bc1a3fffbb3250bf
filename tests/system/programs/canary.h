/* SPDX-License-Identifier: MIT */
/* What is in the guest's memory, and in no request. */
#ifndef CANARY_H
#define CANARY_H

/* Put together, so that the word is not in the program itself, which is read from a disk. */
#define CANARY (0x5ca1ab1eULL << 32 ^ canary_low)

static volatile const unsigned int canary_low = 0xfeedf00du;

#endif
