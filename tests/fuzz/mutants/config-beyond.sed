# SPDX-License-Identifier: MIT
# What lies after the configuration space reads as its first byte.
# file: svq_mmio.c
# found by: mmio
s/if ( off + i < VSH_CONFIG_SIZE )/if ( 1 )/
