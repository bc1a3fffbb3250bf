/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's environment: copying from the frontend's pages, and to them, and
 * zeroing them.
 *
 * Straight from the one to the other.  The frontend may change what is copied,
 * or give the page away, at the same time: whichever of the two it is, what
 * arrives is the frontend's own, as there is a reference on it.
 */
#include <xen/domain_page.h>

#include <asm/p2m.h>

#include <vsh.h>

uint64_t svq_env_frame(struct svq_dev *dev, uint64_t gfn)
{
    struct domain *d = container_of(dev, struct vsh_device, dev)->frontend;
    const gfn_t g = _gfn(gfn);
    struct page_info *pg;

    if ( p2m_get_ram_pages(d, &g, &pg, 1) != 1 )
        return SVQ_NO_FRAME;

    return mfn_x(page_to_mfn(pg));
}

void svq_env_read(struct svq_dev *dev, uint64_t frame, uint32_t at, void *buf,
                  uint32_t len)
{
    const uint8_t *p = map_domain_page(_mfn(frame));

    ASSERT(len <= PAGE_SIZE - at);
    memcpy(buf, p + at, len);
    unmap_domain_page(p);
}

void svq_env_copy(struct svq_dev *dev, uint64_t frame, uint32_t at,
                  uint8_t *bounce, uint32_t len, bool to_guest)
{
    uint8_t *p = map_domain_page(_mfn(frame));

    ASSERT(len <= PAGE_SIZE - at);

    if ( to_guest )
        memcpy(p + at, bounce, len);
    else
        memcpy(bounce, p + at, len);

    unmap_domain_page(p);
}

void svq_env_zero(struct svq_dev *dev, uint64_t frame, uint32_t at,
                  uint32_t len)
{
    uint8_t *p = map_domain_page(_mfn(frame));

    ASSERT(len <= PAGE_SIZE - at);
    memset(p + at, 0, len);
    unmap_domain_page(p);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
