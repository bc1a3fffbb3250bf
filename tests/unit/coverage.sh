#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# coverage.sh GCOV BUILD SRC: line coverage of SRC/*.c by what ran in BUILD.
# To be run where the compiler ran: gcov looks for the sources from there.
set -euo pipefail

gcov=$1 build=$2 src=$3
total=0
hit=0

for c in "$src"/*.c; do
    name=$(basename "$c" .c)
    # Lines that run, of lines that could, and the numbers of those that did not.
    read -r h t missed < <("$gcov" -t -o "$build/core" "$c" 2>/dev/null |
        awk -F: -v file="/$name.c" '
            $2 ~ /^ *0$/ && $3 == "Source" {
                on = substr($4, length($4) - length(file) + 1) == file
            }
            !on || $2 ~ /^ *0$/ || $1 ~ /-$/ { next }
            { t++; if ($1 ~ /[#=]/) { gsub(/ /, "", $2); missed = missed " " $2 } else h++ }
            END { print h + 0, t + 0, missed }')
    printf '  %-16s %4d of %4d lines %s\n' "$name.c" "$h" "$t" "${missed:+not: $missed}"
    hit=$((hit + h))
    total=$((total + t))
done

[ "$total" -gt 0 ]
printf 'line coverage of the core: %d.%d %% (%d of %d)\n' \
    $((hit * 100 / total)) $((hit * 1000 / total % 10)) "$hit" "$total"
