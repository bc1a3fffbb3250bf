/* SPDX-License-Identifier: MIT */
/* What went wrong, in words. */
#include <virtio-shadow/svq.h>

const char *svq_error_text(enum svq_error err)
{
    switch ( err )
    {
    case SVQ_ERR_NONE:          return "no error";
    case SVQ_ERR_AVAIL_IDX:     return "available idx jumped by more than the queue size";
    case SVQ_ERR_HEAD:          return "available entry beyond the descriptor table";
    case SVQ_ERR_HEAD_BUSY:     return "descriptor or id made available again while in flight";
    case SVQ_ERR_NEXT:          return "next beyond the descriptor table";
    case SVQ_ERR_CHAIN_LONG:    return "chain longer than the queue, or a loop";
    case SVQ_ERR_CHAIN_BYTES:   return "chain of more than 2^32 bytes";
    case SVQ_ERR_CHAIN_PAGES:   return "chain of more pages than can be granted at once";
    case SVQ_ERR_ORDER:         return "readable descriptor after a writable one";
    case SVQ_ERR_INDIRECT:      return "indirect descriptor, which was not negotiated";
    case SVQ_ERR_TABLE:         return "indirect table of no, half or too many entries";
    case SVQ_ERR_TABLE_LINK:    return "indirect descriptor in a table, or in a linked list";
    case SVQ_ERR_TABLE_PAGE:    return "buffer in a page of an indirect table in flight";
    case SVQ_ERR_TABLE_WRITE:   return "driver wrote to an indirect table in flight";
    case SVQ_ERR_CHAIN_PART:    return "list of descriptors of which a part is not available";
    case SVQ_ERR_FLAGS:         return "unknown descriptor flags";
    case SVQ_ERR_LEN:           return "buffer of no bytes";
    case SVQ_ERR_ADDR:          return "buffer outside guest RAM";
    case SVQ_ERR_OVERCOMMIT:    return "more descriptors in flight than the queue has";
    case SVQ_ERR_PAGE:          return "buffer in a page that is not the guest's own RAM";
    case SVQ_ERR_BOUNCE:        return "chain of more bytes than can be copied at once";
    case SVQ_ERR_RING:          return "bad size, alignment or place of a ring";
    case SVQ_ERR_STATUS:        return "register write out of order";
    case SVQ_ERR_USED_IDX:      return "used idx jumped beyond what is in flight";
    case SVQ_ERR_USED_ID:       return "used id that is not in flight";
    case SVQ_ERR_APERTURE:      return "aperture occupied by something else";
    case SVQ_ERR_BACKEND_MEM:   return "no page-table memory left for the aperture";
    case SVQ_ERR_BACKEND_GONE:  return "backend gone";
    case SVQ_ERR_REVOKED:       return "revoked on request";
    case SVQ_ERR_DRIVER_END:
    case SVQ_ERR_COUNT:
    case SVQ_NOT_ALONE:         break;
    }

    return "unknown error";
}
