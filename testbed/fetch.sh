#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fetches everything that builds, boots and tests need, the host's packages too; from then on no
# network is needed. Xen comes last, so that the rest is there whatever becomes of it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

"$TESTBED/host-packages.sh" "$TESTBED"/config/host-packages*
stages=()
# Those that fetch packages.
while IFS= read -r file; do
    stages+=("$(basename "$file" .sh)")
done < <(grep -l '^stage_inputs=(.*testbed/lib/apt.sh' "$TESTBED"/stages/*.sh)
say "fetching: ${stages[*]}, xen-source"
"$TESTBED/build.sh" "${stages[@]}"
"$TESTBED/build.sh" xen-source
say "everything is in $CACHE: what follows needs no network"
