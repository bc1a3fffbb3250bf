# SPDX-License-Identifier: MIT
# The rest of a chain is not free again.
# file: src/svq_shadow.c
s/^    q->slot\[i\].next = q->free;/    q->slot[head].next = q->free;/
