# SPDX-License-Identifier: MIT
# What was revoked is still reachable through the TLB.
# file: svq_pages.c
# found by: backend
s/if ( flush && svq_env_flush(dev, q->nr) )/if ( flush \&\& nr_never() )/
s/^static void revoke_dirty/static bool nr_never(void)\n{\n    return false;\n}\n\n&/
