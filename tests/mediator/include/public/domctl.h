/* SPDX-License-Identifier: MIT */
/* Stand-in: what the patches add, and the handles that it needs. */
#ifndef STAND_IN_PUBLIC_DOMCTL_H
#define STAND_IN_PUBLIC_DOMCTL_H

#include <xen/types.h>

#define DEFINE_XEN_GUEST_HANDLE(type)                                                              \
    typedef struct {                                                                               \
        type *p;                                                                                   \
    } model_handle_##type
#define XEN_GUEST_HANDLE_64(type) model_handle_##type

#include <generated/domctl-added.h>

#endif
