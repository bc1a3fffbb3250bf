/* SPDX-License-Identifier: MIT */
/*
 * The environment in proofs: checks what it is promised, and does anything that
 * it may do.
 */
#include "proof.h"

#include "svq_guest.h"
#include "svq_remap.h"

/* As svq_guest.h says. */
enum svq_error svq_guest_read(struct svq_pages *p, uint64_t addr, void *buf, uint32_t len)
{
    PROVE(p == &dev.queue[0].pages && len, "something is read, for the queue");
    PROVE(svq_in_ram(&dev, addr, len), "a read stays in RAM");
    PROVE(__CPROVER_w_ok(buf, len), "there is room for what is read");

    /* What lies behind it may have changed as well: it is whatever anybody likes. */
    __CPROVER_havoc_object(buf);

    return nondet_bool() ? SVQ_ERR_PAGE : SVQ_ERR_NONE;
}

/* Then it takes who is alone with the device; who that is says dev.alone, whatever it is. */
bool svq_remap_is_wanted(const struct svq_dev *d, const struct svq_queue *q,
                         const struct svq_chain *c, uint64_t addr, uint32_t len)
{
    PROVE(d == &dev && svq_in_ram(d, addr, len), "a table lies in RAM");

    return q->remap && !c->nr && nondet_bool();
}

/* As svq_remap.h says: the table is settled and stays where it is, or nothing has changed. */
bool svq_remap(struct svq_dev *d, struct svq_queue *q, struct svq_chain *c, uint64_t addr,
               uint32_t len)
{
    PROVE(d == &dev && len && !(len % sizeof(struct svq_desc)) &&
              len / sizeof(struct svq_desc) <= q->size,
          "a table that is a table");
    PROVE(svq_in_ram(d, addr, len), "a table lies in RAM");

    if (!q->remap || c->nr || nondet_bool())
        return false;

    c->remapped = true;
    c->table = addr;
    c->table_len = len;
    __CPROVER_havoc_object(q->table);

    return true;
}
