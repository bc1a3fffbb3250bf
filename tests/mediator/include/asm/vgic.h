/* SPDX-License-Identifier: MIT */
/* Stand-in: virtual interrupts. */
#ifndef STAND_IN_ASM_VGIC_H
#define STAND_IN_ASM_VGIC_H

#include <xen/sched.h>

#define NR_LOCAL_IRQS 32
#define vgic_num_irqs(d) 96U

bool vgic_reserve_virq(struct domain *d, unsigned int virq);
void vgic_free_virq(struct domain *d, unsigned int virq);
void vgic_inject_irq(struct domain *d, struct vcpu *v, unsigned int virq, bool level);

#endif
