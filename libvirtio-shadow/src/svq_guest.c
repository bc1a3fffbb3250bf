/* SPDX-License-Identifier: MIT */
/* The frontend's memory, page by page: its pages need not be neighbours for the environment. */
#include "svq_guest.h"
#include "svq_pages.h"

enum svq_error svq_guest_read(struct svq_pages *p, uint64_t addr, void *buf, uint32_t len)
{
    uint8_t *to = buf;
    uint32_t n;

    for ( ; len; addr += n, to += n, len -= n )
    {
        bool own;
        uint64_t frame = svq_pages_frame(p, addr >> SVQ_PAGE_SHIFT, &own);

        if ( frame == SVQ_NO_FRAME )
            return SVQ_ERR_PAGE;

        n = svq_in_page(addr, len);
        svq_env_read(p->dev, frame, (uint32_t)(addr & SVQ_PAGE_MASK), to, n);

        if ( own )
            svq_env_forget(p->dev, frame);
    }

    return SVQ_ERR_NONE;
}

enum svq_error svq_guest_copy(struct svq_pages *p, uint64_t addr, uint8_t *const page[],
                              uint32_t off, uint32_t len, bool to_guest)
{
    uint32_t n;

    for ( ; len; addr += n, off += n, len -= n )
    {
        bool own;
        uint64_t frame = svq_pages_frame(p, addr >> SVQ_PAGE_SHIFT, &own);

        if ( frame == SVQ_NO_FRAME )
            return SVQ_ERR_PAGE;

        /* In one page on either side.  Mostly both begin one, or are short. */
        n = svq_in_page(off, svq_in_page(addr, len));
        svq_env_copy(p->dev, frame, (uint32_t)(addr & SVQ_PAGE_MASK),
                     page[off >> SVQ_PAGE_SHIFT] + (off & SVQ_PAGE_MASK), n, to_guest);

        if ( own )
            svq_env_forget(p->dev, frame);
    }

    return SVQ_ERR_NONE;
}
