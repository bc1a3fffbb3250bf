#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run all checkers, or those named, and end with one line: N passed, N failed.
# A checker prints what it finds, and its exit code says: 0, nothing; else,
# something.
#
#   run.sh [format] [kernel] ...
set -euo pipefail
cd "$(dirname "$0")"

checkers=("$@")
if [ $# -eq 0 ]; then
    for file in check-*.sh; do
        name=${file#check-}
        checkers+=("${name%.sh}")
    done
fi

# Not within a checker's time.
CHECKERS=${CHECKERS:-$(./checkers.sh)}
export CHECKERS

passed=0
failed=0
for name in "${checkers[@]}"; do
    rc=0
    out=$(timeout 900 "./check-$name.sh" 2>&1 </dev/null) || rc=$?
    [ "$rc" -ne 124 ] || out="it did not end within 900 s"
    case $rc in
    0)
        printf '  ok    %s\n' "$name"
        passed=$((passed + 1))
        ;;
    *)
        printf '  FAIL  %s; run it alone: tests/style/check-%s.sh\n' "$name" "$name"
        while IFS= read -r line; do
            printf '    %s\n' "$line"
        done <<< "$out"
        failed=$((failed + 1))
        ;;
    esac
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
