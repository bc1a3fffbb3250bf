#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run test suites: all that are here, or those named.  Ends with one line,
# N passed, N failed, over all of them, and ", N skipped" if something could not
# be run here.  In front of it is a table of the suites and the seconds that each
# took; with SUITES=FILE its lines are added to FILE instead.
#
#   tests/run.sh [style] [testbed] [unit] [parallel] [backend] [mediator] [p2m]
#                [fuzz] [proofs]
#   tests/run.sh -l     lists the suites that are here
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib/count.sh"
all=(style testbed unit parallel backend mediator p2m fuzz proofs)

usage()
{
    echo "usage: $0 [suite ...], of: ${all[*]}" >&2
    exit 2
}

is_here()
{
    [ -e "$here/$1/Makefile" ]
}

list=
if [ "${1:-}" = -l ]; then
    list=1
    shift
fi
suites=()
for name in "$@"; do
    case " ${all[*]} " in
    *" $name "*) suites+=("$name") ;;
    *) echo "$0: no suite is called '$name'" >&2; usage ;;
    esac
    if ! is_here "$name"; then
        echo "$0: the suite '$name' is not in $here" >&2
        exit 2
    fi
done
if [ $# -eq 0 ]; then
    for name in "${all[@]}"; do
        ! is_here "$name" || suites+=("$name")
    done
fi
if [ -n "$list" ]; then
    printf '%s\n' "${suites[@]}"
    exit 0
fi

out=$(mktemp)
table=$(mktemp)
trap 'rm -f "$out" "$table"' EXIT
begin=$SECONDS
passed=0
failed=0
skipped=0

for name in "${suites[@]}"; do
    echo "== $name"
    start=$SECONDS
    rc=0
    make --no-print-directory -j"$(nproc)" -C "$here/$name" check 2>&1 </dev/null | tee "$out" || rc=$?

    # The suite's own last count.
    counted="no count of tests"
    ! read_count "$out" || counted=$(print_count "$PASSED" "$FAILED" "$SKIPPED")
    if ! is_sound "$rc"; then
        FAILED=1
        echo "suite $name: exit code $rc, $counted; run it: tests/run.sh $name"
    fi

    echo "== $name took $((SECONDS - start)) s"
    echo "$name $PASSED $FAILED $SKIPPED $((SECONDS - start))" >> "${SUITES:-$table}"
    passed=$((passed + PASSED))
    failed=$((failed + FAILED))
    skipped=$((skipped + SKIPPED))
done

[ ! -s "$table" ] || print_table "$table" $((SECONDS - begin))
print_count "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
