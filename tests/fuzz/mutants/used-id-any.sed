# SPDX-License-Identifier: MIT
# An id beyond the ring is taken for another one.
# file: svq_shadow.c
# found by: backend
s/if ( id >= q->shadow_size )/if ( 0 )/
