/* SPDX-License-Identifier: MIT */
/* The same source, for tables of packed queues. */
#include "../virtio_2_7_5_3_table/virtio_2_7_5_3_table_harness.c"
