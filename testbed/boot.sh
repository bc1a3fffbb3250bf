#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Boots Xen with dom0 on the emulated arm64 machine and runs scenarios in dom0:
#   boot.sh [OPTION...] OUTDIR SCENARIO...
# -t  time limit for the whole boot (default 300)
# -x  more arguments for Xen
# -k  the stage that built Xen (default hypervisor)
# -m  memory of the machine (default 3072)
# -d  one more drive, read-only: NAME=FILE, in dom0 /dev/disk/NAME
# -w  the same, and what is written to it stays in the file
# -s  a folder that dom0 finds in /testbed, under its own name
# -i  interactive: the console is this terminal, and there is no time limit
# Leaves in OUTDIR: xen.log (console of Xen and dom0) and results/ (checks, values, logs per
# domain). Succeeds when every scenario ran to its end; checks that failed do not count here.
# Build first (build.sh).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
    sed -n 's/^# \{0,1\}//; 3,16p' "$0" >&2
    exit 2
}

limit=300
xen_args=
interactive=
hypervisor=hypervisor
memory=3072
drives=()
writable=()
shares=()
while getopts t:x:k:m:d:w:s:i option; do
    case $option in
        t) limit=$OPTARG ;;
        x) xen_args=$OPTARG ;;
        k) hypervisor=$OPTARG ;;
        m) memory=$OPTARG ;;
        d) drives+=("$OPTARG") ;;
        w) writable+=("$OPTARG") ;;
        s) shares+=("$OPTARG") ;;
        i) interactive=1 ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
[[ $# -ge 2 ]] || usage
out=$1
shift

# The emulated machine: two Arm CPUs. Its memory is for dom0, two backends and three guests.
CPUS=${VIRTIO_SHADOW_CPUS:-2}

built() {
    [[ -e $REPO/out/build/$1 ]] || die "out/build/$1 is missing: run make build"
    readlink -f "$REPO/out/build/$1"
}

xen=$(built "$hypervisor/xen")
linux=$(built linux/Image)
initramfs=$(built image-dom0/initramfs)
kernels=$(built image-kernels/kernels.ext4)
backend=$(built image-backend/root.ext4)
guest=$(built image-guest/disk.raw)
hand_guest=$(built hand-guest/hand-guest)

rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)

# What dom0 gets to run, as a tar archive on a drive; a second drive takes the results.
scratch=$(mktemp -d)
qemu=
trap '[[ -z $qemu ]] || kill "$qemu" 2>/dev/null; rm -rf "$scratch"' EXIT
mkdir -p "$scratch/share/run"
cp -r "$TESTBED/dom0" "${shares[@]}" "$scratch/share/"
cp "$hand_guest" "$scratch/share/"
number=10
for scenario in "$@"; do
    [[ -f $scenario ]] || die "there is no scenario $scenario"
    cp "$scenario" "$scratch/share/run/$number-$(basename "$scenario")"
    number=$((number + 1))
done
tar -C "$scratch/share" --owner=0 --group=0 -b 128 -cf "$scratch/share.tar" .
truncate -s 256M "$scratch/results.raw"

# A run queue per CPU: when the host is busy, the emulated CPUs would spend most of their time
# waiting for each other at the lock of a common one.
scheduler="credit2_runqueue=cpu"

args=(-machine "virt,virtualization=on,gic-version=3" -cpu cortex-a57 -smp "$CPUS" -m "$memory"
    -accel "tcg,thread=multi" -display none -no-reboot -nic none
    -global virtio-mmio.force-legacy=false
    -kernel "$xen"
    -append "dom0_mem=512M dom0_max_vcpus=1 console=dtuart dtuart=/pl011@9000000 loglvl=info \
guest_loglvl=info/all bootscrub=0 $scheduler virtio-shadow=on $xen_args"
    -device "guest-loader,addr=0x49000000,kernel=$linux,bootargs=console=hvc0 rdinit=/init \
loglevel=4 panic=1"
    -device "guest-loader,addr=0x50000000,initrd=$initramfs")

# drive NAME FILE OPTIONS: found in dom0 as /dev/disk/NAME.
drive() {
    args+=(-drive "if=none,id=$1,format=raw,file=$2,$3" -device "virtio-blk-device,drive=$1,serial=$1")
}
# Results of builds stay as they are: writes go to a temporary overlay.
drive share "$scratch/share.tar" readonly=on
drive results "$scratch/results.raw" cache=unsafe
drive kernels "$kernels" readonly=on
drive backend "$backend" readonly=on
drive guest1 "$guest" snapshot=on,cache=unsafe
drive guest2 "$guest" snapshot=on,cache=unsafe
for each in "${drives[@]}"; do
    drive "${each%%=*}" "${each#*=}" readonly=on
done
for each in "${writable[@]}"; do
    drive "${each%%=*}" "${each#*=}" cache=unsafe
done

# For a debugger or a monitor, say.
read -ra more <<<"${VIRTIO_SHADOW_QEMU_ARGS:-}"
args+=("${more[@]}")

if [[ -n $interactive ]]; then
    qemu-system-aarch64 "${args[@]}" -serial mon:stdio
    exit
fi

begin=$(now_ms)
: >"$out/xen.log"
timeout "$limit" qemu-system-aarch64 "${args[@]}" -serial "file:$out/xen.log" \
    >"$out/qemu.log" 2>&1 </dev/null &
qemu=$!
# What dom0 reports, as it happens. The console's own marks in front of a line are dropped.
tail -q -n +1 --pid="$qemu" -s 0.2 -F "$out/xen.log" 2>/dev/null |
    sed -un 's/\r$//; s/^.*\(dom0: \[\)/\1/p; /^ok /p; /^not ok /p; /Panic on CPU/p' |
    while IFS= read -r line; do say "$line"; done &
watcher=$!
status=0
wait "$qemu" || status=$?
qemu=
wait "$watcher" || true
say "the machine ran for $(seconds $(($(now_ms) - begin))) s"

mkdir -p "$out/results"
tar -xf "$scratch/results.raw" -C "$out/results" 2>/dev/null || true
ran=$(wc -l <"$out/results/scenarios" 2>/dev/null || echo 0)
if [[ $status -ne 0 || $ran -ne $# ]]; then
    tail -n 40 "$out/xen.log" >&2
    if [[ $status -eq 124 ]]; then
        die "the boot took longer than $limit s; $ran of $# scenarios ended (log: $out/xen.log)"
    fi
    die "$ran of $# scenarios ended, QEMU's status is $status (logs: $out/xen.log, $out/qemu.log)"
fi
