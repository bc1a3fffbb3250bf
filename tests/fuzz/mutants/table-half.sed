# SPDX-License-Identifier: MIT
# A table may end within a descriptor.
# file: svq_chain.c
# found by: driver
s/len % sizeof(struct svq_desc) ||/0 ||/
