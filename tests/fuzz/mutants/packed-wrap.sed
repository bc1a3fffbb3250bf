# SPDX-License-Identifier: MIT
# A packed ring is one descriptor longer than it is.
# file: svq_packed.c
# found by: driver
s/if ( next >= q->size )/if ( next > q->size )/
