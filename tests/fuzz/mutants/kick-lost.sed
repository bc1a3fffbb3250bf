# SPDX-License-Identifier: MIT
# Nobody looks again after asking for kicks.
# file: svq_queue.c
# found by: driver both
s/else if ( svq_ring_enable_kicks(q, chains_ahead(q)) )/else if ( svq_ring_enable_kicks(q, chains_ahead(q)) \&\& 0 )/
