/* SPDX-License-Identifier: MIT */
/*
 * Shadow indirect tables: frames of the window that the backend can only read,
 * handed out in runs of entries that are neighbours in the device address space.
 */
#ifndef SVQ_TABLES_H
#define SVQ_TABLES_H

#include <virtio-shadow/svq.h>

/* Nothing is handed out; for a queue of max_size descriptors. */
void svq_tables_init(struct svq_tables *t, uint32_t max_size);

/* Room for entries > 0, at most max_size: the first one, or SVQ_NO_TABLE. */
unsigned int svq_tables_alloc(struct svq_tables *t, unsigned int entries);

/* Would there be room? */
bool svq_tables_fit(const struct svq_tables *t, unsigned int entries);

/* Give back what svq_tables_alloc() gave for that many entries. */
void svq_tables_free(struct svq_tables *t, unsigned int first, unsigned int entries);

/* Entry i, as the backend sees it. */
static inline struct svq_desc *svq_tables_at(const struct svq_tables *t, unsigned int i)
{
    uint32_t off = i * (uint32_t)sizeof(struct svq_desc);

    return (struct svq_desc *)(t->page[off >> SVQ_PAGE_SHIFT] + (off & SVQ_PAGE_MASK));
}

#endif /* SVQ_TABLES_H */
