#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run CBMC, at least 6: the host's, or the one that the testbed keeps. cbmc.sh --where prints which.
set -euo pipefail

if [[ -z ${CBMC_PROGRAM:-} ]]; then
    have=$(cbmc --version 2>/dev/null || true)
    if [[ $have =~ ^([0-9]+)\. && ${BASH_REMATCH[1]} -ge 6 ]]; then
        CBMC_PROGRAM=$(command -v cbmc)
    else
        # shellcheck source=../../testbed/lib/common.sh
        source "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib/common.sh"
        # shellcheck source=../../testbed/lib/cache.sh
        source "$TESTBED/lib/cache.sh"
        exec 3>&2
        stage cbmc
        CBMC_PROGRAM=${STAGE_DIR[cbmc]}/run/cbmc
    fi
fi

if [[ ${1:-} == --where ]]; then
    echo "$CBMC_PROGRAM"
else
    exec "$CBMC_PROGRAM" "$@"
fi
