/* SPDX-License-Identifier: MIT */
/* Stand-in: all pages are mapped for good, as on arm64. */
#ifndef STAND_IN_XEN_DOMAIN_PAGE_H
#define STAND_IN_XEN_DOMAIN_PAGE_H

#include <xen/mm.h>

void *__map_domain_page_global(struct page_info *pg);
void unmap_domain_page_global(const void *p);
static inline void *__map_domain_page(struct page_info *pg)
{
    return __map_domain_page_global(pg);
}

static inline void *map_domain_page(mfn_t mfn)
{
    return __map_domain_page_global(mfn_to_page(mfn));
}

static inline void unmap_domain_page(const void *p)
{
    unmap_domain_page_global(p);
}

mfn_t domain_page_map_to_mfn(const void *p);
void clear_domain_page(mfn_t mfn);

#endif
