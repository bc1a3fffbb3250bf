#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What docs/threat-model.md names in its tables of the invariants, and of what a review has found,
# is there: in the column "what stops them", or "where mended", functions, constants and files; in the
# column "tests" test cases, attacks, files, scenarios.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

doc=docs/threat-model.md

# column NR: that column of these tables, line by line; a number comes before what was found.
column()
{
    awk -F ' [|] ' -v nr="$1" '
        /^## / { inside = $0 == "## The invariants" ? 1 : $0 == "## Found by review" ? 2 : 0 }
        inside && /^[|] / && NF >= 3 && !/^[|] (who could|number )/ { print $(nr + inside - 1) }' "$doc"
}

# names QUOTE: what is between two of them.
names()
{
    grep -oE "$1[^$1]+$1" | tr -d "$1" | sort -u
}

is_file()
{
    [ -n "$(git ls-files -- "$1" "*/$1" "*/$1.sh" "*/$1.c" | head -n 1)" ] || [ -d "tests/proofs/$1" ]
}

# Prefixes are put in front by macros of the lists.
is_attack()
{
    git grep -qF -e "\"$1\"" -- 'tests/system/*.c' ||
        git grep -qE -e "(BAD|BOTH|LIFE|READ|WRONG)\(\"${1#*: }\"" -- 'tests/system/*.c'
}

found=""
report()
{
    found+="$doc: $1"$'\n'
}

while IFS= read -r name; do
    # A function is followed by its arguments.
    is_file "$name" || git grep -qE "(^|[^a-z_])${name//()/\\(}" -- '*.[ch]' '*.patch' ||
        report "nothing is called $name"
done < <(column 2 | names "\`")

while IFS= read -r name; do
    is_attack "$name" || report "no attack is called \"$name\""
done < <(column 3 | names '"')

# `file`: `case`, `case`; or files alone.  A case has to be in the file's list, not only written.
while IFS= read -r part; do
    file=""
    if [[ $part =~ (^|mediator |backend |p2m )\`(test_[a-z_]+)\`: ]]; then
        file=${BASH_REMATCH[1]:-unit}
        file=tests/${file% }/${BASH_REMATCH[2]}.c
        part=${part#*:}
    fi
    while IFS= read -r name; do
        if [ -z "$file" ]; then
            is_file "$name" || report "nothing is called $name"
        else
            grep -qE "(TEST|rig_test|cmocka_unit_test)\($name\)" "$file" || report "no case of $file is called $name"
        fi
    done < <(names "\`" <<< "$part" || true)
done < <(column 3 | tr ';' '\n' | sed 's/^ *//; s/ *|$//')
verdict "$found"
