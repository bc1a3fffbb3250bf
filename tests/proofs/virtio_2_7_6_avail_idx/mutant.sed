# SPDX-License-Identifier: MIT
# Not at the point where the idx wraps.
# file: src/svq_split.c
s/(uint16_t)(idx - q->last_avail) > q->size/idx - q->last_avail > q->size/
