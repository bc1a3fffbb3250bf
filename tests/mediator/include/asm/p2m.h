/* SPDX-License-Identifier: MIT */
/* Stand-in: what a domain's addresses mean. */
#ifndef STAND_IN_ASM_P2M_H
#define STAND_IN_ASM_P2M_H

#include <xen/mm.h>

typedef enum {
    p2m_invalid,
    p2m_ram_rw,
    p2m_ram_ro,
    p2m_map_foreign_rw,
    p2m_map_foreign_ro,
} p2m_type_t;

#define p2m_is_foreign(t) ((t) == p2m_map_foreign_rw || (t) == p2m_map_foreign_ro)

extern unsigned int p2m_ipa_bits;

mfn_t p2m_lookup(struct domain *d, gfn_t gfn, p2m_type_t *t);

#include <generated/p2m-common-added.h>

#endif
