# SPDX-License-Identifier: MIT
# Readable after writable.
# file: src/svq_chain.c
s/else if ( c->writable )/else if ( c->writable == 1 )/
