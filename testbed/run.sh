#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds, boots a guest from a mediated disk, and says what was seen: out/run/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

"$TESTBED/build.sh"
"$TESTBED/versions.sh" --json >"$REPO/out/versions.json"
status=0
"$TESTBED/boot.sh" "$REPO/out/run" "$TESTBED/scenarios/mediated-disk.sh" || status=$?
mv "$REPO/out/versions.json" "$REPO/out/run/versions.json"
{
    echo "arch=arm64"
    echo "mediator=xen"
    sed -n 's/^\(release\|tree\)=/xen_&/p' "$REPO/out/build/xen-source/info"
} >"$REPO/out/run/about"
"$TESTBED/summary.sh" "$REPO/out/run" || status=1
say "logs per domain: out/run/xen.log and out/run/results/consoles/"
exit "$status"
