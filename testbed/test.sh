#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs all tests, on the host (tests/run.sh) and on the emulated machine (system-tests.sh), and a short
# run of the benchmarks, of which only counts whether it is complete (bench/run.sh). Ends with one
# line, "N passed, N failed", over all of them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

out=$REPO/out/test
passed=0
failed=0

# run NAME COMMAND...: adds its last count to the totals. One that claims success but ended with an
# error, or counted nothing, is a failure.
run() {
    local name=$1 log=$out/$1.log status=0 last good=0 bad=0
    shift
    "$@" 2>&1 </dev/null | tee "$log" || status=$?
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1 || true)
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        good=${BASH_REMATCH[1]}
        bad=${BASH_REMATCH[2]}
    fi
    if [[ $bad -eq 0 && ( $status -ne 0 || $good -eq 0 ) ]]; then
        say "$name: status $status, ${last:-no count of tests}: counted as a failure"
        bad=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
}

rm -rf "$out"
mkdir -p "$out"
"$TESTBED/host-packages.sh"
run host "$REPO/tests/run.sh"
# The host's runner takes the system tests along where it knows how.
[[ -f $REPO/tests/system/run.sh ]] || run system "$TESTBED/system-tests.sh"
run bench env QUICK=1 "$TESTBED/bench/run.sh"
say "tests ended"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
