/* SPDX-License-Identifier: MIT */
/* Stand-in: frame numbers that cannot be mixed up. */
#ifndef STAND_IN_XEN_MM_FRAME_H
#define STAND_IN_XEN_MM_FRAME_H

#include <xen/types.h>

typedef struct {
    unsigned long x;
} gfn_t;

typedef struct {
    unsigned long x;
} mfn_t;

#define INVALID_GFN _gfn(~0UL)
#define INVALID_MFN _mfn(~0UL)

static inline gfn_t _gfn(unsigned long x)
{
    return (gfn_t){x};
}

/* So often somebody has looked at one. */
extern unsigned int model_gfns;

static inline unsigned long gfn_x(gfn_t g)
{
    model_gfns++;
    return g.x;
}

static inline bool gfn_eq(gfn_t a, gfn_t b)
{
    return a.x == b.x;
}

static inline gfn_t gfn_add(gfn_t g, unsigned long n)
{
    return _gfn(g.x + n);
}

static inline gfn_t gfn_max(gfn_t a, gfn_t b)
{
    return _gfn(a.x > b.x ? a.x : b.x);
}

static inline gfn_t gfn_min(gfn_t a, gfn_t b)
{
    return _gfn(a.x < b.x ? a.x : b.x);
}

static inline mfn_t _mfn(unsigned long x)
{
    return (mfn_t){x};
}

static inline unsigned long mfn_x(mfn_t m)
{
    return m.x;
}

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.x == b.x;
}

#endif
