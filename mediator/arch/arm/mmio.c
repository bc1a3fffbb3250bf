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
    unsigned int off = info->gpa - s->base, size = 1U << info->dabt.size;

    /* Of a device that is being closed meanwhile, it is as good as any. */
    if ( svq_mmio_is_int(off, size) )
    {
        if ( vsh_usable(s) )
            *r = svq_int_read(&s->dev, off);
        return 1;
    }

    vsh_lock(s);

    if ( vsh_usable(s) )
        *r = svq_mmio_read(&s->dev, off, size);

    vsh_unlock(s);

    return 1;
}

/* The driver has kicked for queue q.  True if there is more to do. */
static bool kicked(struct vsh_device *s, unsigned int q)
{
    spin_lock(&s->queue[q].lock);

    if ( !vsh_usable(s) )
    {
        spin_unlock(&s->queue[q].lock);
        return false;
    }

    svq_queue_kicked(&s->dev, q);

    return vsh_run_queue(s, q);
}

static bool write_register(struct vsh_device *s, unsigned int off,
                           unsigned int size, register_t r)
{
    bool more = false;

    vsh_lock(s);

    if ( vsh_usable(s) )
    {
        svq_mmio_write(&s->dev, off, size, r);
        more = vsh_run(s);
    }

    vsh_unlock(s);

    return more;
}

static int mmio_write(struct vcpu *v, mmio_info_t *info, register_t r,
                      void *priv)
{
    struct vsh_device *s = priv;
    unsigned int off = info->gpa - s->base, size = 1U << info->dabt.size;
    int q = svq_mmio_queue(off, size, r);

    if ( svq_mmio_is_int(off, size) )
    {
        if ( vsh_usable(s) )
            svq_int_write(&s->dev, off, r);
        return 1;
    }

    if ( q >= 0 ? kicked(s, q) : write_register(s, off, size, r) )
        vsh_leave_to_current();

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
