/* SPDX-License-Identifier: MIT */
/* The same source, for a table behind a direct descriptor. */
#include "../virtio_2_7_5_3_table/virtio_2_7_5_3_table_harness.c"
