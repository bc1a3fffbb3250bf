# SPDX-License-Identifier: MIT
# Pages are taken away without a flush.
/A vCPU that faults from here on waits/,/p2m_foreign_flush_locked/s/p2m_foreign_flush_locked(p2m);/;/
