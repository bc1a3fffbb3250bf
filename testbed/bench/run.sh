#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All benchmarks: builds what is missing, boots, and leaves out/bench/results.json and
# out/bench/report.html: run.sh [PART...]
# QUICK=1: a few cells, to see that everything works; its times mean nothing.
# Parts are core, block, net, counts, scaling: those left out keep their results from before.
# Ends with one line, "N passed, N failed", about what has to work, not about the targets.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"

BENCHDIR=$TESTBED/bench
out=$REPO/out/bench
passed=0
failed=0
quick=
[[ ${QUICK:-0} != 1 ]] || quick=quick

# boot PART SECONDS [OPTION...]: a boot for the scenario of that name. Its checks have to be met.
boot() {
    local part=$1 limit=$2 share=$out/share/bench
    shift 2
    rm -rf "$out/share"
    mkdir -p "$share"
    cp "$BENCHDIR"/dom0/* "$share/"
    python3 "$BENCHDIR/plan.py" "$share" $quick
    say "benchmark: $part"
    "$TESTBED/boot.sh" -t "$limit" -k hypervisor-release -x xsm=dummy \
        -d "bench=$REPO/out/build/image-bench/bench.ext4" -s "$share" "$@" \
        "$out/$part" "$BENCHDIR/scenarios/$part.sh"
    passed=$((passed + $(grep -c '^ok ' "$out/$part/results/checks" || true)))
    if grep '^not ok ' "$out/$part/results/checks"; then
        failed=$((failed + $(grep -c '^not ok ' "$out/$part/results/checks")))
        say "the benchmark $part did not work (logs: $out/$part)"
    fi
}

# counted_boot PART SECONDS [OPTION...]: the same on an emulator that counts Xen's instructions.
counted_boot() {
    make -s -C "$BENCHDIR/plugin" BUILD="$out/plugin"
    VIRTIO_SHADOW_QEMU_ARGS="-plugin file=$out/plugin/libxen-instructions.so,out=$out/marks" \
        boot "$@"
    mv "$out/marks" "$out/$1/marks"
}

run_part() {
    case $1 in
        core)
            make -s -C "$BENCHDIR/core" BUILD="$out/core"
            "$out/core/core-bench" ${quick:+10} >"$out/core.json"
            ;;
        counts) counted_boot counts 900 ;;
        scaling) counted_boot scaling 900 -m 8192 ;;
        block | net) boot "$1" 2000 ;;
        *) die "there is no benchmark called $1" ;;
    esac
}

parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=(core block net counts scaling)
"$TESTBED/host-packages.sh" "$TESTBED/config/host-packages-bench"
"$TESTBED/build.sh"
"$TESTBED/build.sh" hypervisor-release image-bench
mkdir -p "$out"
for part in "${parts[@]}"; do
    run_part "$part"
done
if python3 "$BENCHDIR/report/report.py" "$out" "$REPO/out/build" $quick; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
fi
say "out/bench/report.html, out/bench/results.json"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
