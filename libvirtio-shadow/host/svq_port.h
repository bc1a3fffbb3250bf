/* SPDX-License-Identifier: MIT */
/*
 * The core's port to a hosted C11 environment: unit tests, fuzzers, proofs.
 */
#ifndef SVQ_PORT_H
#define SVQ_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One access, of the value's own width, to memory that others may change. */
#define svq_read_once(x)        (*(const volatile __typeof__(x) *)&(x))
#define svq_write_once(x, v)    (*(volatile __typeof__(x) *)&(x) = (v))

#define svq_rmb()               atomic_thread_fence(memory_order_acquire)
#define svq_wmb()               atomic_thread_fence(memory_order_release)
#define svq_mb()                atomic_thread_fence(memory_order_seq_cst)

/* Atomically, and fully ordered, in a uint32_t. */
#define svq_set_bits(p, bits)   ((void)__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST))
#define svq_clear_bits(p, bits) ((void)__atomic_fetch_and(p, ~(bits), __ATOMIC_SEQ_CST))

/* i if i < n, else 0, also under speculation.  A host test does not speculate. */
#define svq_nospec(i, n)        ((i) < (n) ? (i) : 0)

#endif /* SVQ_PORT_H */
