#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# merge.sh BUILD TARGET...: as few, and as small, inputs as reach all that those in BUILD/seeds and in
# BUILD/corpus reach, into corpus/.
set -euo pipefail
cd "$(dirname "$0")"

build=$1
shift

for target in "$@"; do
    name=${target#fuzz_}
    new=$build/merged/$name
    dirs=("$build/corpus/$name" "$build/seeds/$name")

    rm -rf "$new"
    mkdir -p "$new" "${dirs[0]}"
    # What is reached, not how often: one input for each would be thousands.
    "$build/$target" -merge=1 -use_value_profile=0 -use_counters=0 -max_len=256 "$new" \
        "${dirs[@]}" 2> "$build/merged/$name.log"
    ./corpus.sh pack "$new" "corpus/$name.tar.gz"
    printf '  %-10s %4d inputs, %6d bytes\n' "$name" "$(find "$new" -type f | wc -l)" \
        "$(cat "$new"/* | wc -c)"
done
