/* SPDX-License-Identifier: MIT */
#ifndef STAND_IN_ASM_ATOMIC_H
#define STAND_IN_ASM_ATOMIC_H

#define read_atomic(p) __atomic_load_n(p, __ATOMIC_RELAXED)

/* What was there before. */
#define cmpxchg(p, old, new)                                                                       \
    __extension__({                                                                                \
        __typeof__(*(p)) seen_ = (old);                                                            \
        __atomic_compare_exchange_n(p, &seen_, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
        seen_;                                                                                     \
    })
#define write_atomic(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

#endif
