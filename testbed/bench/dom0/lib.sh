# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Helpers for the benchmark's scenarios, in dom0:
#   . /testbed/dom0/lib.sh
#   . /testbed/bench/lib.sh
# What the host says is in /testbed/bench: settings, and the plans (plan.py).
# shellcheck source=/dev/null
. /testbed/bench/settings

BENCH=$RESULTS/bench
GUEST_MIB=384
PIN_BACKEND=0
PIN_GUEST=1
mkdir -p "$BENCH" /bench
grep -q " /bench " /proc/mounts || mount -t ext4 -o ro /dev/disk/bench /bench

# shellcheck source=/dev/null
. /testbed/dom0/alternatives.sh

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

# serve_null_disks PREFIX NUMBER: as many null devices, PREFIX1 and so on, from one process.
serve_null_disks() {
    guest_run backend 30 "a=; i=1; while [ \$i -le $2 ]; do a=\"\$a --export \
type=vhost-user-blk,id=e\$i,node-name=d,addr.type=unix,addr.path=/run/bench/$1\$i,writable=on\"; \
i=\$((i + 1)); done; qemu-storage-daemon --blockdev \
node-name=d,driver=null-co,size=$((RAM_DISK_MIB * 1024 * 1024)) \$a >/run/bench/$1.log 2>&1 & \
for i in 1 2 3 4 5 6 7 8 9 10; do [ -S /run/bench/$1$2 ] || sleep 0.3; done; [ -S /run/bench/$1$2 ]"
}

# bench_disk NAME VDEV KEYS: a mediated disk that /run/bench/NAME serves.
bench_disk() {
    mediated_disk backend "$2" "/run/bench/$1" "$3"
}

# policy_known POLICY [net]: does the testbed have it, for disks or for networks?
policy_known() {
    case $1 in
        pv | pv-persistent | xen-grant-dma | swiotlb) alt_supported "$1" "${2:-block}" ;;
    esac
}

# skip POLICY WHY: for the report.
skip() {
    log "no $1: $2"
    echo "$1	$2" >>"$BENCH/skipped"
}

# register_address GUEST VDEV: where the registers of a virtio disk are.
register_address() {
    _id=/libxl/$(domid "$1")/device/virtio_disk/$(alt_devid "$2")
    printf '%x\n' "$(xenstore-read "$(xenstore-read "$_id/backend")/base")"
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

# letter N: of a disk: c to z, then aa to az.
letter() {
    if [ "$1" -le 24 ]; then
        echo cdefghijklmnopqrstuvwxyz | cut -c"$1"
    else
        echo "a$(echo abcdefghijklmnopqrstuvwxyz | cut -c$(($1 - 24)))"
    fi
}

# block_device KIND: what blkback and the like serve, where device processes serve ram or null.
block_device() {
    case $1 in
        ram) echo /dev/ram0 ;;
        null) echo /dev/nullb0 ;;
    esac
}

# bench_disks DEVICES: a guest with a disk per policy of POLICIES and per kind of device, ram or null,
# called DEVICE-POLICY; sets policies to those that there are.
bench_disks() {
    _devices=$1
    _links=
    _late=
    _early=
    policies=
    _n=0
    set --
    # shellcheck disable=SC2153  # settings
    for _policy in $POLICIES; do
        if policy_known "$_policy"; then
            policies="$policies $_policy"
        else
            skip "$_policy" "the testbed has none"
        fi
    done
    for _policy in $policies; do
        for _device in $_devices; do
            _n=$((_n + 1))
            _disk_name=$_device-$_policy
            _vdev=xvd$(letter $_n)
            case $_policy in
                pv*)
                    _late="$_late $_policy=$_device=$_vdev"
                    _links="$_links $_disk_name=/dev/$_vdev"
                    continue
                    ;;
                xen-grant-dma)
                    set -- "$@" "$(alt_disk "$_policy" backend "$_vdev" "$(block_device "$_device")")"
                    ;;
                swiotlb)
                    check "$_device device for $_policy" serve_disk "$_disk_name" "$_device" || return 1
                    set -- "$@" "$(alt_disk "$_policy" backend "$_vdev" "/run/bench/$_disk_name")"
                    ;;
                *)
                    check "$_device device for $_policy" serve_disk "$_disk_name" "$_device" || return 1
                    set -- "$@" "$(bench_disk "$_disk_name" "$_vdev" "shadow_policy=$_policy")"
                    ;;
            esac
            _early="$_early $_disk_name=$_vdev"
        done
    done
    _config=$(write_config guest "$TRIMMED" "$GUEST_MIB" 1 "root=/dev/xvda1 rw" \
        "$(pv_disk guest1 xvda rw)" "$(pv_disk bench xvdb ro)" "$@")
    echo "cpus = \"$PIN_GUEST\"" >>"$_config"
    check "guest is created" alt_create backend "$_config" || return 1
    check "guest is up" wait_up guest 60 || return 1
    for _each in $_early; do
        _links="$_links ${_each%=*}=$(register_address guest "${_each#*=}")"
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
    _device=$(block_device "${_device%%=*}")
    check "$_policy disk, $_device" alt_attach "$_policy" backend guest "$_vdev" "$_device"
}
