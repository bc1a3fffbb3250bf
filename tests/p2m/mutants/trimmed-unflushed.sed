# SPDX-License-Identifier: MIT
# Empty tables are freed without a flush.
/^void p2m_foreign_trim/,/^}/s/p2m_foreign_flush_locked(p2m);/{ }/
