# SPDX-License-Identifier: MIT
# A list longer than the ring.
# file: src/svq_packed.c
s/if ( c->ring_descs == q->size )/if ( c->ring_descs > q->size )/
