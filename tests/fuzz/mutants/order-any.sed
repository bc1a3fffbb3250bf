# SPDX-License-Identifier: MIT
# Readable descriptors may follow writable ones.
# file: svq_chain.c
# found by: driver
s/else if ( c->writable )/else if ( 0 )/
