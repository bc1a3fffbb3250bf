# SPDX-License-Identifier: MIT
# More is returned than is in flight.
# file: svq_shadow.c
# found by: backend
s/last_shadow_used) > q->in_flight )/last_shadow_used) > q->size )/
