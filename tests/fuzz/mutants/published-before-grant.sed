# SPDX-License-Identifier: MIT
# The backend learns of a chain before its pages are there.
# file: svq_queue.c
# found by: driver backend
/^enum svq_error svq_queue_fetch/,/^}/{
s/commit_err = svq_pages_commit(dev, q);/commit_err = SVQ_ERR_NONE;/
s/^    return err;/    commit_err = svq_pages_commit(dev, q);\n    return err != SVQ_ERR_NONE ? err : commit_err;/
}
