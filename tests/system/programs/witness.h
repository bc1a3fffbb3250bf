/* SPDX-License-Identifier: MIT */
/* The guest's first disk, which nobody attacks: does it still do I/O? */
#ifndef WITNESS_H
#define WITNESS_H

/* Reads a block that must not have changed, and writes and reads another. NULL, or what is wrong.
 */
const char *witness(void);

#endif
