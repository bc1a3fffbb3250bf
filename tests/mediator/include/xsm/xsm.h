/* SPDX-License-Identifier: MIT */
/* Stand-in: the security module, whose policy is the test's. */
#ifndef STAND_IN_XSM_XSM_H
#define STAND_IN_XSM_XSM_H

struct domain;

typedef enum { XSM_PRIV } xsm_default_t;

int xsm_virtio_shadow_serve(xsm_default_t def, struct domain *be, struct domain *fe);

#endif
