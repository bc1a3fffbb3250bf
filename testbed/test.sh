#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs all tests, on the host (tests/run.sh) and on the emulated machine (system-tests.sh), and a short
# run of the benchmarks, of which only counts whether it is complete (bench/run.sh). Ends with one
# line, "N passed, N failed", over all of them; the same for each suite is in out/test/summary.json.
#
# Where no place has Xen (lib/xen-places.sh), those that need it are skipped, and named, and the line
# ends with ", N skipped". With REQUIRE_XEN=1 they have failed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$REPO/tests/lib/count.sh"

out=$REPO/out/test
SUITES=$out/suites
export SUITES
passed=0
failed=0
skipped=0
no_xen=
notes=()

# run NAME COMMAND...: adds its last count to the totals. One that claims success but ended with an
# error, or counted nothing, is a failure.
run() {
    local name=$1 log=$out/$1.log status=0 begin=$SECONDS counted="no count of tests" known
    shift
    known=$(wc -l <"$SUITES")
    "$@" 2>&1 </dev/null | tee "$log" || status=$?
    ! read_count "$log" || counted=$(print_count "$PASSED" "$FAILED" "$SKIPPED")
    if ! is_sound "$status"; then
        say "$name: status $status, $counted: counted as a failure"
        FAILED=1
    fi
    # The suites of the host write lines of their own.
    [[ $(wc -l <"$SUITES") -gt $known ]] ||
        echo "$name $PASSED $FAILED $SKIPPED $((SECONDS - begin))" >>"$SUITES"
    passed=$((passed + PASSED))
    failed=$((failed + FAILED))
    skipped=$((skipped + SKIPPED))
}

# run_on_xen NAME COMMAND...
run_on_xen() {
    if [[ -z $no_xen ]]; then
        run "$@"
    elif [[ ${REQUIRE_XEN:-} == 1 ]]; then
        notes+=("failed: $1: $no_xen, and REQUIRE_XEN=1 wants it")
        failed=$((failed + 1))
        echo "$1 0 1 0 0" >>"$SUITES"
    else
        notes+=("skipped: $1: $no_xen")
        skipped=$((skipped + 1))
        echo "$1 0 0 1 0" >>"$SUITES"
    fi
}

# Which Xen, in front of everything: what is wrong with XEN_SOURCE is said at once. With the series, as
# tests on the host are of functions of it.
choose_xen() {
    local status=0
    "$TESTBED/build.sh" xen-tree || status=$?
    if [[ $status -eq 3 ]]; then
        no_xen="no place has Xen $XEN_RELEASE (make test XEN_SOURCE=... names one)"
    elif [[ $status -ne 0 ]]; then
        exit "$status"
    else
        tree=$(sed -n 's/^tree=//p' "$REPO/out/build/xen-source/info")
        release=$(sed -n 's/^release=//p' "$REPO/out/build/xen-source/info")
        # For what runs from here.
        export VIRTIO_SHADOW_XEN_CHOSEN="$XEN_BASE $tree"
    fi
}

# summary SECONDS
summary() {
    awk -v passed="$passed" -v failed="$failed" -v skipped="$skipped" -v seconds="$1" \
        -v release="${release:-}" -v tree="${tree:-}" '
        BEGIN {
            printf "{\n  \"passed\": %d,\n  \"failed\": %d,\n  \"skipped\": %d,\n", passed, failed, skipped
            printf "  \"seconds\": %d,\n", seconds
            printf "  \"xen_release\": %s,\n", release == "" ? "null" : "\"" release "\""
            printf "  \"xen_tree\": %s,\n  \"suites\": {", tree == "" ? "null" : "\"" tree "\""
        }
        {
            printf "%s\n    \"%s\": {\"passed\": %d, \"failed\": %d, ", (n++ ? "," : ""), $1, $2, $3
            printf "\"skipped\": %d, \"seconds\": %d}", $4, $5
        }
        END { print "\n  }\n}" }' "$SUITES" >"$out/summary.json"
}

rm -rf "$out"
mkdir -p "$out"
: >"$SUITES"
begin=$SECONDS
"$TESTBED/host-packages.sh"
choose_xen
run host "$REPO/tests/run.sh"
# The host's runner takes the system tests along where it knows how.
[[ -f $REPO/tests/system/run.sh ]] || run_on_xen system "$TESTBED/system-tests.sh"
run_on_xen bench env QUICK=1 "$TESTBED/bench/run.sh"
summary $((SECONDS - begin))
say "tests ended; counts per suite: out/test/summary.json"
[[ ${#notes[@]} -eq 0 ]] || printf '%s\n' "${notes[@]}"
print_count "$passed" "$failed" "$skipped"
[[ $failed -eq 0 && $passed -gt 0 ]]
