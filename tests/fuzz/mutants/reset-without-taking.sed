# SPDX-License-Identifier: MIT
# A queue that is reset leaves the backend what it had in flight.
# file: svq_reset.c
# found by: both
s/walk(q, SVQ_BUFFERS_HOLD, budget)/true/
