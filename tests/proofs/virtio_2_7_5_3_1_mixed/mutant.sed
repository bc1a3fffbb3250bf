# SPDX-License-Identifier: MIT
# More descriptors than the queue, with those before the table.
# file: src/svq_chain.c
s/^        if ( c->nr == q->size )/        if ( c->nr > q->size )/
