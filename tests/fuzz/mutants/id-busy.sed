# SPDX-License-Identifier: MIT
# The same for the buffer id of a packed queue.
# file: svq_packed.c
# found by: driver
s/return svq_is_busy(q, c->id) ? SVQ_ERR_HEAD_BUSY : SVQ_ERR_NONE;/return SVQ_ERR_NONE;/
