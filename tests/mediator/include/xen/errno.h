/* SPDX-License-Identifier: MIT */
/* Stand-in: those that the mediator uses have Linux's values in Xen, too. */
#include <errno.h>
