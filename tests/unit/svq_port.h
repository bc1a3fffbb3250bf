/* SPDX-License-Identifier: MIT */
/*
 * The host port, watched: each read and write of memory that a driver or a
 * backend shares, and each barrier, tells env.c first.  So the tests can look
 * at the very moment an idx moves, and can change memory between two reads.
 */
#ifndef UNIT_SVQ_PORT_H
#define UNIT_SVQ_PORT_H

#include "../../libvirtio-shadow/host/svq_port.h"

enum env_barrier { ENV_RMB, ENV_WMB, ENV_MB };

void env_after_read(const volatile void *p, size_t bytes);
void env_before_write(const volatile void *p, size_t bytes, uint64_t val);
void env_barrier(enum env_barrier barrier);
void *env_memcpy(void *dst, const void *src, size_t bytes);

#undef svq_read_once
#define svq_read_once(x)                                                                           \
    __extension__({                                                                                \
        __typeof__(x) value_ = *(const volatile __typeof__(x) *)&(x);                              \
        env_after_read(&(x), sizeof(x));                                                           \
        value_;                                                                                    \
    })

#undef svq_write_once
#define svq_write_once(x, v)                                                                       \
    __extension__({                                                                                \
        __typeof__(x) value_ = (v);                                                                \
        env_before_write(&(x), sizeof(x), value_);                                                 \
        *(volatile __typeof__(x) *)&(x) = value_;                                                  \
    })

#undef svq_rmb
#undef svq_wmb
#undef svq_mb
#define svq_rmb() env_barrier(ENV_RMB)
#define svq_wmb() env_barrier(ENV_WMB)
#define svq_mb() env_barrier(ENV_MB)

#define memcpy(dst, src, bytes) env_memcpy(dst, src, bytes)

#endif /* UNIT_SVQ_PORT_H */
