# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the checkers share.  Sourcing this changes to the top of the checkout.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# The files that git knows, and that are there, of those that match; patterns as
# for git.
files()
{
    local file

    git ls-files -- "$@" | sort -u | while IFS= read -r file; do
        [ ! -f "$file" ] || [ -h "$file" ] || printf '%s\n' "$file"
    done
}

# An interpreter's name in the first line of the file?
interpreted_by()
{
    local line

    IFS= read -r line < "$1" || true
    [[ $line =~ ^'#!'.*[/\ ]($2)$ ]]
}

# checker NAME [ARGUMENT...]: the program of that name that the testbed keeps. Status 1 says that it
# found something, which it has printed then; another one is itself something that was found.
checker()
{
    local rc=0

    CHECKERS=${CHECKERS:-$(tests/style/checkers.sh)}
    "$CHECKERS/$1" "${@:2}" || rc=$?
    [ "$rc" -le 1 ] || echo "$1 ended with status $rc"
    return "$rc"
}

# The end of a checker that prints what it finds: nothing found?
verdict()
{
    [ -z "$1" ] || {
        printf '%s\n' "$1"
        exit 1
    }
}
