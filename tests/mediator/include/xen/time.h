/* SPDX-License-Identifier: MIT */
/* Stand-in: time, which passes when the test says so. */
#ifndef STAND_IN_XEN_TIME_H
#define STAND_IN_XEN_TIME_H

#include <xen/types.h>

typedef int64_t s_time_t;

s_time_t NOW(void);

#define SECONDS(s) ((s_time_t)(s)*1000000000LL)
#define MILLISECS(ms) ((s_time_t)(ms)*1000000LL)
#define MICROSECS(us) ((s_time_t)(us)*1000LL)
#define PRI_stime "ld"

#endif
