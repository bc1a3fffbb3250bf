/* SPDX-License-Identifier: MIT */
/*
 * Chains of descriptors, as they are read from a driver's ring: q->chain holds
 * a private copy of every descriptor, and only that copy is checked and used.
 */
#ifndef SVQ_CHAIN_H
#define SVQ_CHAIN_H

#include <virtio-shadow/svq.h>

/* The chain in q->chain. */
struct svq_chain {
    unsigned int nr;            /* descriptors in q->chain, those of a table among them */
    unsigned int pages;         /* that their buffers cover */
    uint64_t bytes, writable;
    uint16_t id;                /* the driver's: head, or buffer id */
    uint16_t ring_descs;        /* descriptors of the driver's ring that it takes */
    unsigned int parts;         /* in q->part: what svq_buffers_take() has made of it */
    bool indirect;              /* it has a table ... */
    bool in_table;              /* ... or is to have one in the window */
    bool remapped;              /* ... which stays in place ... */
    uint64_t table;             /* ... here */
    uint32_t table_len;
    unsigned int work;          /* what reading it has cost, in units of SVQ_BUDGET */
};

/* Does all of [addr, addr + len) lie in a RAM bank?  Does not wrap. */
bool svq_in_ram(const struct svq_dev *dev, uint64_t addr, uint64_t len);

/*
 * One more buffer: the descriptor q->chain[c->nr], whose flags are WRITE or
 * nothing besides NEXT.
 */
enum svq_error svq_chain_add(const struct svq_dev *dev, const struct svq_queue *q,
                             struct svq_chain *c);

/*
 * The chain ends in the indirect table of len bytes at addr (2.7.5.3, 2.8.7):
 * copy it, once, and add what it describes.  If it stays in place (svq_remap.h)
 * its pages are taken, whatever is returned.
 */
enum svq_error svq_chain_add_table(struct svq_dev *dev, struct svq_queue *q, struct svq_chain *c,
                                   uint64_t addr, uint32_t len);

/* Pages that a buffer of len > 0 bytes covers; at most 2^20 + 1. */
static inline unsigned int svq_pages_of(uint64_t addr, uint32_t len)
{
    return (unsigned int)(((addr + len - 1) >> SVQ_PAGE_SHIFT) - (addr >> SVQ_PAGE_SHIFT) + 1);
}

#endif /* SVQ_CHAIN_H */
