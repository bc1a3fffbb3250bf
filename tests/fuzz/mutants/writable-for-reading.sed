# SPDX-License-Identifier: MIT
# A buffer that is only read is writable for the backend.
# file: svq_page.h
# found by: backend
s/pg->readers ? SVQ_RO/pg->readers ? SVQ_RW/
