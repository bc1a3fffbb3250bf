#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh BUILD TARGET...: run fuzzers from BUILD, as many at a time as there are processors, show
# what was found, and end with one line: N passed, N failed.
#
# FUZZ_SECONDS: each for so long; they begin with BUILD/seeds and with what is in BUILD/corpus, where they
# keep what is worth keeping. Without: a number of runs that are the same each time, so that
# whether a test passes is no matter of luck.
set -euo pipefail
source "$(dirname "$0")/../lib/jobs.sh"

build=$1
shift
seconds=${FUZZ_SECONDS:-}
jobs=${FUZZ_JOBS:-$(nproc)}
limit=$((${seconds:-780} + 120))

# With far fewer runs than a slow machine makes, something is wrong with the fuzzer.
enough=${seconds:-1}

# Addresses are among what a fuzzer goes by. Where this is not allowed, runs differ a little.
fixed=()
if [ -z "$seconds" ] && setarch -R true 2> /dev/null; then
    fixed=(setarch -R)
fi

run_one()
{
    local target=$1 log=$build/log/$1 begin=$SECONDS rc=0 runs line
    local seeds=$build/seeds/${1#fuzz_} kept=$build/corpus/${1#fuzz_} how
    local dirs=("$kept" "$seeds")

    if [ -n "$seconds" ]; then
        how=(-max_total_time="$seconds")
    else
        how=(-runs=10000 -seed=1 -reload=0 -entropic=0)
        case $target in
        fuzz_mmio | fuzz_mailbox) how+=(-runs=50000) ;;
        esac
        dirs[0]=$build/unkept/$target
        rm -rf "${dirs[0]}"
    fi

    mkdir -p "${dirs[0]}" "$build/log" "$build/found"
    timeout "$limit" "${fixed[@]}" "$build/$target" "${how[@]}" -max_len=256 \
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
