# SPDX-License-Identifier: MIT
# A page takes the place of another one that TLBs still know.
s/return pte.bits \&\& (!mfn_eq(lpae_get_mfn(pte), f->mfn) ||/return pte.bits \&\& (false ||/
