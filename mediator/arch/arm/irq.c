/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt towards the driver.
 */
#include <xen/errno.h>
#include <xen/sched.h>

#include <asm/vgic.h>

#include <vsh-arch.h>

int arch_vsh_irq_reserve(struct domain *d, unsigned int irq)
{
    if ( irq < NR_LOCAL_IRQS || irq >= vgic_num_irqs(d) )
        return -EINVAL;

    return vgic_reserve_virq(d, irq) ? 0 : -EBUSY;
}

void arch_vsh_irq_free(struct domain *d, unsigned int irq)
{
    vgic_free_virq(d, irq);
}

void arch_vsh_irq_raise(struct domain *d, unsigned int irq)
{
    vgic_inject_irq(d, NULL, irq, true);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
