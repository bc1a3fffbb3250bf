# SPDX-License-Identifier: MIT
# Two banks may share a page of the aperture.
# file: svq_mailbox.c
# found by: mailbox
s/m->aperture_gfn\[a\] < m->aperture_gfn\[b\] + nr_b \&\&/m->aperture_gfn[a] + 1 < m->aperture_gfn[b] + nr_b \&\&/
