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

need()
{
    command -v "$1" > /dev/null || {
        echo "$1 is not installed: testbed/host-packages.sh installs all that is needed"
        exit 1
    }
}

# The end of a checker that prints what it finds: nothing found?
verdict()
{
    [ -z "$1" ] || {
        printf '%s\n' "$1"
        exit 1
    }
}
