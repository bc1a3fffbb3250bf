#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Boots Xen with dom0 on the emulated arm64 machine and runs scenarios in dom0:
#   boot.sh [OPTION...] OUTDIR SCENARIO...
# -t  time limit for the whole boot in seconds of the host's (default: by the scenarios' headers)
# -M  the machine: repeat or multi (default: VIRTIO_SHADOW_MACHINE, or else repeat, or multi with -i)
# -x  more arguments for Xen
# -k  the stage that built Xen (default hypervisor)
# -m  memory of the machine (default 3072, repeat 4096)
# -d  one more drive, read-only: NAME=FILE, in dom0 /dev/disk/NAME
# -w  the same, and what is written to it stays in the file
# -s  a folder that dom0 finds in /testbed, under its own name
# -i  interactive: the console is this terminal, and there is no time limit
# The machine "repeat" has its CPUs take turns in one thread of the host's, a clock that counts their
# instructions, and random numbers from VIRTIO_SHADOW_SEED (1). When a drive answers is the host's
# affair, so it has none but one for the results, and those of -d and -w: the others are in RAM. In
# "multi" each CPU is a thread, and the clock is the host's: it is for races, for what takes time, and
# for people.
# Leaves in OUTDIR: xen.log (console of Xen and dom0), qemu.log, machine (how QEMU was called), and
# results/ (checks, values, logs per domain). Succeeds when every scenario ran to its end; checks that
# failed do not count here.
# Build first (build.sh).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$TESTBED/lib/scenario.sh"

usage() {
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

limit=
machine=${VIRTIO_SHADOW_MACHINE:-}
xen_args=
interactive=
hypervisor=hypervisor
memory=
drives=()
writable=()
shares=()
while getopts t:M:x:k:m:d:w:s:i option; do
    case $option in
        t) limit=$OPTARG ;;
        M) machine=$OPTARG ;;
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
[[ -n $machine ]] || machine=$([[ -n $interactive ]] && echo multi || echo repeat)

# The emulated machine: two Arm CPUs. Its memory is for dom0, two backends and three guests.
CPUS=${VIRTIO_SHADOW_CPUS:-2}
SEED=${VIRTIO_SHADOW_SEED:-1}
[[ $SEED =~ ^[0-9]+$ ]] || die "VIRTIO_SHADOW_SEED is not a number: '$SEED'"
case $machine in
    # An instruction is 4 ns. While nobody has anything to do, the clock goes on to the next timer.
    repeat)
        clock=(-accel "tcg,thread=single" -icount "shift=2,sleep=off")
        memory=${memory:-4096}
        dom0_mem=1536M
        ;;
    multi)
        clock=(-accel "tcg,thread=multi")
        memory=${memory:-3072}
        dom0_mem=512M
        ;;
    *) die "there is no machine '$machine': it is repeat or multi" ;;
esac

built() {
    [[ -e $REPO/out/build/$1 ]] || die "out/build/$1 is missing: run make build"
    readlink -f "$REPO/out/build/$1"
}

emulator=$(built qemu/run/qemu-system-aarch64)
xen=$(built "$hypervisor/xen")
linux=$(built linux/Image)
initramfs=$(built image-dom0/initramfs)
images=$(built image-ram/images)
kernels=$(built image-kernels/kernels.ext4)
backend=$(built image-backend/root.ext4)
guest=$(built image-guest/disk.raw)
hand_guest=$(built hand-guest/hand-guest)
dom0_args=
# As large as the guests' disks: what is not written takes no memory.
[[ $machine == multi ]] || dom0_args="brd.rd_nr=4 brd.rd_size=$(($(stat -c %s "$guest") / 1024))"

rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)

# What dom0 gets to run, as a tar archive on a drive, or in its initramfs; another drive takes the
# results.
scratch=$(mktemp -d)
qemu=
trap '[[ -z $qemu ]] || kill "$qemu" 2>/dev/null; rm -rf "$scratch"' EXIT
share=$scratch/root/testbed
mkdir -p "$share/run"
cp -r "$TESTBED/dom0" "${shares[@]}" "$share/"
cp "$hand_guest" "$share/"
number=10
for scenario in "$@"; do
    [[ -f $scenario ]] || die "there is no scenario $scenario"
    cp "$scenario" "$share/run/$number-$(basename "$scenario")"
    number=$((number + 1))
done
# The same bytes whoever makes it, and when.
chmod -R u+rwX,go+rX,go-w "$scratch/root"
find "$scratch/root" -exec touch -h -d @0 {} +
if [[ $machine == repeat ]]; then
    cat "$initramfs" "$images" >"$scratch/initramfs"
    (cd "$scratch/root" && find . -print0 | LC_ALL=C sort -z |
        cpio --quiet --null --reproducible -o -H newc --owner=0:0) >>"$scratch/initramfs"
    initramfs=$scratch/initramfs
else
    tar -C "$share" --sort=name --owner=0 --group=0 --numeric-owner -b 128 -cf "$scratch/share.tar" .
fi
truncate -s 256M "$scratch/results.raw"

# A run queue per CPU: when the host is busy, the emulated CPUs would spend most of their time
# waiting for each other at the lock of a common one.
scheduler="credit2_runqueue=cpu"

args=(-machine "virt,virtualization=on,gic-version=3" -cpu cortex-a57 -smp "$CPUS" -m "$memory"
    "${clock[@]}" -rtc "base=2026-01-01T00:00:00,clock=vm" -seed "$SEED"
    -display none -no-reboot -nic none
    -global virtio-mmio.force-legacy=false
    -kernel "$xen"
    -append "dom0_mem=$dom0_mem dom0_max_vcpus=1 console=dtuart dtuart=/pl011@9000000 loglvl=info \
guest_loglvl=info/all bootscrub=0 $scheduler virtio-shadow=on $xen_args"
    -device "guest-loader,addr=0x49000000,kernel=$linux,bootargs=console=hvc0 rdinit=/init \
loglevel=4 panic=1${dom0_args:+ $dom0_args}"
    -device "guest-loader,addr=0x50000000,initrd=$initramfs")

# drive NAME FILE OPTIONS: found in dom0 as /dev/disk/NAME.
drive() {
    args+=(-drive "if=none,id=$1,format=raw,file=$2,$3" -device "virtio-blk-device,drive=$1,serial=$1")
}
# Results of builds stay as they are: writes go to a temporary overlay.
drive results "$scratch/results.raw" cache=unsafe
if [[ $machine == multi ]]; then
    drive share "$scratch/share.tar" readonly=on
    drive kernels "$kernels" readonly=on
    drive backend "$backend" readonly=on
    drive guest1 "$guest" snapshot=on,cache=unsafe
    drive guest2 "$guest" snapshot=on,cache=unsafe
fi
for each in "${drives[@]}"; do
    drive "${each%%=*}" "${each#*=}" readonly=on
done
for each in "${writable[@]}"; do
    drive "${each%%=*}" "${each#*=}" cache=unsafe
done

# For a debugger or a monitor, say.
read -ra more <<<"${VIRTIO_SHADOW_QEMU_ARGS:-}"
args+=("${more[@]}")

{
    "$emulator" --version | head -n 1
    echo "machine: $machine, seed $SEED"
    printf '%q ' "${args[@]}"
    echo
} >"$out/machine"
if [[ -n $interactive ]]; then
    "$emulator" "${args[@]}" -serial mon:stdio 2>"$out/qemu.log" || {
        cat "$out/qemu.log" >&2
        die "QEMU ended with an error"
    }
    exit
fi

[[ -n $limit ]] || limit=$(scenario_limit "$@")
begin=$(now_ms)
: >"$out/xen.log"
timeout "$limit" "$emulator" "${args[@]}" -serial "file:$out/xen.log" \
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
