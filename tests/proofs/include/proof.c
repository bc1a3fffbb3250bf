/* SPDX-License-Identifier: MIT */
/* What the harnesses share. */
#include "proof.h"

struct svq_dev dev;

static struct svq_desc chain[SIZE], table[SIZE];
/* A split ring's ids are its descriptors, and what is read beyond them is out of bounds here. */
#ifndef BUSY
#define BUSY SVQ_BUSY_WORDS
#endif
static uint32_t busy[BUSY];
static uint8_t pages[SVQ_RING_FRAMES][SVQ_PAGE_SIZE];

void proof_dev(void)
{
    struct svq_queue *q = &dev.queue[0];
    unsigned int b;

    __CPROVER_havoc_object(&dev);
    __CPROVER_havoc_object(busy);
    __CPROVER_havoc_object(chain);
    __CPROVER_havoc_object(table);

    ASSUME(dev.nr_queues == 1);
    ASSUME(dev.nr_banks >= 1 && dev.nr_banks <= VSH_MAX_BANKS);
    for (b = 0; b < VSH_MAX_BANKS; b++) {
        ASSUME(!(dev.bank[b].base & SVQ_PAGE_MASK) && !(dev.bank[b].size & SVQ_PAGE_MASK));
        ASSUME(dev.bank[b].size && dev.bank[b].base < SVQ_WINDOW_DAS);
        ASSUME(dev.bank[b].size <= SVQ_WINDOW_DAS - dev.bank[b].base);
    }

#ifdef FIXED_BANKS
    dev.nr_banks = 2;
    dev.bank[0] = (struct vsh_bank){1ULL << 30, 3ULL << 30};
    dev.bank[1] = (struct vsh_bank){8ULL << 30, 3ULL << 40};
#endif

    q->chain = chain;
    q->busy = busy;
    q->table = table;
    ASSUME(q->max_size == SIZE);
    ASSUME(q->size >= 1 && q->size <= q->max_size);
}

void proof_mem(struct svq_mem *m, uint32_t bytes, uint32_t align)
{
    unsigned int i;

    ASSUME(m->off < SVQ_PAGE_SIZE && !(m->off & (align - 1)));
    ASSUME(m->nr == (m->off + bytes + SVQ_PAGE_SIZE - 1) / SVQ_PAGE_SIZE);
    /* What lies behind them differs at every read, so they may be the same pages for all. */
    for (i = 0; i < SVQ_RING_FRAMES; i++)
        m->page[i] = i < m->nr ? pages[i] : NULL;
}

/*
 * In other words than the core's, which asks whether len fits behind addr: no sum
 * here can wrap.  With sums in 128 bits, which is how one would say it, a proof
 * takes a minute more.
 */
bool proof_in_ram(uint64_t addr, uint64_t len)
{
    unsigned int b;

    for (b = 0; b < dev.nr_banks && b < VSH_MAX_BANKS; b++)
        if (addr >= dev.bank[b].base && len <= dev.bank[b].size &&
            addr - dev.bank[b].base <= dev.bank[b].size - len)
            return true;

    return false;
}

bool proof_sound(const struct svq_chain *c)
{
    return c->pages <= SVQ_CHAIN_PAGES && c->bytes <= 1ULL << 32 && c->writable <= c->bytes &&
           c->nr <= c->pages;
}

void proof_well_formed(const struct svq_queue *q, const struct svq_chain *c)
{
    uint64_t bytes = 0, writable = 0;
    unsigned int pages = 0;
    bool write = false;
    unsigned int i;

    PROVE(c->nr >= 1 && c->nr <= q->size, "2.7.5: a chain is no longer than the queue");

    for (i = 0; i < SIZE; i++) {
        const struct svq_desc *d = &q->chain[i];

        if (i >= c->nr)
            break;

        PROVE(d->len, "a buffer has a byte");
        PROVE(!(d->flags & ~(SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE)), "2.7.5: known flags");
        /* Which is what virtio_2_7_5_in_ram proves it to say. */
        PROVE(svq_in_ram(&dev, d->addr, d->len), "a buffer lies in RAM");
        PROVE(!write || (d->flags & SVQ_DESC_F_WRITE), "2.7.4.2: readable before writable");
        write = d->flags & SVQ_DESC_F_WRITE;
        bytes += d->len;
        writable += write ? d->len : 0;
        pages += svq_pages_of(d->addr, d->len);
    }

    PROVE(c->bytes == bytes && bytes <= 1ULL << 32, "2.7.5: at most 2^32 bytes");
    PROVE(c->writable == writable, "the writable bytes are counted");
    PROVE(c->pages == pages && pages <= SVQ_CHAIN_PAGES, "the pages are counted, and bounded");
}
