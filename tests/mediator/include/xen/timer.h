/* SPDX-License-Identifier: MIT */
/* Stand-in: timers. */
#ifndef STAND_IN_XEN_TIMER_H
#define STAND_IN_XEN_TIMER_H

#include <xen/time.h>

struct timer {
    void (*function)(void *data);
    void *data;
    s_time_t expires;
    bool active, killed;
    unsigned int cpu;
    struct timer *next; /* of those that live */
};

void init_timer(struct timer *timer, void (*function)(void *data), void *data, unsigned int cpu);
void set_timer(struct timer *timer, s_time_t expires);
void stop_timer(struct timer *timer);
void migrate_timer(struct timer *timer, unsigned int new_cpu);
void kill_timer(struct timer *timer);

/* Where it all happens. */
extern unsigned int model_cpu;

#define smp_processor_id() model_cpu

#endif
