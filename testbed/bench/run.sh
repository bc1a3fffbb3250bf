#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All benchmarks: builds what is missing, boots, and leaves out/bench/results.json and
# out/bench/report.html: run.sh [PART...]
# QUICK=1: a few cells, to see that everything works; its times mean nothing.
# Parts are core, block, ...: those that are left out keep their results from before.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"

BENCHDIR=$TESTBED/bench
out=$REPO/out/bench
quick=
[[ ${QUICK:-0} == 0 ]] || quick=quick

parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=(counts block)

# boot PART SECONDS [OPTION...]: a boot for the scenario of that name. Its checks have to be met.
boot() {
    local part=$1 limit=$2 share=$out/share/bench
    shift 2
    rm -rf "$out/share"
    mkdir -p "$share"
    cp "$BENCHDIR"/dom0/* "$share/"
    python3 "$BENCHDIR/plan.py" "$share" $quick
    cat >"$share/settings" <<END
POLICIES="trusted grant copy hybrid swiotlb xen-grant-dma pv pv-persistent"
RAM_DISK_MIB=64
END
    say "benchmark: $part"
    "$TESTBED/boot.sh" -t "$limit" -k hypervisor-release -x xsm=dummy \
        -d "bench=$REPO/out/build/image-bench/bench.ext4" -s "$share" "$@" "$out/$part" "$BENCHDIR/scenarios/$part.sh"
    if grep '^not ok ' "$out/$part/results/checks"; then
        die "the benchmark $part did not work (logs: $out/$part)"
    fi
}

"$TESTBED/build.sh" hypervisor-release image-dom0 image-kernels image-backend image-guest image-bench
mkdir -p "$out"
for part in "${parts[@]}"; do
    case $part in
        counts)
            make -s -C "$BENCHDIR/plugin" BUILD="$out/plugin"
            VIRTIO_SHADOW_QEMU_ARGS="-plugin file=$out/plugin/libxen-instructions.so,out=$out/marks" \
                boot counts 900
            mv "$out/marks" "$out/counts/marks"
            ;;
        *) boot "$part" 1800 ;;
    esac
done
