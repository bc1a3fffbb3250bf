# SPDX-License-Identifier: MIT
# A known table is taken for that of any block in its place.
s/known->block\[i\] == block + 1/known->block[i]/
