# SPDX-License-Identifier: MIT
# The driver is told of more bytes than its buffers have.
# file: svq_shadow.c
# found by: backend
s/if ( \*len > s->writable )/if ( 0 )/
