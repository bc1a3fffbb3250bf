# SPDX-License-Identifier: MIT
# Room for a shadow table is not given back: chains wait for ever.
# file: svq_tables.c
# found by: driver
/^void svq_tables_free/,/^}/s/granules(entries)/granules(entries) - 1/
