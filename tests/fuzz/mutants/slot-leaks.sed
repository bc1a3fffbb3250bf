# SPDX-License-Identifier: MIT
# Descriptors that came back are not free again.
# file: svq_queue.c
# found by: driver
s/q->ring_free = (uint16_t)(q->ring_free + s->ring_descs);/q->ring_free = (uint16_t)(q->ring_free + s->ring_descs - (s->ring_descs > 2));/
