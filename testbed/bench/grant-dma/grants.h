/* SPDX-License-Identifier: MIT */
/*
 * Memory of the guest that it grants for DMA: an address with bit 63 set names
 * grant references, one per page, that follow each other.
 */
#ifndef GRANTS_H
#define GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRANT_PAGE 4096u
#define GRANT_DMA_BASE (1ull << 63)
/* References have 32 bits. */
#define GRANT_DMA_SIZE (1ull << 44)

/* Opens the grant device for memory of this domain. Ends the program if it cannot. */
void grants_open(uint16_t domid);

/* Pages of the buffer. */
static inline uint32_t grant_pages(uint64_t addr, uint32_t len)
{
    return (uint32_t)(((addr + len - 1) / GRANT_PAGE) - addr / GRANT_PAGE + 1);
}

/* Grants that are mapped together, next to each other. */
#define GRANT_SET_MAX 4096u
struct grant_set {
    uint32_t ref[GRANT_SET_MAX];
    uint32_t nr;
    uint8_t *at;
};

/* Adds the buffer's pages; its first byte will be at set->at + the result. The set has room. */
size_t grant_set_add(struct grant_set *set, uint64_t addr, uint32_t len);
bool grant_set_map(struct grant_set *set, bool write);
void grant_set_unmap(struct grant_set *set);

/* Copies that the hypervisor makes, many with one call. */
#define GRANT_COPIES_MAX 4096u
struct grant_copies;
struct grant_copies *grant_copies_new(void);
/* The bytes at addr and those at buf; to_guest: into what is granted. There is room for all pages.
 */
void grant_copies_add(struct grant_copies *copies, uint64_t addr, void *buf, uint32_t len,
                      bool to_guest);
uint32_t grant_copies_room(const struct grant_copies *copies);
/* Makes them. False if one failed. */
bool grant_copies_run(struct grant_copies *copies);

#endif /* GRANTS_H */
