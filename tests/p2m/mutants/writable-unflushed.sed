# SPDX-License-Identifier: MIT
# A page is read-only where TLBs still know it as writable.
s/(pte.p2m.write \&\& !f->writable)/false/
