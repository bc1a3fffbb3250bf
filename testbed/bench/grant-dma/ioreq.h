/* SPDX-License-Identifier: MIT */
/*
 * The guest's accesses to the device's registers, by way of an ioreq server: what a device model
 * does that is privileged over its guest.
 */
#ifndef IOREQ_H
#define IOREQ_H

#include <stdbool.h>
#include <stdint.h>

/* Becomes the device model of [base, base + size). Ends the program if it cannot. */
void ioreq_open(uint16_t domid, uint64_t base, uint64_t size);

/* One access: off from base; returns what was read. */
typedef uint64_t (*ioreq_access)(uint32_t off, unsigned int size, bool write, uint64_t val);
typedef void (*ioreq_after)(void);

/*
 * Serves accesses until the guest is gone. after is called when the guest's vCPU has its answer and
 * goes on.
 */
void ioreq_serve(ioreq_access access, ioreq_after after);

/* Raises an interrupt of the guest. Any thread. */
void ioreq_interrupt(uint32_t spi);

#endif /* IOREQ_H */
