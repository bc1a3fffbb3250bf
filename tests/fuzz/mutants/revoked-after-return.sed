# SPDX-License-Identifier: MIT
# The driver learns of a return while the backend still has access.
# file: svq_queue.c
# found by: driver backend
/^enum svq_error svq_queue_collect/,/^}/{
s/commit_err = svq_pages_commit(dev, q);/commit_err = SVQ_ERR_NONE;/
s/^    if ( q->last_shadow_used != first )/    commit_err = svq_pages_commit(dev, q);\n&/
}
