#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mutants.sh [NAME...]: break the core, in one of the ways of mutants/, and see that a fuzzer finds
# it within MUTANT_SECONDS (60). Ends with one line: N passed, N failed.
#
# A mutant is a sed script for one file of the core; it says which fuzzers are to find it.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${MUTANT_SECONDS:-60}
work=build/mutants
core=$work/libvirtio-shadow
passed=0
failed=0

rm -rf "$core"
mkdir -p "$work"
cp -r ../../libvirtio-shadow "$core"

# What it found, from what it says.
finding()
{
    grep -m 1 -oE 'broken: .*|(Address|UndefinedBehavior)Sanitizer: .*|runtime error: .*|[a-z_]+\.c:[0-9]+: .*' "$1" |
        cut -c1-70 || echo 'a crash'
}

hunt()
{
    local name=$1 target file begin=$SECONDS
    shift

    for target in "$@"; do
        file=$work/$name.log
        make --no-print-directory BUILD="$work/build" CORE="$core" "$work/build/fuzz_$target" \
            "$work/build/seeds/$target" > "$file" 2>&1 || {
            cat "$file"
            echo "  FAIL  $name does not build"
            return 1
        }
        mkdir -p "$work/corpus"
        if ! timeout $((seconds + 60)) "$work/build/fuzz_$target" -max_total_time="$seconds" \
            -max_len=256 -len_control=0 -timeout=20 -artifact_prefix="$work/$name-" \
            "$(mktemp -d -p "$work/corpus")" "$work/build/seeds/$target" > "$file" 2>&1 < /dev/null; then
            printf '  ok    %-24s %-8s %3d s  %s\n' "$name" "$target" $((SECONDS - begin)) "$(finding "$file")"
            return 0
        fi
    done

    echo "  FAIL  $name: not found in $seconds s by $*"
    return 1
}

names=("$@")
if [ $# -eq 0 ]; then
    for mutant in mutants/*.sed; do
        name=${mutant##*/}
        names+=("${name%.sed}")
    done
fi

for name in "${names[@]}"; do
    mutant=mutants/$name.sed
    file=$(sed -n 's/^# file: //p' "$mutant")
    read -ra targets < <(sed -n 's/^# found by: //p' "$mutant")

    sed -i -f "$mutant" "$core/src/$file"
    if cmp -s "../../libvirtio-shadow/src/$file" "$core/src/$file"; then
        echo "  FAIL  $name changes nothing in $file: the core has moved on, and the mutant has to"
        failed=$((failed + 1))
    elif hunt "$name" "${targets[@]}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    cp "../../libvirtio-shadow/src/$file" "$core/src/$file"
done

rm -rf "$work/corpus"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
