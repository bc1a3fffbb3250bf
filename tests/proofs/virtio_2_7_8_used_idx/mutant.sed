# SPDX-License-Identifier: MIT
# One more than is in flight.
# file: src/svq_shadow.c
s/> q->in_flight )/> q->in_flight + 1 )/
