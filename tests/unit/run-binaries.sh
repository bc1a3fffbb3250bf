#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run cmocka test binaries, show what failed and how to run that alone, and end
# with one line: N passed, N failed.  A binary that dies or hangs is a failure.
# TEST_JOBS of them run at the same time (1).
set -euo pipefail

passed=0
failed=0
jobs=${TEST_JOBS:-1}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
declare -A started=()

# start BINARY: its output goes to a file of its name.
start() {
    local binary=$1
    # So many seconds of a CPU; by the clock a busy host needs many times that.
    (
        ulimit -S -t 300
        CMOCKA_MESSAGE_OUTPUT=tap exec timeout 3600 "$binary"
    ) >"$dir/$(basename "$binary")" 2>&1 </dev/null &
    started[$!]=$binary
}

# report BINARY STATUS
report() {
    local binary=$1 rc=$2 out planned ok bad name
    local -a names
    out=$dir/$(basename "$binary")

    # A sanitizer's report may share a line with the result before it.
    planned=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$out" | head -n 1)
    ok=$(grep -c '^ok [0-9]' "$out" || true)
    mapfile -t names < <(sed -n 's/^not ok [0-9]* - \([A-Za-z0-9_]*\).*/\1/p' "$out")
    bad=$(grep -c '^not ok [0-9]' "$out" || true)

    if [ "$bad" -eq 0 ] && [ "$rc" -eq 0 ] && [ "$ok" -eq "${planned:-0}" ] && [ "$ok" -gt 0 ]; then
        printf '  ok    %-16s %3d tests\n' "$(basename "$binary")" "$ok"
    else
        printf '  FAIL  %s (exit code %d)\n' "$(basename "$binary")" "$rc"
        { grep -v '^ok ' "$out" || true; } | tail -n 100 | sed 's/^/    /'
        for name in ${names[@]+"${names[@]}"}; do
            printf '  run it alone: %s %s\n' "$(realpath "$binary")" "$name"
        done
        # It died, or complained on its way out.
        if [ "$bad" -eq 0 ] || [ $((ok + bad)) -ne "${planned:-0}" ]; then
            bad=$((bad + 1))
            printf '  died after %d of %s tests; run it: %s\n' "$ok" "${planned:-?}" \
                "$(realpath "$binary")"
        fi
    fi

    passed=$((passed + ok))
    failed=$((failed + bad))
}

# reap: waits for the next one that ends.
reap() {
    local pid rc=0
    wait -n -p pid || rc=$?
    report "${started[$pid]}" "$rc"
    unset "started[$pid]"
}

for binary in "$@"; do
    [ "${#started[@]}" -lt "$jobs" ] || reap
    start "$binary"
done
while [ "${#started[@]}" -gt 0 ]; do
    reap
done

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
