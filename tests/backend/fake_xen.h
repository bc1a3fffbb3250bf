/* SPDX-License-Identifier: MIT */
/*
 * Xen, its kernel module and xenstore, as device.c sees them: a stand-in for
 * shadow.c and store.c. The states follow docs/abi.md.
 */
#ifndef FAKE_XEN_H
#define FAKE_XEN_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "store.h"

#define FAKE_XEN_DEVICES 3
#define FAKE_XEN_QUEUES 2

struct fake_xen {
    struct guest guest;
    int event;          /* control channel to the backend: an eventfd */
    int attach_error;   /* what the next shadow_attach() fails with, once; 0: nothing */
    bool attach_always; /* not once */
    bool attached;      /* the daemon has it open */
    bool described;     /* since the last ATTACH */
    bool ack_needed;
    bool driver_waits; /* DRIVER_OK came when the state was not READY */
    bool keep;         /* requests wait for another device */
    int32_t refusal;   /* what ATTACH is answered with */
    unsigned int attaches, acks, detaches, configs; /* requests that were carried out */
    unsigned int queue_acks;
    unsigned int bad_requests; /* and those that were not allowed */
    struct vsh_mailbox description;
    int kick[FAKE_XEN_QUEUES]; /* -1: none */
    int call[FAKE_XEN_QUEUES];
    bool pending[FAKE_XEN_QUEUES];
    bool resetting[FAKE_XEN_QUEUES]; /* the driver waits for QUEUE_ACK */
    int store_state;                 /* last state that the toolstack was told, 0: none */
    char store_error[192];
};

/* Index: the device's id. The frontend is any. */
extern struct fake_xen fake_xen[FAKE_XEN_DEVICES];

void fake_xen_create(void);
void fake_xen_destroy(void);

/* What a driver does, and what befalls a device. */
void fake_xen_driver_ok(struct fake_xen *x);
void fake_xen_driver_reset(struct fake_xen *x);
void fake_xen_fail(struct fake_xen *x);
void fake_xen_gone(struct fake_xen *x);
void fake_xen_kick(struct fake_xen *x, unsigned int queue);
/* The driver resets one queue, and, once resetting[] is false again, enables it again. */
void fake_xen_queue_reset(struct fake_xen *x, unsigned int queue);
void fake_xen_queue_enable(struct fake_xen *x, unsigned int queue);

uint32_t fake_xen_state(struct fake_xen *x);

#endif
