/* SPDX-License-Identifier: MIT */
/* Stand-in: is something else to be done first?  The test says. */
#ifndef STAND_IN_XEN_SOFTIRQ_H
#define STAND_IN_XEN_SOFTIRQ_H

#include <xen/types.h>

bool hypercall_preempt_check(void);

/* Also asked with locks held. */
bool softirq_pending(unsigned int cpu);

#endif
