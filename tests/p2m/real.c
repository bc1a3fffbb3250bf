/* SPDX-License-Identifier: MIT */
/* The functions of Xen's that extract.sh has found. */
#include "stand-ins.h"

#include <generated/p2m-real.h>
