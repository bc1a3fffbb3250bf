/* SPDX-License-Identifier: MIT */
/* Stand-in: trapped register accesses. */
#ifndef STAND_IN_ASM_MMIO_H
#define STAND_IN_ASM_MMIO_H

#include <xen/sched.h>

/* libc has a type of that name. */
typedef unsigned long xen_register_t;
#define register_t xen_register_t

typedef struct {
    struct {
        unsigned int size; /* log2 */
    } dabt;
    paddr_t gpa;
} mmio_info_t;

struct mmio_handler_ops {
    int (*read)(struct vcpu *v, mmio_info_t *info, register_t *r, void *priv);
    int (*write)(struct vcpu *v, mmio_info_t *info, register_t r, void *priv);
};

int try_register_mmio_handler(struct domain *d, const struct mmio_handler_ops *ops, paddr_t addr,
                              paddr_t size, void *priv);

#endif
