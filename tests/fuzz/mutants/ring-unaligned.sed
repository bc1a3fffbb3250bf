# SPDX-License-Identifier: MIT
# Rings may lie anywhere.
# file: svq_queue.c
# found by: mmio
s/return !(addr & (align - 1)) && /return align \&\& /
