#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Boots the same twice on the machine that repeats, and compares what came of it, byte by byte:
#   repeat.sh [SCENARIO-FILE...]   (default: testbed/scenarios/mediated-disk.sh)
# Consoles of Xen and dom0 and of each domain, the checks and values that dom0 reported, and how many
# instructions were executed, in Xen and elsewhere. The results go to a drive of the host's at the very
# end, which takes as long as it takes: what comes after that is left out. Ends with one line,
# "N passed, N failed".
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

out=$REPO/out/repeat
passed=0
failed=0

# must NAME COMMAND...: one that counts.
must() {
    local name=$1
    shift
    if "$@"; then
        echo "ok repeat: $name"
        passed=$((passed + 1))
    else
        echo "not ok repeat: $name"
        failed=$((failed + 1))
    fi
}

# boot NUMBER SCENARIO...
boot() {
    local number=$1
    shift
    VIRTIO_SHADOW_QEMU_ARGS="-plugin \
file=$out/plugin/libxen-instructions.so,out=$out/marks-$number" \
        "$TESTBED/boot.sh" -M repeat -s "$out/mark" "$out/$number" "$@" "$out/all-counted.sh" 3>&1 2>&1 |
        sed -uE "s/^(\[ *[0-9.]+ s\] )?/\1boot $number: /"
}

# compare FILE: of both boots; says where they begin to differ.
compare() {
    local at
    if cmp -s "$out/1/$1" "$out/2/$1"; then
        say "$1: the same, $(wc -l <"$out/1/$1") lines"
        return
    fi
    at=$(cmp "$out/1/$1" "$out/2/$1" 2>&1 | sed -n 's/.*line //p')
    say "$1: the same up to line ${at:-?} of $(wc -l <"$out/1/$1")"
    diff "$out/1/$1" "$out/2/$1" | grep '^[<>]' | head -n 4 >&3 || true
    return 1
}

# compare_log FILE: up to where the results are written.
compare_log() {
    local number
    for number in 1 2; do
        sed '/writing the results/q' "$out/$number/$1" >"$out/$number/$1.compared"
    done
    compare "$1.compared"
}

# make_mark: a program for dom0 that has the plugin write down what was executed so far, and a scenario
# that runs it after the others.
make_mark() {
    mkdir -p "$out/mark"
    printf '%s\n' '.globl _start' '_start:' 'hint #112' 'mov x0, #0' 'mov x8, #93' 'svc #0' \
        >"$out/mark.s"
    "${CROSS}gcc" -nostdlib -static -o "$out/mark/mark" "$out/mark.s"
    printf '%s\n' '# seconds: 10' '. /testbed/dom0/lib.sh' 'check "mark" /testbed/mark/mark' \
        >"$out/all-counted.sh"
}

# counts: the last mark's, and of each block of Xen's code how often it was executed.
counts() {
    local number
    for number in 1 2; do
        say "boot $number: $(grep '^mark ' "$out/marks-$number" | tail -n 1)"
        sort "$out/marks-$number" >"$out/$number/counts"
    done
    compare counts
}

[[ $# -gt 0 ]] || set -- "$TESTBED/scenarios/mediated-disk.sh"
"$TESTBED/build.sh"
rm -rf "$out"
mkdir -p "$out"
make -s -C "$TESTBED/bench/plugin" BUILD="$out/plugin"
make_mark
# Whether they ended well is looked at below.
boot 1 "$@" &
[[ $JOBS -ge 2 ]] || wait
boot 2 "$@" || true
wait

for number in 1 2; do
    [[ ! -d $out/$number/results ]] || touch "$out/$number/results/values"
    must "boot $number: its scenarios ran to their end" test -s "$out/$number/results/scenarios"
done
must "dom0 reported the same checks" compare results/checks
must "dom0 reported the same values" compare results/values
must "console of Xen and dom0" compare_log xen.log
for console in "$out"/1/results/consoles/*; do
    must "console ${console##*/}" compare "results/consoles/${console##*/}"
done
must "instructions that were executed" counts
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
