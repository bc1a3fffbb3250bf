# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Helpers for the benchmark's scenarios, in dom0:
#   . /testbed/dom0/lib.sh
#   . /testbed/bench/lib.sh
# What the host says is in /testbed/bench: settings, and the plans (plan.py).
# shellcheck source=/dev/null
. /testbed/bench/settings

BENCH=$RESULTS/bench
PIN_BACKEND=0
PIN_GUEST=1
mkdir -p "$BENCH" /bench
grep -q " /bench " /proc/mounts || mount -t ext4 -o ro /dev/disk/bench /bench

if [ -f /testbed/dom0/alternatives.sh ]; then
    # shellcheck source=/dev/null
    . /testbed/dom0/alternatives.sh
else
    alt_supported() { return 1; }
    alt_backend_args() { :; }
    alt_backend_start() { :; }
fi

# Each domain has an emulated CPU of its own: the backend VM one with dom0, which has nothing to do
# while it waits, the guests the other.
pin_dom0() {
    xl vcpu-pin 0 all "$PIN_BACKEND" all
}

# bench_backend MIB DISK...: the backend VM with a RAM disk, and the benchmark's programs in /mnt.
bench_backend() {
    _mib=$1
    shift
    _config=$(write_config backend "$TRIMMED" "$_mib" 1 \
        "root=/dev/xvda ro $(alt_backend_args) brd.rd_nr=1 brd.rd_size=$((RAM_DISK_MIB * 1024)) \
null_blk.nr_devices=1 null_blk.gb=1 null_blk.queue_mode=0" \
        "$(pv_disk backend xvda ro)" "$(pv_disk bench xvdb ro)" "$@")
    echo "cpus = \"$PIN_BACKEND\"" >>"$_config"
    create "$_config" && wait_up backend 60 &&
        guest_run backend 30 "mount -t ext4 -o ro /dev/xvdb /mnt && mkdir -p /run/bench && \
            dd if=/dev/urandom of=/dev/ram0 bs=1M count=$RAM_DISK_MIB 2>&1" &&
        alt_backend_start backend
}

# serve_disk NAME ram|null [QUEUES]: a device process in the backend VM, a stock one, that listens on
# /run/bench/NAME. All policies get the same.
serve_disk() {
    case $2 in
        ram) _node="driver=host_device,filename=/dev/ram0,cache.direct=on,aio=native,locking=off" ;;
        null) _node="driver=null-co,size=$((RAM_DISK_MIB * 1024 * 1024))" ;;
    esac
    guest_run backend 10 "qemu-storage-daemon --blockdev node-name=d,$_node --export \
type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=/run/bench/$1,writable=on,num-queues=${3:-1} \
>/run/bench/$1.log 2>&1 & for i in 1 2 3 4 5 6 7 8 9 10; do [ -S /run/bench/$1 ] || sleep 0.2; done; \
[ -S /run/bench/$1 ]"
}

# bench_disk NAME VDEV KEYS: a mediated disk that /run/bench/NAME serves.
bench_disk() {
    mediated_disk backend "$2" "/run/bench/$1" "$3"
}

# policy_key POLICY: the toolstack's name for it.
policy_key() {
    case $1 in
        swiotlb) echo pool ;;
        *) echo "$1" ;;
    esac
}

# policy_known POLICY: do the tools of this build know it?
policy_known() {
    case $1 in
        pv | pv-persistent | xen-grant-dma)
            alt_supported "$1" "${2:-block}" || {
                echo "the testbed has none" >/run/testbed/probe.out
                return 1
            }
            ;;
        *)
            _probe=$(write_config probe "$TRIMMED" 64 1 "" \
                "$(bench_disk probe xvdc "shadow_policy=$(policy_key "$1")")")
            xl create -n "$_probe" >/run/testbed/probe.out 2>&1
            ;;
    esac
}

# skip POLICY WHY: for the report.
skip() {
    log "no $1: $2"
    echo "$1	$2" >>"$BENCH/skipped"
}

# register_address GUEST NAME: where the registers of a disk are that /run/bench/NAME serves.
register_address() {
    _fe=$(domid "$1")
    for _id in $(xenstore-list "/libxl/$_fe/device/virtio_disk" 2>/dev/null); do
        _dir=$(xenstore-read "/libxl/$_fe/device/virtio_disk/$_id/backend")
        if [ "$(xenstore-read "$_dir/params")" = "/run/bench/$2" ]; then
            printf '%x\n' "$(xenstore-read "$_dir/base")"
            return
        fi
    done
    return 1
}

# tty_of NAME: an argument for bench-drive.
tty_of() {
    echo "$1=$(domid "$1")=$(xenstore-read "/local/domain/$(domid "$1")/console/tty")"
}

# drive PLAN DOMAIN...: runs a plan; what it records is in results/bench/PLAN.
drive() {
    _plan=$1
    shift
    _ttys=
    for _d; do
        _ttys="$_ttys $(tty_of "$_d")"
    done
    # shellcheck disable=SC2086  # one word per domain
    /bench/bench-drive "/run/testbed/$_plan" "$BENCH/$_plan" $_ttys
}

# plan NAME POLICY...: the lines of a plan that are about these policies; the policy is the first
# word of a line's ID.
plan() {
    _name=$1
    shift
    awk -F '\t' -v policies=" $* " '{ split($1, id, " ") } index(policies, " " id[1] " ")' \
        "/testbed/bench/$_name" >"/run/testbed/$_name"
    [ -s "/run/testbed/$_name" ]
}

# letter N: of a disk.
letter() {
    echo cdefghijklmnopqrstuvwxyz | cut -c"$1"
}

# bench_disks DEVICES: a guest with a disk per policy of POLICIES and per kind of device, ram or null,
# called DEVICE-POLICY; sets policies to those that there are.
bench_disks() {
    _devices=$1
    _links=
    _late=
    policies=
    _n=0
    set --
    # POLICIES is the caller's.
    # shellcheck disable=SC2153
    for _policy in $POLICIES; do
        if ! policy_known "$_policy"; then
            skip "$_policy" "$(tail -n 1 /run/testbed/probe.out)"
            continue
        fi
        policies="$policies $_policy"
        for _device in $_devices; do
            _n=$((_n + 1))
            case $_policy in
                pv*)
                    _late="$_late $_policy=$_device=xvd$(letter $_n)"
                    _links="$_links $_device-$_policy=/dev/xvd$(letter $_n)"
                    ;;
                *)
                    check "$_device device for $_policy" \
                        serve_disk "$_device-$_policy" "$_device" || return 1
                    set -- "$@" "$(bench_disk "$_device-$_policy" "xvd$(letter $_n)" \
                        "shadow_policy=$(policy_key "$_policy")")"
                    ;;
            esac
        done
    done
    _config=$(write_config guest "$TRIMMED" 256 1 "root=/dev/xvda1 rw" \
        "$(pv_disk guest1 xvda rw)" "$(pv_disk bench xvdb ro)" "$@")
    echo "cpus = \"$PIN_GUEST\"" >>"$_config"
    check "guest is created" create "$_config" || return 1
    check "guest is up" wait_up guest 60 || return 1
    for _policy in $policies; do
        for _device in $_devices; do
            case $_policy in
                pv*) ;;
                *) _links="$_links \
$_device-$_policy=$(register_address guest "$_device-$_policy")" ;;
            esac
        done
    done
    for _each in $_late; do
        late_disk "$_each" || return 1
    done
    check "programs are there" guest_run guest 20 "mount -t ext4 -o ro /dev/xvdb /mnt"
    check "guest finds its disks" guest_run guest 20 "/mnt/bench-links $_links"
}

# late_disk POLICY=DEVICE=VDEV: one that comes to the running guest.
late_disk() {
    _policy=${1%%=*}
    _device=${1#*=}
    _vdev=${_device#*=}
    _device=${_device%%=*}
    case $_device in
        ram) _device=/dev/ram0 ;;
        null) _device=/dev/nullb0 ;;
    esac
    check "$_policy disk, $_device" alt_attach "$_policy" backend guest "$_vdev" "$_device"
}
