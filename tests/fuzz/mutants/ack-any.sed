# SPDX-License-Identifier: MIT
# The acknowledgement of an older reset will do.
# file: svq_mailbox.c
# found by: mailbox
s/m->generation != dev->generation )/(m->generation != dev->generation \&\& !m->version) )/
