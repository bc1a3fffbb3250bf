/* SPDX-License-Identifier: MIT */
#ifndef STAND_IN_ASM_SYSTEM_H
#define STAND_IN_ASM_SYSTEM_H

#include <asm/atomic.h>

#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_mb__after_atomic() smp_mb()

#endif
