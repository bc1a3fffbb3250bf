# SPDX-License-Identifier: MIT
# The driver may set DEVICE_NEEDS_RESET.
# file: svq_mmio.c
# found by: mmio
s/~old \& ~SVQ_STATUS_NEEDS_RESET;/~old;/
