/* SPDX-License-Identifier: MIT */
#define __ro_after_init
