/* SPDX-License-Identifier: MIT */
/* What there is instead of an operating system: console, time, a second vCPU, Xen. */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

void *memset(void *to, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int strcmp(const char *a, const char *b);

/* %s, %u, %x, and %% */
void print(const char *format, ...);
/* A line from the console; waits for it. */
void read_line(char *line, unsigned int size);

uint64_t now_ms(void);
void yield(void);
void wait_ms(unsigned int ms);

/* False if the write took an abort. Either vCPU. */
bool write_u16(volatile uint16_t *to, uint16_t val);

/* The second vCPU calls this over and over until it is told to stop. */
void beside_start(void (*work)(void));
void beside_stop(void);

/* Can this Xen suspend a guest? */
bool can_sleep(void);
/* Until dom0 wakes the guest up: true. The second vCPU must not be busy. */
bool sleep_well(void);

long hypercall(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
               unsigned long e);

/* Each 0, or what Xen says. */
void grant_table_init(void);
void grant(unsigned int ref, unsigned int domain, const void *page);
/* False if somebody has it mapped. */
bool grant_end(unsigned int ref);
int grant_copy_to(const void *from, void *to); /* by the guest, within itself */
int register_vcpu_info(unsigned int vcpu, const void *page);
int version_to(void *to, unsigned int which); /* one of two strings, of up to 1024 bytes */
int event_fifo_at(const void *page);
int balloon_out(const void *page);

#endif
