/* SPDX-License-Identifier: MIT */
/* What a program in the guest has around its buffers, and in them. */
#ifndef CANARY_H
#define CANARY_H

/* Put together, so that the words are not in the programs themselves, which are read from a disk.
 */
#define CANARY (0x5ca1ab1eULL << 32 ^ canary_low)  /* in the guest's memory, and in no request */
#define PAYLOAD (0xca5cade5ULL << 32 ^ canary_low) /* in buffers of requests to a disk */

static volatile const unsigned int canary_low = 0xfeedf00du;

#endif
