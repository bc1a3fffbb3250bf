/* SPDX-License-Identifier: MIT */
/*
 * Bytes of the frontend's memory that the core itself reads or writes: tables,
 * and buffers that are copied.
 */
#ifndef SVQ_GUEST_H
#define SVQ_GUEST_H

#include <virtio-shadow/svq.h>

/* How much of len bytes from at on is in the page that at is in. */
static inline uint32_t svq_in_page(uint64_t at, uint32_t len)
{
    uint32_t n = SVQ_PAGE_SIZE - (uint32_t)(at & SVQ_PAGE_MASK);

    return n < len ? n : len;
}

/*
 * Copy len > 0 bytes at guest-physical addr, in a RAM bank, into buf.
 * SVQ_ERR_PAGE if one of the pages is not plain RAM of the frontend's.
 */
enum svq_error svq_guest_read(struct svq_pages *p, uint64_t addr, void *buf, uint32_t len);

/*
 * The same between there and a pool of bounce pages, from its byte off on: to the
 * guest, or from there.  With an error some of it may have been copied.
 */
enum svq_error svq_guest_copy(struct svq_pages *p, uint64_t addr, uint8_t *const page[],
                              uint32_t off, uint32_t len, bool to_guest);

#endif /* SVQ_GUEST_H */
