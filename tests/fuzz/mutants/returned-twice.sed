# SPDX-License-Identifier: MIT
# A chain that waits for its turn (VIRTIO_F_IN_ORDER) is returned again.
# file: svq_shadow.c
# found by: backend
s/if ( !s->count || s->done || /if ( !s->count || /
