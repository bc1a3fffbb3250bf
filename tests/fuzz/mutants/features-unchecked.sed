# SPDX-License-Identifier: MIT
# Features that were not offered are accepted.
# file: svq_mmio.c
# found by: mmio
s/(dev->driver_features \& ~svq_dev_offered(dev)) ||/0 ||/
