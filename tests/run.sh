#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run test suites: all that are here, or those named.  Ends with one line,
# N passed, N failed, over all of them, and ", N skipped" if something could not
# be run here.  SUITES=FILE: adds a line for each suite, of its name, how many
# passed, failed and were skipped, and the seconds it took.
#
#   tests/run.sh [style] [testbed] [unit] [parallel] [backend] [mediator] [p2m]
#                [fuzz] [proofs] [system]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib/count.sh"
all=(style testbed unit parallel backend mediator p2m fuzz proofs system)

usage()
{
    echo "usage: $0 [suite ...], of: ${all[*]}" >&2
    exit 2
}

entry_of()
{
    if [ "$1" = system ]; then
        echo "$here/system/run.sh"
    else
        echo "$here/$1/Makefile"
    fi
}

run_suite()
{
    if [ "$1" = system ]; then
        "$(entry_of system)"
    else
        make --no-print-directory -j"$(nproc)" -C "$here/$1" check
    fi
}

suites=()
for name in "$@"; do
    case " ${all[*]} " in
    *" $name "*) suites+=("$name") ;;
    *) echo "$0: no suite is called '$name'" >&2; usage ;;
    esac
    if [ ! -e "$(entry_of "$name")" ]; then
        echo "$0: the suite '$name' is not in $here" >&2
        exit 2
    fi
done
if [ $# -eq 0 ]; then
    for name in "${all[@]}"; do
        [ ! -e "$(entry_of "$name")" ] || suites+=("$name")
    done
fi

out=$(mktemp)
trap 'rm -f "$out"' EXIT
passed=0
failed=0
skipped=0

for name in "${suites[@]}"; do
    echo "== $name"
    start=$SECONDS
    rc=0
    run_suite "$name" 2>&1 </dev/null | tee "$out" || rc=$?

    # The suite's own last count.
    counted="no count of tests"
    ! read_count "$out" || counted=$(print_count "$PASSED" "$FAILED" "$SKIPPED")
    if ! is_sound "$rc"; then
        FAILED=1
        echo "suite $name: exit code $rc, $counted; run it: tests/run.sh $name"
    fi

    echo "== $name took $((SECONDS - start)) s"
    [ -z "${SUITES:-}" ] ||
        echo "$name $PASSED $FAILED $SKIPPED $((SECONDS - start))" >> "$SUITES"
    passed=$((passed + PASSED))
    failed=$((failed + FAILED))
    skipped=$((skipped + SKIPPED))
done

print_count "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
