/* SPDX-License-Identifier: MIT */
/* What the harnesses share. */
#ifndef PROOF_H
#define PROOF_H

#include <virtio-shadow/svq.h>
#include "svq_chain.h"

typedef unsigned __int128 wide;

#define ASSUME(c) __CPROVER_assume(c)
#define PROVE(c, why) __CPROVER_assert(c, why)
/* Against vacuity: there must be a run in which this is so. */
#ifdef COVERING
#define COVER(c) __CPROVER_cover(c)
#else
#define COVER(c) ((void)0)
#endif

bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
unsigned int nondet_uint(void);

/* Descriptors that a queue has at most; a harness may take fewer: -DSIZE=. */
#ifndef SIZE
#define SIZE 8u
#endif

/* One device with one queue of up to SIZE descriptors, whatever state it is in. */
extern struct svq_dev dev;

/*
 * Banks as the environment gives them: page aligned, not empty, below the window;
 * with -DFIXED_BANKS two that are big enough for anything, in proofs that are about
 * rings, and would take hours for any two.  And the queue's arrays.
 */
void proof_dev(void);

/* A part of a ring of bytes, anywhere in its pages. */
void proof_mem(struct svq_mem *m, uint32_t bytes, uint32_t align);

/* All of [addr, addr + len) in one bank, in numbers that do not wrap. */
bool proof_in_ram(uint64_t addr, uint64_t len);

/*
 * What is said of a chain that was accepted: VIRTIO 1.4 2.7.4.2, 2.7.5, and the
 * documented limits.  The descriptors are those of q->chain.
 */
void proof_well_formed(const struct svq_queue *q, const struct svq_chain *c);

/* The part of it that holds while it is being read. */
bool proof_sound(const struct svq_chain *c);

#endif /* PROOF_H */
