#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run test suites: all that are here, or those named.  Ends with one line,
# N passed, N failed, over all of them.
#
#   tests/run.sh [style] [unit] [parallel] [backend] [mediator] [fuzz] [proofs]
#                [system]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
all=(style unit parallel backend mediator fuzz proofs system)

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
        make --no-print-directory -C "$here/$1" check
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

for name in "${suites[@]}"; do
    echo "== $name"
    start=$SECONDS
    rc=0
    run_suite "$name" 2>&1 </dev/null | tee "$out" || rc=$?

    # The suite's own last count.
    p=0 f=0
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$out" | tail -n 1 || true)
    if [ -n "$last" ]; then
        p=${last%% *}
        f=${last#*, }
        f=${f%% *}
    fi

    # Says all is well, and yet fails, or ran nothing: that is a failure as well.
    if [ "$f" -eq 0 ] && { [ "$rc" -ne 0 ] || [ "$p" -eq 0 ]; }; then
        f=1
        echo "suite $name: exit code $rc, ${last:-no count of tests}; run it: tests/run.sh $name"
    fi

    echo "== $name took $((SECONDS - start)) s"
    passed=$((passed + p))
    failed=$((failed + f))
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
