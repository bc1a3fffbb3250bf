# SPDX-License-Identifier: MIT
# The last bytes of a buffer are in a granule that may be another's.
# file: src/svq_bounce.h
s/ + !!(len % SVQ_BOUNCE_GRANULE)//
