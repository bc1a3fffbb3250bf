/* SPDX-License-Identifier: MIT */
/* Stand-in: a host test does not speculate. */
#ifndef STAND_IN_XEN_NOSPEC_H
#define STAND_IN_XEN_NOSPEC_H

#define array_index_mask_nospec(i, n) ((i) < (n) ? ~0UL : 0UL)
#define array_index_nospec(i, n) ((i) < (n) ? (i) : 0)

#endif
