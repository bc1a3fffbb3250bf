# SPDX-License-Identifier: MIT
# A flush of the TLBs is taken for one of the IOMMU, too.
s/(is_iommu_enabled(d) \&\& p2m->foreign_changed)/false/
