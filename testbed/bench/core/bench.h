/* SPDX-License-Identifier: MIT */
/* The core on the host, between a driver and a backend that cost as little as can be. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <virtio-shadow/svq.h>

#define BENCH_RAM_BASE (1ULL << 30)
#define BENCH_RAM_BYTES (64ULL << 20)
#define BENCH_RING_SIZE 256u

extern struct svq_dev bench_dev;
extern uint8_t *bench_window;

/* The driver's memory. */
void *bench_ram(uint64_t addr);

/* A device that runs, with one queue, split or packed. */
void bench_create(bool packed, uint32_t policy);
void bench_destroy(void);

/* Work that is noted, until there is none. */
void bench_run(void);

_Noreturn void bench_fail(const char *what);

#endif
