# SPDX-License-Identifier: MIT
# A table of no entries, whose first one is read.
# file: src/svq_chain.c
s/^    if ( !entries || len % sizeof(struct svq_desc) ||/    if ( len % sizeof(struct svq_desc) ||/
