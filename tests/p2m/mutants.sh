#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mutants.sh TREE [NAME...]: break the p2m, in one of the ways of mutants/, and see that a test fails.
set -euo pipefail

cd "$(dirname "$0")"
tree=$1
shift
work=build/mutants
source=xen/arch/arm/mmu/p2m.c
[ $# -gt 0 ] || set -- mutants/*.sed

found=0
missed=0
for mutant in "$@"; do
    name=$(basename "$mutant" .sed)
    rm -rf "$work"
    for file in $source xen/arch/arm/p2m.c xen/arch/arm/include/asm/p2m.h \
        xen/arch/arm/include/asm/lpae.h xen/arch/arm/include/asm/domain.h \
        xen/include/xen/p2m-common.h; do
        install -D "$tree/$file" "$work/tree/$file"
    done
    sed -i -f "mutants/$name.sed" "$work/tree/$source"
    if cmp -s "$tree/$source" "$work/tree/$source"; then
        echo "  FAIL  $name changes nothing: the p2m has moved on, and the mutant has to"
        missed=$((missed + 1))
        continue
    fi
    make -s --no-print-directory BUILD=$work TREE=$work/tree all >"$work/log" 2>&1 ||
        { cat "$work/log"; echo "  FAIL  $name does not compile"; missed=$((missed + 1)); continue; }
    by=""
    for test in test_*.c; do
        timeout 300 "$work/${test%.c}" >"$work/log" 2>&1 </dev/null || by+=" ${test%.c}"
    done
    if [ -n "$by" ]; then
        echo "  ok    $name is found by$by"
        found=$((found + 1))
    else
        echo "  FAIL  nothing finds $name"
        missed=$((missed + 1))
    fi
done
rm -rf "$work"

echo "$found passed, $missed failed"
[ "$missed" -eq 0 ]
