/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers that the driver sees.
 */
#include <xen/lib.h>

#include <asm/mmio.h>
#include <asm/p2m.h>

#include <vsh.h>
#include <vsh-arch.h>

paddr_t arch_vsh_address_limit(void)
{
    return 1ULL << p2m_ipa_bits;
}

/* Nothing that a driver does here aborts: what is not allowed is ignored. */
static int mmio_read(struct vcpu *v, mmio_info_t *info, register_t *r,
                     void *priv)
{
    struct vsh_device *s = priv;

    spin_lock(&s->lock);

    if ( vsh_usable(s) )
        *r = svq_mmio_read(&s->dev, info->gpa - s->base,
                           1U << info->dabt.size);

    spin_unlock(&s->lock);

    return 1;
}

static int mmio_write(struct vcpu *v, mmio_info_t *info, register_t r,
                      void *priv)
{
    struct vsh_device *s = priv;

    spin_lock(&s->lock);

    if ( vsh_usable(s) )
    {
        svq_mmio_write(&s->dev, info->gpa - s->base, 1U << info->dabt.size, r);
        vsh_run(s);
    }

    spin_unlock(&s->lock);

    return 1;
}

static const struct mmio_handler_ops ops = {
    .read = mmio_read,
    .write = mmio_write,
};

int arch_vsh_register(struct vsh_device *s)
{
    return try_register_mmio_handler(s->frontend, &ops, s->base, SVQ_MMIO_SIZE,
                                     s);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
