# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What mediated devices are compared with, for scenarios in dom0. All of them are served by the
# backend VM, from a block device of its own:
#   pv             Xen's PV block and network drivers, grants per request
#   pv-persistent  the same with persistent grants (block only)
#
#   . /testbed/dom0/lib.sh
#   . /testbed/dom0/alternatives.sh
#   BACKEND_ARGS="$(alt_backend_args) ramdisk_size=131072" start_backend backend ...
#   alt_backend_start backend
#   create ...
#   alt_attach pv backend guest xvdc /dev/ram0

# alt_supported NAME [KIND]: is there such a thing for block devices, or for net?
alt_supported() {
    case ${2:-block}/$1 in
        block/pv | block/pv-persistent | net/pv) return 0 ;;
    esac
    return 1
}

# Arguments for the backend VM's kernel.
alt_backend_args() {
    echo "xen_privcmd.unrestricted=1"
}

# alt_backend_start BACKEND: what serves devices that come, and goes on until the domain ends.
alt_backend_start() {
    guest_run "$1" 20 "driver-domain >/run/driver-domain.log 2>&1 &"
}

# --- Xen's PV drivers ---

# alt_pv_persistent BACKEND 0|1: whether disks that are connected from now on get persistent grants.
alt_pv_persistent() {
    guest_run "$1" 10 "echo $2 >/sys/module/xen_blkback/parameters/feature_persistent"
}

# alt_pv_attach PERSISTENT BACKEND GUEST VDEV DEVICE: a disk for a guest that is up; there it is
# /dev/VDEV.
alt_pv_attach() {
    alt_pv_persistent "$2" "$1" || return
    xl block-attach "$3" "format=raw,vdev=$4,access=rw,backend=$2,backendtype=phy,target=$5" \
        >>"$RESULTS/xl.log" 2>&1 || return
    guest_run "$3" 30 "n=0; until [ -b /dev/$4 ] && [ \"\$(cat /sys/block/$4/size)\" -gt 0 ]; do \
        n=\$((n + 1)); [ \$n -lt 100 ] || exit 1; sleep 0.1; done" || return
    # What blkback and blkfront have agreed on.
    _node=$(xenstore-read "/libxl/$(domid "$3")/device/vbd/$(alt_devid "$4")/backend") || return
    [ "$(xenstore-read "$_node/feature-persistent")" = "$1" ]
}

# The number that a device name xvdX stands for.
alt_devid() {
    _letter=$(printf '%d' "'${1#xvd}")
    echo $(((202 << 8) + (_letter - 97) * 16))
}

alt_pv_detach() {
    xl block-detach "$1" "$2" >>"$RESULTS/xl.log" 2>&1
}

# alt_net_attach BACKEND GUEST: an interface for a guest that is up. The backend VM's end has the
# address ALT_NET_HOST, the guest's is up as ALT_NET_GUEST.
export ALT_NET_HOST=10.77.0.1
export ALT_NET_GUEST=10.77.0.2
alt_net_attach() {
    xl network-attach "$2" "backend=$1" "mac=00:16:3e:77:00:02" >>"$RESULTS/xl.log" 2>&1 || return
    guest_run "$2" 30 "n=0; until grep -qs 00:16:3e:77:00:02 /sys/class/net/*/address; do \
            n=\$((n + 1)); [ \$n -lt 100 ] || exit 1; sleep 0.1; done; \
        i=\$(grep -l 00:16:3e:77:00:02 /sys/class/net/*/address); i=\${i%/address}; i=\${i##*/}; \
        ip addr add $ALT_NET_GUEST/24 dev \$i && ip link set \$i up; \
        until ping -c 1 -W 1 $ALT_NET_HOST; do \
            n=\$((n + 1)); [ \$n -lt 100 ] || exit 1; sleep 0.1; done"
}

# --- all of them ---

# alt_attach NAME BACKEND GUEST VDEV DEVICE: connects DEVICE of the backend VM.
alt_attach() {
    _alt=$1
    shift
    case $_alt in
        pv) alt_pv_attach 0 "$@" ;;
        pv-persistent) alt_pv_attach 1 "$@" ;;
        *) return 1 ;;
    esac
}

# alt_detach NAME GUEST VDEV
alt_detach() {
    case $1 in
        pv | pv-persistent) alt_pv_detach "$2" "$3" ;;
        *) return 1 ;;
    esac
}
