/* SPDX-License-Identifier: MIT */
/* Stand-in: Xen's basic types. */
#ifndef STAND_IN_XEN_TYPES_H
#define STAND_IN_XEN_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t;
typedef uint64_t __attribute__((aligned(8))) uint64_aligned_t;
typedef uint16_t domid_t;
typedef uint32_t evtchn_port_t;

#endif
