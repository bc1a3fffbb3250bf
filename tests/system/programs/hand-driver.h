/* SPDX-License-Identifier: MIT */
/* Attacks of a driver that is driven by hand: what their groups share. */
#ifndef HAND_DRIVER_H
#define HAND_DRIVER_H

#include "attack.h"
#include "hand.h"

/* The guest's RAM: hand-memory.c. */
extern uint64_t ram_start, ram_end;
void find_ram(void);
extern unsigned int own_domid;

/* NULL, or what is not as it should be. */
const char *fails(bool live); /* DEVICE_NEEDS_RESET, and a reset helps */
const char *goes_on(void);    /* as if nothing had happened */
const char *recovers(void);   /* whatever has happened, a reset helps */

/* Looks at the other disk, too. */
const char *judge(const char *why);

void attack_registers(void);
void attack_races(void);
void attack_memory(void);
void attack_worst(void);

#endif
