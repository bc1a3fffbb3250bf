# SPDX-License-Identifier: MIT
# The available idx may jump.
# file: svq_split.c
# found by: driver
s/last_avail) > q->size )/last_avail) > 2 * q->size )/
