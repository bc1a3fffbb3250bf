# SPDX-License-Identifier: MIT
# What a user has cleared and not flushed is exchanged without a flush.
s/^                  p2m->foreign_cleared == p2m->flushes) )$/                  false) )/
