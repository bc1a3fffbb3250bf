/* SPDX-License-Identifier: MIT */
#define __init
#define __ro_after_init
