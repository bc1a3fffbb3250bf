#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run all checkers, or those named, and end with one line: N passed, N failed,
# and N skipped if there are such.  A checker prints what it finds, and its exit
# code says: 0, nothing; 77, it cannot be run here, and is skipped; else, something.
#
#   run.sh [format] [kernel] ...
set -euo pipefail
cd "$(dirname "$0")"
source ../lib/count.sh

checkers=("$@")
if [ $# -eq 0 ]; then
    for file in check-*.sh; do
        name=${file#check-}
        checkers+=("${name%.sh}")
    done
fi

passed=0
failed=0
skipped=0
for name in "${checkers[@]}"; do
    rc=0
    out=$(timeout 120 "./check-$name.sh" 2>&1 </dev/null) || rc=$?
    case $rc in
    0)
        printf '  ok    %s\n' "$name"
        passed=$((passed + 1))
        ;;
    77)
        printf '  skip  %s: %s\n' "$name" "$out"
        skipped=$((skipped + 1))
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

print_count "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
