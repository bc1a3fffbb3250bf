# SPDX-License-Identifier: MIT
# A table that shows something at its end is taken for an empty one.
/^static bool p2m_table_is_empty/,/^}/s/return i == XEN_PT_LPAE_ENTRIES;/return i >= 7;/
