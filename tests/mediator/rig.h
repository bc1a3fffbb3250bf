/* SPDX-License-Identifier: MIT */
/*
 * One mediated device: a frontend with a driver, a backend with a device, and
 * the toolstack's calls.
 */
#ifndef MEDIATOR_RIG_H
#define MEDIATOR_RIG_H

#include "model.h"

#define RIG_FE 1
#define RIG_BE 2
#define RIG_BASE 0x2000000ULL /* registers of device 0 */
#define RIG_IRQ 33U
#define RIG_RAM 0x4000000ULL /* of the frontend, gfn 0x4000 */
#define RIG_RAM_PAGES 2048U
#define RIG_RINGS(q) (RIG_RAM + (q)*0x8000ULL)
#define RIG_BUFFER(n) (RIG_RAM + 0x80000 + (n)*PAGE_SIZE)
#define RIG_APERTURE 0x6000UL /* gfn in the backend */
#define RIG_WINDOW(id) (0xa000UL + (id)*0x100UL)

struct rig_queue {
    uint16_t added, seen;  /* driver: available, and used idx seen */
    uint16_t taken, given; /* device: available idx taken, used idx written */
    uint16_t next_desc;
};

struct rig {
    struct domain *fe, *be;
    unsigned int ram_pages; /* of the frontend */
    unsigned int id, nr_queues, queue_size;
    unsigned int cpu; /* the vCPU that acts, of either domain */
    unsigned long aperture;
    struct rig_queue queue[VSH_MAX_QUEUES];
    uint32_t seq;
    uint64_t features; /* of device and driver, besides VERSION_1 */
    uint16_t policy;
    uint32_t threshold;
    uint32_t indirect; /* XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_* */
    struct vsh_bank pool;
    uint32_t restart_s; /* how long the driver waits for another backend */
    uint32_t flags;     /* XEN_DOMCTL_VIRTIO_SHADOW_F_* */
};

/* A frontend with RAM, so many pages of it or RIG_RAM_PAGES, a backend, no device. */
void rig_domains_with(struct rig *r, unsigned int ram_pages);
void rig_domains(struct rig *r);
/* Another device, of the frontend r->fe and the backend r->be. */
void rig_device(struct rig *r, unsigned int id, unsigned int nr_queues, unsigned int queue_size);
/* For a device that is there: the backend attaches, the driver comes up. */
void rig_up(struct rig *r);
/* All of that, with the device attached and the driver up. */
void rig_running(struct rig *r, unsigned int nr_queues, unsigned int queue_size);

/* The toolstack. */
struct xen_domctl_virtio_shadow_create rig_params(const struct rig *r);
int rig_create(struct rig *r, const struct xen_domctl_virtio_shadow_create *c);
int rig_op(struct domain *fe, unsigned int op, unsigned int id);
struct xen_domctl_virtio_shadow_stats rig_stats(const struct rig *r);
struct xen_domctl_virtio_shadow_queue_stats rig_queue_stats(const struct rig *r, unsigned int q);
struct vsh_device *rig_vsh(const struct rig *r);

/* The backend: map the window, describe the device, ask for something. */
void rig_map_window(struct rig *r);
/* What is left there, whatever it shows. */
void rig_unmap_window(struct rig *r);
void *rig_window(struct rig *r, unsigned int frame, bool write);
struct vsh_info *rig_info(struct rig *r);
struct vsh_queue_info *rig_queue_info(struct rig *r, unsigned int q); /* where that says */
int rig_request(struct rig *r, uint32_t request);
void rig_describe(struct rig *r);
/* A request that is sent, and no more. */
void rig_send(struct rig *r, uint32_t request);
void rig_attach(struct rig *r);
/* Another one, which knows nothing of what was before. */
void rig_backend_comes(struct rig *r);

/* The driver. */
uint32_t rig_read(struct rig *r, uint32_t off);
void rig_write(struct rig *r, uint32_t off, uint32_t val);
void rig_driver_up(struct rig *r);
void *rig_ram(struct rig *r, paddr_t addr);
/* Make a buffer available; the queue's descriptors are used in turn. */
void rig_add(struct rig *r, unsigned int q, paddr_t addr, uint32_t len, bool write);
void rig_kick(struct rig *r, unsigned int q);
void rig_submit(struct rig *r, unsigned int q, paddr_t addr, uint32_t len, bool write); /* both */
/* Returned since the last time. */
unsigned int rig_used(struct rig *r, unsigned int q);

/* The device: how many are there for it; give back the next nr of them. */
unsigned int rig_available(struct rig *r, unsigned int q);
void rig_return(struct rig *r, unsigned int q, unsigned int nr, uint32_t len);
void rig_call(struct rig *r, unsigned int q);
void rig_serve(struct rig *r, unsigned int q, unsigned int nr, uint32_t len); /* both */

/* Have a vCPU do what it has left before it runs on; the number of rounds. */
unsigned int rig_settle(struct vcpu *v);

/* The domain's vCPUs do what they have left, and go to sleep. */
void rig_settle_all(struct domain *d);
void rig_idle(struct vcpu *v);

/* Can the backend see the buffer at addr of the frontend, and write it? */
bool rig_sees(struct rig *r, paddr_t addr, bool write);

/* cmocka's setup and teardown of each test. */
int rig_setup(void **state);
int rig_teardown(void **state);

#define rig_test(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

/* The page behind a gfn. */
struct page_info *rig_page(struct domain *d, unsigned long gfn);
struct page_info *rig_page_at(struct domain *d, paddr_t addr);

/* Nobody but the frontend itself, and the device that keeps what it knows, refers to it. */
bool rig_is_back(struct domain *d, unsigned long gfn);

#endif /* MEDIATOR_RIG_H */
