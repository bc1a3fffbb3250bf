# SPDX-License-Identifier: MIT
# The entry after the last one of a table is another one.
# file: svq_chain.c
# found by: driver
s/if ( d->next >= entries )/if ( d->next > entries )/
