/* SPDX-License-Identifier: MIT */
#ifndef STAND_IN_ASM_ATOMIC_H
#define STAND_IN_ASM_ATOMIC_H

#define read_atomic(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define write_atomic(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

#endif
