# SPDX-License-Identifier: MIT
# A used length that is not cut.
# file: src/svq_shadow.c
s/if ( \*len > s->writable )/if ( 0 )/
