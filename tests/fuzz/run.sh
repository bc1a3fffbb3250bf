#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh BUILD TARGET...: the suite: the archives of inputs, the fuzzers, then the coverage of the core.
set -euo pipefail
cd "$(dirname "$0")"

out=$(mktemp)
trap 'rm -f "$out"' EXIT

./check.sh "$@" | tee "$out" || true
last=$(tail -n 1 "$out")
[[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]
passed=${BASH_REMATCH[1]}
failed=${BASH_REMATCH[2]}

if ./corpus.sh check corpus/* > "$out" 2>&1; then
    echo '  ok    archives of inputs'
    passed=$((passed + 1))
else
    echo '  FAIL  archives of inputs; run it alone: tests/fuzz/corpus.sh check tests/fuzz/corpus/*'
    sed 's/^/    /' "$out"
    failed=$((failed + 1))
fi

# As much time as it needs: another count follows, which is the one that counts.
if make --no-print-directory BUILD="$1" coverage > "$out" 2>&1; then
    printf '  ok    %s\n' "$(tail -n 1 "$out")"
    passed=$((passed + 1))
else
    echo '  FAIL  coverage; run it alone: make -C tests/fuzz coverage'
    sed 's/^/    /' "$out"
    failed=$((failed + 1))
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
