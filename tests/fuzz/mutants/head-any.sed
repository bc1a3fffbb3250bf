# SPDX-License-Identifier: MIT
# An entry beyond the descriptor table is taken for another one.
# file: svq_split.c
# found by: driver
/^enum svq_error svq_split_read/,/^}/s/if ( i >= q->size )/if ( 0 )/
