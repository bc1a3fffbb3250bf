/* SPDX-License-Identifier: MIT */
/*
 * The host port, for a sanitizer that looks for races: what the core reads and writes
 * once is atomic.  Rings are nobody else's while the core has the lock of their queue, so
 * fences, which the sanitizer does not know, need not be any.
 */
#ifndef PARALLEL_SVQ_PORT_H
#define PARALLEL_SVQ_PORT_H

#include "../../libvirtio-shadow/host/svq_port.h"

#undef svq_read_once
#undef svq_write_once
#define svq_read_once(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define svq_write_once(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)

#undef svq_rmb
#undef svq_wmb
#undef svq_mb
#define svq_rmb() atomic_signal_fence(memory_order_acquire)
#define svq_wmb() atomic_signal_fence(memory_order_release)
#define svq_mb() atomic_signal_fence(memory_order_seq_cst)

#endif /* PARALLEL_SVQ_PORT_H */
