# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Helpers for the benchmark's scenarios, in dom0:
#   . /testbed/dom0/lib.sh
#   . /testbed/bench/lib.sh
# What the host says is in /testbed/bench: settings, and the plan (plan.py).
# shellcheck source=/dev/null
. /testbed/bench/settings

GUEST_MIB=384
PIN_BACKEND=0
PIN_GUEST=1
mkdir -p /bench
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
            dd if=/dev/urandom of=/dev/ram0 bs=1M count=$RAM_DISK_MIB 2>&1"
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

# Lines of a plan are kept or not by their first word, a policy, or by the domain that they are about.
# What is left out is told to the report in their place.

# skip POLICY WHY: there is no such thing, which is nobody's fault.
skip() {
    log "no $1: $2"
    echo "$2" >"/run/testbed/why.$1"
    printf '%s - skipped\tdom0\t10\tcat /run/testbed/why.%s\n' "$1" "$1" >>/run/testbed/skipped
    _absent="$_absent $1"
}

# lose POLICY|DOMAIN WHY: it should be there, but is not.
lose() {
    log "no $1: $2"
    echo "$2" >"/run/testbed/why.$1"
    _lost="$_lost $1"
}
_absent=
_lost=
: >/run/testbed/skipped

# lost POLICY
lost() {
    case " $_lost " in
        *" $1 "*) return 0 ;;
    esac
    return 1
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

# drive DOMAIN...: runs the plan. What it records goes to a drive of its own, line by line, for when
# this machine does not come to a good end.
drive() {
    _ttys=
    for _d; do
        _ttys="$_ttys $(tty_of "$_d")"
    done
    # shellcheck disable=SC2086  # one word per domain
    /bench/bench-drive -u "$UNTIL" /run/testbed/plan /dev/disk/records $_ttys
}

# plan: what there is to do, without what is lost or left out. In place of what is lost stands a line
# that fails and says why.
plan() {
    {
        cat /run/testbed/skipped
        awk -F '\t' -v OFS='\t' -v absent=" $_absent " -v lost=" $_lost " '
            { split($1, id, " ") }
            index(absent, " " id[1] " ") { next }
            {
                n = split(id[1] "," $2, names, ",")
                for (i = 1; i <= n; i++)
                    if (index(lost, " " names[i] " ")) {
                        print $1, "dom0", 10, "cat /run/testbed/why." names[i] "; exit 1"
                        next
                    }
                print
            }' /testbed/bench/plan
    } >/run/testbed/plan
    log "$(wc -l </run/testbed/plan) lines of the plan"
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
# called DEVICE-POLICY. Policies that cannot be had are lost, and the others go on.
bench_disks() {
    _devices=$1
    for _device in $_devices; do
        # shellcheck disable=SC2153  # settings
        for _policy in $POLICIES; do
            case $_policy in
                pv* | xen-grant-dma) ;;
                *)
                    check "$_device device for $_policy" serve_disk "$_device-$_policy" "$_device" ||
                        lose "$_policy" "its device did not start"
                    ;;
            esac
        done
    done
    if ! guest_with_disks; then
        # Those that need more of guest and toolstack than the others.
        destroy guest
        for _policy in xen-grant-dma swiotlb; do
            lose "$_policy" "no guest with it was created, or came up"
        done
        guest_with_disks || return 1
    fi
    check "programs are there" guest_run guest 20 "mount -t ext4 -o ro /dev/xvdb /mnt" || return 1
    find_disks
}

# disks_of [late]: the disks of policies that are not lost, NAME=VDEV; of those that come to the
# running guest if asked for.
disks_of() {
    _n=0
    for _policy in $POLICIES; do
        for _device in $_devices; do
            _n=$((_n + 1))
            case $_policy/${1:-early} in
                pv*/early) continue ;;
                pv*/late) ;;
                */late) continue ;;
            esac
            lost "$_policy" || echo "$_device-$_policy=xvd$(letter $_n)"
        done
    done
}

guest_with_disks() {
    set --
    for _each in $(disks_of); do
        _disk_name=${_each%=*}
        _vdev=${_each#*=}
        _policy=${_disk_name#*-}
        case $_policy in
            xen-grant-dma)
                set -- "$@" "$(alt_disk "$_policy" backend "$_vdev" \
                    "$(block_device "${_disk_name%%-*}")")"
                ;;
            swiotlb)
                set -- "$@" "$(alt_disk "$_policy" backend "$_vdev" "/run/bench/$_disk_name")"
                ;;
            *) set -- "$@" "$(bench_disk "$_disk_name" "$_vdev" "shadow_policy=$_policy")" ;;
        esac
    done
    _config=$(write_config guest "$TRIMMED" "$GUEST_MIB" 1 "root=/dev/xvda1 rw" \
        "$(pv_disk guest1 xvda rw)" "$(pv_disk bench xvdb ro)" "$@")
    echo "cpus = \"$PIN_GUEST\"" >>"$_config"
    check "guest is created" alt_create backend "$_config" && check "guest is up" wait_up guest 60
}

# find_disks: gives the guest's disks their names there; those that come late come now.
find_disks() {
    for _each in $(disks_of late); do
        _disk_name=${_each%=*}
        check "$_disk_name is attached" alt_attach "${_disk_name#*-}" backend guest "${_each#*=}" \
            "$(block_device "${_disk_name%%-*}")" || lose "${_disk_name#*-}" "it could not be attached"
    done
    for _each in $(disks_of) $(disks_of late); do
        _disk_name=${_each%=*}
        case $_disk_name in
            *-pv*) _where=/dev/${_each#*=} ;;
            *) _where=$(register_address guest "${_each#*=}") ;;
        esac
        check "guest finds $_disk_name" guest_run guest 20 "/mnt/bench-links $_disk_name=$_where" ||
            lose "${_disk_name#*-}" "the guest does not find its disk"
    done
}
