/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls from user space, as root, by way of privcmd. The kernel needs
 * "xen_privcmd.unrestricted=1" on its command line.
 *
 * All return 0 (or a number) or a negative errno value of Xen's.
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include <stdint.h>

long hypercall(unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

/* This domain's physmap. */
long hc_decrease(uint64_t gfn);
long hc_populate(uint64_t gfn);
long hc_remove(uint64_t gfn);
long hc_map_grant_frame(unsigned int frame, uint64_t gfn);
long hc_map_shared_info(uint64_t gfn);
long hc_map_foreign(unsigned int domid, uint64_t their_gfn, uint64_t gfn);

/* The window of a mediated device; nr frames from frame on at gfn, or with nr 0 their number. */
long hc_acquire_window(unsigned int domid, unsigned int device, uint64_t frame, unsigned int nr,
                       uint64_t gfn);

/* What Xen would keep a mapping of. */
long hc_vcpu_info(unsigned int vcpu, uint64_t gfn);
long hc_runstate(unsigned int vcpu, volatile void *va);
long hc_runstate_phys(unsigned int vcpu, uint64_t addr);
long hc_fifo_control(unsigned int vcpu, uint64_t gfn);
long hc_fifo_array(uint64_t gfn);

/* GNTTABOP_copy between this domain's frames; the status if the hypercall itself works. */
long hc_copy(uint64_t from_gfn, uint64_t to_gfn, unsigned int offset, unsigned int len);
/* GNTTABOP_map_grant_ref of this domain's own grant, at gfn; and what undoes it. */
long hc_map_own_grant(unsigned int domid, uint32_t ref, uint64_t gfn, uint32_t *handle);
long hc_unmap_grant(uint64_t gfn, uint32_t handle);

long hc_bind_interdomain(unsigned int domid, uint32_t port);
long hc_send(uint32_t port);

/* XEN_DOMCTL_virtio_shadow, which is not for a backend. */
long hc_domctl(unsigned int domid, unsigned int device, unsigned int op);

#endif
