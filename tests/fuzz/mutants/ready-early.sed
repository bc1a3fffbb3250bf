# SPDX-License-Identifier: MIT
# A queue is made ready before the features are agreed on.
# file: svq_mmio.c
# found by: mmio
s/if ( !(dev->status \& SVQ_STATUS_FEATURES_OK) )$/if ( 0 )/
