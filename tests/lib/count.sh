# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The last line of a suite: "N passed, N failed", and ", N skipped" behind it where something could
# not be run here.

# read_count FILE: the last such line of a log, into PASSED, FAILED and SKIPPED; fails if there is none.
read_count()
{
    local line
    PASSED=0 FAILED=0 SKIPPED=0
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$1" | tail -n 1) || return 1
    read -r PASSED _ FAILED _ SKIPPED _ <<< "$line"
    SKIPPED=${SKIPPED:-0}
}

# print_count PASSED FAILED SKIPPED
print_count()
{
    if [[ $3 -gt 0 ]]; then
        echo "$1 passed, $2 failed, $3 skipped"
    else
        echo "$1 passed, $2 failed"
    fi
}

# print_table FILE SECONDS: the suites of FILE, which has a line for each, of its name, how many passed,
# failed and were skipped, and the seconds that it took; and all of them, which took SECONDS together.
print_table()
{
    awk -v seconds="$2" '
        function row(name, passed, failed, skipped, seconds) {
            printf "%-14s %8s %8s %8s %8s\n", name, passed, failed, skipped, seconds
        }
        BEGIN { row("suite", "passed", "failed", "skipped", "seconds") }
        { row($1, $2, $3, $4, $5); passed += $2; failed += $3; skipped += $4 }
        END { row("all", passed + 0, failed + 0, skipped + 0, seconds) }' "$1"
}

# is_sound STATUS: a suite that says all is well and yet fails, or did nothing, is not.
is_sound()
{
    [[ $FAILED -gt 0 || ( $1 -eq 0 && $((PASSED + SKIPPED)) -gt 0 ) ]]
}
