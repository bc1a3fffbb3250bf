#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh BINARY...: run each with a few seeds, and end with one line: N passed, N failed.  Threads
# meet in another way each time, so a seed does not say all.
set -euo pipefail
source "$(dirname "$0")/../lib/jobs.sh"

binaries=("$@")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

run_one()
{
    local binary=${1% *} seed=${1##* } kind log rc=0 begin=$SECONDS
    kind=$(basename "$(dirname "$binary")")
    log=$out/$kind.$seed

    timeout 120 "$binary" "$seed" > "$log" 2>&1 < /dev/null || rc=$?
    if [ "$rc" -eq 0 ] && grep -q '^[1-9][0-9]* requests, [1-9]' "$log"; then
        printf '  ok    %-7s seed %s: %s, %d s\n' "$kind" "$seed" "$(tail -n 1 "$log")" $((SECONDS - begin))
        return 0
    fi
    printf '  FAIL  %s (exit code %d); run it alone: %s %s\n' "$kind" "$rc" "$(realpath "$binary")" "$seed"
    head -n 60 "$log" | sed 's/^/    /'
    return 1
}

runs=()
for binary in "${binaries[@]}"; do
    for seed in 1 2 3; do
        runs+=("$binary $seed")
    done
done
run_jobs 1 run_one "${runs[@]}"
