# SPDX-License-Identifier: MIT
# Nobody knows that something was cleared.
s/^    p2m->foreign_cleared = p2m->flushes;$/    ;/
