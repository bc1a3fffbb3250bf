# SPDX-License-Identifier: MIT
# A chain may be one descriptor longer than the queue.
# file: svq_split.c
# found by: driver
s/if ( c->ring_descs == q->size )/if ( c->ring_descs == q->size + 1 )/
