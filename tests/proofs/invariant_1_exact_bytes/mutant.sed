# SPDX-License-Identifier: MIT
# A buffer of less than a page is granted, if it does not cross the end of one.
# file: src/svq_buffers.c
s/len < head + tail + SVQ_PAGE_SIZE/len < head \&\& len < SVQ_PAGE_SIZE/
