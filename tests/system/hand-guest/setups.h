/* SPDX-License-Identifier: MIT */
/* SETUP(id, name, size, offsets of descriptor table, available ring, used ring): included twice. */
SETUP(size_0, "queue of size 0", 0, 0, 0, 0)
SETUP(size_48, "queue size that is no power of two", 48, 0, 0, 0)
SETUP(size_large, "queue size above the maximum", 2048, 0, 0, 0)
SETUP(size_17_bits, "queue size beyond 16 bits", 0x10040, 0, 0, 0)
SETUP(desc_unaligned, "descriptor table unaligned", QSIZE, 8, 0, 0)
SETUP(avail_unaligned, "available ring unaligned", QSIZE, 0, 1, 0)
SETUP(used_unaligned, "used ring unaligned", QSIZE, 0, 0, 2)
SETUP(desc_outside, "descriptor table outside RAM", QSIZE, FAR, 0, 0)
SETUP(avail_outside, "available ring outside RAM", QSIZE, 0, FAR, 0)
SETUP(used_outside, "used ring outside RAM", QSIZE, 0, 0, FAR)
