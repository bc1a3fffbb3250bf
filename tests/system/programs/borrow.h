// SPDX-License-Identifier: MIT
/*
 * Programs in the backend VM that want to see, or do, exactly what a device
 * process can: they borrow the files that virtio-shadowd holds for a device.
 */
#ifndef BORROW_H
#define BORROW_H

#include <stdint.h>

#include <virtio-shadow/abi.h>

struct borrowed_region {
    uint64_t das, size; /* bytes */
    uint8_t *va;
};

#define BORROW_MAX_EVENTFDS 64

struct borrowed {
    struct borrowed_region window, bank[VSH_MAX_BANKS]; /* the daemon has all of the window */
    struct borrowed_region queues;                      /* what device processes get of it ... */
    int queues_fd;                                      /* ... with this file */
    unsigned int nr_banks;
    int pid; /* the daemon */
    int eventfd[BORROW_MAX_EVENTFDS];
    unsigned int nr_eventfds;
};

/*
 * Maps, with prot, the regions of a device that the daemon here serves. Exits
 * with status 2 and a message if there is none.
 */
void borrow_device(struct borrowed *b, unsigned int frontend, unsigned int device, int prot);

/*
 * Fills in eventfd[]: those that the daemon has now, of every device. It makes
 * new ones each time that a driver starts a device.
 */
void borrow_eventfds(struct borrowed *b);

#endif
