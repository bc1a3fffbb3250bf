# SPDX-License-Identifier: MIT
# A queue is reset before the backend has stopped using it.
# file: svq_reset.c
# found by: both
s/q->reset == SVQ_RESET_WAITING \&\& q->reset_acked )/q->reset == SVQ_RESET_WAITING )/
