# SPDX-License-Identifier: MIT
# What was revoked is still reachable through the TLB.
# file: svq_pages.c
# found by: backend
s/if ( flush )/if ( flush \&\& 0 )/
