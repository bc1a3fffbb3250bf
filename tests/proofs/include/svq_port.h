/* SPDX-License-Identifier: MIT */
/*
 * The core's port for proofs: memory that a driver or a backend can write is
 * whatever they like at every read.  So a value that is read twice is two values,
 * and a proof holds for any number of them that write at any time.
 */
#ifndef PROOFS_SVQ_PORT_H
#define PROOFS_SVQ_PORT_H

#include "../../../libvirtio-shadow/host/svq_port.h"

#undef svq_read_once
#define svq_read_once(x)                                                                           \
    __extension__({                                                                                \
        __typeof__(x) any_;                                                                        \
        __CPROVER_assert(__CPROVER_r_ok(&(x), sizeof(x)), "shared memory is read where it is");    \
        any_;                                                                                      \
    })

#undef svq_write_once
#define svq_write_once(x, v)                                                                       \
    do {                                                                                           \
        __CPROVER_assert(__CPROVER_w_ok(&(x), sizeof(x)), "shared memory is written where it is"); \
        (x) = (v);                                                                                 \
    } while (0)

#undef svq_rmb
#undef svq_wmb
#undef svq_mb
#define svq_rmb() ((void)0)
#define svq_wmb() ((void)0)
#define svq_mb() ((void)0)

#endif /* PROOFS_SVQ_PORT_H */
