/* SPDX-License-Identifier: MIT */
/* Stand-in: memory that is counted, and can run out. */
#ifndef STAND_IN_XEN_XVMALLOC_H
#define STAND_IN_XEN_XVMALLOC_H

#include <xen/types.h>

void *model_alloc(size_t size, size_t nr, bool zero);
void xvfree(void *p);

#define xvzalloc(type) ((type *)model_alloc(sizeof(type), 1, true))
#define xvzalloc_array(type, nr) ((type *)model_alloc(sizeof(type), nr, true))
#define xvzalloc_flex_struct(type, field, nr)                                                      \
    ((type *)model_alloc(offsetof(type, field[nr]), 1, true))
#define xvmalloc_array(type, nr) ((type *)model_alloc(sizeof(type), nr, false))
#define XVFREE(p)                                                                                  \
    do {                                                                                           \
        xvfree(p);                                                                                 \
        (p) = NULL;                                                                                \
    } while (0)

#endif
