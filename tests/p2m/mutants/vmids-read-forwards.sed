# SPDX-License-Identifier: MIT
# The VMIDs that a CPU may have loaded are read in the order in which they are written.
/^static bool p2m_may_be_loaded/,/^}/{s/vmid_to_load/vmid_first/;s/vmid_loaded/vmid_to_load/;s/vmid_first/vmid_loaded/}
