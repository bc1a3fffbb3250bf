# SPDX-License-Identifier: MIT
# Another place than the one that was found.
# file: src/svq_runs.c
s/mask(nr) << (first % BITS)/mask(nr) << (first % (BITS - 1))/
