# SPDX-License-Identifier: MIT
# Only the TLBs of the CPU that flushes are flushed.
/^static bool p2m_tlb_only_here/,/^}/s/return false;/return true;/
