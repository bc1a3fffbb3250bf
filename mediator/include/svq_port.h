/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's port to Xen.
 */
#ifndef SVQ_PORT_H
#define SVQ_PORT_H

#include <xen/lib.h>
#include <xen/nospec.h>
#include <xen/string.h>
#include <xen/types.h>

#include <asm/atomic.h>
#include <asm/system.h>

/* One access, of the value's own width, to memory that others may change. */
#define svq_read_once(x)        read_atomic(&(x))
#define svq_write_once(x, v)    write_atomic(&(x), v)

/* The others are vCPUs, on CPUs of the same inner-shareable domain. */
#define svq_rmb()               smp_rmb()
#define svq_wmb()               smp_wmb()
#define svq_mb()                smp_mb()

/* Atomically, and fully ordered, in a uint32_t. */
static inline void svq_change_bits(uint32_t *p, uint32_t clear, uint32_t set)
{
    uint32_t old, seen = read_atomic(p);

    /* Whoever comes in between has made progress. */
    do {
        old = seen;
        seen = cmpxchg(p, old, (old & ~clear) | set);
    } while ( seen != old );
}

#define svq_set_bits(p, bits)   svq_change_bits(p, 0, bits)
#define svq_clear_bits(p, bits) svq_change_bits(p, bits, 0)

/*
 * i if i < n, else 0, also under speculation.  The mask is applied whatever
 * CONFIG_SPECULATIVE_HARDEN_ARRAY says: the index is always a guest's.
 */
#define svq_nospec(i, n)                                            \
({                                                                  \
    typeof(i) i_ = (i);                                             \
                                                                    \
    i_ & (typeof(i))array_index_mask_nospec(i_, n);                 \
})

#endif /* SVQ_PORT_H */
