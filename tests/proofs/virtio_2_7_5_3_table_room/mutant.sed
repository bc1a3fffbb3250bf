# SPDX-License-Identifier: MIT
# Another place than the one that was found.
# file: src/svq_runs.h
s/<< (first % SVQ_RUN_BITS);/<< (first % (SVQ_RUN_BITS - 1));/
