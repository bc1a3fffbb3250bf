#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Puts together what scenarios have recorded of attacks (dom0/attacks.sh), as a JSON list:
#   attacks.sh FILE RESULTS...
# RESULTS are results folders of boots; what is not there is passed over, but there has to be
# something. Says how many attacks there were, and how many did not come to what was expected.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

[[ $# -ge 2 ]] || die "usage: attacks.sh FILE RESULTS..."
file=$1
shift

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for results in "$@"; do
    [[ ! -f $results/attacks.jsonl ]] || cat "$results/attacks.jsonl" >>"$lines"
done
[[ -s $lines ]] || die "there is no attacks.jsonl in: $*"

mkdir -p "$(dirname "$file")"
{
    echo "["
    sed '$!s/$/,/; s/^/  /' "$lines"
    echo "]"
} >"$file"
say "$(wc -l <"$lines") attacks, $(grep -c '"pass": false[,}]' "$lines" || true) of them not as expected: $file"
