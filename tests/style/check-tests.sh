#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tests/README.md has every test, in the section of its suite, and none that is not there: test
# programs, fuzzers, scenarios and style checks. tests/proofs/README.md has every proof.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

found=""

# section FILE NAME: its text.
section()
{
    awk -v heading="## $2" '/^## / { inside = $0 == heading } inside' "$1"
}

# quoted: what is in quotes in the text that it reads, a name a line.
quoted()
{
    grep -oE "\`[^\`]+\`" | tr -d "\`" || true
}

# first_column: what is in quotes in the first column of the tables that it reads.
first_column()
{
    sed -nE "s/^\| (\`[^|]*\`) \|.*/\1/p" | quoted
}

# compare PAGE SECTION NAMES-THERE NAMES-IN-PAGE
compare()
{
    local name

    [ -n "$3" ] || found+="$1: no test of section $2 was found in the tree"$'\n'
    while IFS= read -r name; do
        found+="$1, section $2: $name is not in it"$'\n'
    done < <(comm -23 <(sort -u <<< "$3") <(sort -u <<< "$4"))
    while IFS= read -r name; do
        found+="$1, section $2: there is no $name"$'\n'
    done < <(comm -13 <(sort -u <<< "$3") <(sort -u <<< "$4") | grep .)
}

base()
{
    files "$@" | sed 's,.*/,,; s,\.sh$,,'
}

page=tests/README.md
for suite in unit backend mediator p2m parallel; do
    compare "$page" "$suite" "$(base "tests/$suite/test_*.c")" \
        "$(section "$page" "$suite" | quoted | grep '^test_.*\.c$')"
done
compare "$page" fuzz "$(base 'tests/fuzz/fuzz_*.c' | sed 's/\.c$//')" "$(section "$page" fuzz | quoted | grep '^fuzz_')"
compare "$page" style "$(base 'tests/style/check-*.sh' | sed 's/^check-//')" \
    "$(section "$page" style | quoted | grep -E '^[a-z-]+$')"
# As system-tests.sh runs them.
others=$(sed -n 's,.*/scenarios/{\([a-z,-]*\)}\.sh .*,\1,p' testbed/system-tests.sh | tr ',' '\n')
compare "$page" system "$(base 'tests/system/*.sh')"$'\n'"$others" \
    "$(section "$page" system | first_column)"
proofs=$(files 'tests/proofs/*/*_harness.c' | sed 's,^tests/proofs/,,; s,/.*,,')
compare tests/proofs/README.md proofs "$proofs" "$(first_column <tests/proofs/README.md)"
verdict "${found%$'\n'}"
