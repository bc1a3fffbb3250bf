# SPDX-License-Identifier: MIT
# Rings may lie anywhere.
# file: svq_queue.c
# found by: mmio
s/if ( (addr & (align - 1)) || /if ( !align || /
