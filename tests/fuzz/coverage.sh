#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# coverage.sh COVERED BUILD TARGET...: replay BUILD/seeds with programs of BUILD/replay that share
# objects of the core with the unit tests in COVERED, which have just run, and report the lines of
# the core that ran in either. Fails below MIN_COVERAGE percent.
set -euo pipefail
cd "$(dirname "$0")"

covered=$1 build=$2
shift 2
min=${MIN_COVERAGE:-95}

for target in "$@"; do
    timeout 300 "$build/replay/$target" "$build/seeds/${target#fuzz_}"/*
done

report=$(cd ../unit && ./coverage.sh gcov "$covered" ../../libvirtio-shadow/src)
echo "$report"
percent=$(sed -n 's/^line coverage of the core: \([0-9]*\)\..*/\1/p' <<< "$report")
[ "$percent" -ge "$min" ] || {
    echo "that is less than $min %: tests, or seeds, are missing for the lines above"
    exit 1
}
