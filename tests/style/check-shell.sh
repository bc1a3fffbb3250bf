#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Shell scripts: shellcheck, and strict mode where it is bash that runs them.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

scripts=()
found=""
while IFS= read -r file; do
    case $file in
    *.patch) continue ;;
    esac
    if [[ $file == *.sh ]] || interpreted_by "$file" 'bash|sh'; then
        scripts+=("$file")
    fi
    if interpreted_by "$file" bash && ! grep -q '^set -euo pipefail$' "$file"; then
        found+="$file: no 'set -euo pipefail'"$'\n'
    fi
done < <(files .)

# Those of tests/system run inside the machine: they are sourced by what runs
# them, and their quoted commands are for the guest's shell.
system=()
rest=()
for file in "${scripts[@]}"; do
    case $file in
    tests/system/*) system+=("$file") ;;
    *) rest+=("$file") ;;
    esac
done

found+=$(checker shellcheck -x -P SCRIPTDIR -f gcc "${rest[@]}") || true
[ ${#system[@]} -eq 0 ] || found+=$(checker shellcheck -x -f gcc -e SC2016,SC2317,SC2329 "${system[@]}") || true
verdict "$found"
