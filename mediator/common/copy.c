/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's environment: copying between the frontend's buffers and bounce
 * pages.
 *
 * Straight from the one to the other.  The frontend may change what is copied,
 * or give the page away, at the same time: whichever of the two it is, what
 * arrives is the frontend's own.
 */
#include <xen/domain_page.h>
#include <xen/errno.h>

#include <asm/p2m.h>

#include <vsh.h>

/* len bytes of one page of the frontend. */
static void copy_part(struct page_info *pg, unsigned int at,
                      uint8_t *const page[], uint32_t off, uint32_t len,
                      bool to_guest)
{
    uint8_t *p = __map_domain_page(pg);

    while ( len )
    {
        uint8_t *bounce = page[off >> PAGE_SHIFT] + (off & ~PAGE_MASK);
        uint32_t n = min_t(uint32_t, len, PAGE_SIZE - (off & ~PAGE_MASK));

        if ( to_guest )
            memcpy(p + at, bounce, n);
        else
            memcpy(bounce, p + at, n);

        at += n;
        off += n;
        len -= n;
    }

    unmap_domain_page(p);
}

int svq_env_copy(struct svq_dev *dev, uint64_t addr, uint8_t *const page[],
                 uint32_t off, uint32_t len, bool to_guest)
{
    struct domain *d = container_of(dev, struct vsh_device, dev)->frontend;
    gfn_t gfn[SVQ_PAGE_BATCH];
    struct page_info *pg[SVQ_PAGE_BATCH];
    unsigned int i, nr, got;

    while ( len )
    {
        nr = min_t(uint64_t, PFN_UP((addr & ~PAGE_MASK) + (uint64_t)len),
                   ARRAY_SIZE(gfn));

        for ( i = 0; i < nr; i++ )
            gfn[i] = gfn_add(gaddr_to_gfn(addr), i);

        got = p2m_get_ram_pages(d, gfn, pg, nr);

        for ( i = 0; i < got; i++ )
        {
            unsigned int at = addr & ~PAGE_MASK;
            uint32_t n = min_t(uint32_t, len, PAGE_SIZE - at);

            copy_part(pg[i], at, page, off, n, to_guest);
            put_page(pg[i]);

            addr += n;
            off += n;
            len -= n;
        }

        if ( got < nr )
            return -EINVAL;
    }

    return 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
