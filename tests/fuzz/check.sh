#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh BUILD TARGET...: run fuzzers from BUILD for FUZZ_SECONDS each, as many at a time as
# there are processors, show what was found, and end with one line: N passed, N failed.
#
# They begin with corpus/TARGET, and keep what else is worth keeping in BUILD/corpus.
set -euo pipefail
source "$(dirname "$0")/../lib/jobs.sh"

build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-$(nproc)}

# With far fewer runs than a slow machine makes, something is wrong with the fuzzer.
enough=$seconds

run_one()
{
    local target=$1 log=$build/log/$1 begin=$SECONDS rc=0 runs line
    local seeds=$here/corpus/${1#fuzz_} kept=$build/corpus/${1#fuzz_}
    local dirs=("$kept")

    mkdir -p "$kept" "$build/log" "$build/found"
    [ ! -d "$seeds" ] || dirs+=("$seeds")
    timeout $((seconds + 120)) "$build/$target" -max_total_time="$seconds" -max_len=256 \
        -len_control=0 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/found/$target-" "${dirs[@]}" > "$log" 2>&1 < /dev/null || rc=$?

    runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
    line=$(grep -E '^#[0-9]+' "$log" | tail -n 1 | sed -n 's/.*\(cov: [0-9]*\).*/\1/p')
    if [ "$rc" -eq 0 ] && [ "${runs:-0}" -ge "$enough" ]; then
        printf '  ok    %-14s %8d runs in %d s, %s\n' "$target" "$runs" $((SECONDS - begin)) "$line"
        return 0
    fi

    printf '  FAIL  %s (exit code %d, %s runs)\n' "$target" "$rc" "${runs:-no}"
    grep -vE '^(#|INFO|	NEW_FUNC|"|Dictionary)' "$log" | tail -n 40 | sed 's/^/    /'
    line=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [ -n "$line" ]; then
        printf '  what did it: %s\n' "$(realpath "$line")"
        printf '  run it again: %s %s\n' "$(realpath "$build/$target")" "$(realpath "$line")"
    fi
    return 1
}

run_jobs "$jobs" run_one "$@"
