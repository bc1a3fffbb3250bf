# SPDX-License-Identifier: MIT
# A table with one entry more than the queue.
# file: src/svq_chain.c
s/entries > q->size )/entries > q->size + 1u )/
