/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the mediator needs of an architecture, besides the batched operations on
 * foreign pages in xen/p2m-common.h.
 */
#ifndef VSH_ARCH_H
#define VSH_ARCH_H

#include <xen/types.h>

struct domain;
struct vsh_device;

/* First address that no guest can have: banks and registers lie below. */
paddr_t arch_vsh_address_limit(void);

/* Trap accesses to s->base in s->frontend from now on, for good. */
int arch_vsh_register(struct vsh_device *s);

/* The interrupt towards the driver: edge triggered. */
int arch_vsh_irq_reserve(struct domain *d, unsigned int irq);
void arch_vsh_irq_free(struct domain *d, unsigned int irq);
void arch_vsh_irq_raise(struct domain *d, unsigned int irq);

#endif /* VSH_ARCH_H */
