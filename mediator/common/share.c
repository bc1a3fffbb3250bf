/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's environment: memory that the backend sees whatever is in flight.
 */
#include <asm/p2m.h>

#include <vsh.h>

void svq_env_shown(struct svq_dev *dev, struct svq_page_op *op,
                   unsigned int nr)
{
    const struct vsh_device *s = container_of(dev, struct vsh_device, dev);
    unsigned int i;

    for ( i = 0; i < nr; i++ )
    {
        p2m_type_t t;
        mfn_t mfn = INVALID_MFN;

        if ( s->backend )
            mfn = p2m_lookup(s->backend, _gfn(op[i].backend_gfn), &t);

        /*
         * The entry may go at any time, and its reference on the page with it:
         * whoever makes use of the answer names the page, and is told.
         */
        op[i].frame = SVQ_NO_FRAME;
        if ( mfn_valid(mfn) && t == p2m_map_foreign_rw &&
             page_get_owner(mfn_to_page(mfn)) == s->frontend )
            op[i].frame = mfn_x(mfn);
    }
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
