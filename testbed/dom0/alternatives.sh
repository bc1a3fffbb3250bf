# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What mediated devices are compared with, for scenarios in dom0. All of them are served by the
# backend VM, from a block device of its own:
#   pv             Xen's PV block and network drivers, grants per request
#   pv-persistent  the same with persistent grants (block only)
#   xen-grant-dma  virtio, with grants for DMA addresses (block only); the backend VM becomes the
#                  guest's device model, hence has all power over it
#   swiotlb        a mediated device that has a part of the guest's memory, to and from which the
#                  guest's kernel copies: VIRTIO_F_ACCESS_PLATFORM and a restricted DMA pool
#
#   . /testbed/dom0/lib.sh
#   . /testbed/dom0/alternatives.sh
#   BACKEND_ARGS="$(alt_backend_args) ramdisk_size=131072" start_backend backend ...
#   alt_backend_start backend
#   alt_create backend "$(write_config guest ... "$(alt_disk xen-grant-dma backend xvdb /dev/ram1)")"
#   alt_attach pv backend guest xvdc /dev/ram0
#
# Xen has to be booted with xsm=dummy: under SILO, the default on Arm, no two unprivileged domains
# share grants or event channels. A backend VM can be the device model of one guest in its life.

# alt_supported NAME [KIND]: is there such a thing for block devices, or for net?
alt_supported() {
    case ${2:-block}/$1 in
        block/pv | block/pv-persistent | block/xen-grant-dma | block/swiotlb) return 0 ;;
        net/pv | net/swiotlb) return 0 ;;
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

# The number that a device name xvdX or xvdXY stands for.
alt_devid() {
    _letters=${1#xvd}
    _number=0
    while [ -n "$_letters" ]; do
        _number=$((_number * 26 + $(printf '%d' "'$_letters") - 96))
        _letters=${_letters#?}
    done
    _number=$((_number - 1))
    if [ "$_number" -lt 16 ]; then
        echo $((202 << 8 | _number << 4))
    else
        echo $((1 << 28 | _number << 8))
    fi
}

alt_pv_detach() {
    _front=$(domid "$1")/device/vbd/$(alt_devid "$2")
    _node=$(xenstore-read "/libxl/$_front/backend") || return
    xenstore-write "$_node/online" 0 "$_node/state" 5
    wait_until 20 sh -c "! xenstore-exists $_node" || return
    xenstore-rm "/libxl/$_front" "/local/domain/$_front"
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

# --- xen-grant-dma ---

# alt_grant_dma_start BACKEND GUEST [OPTIONS]: serves the guest's xen-grant-dma disks; the guest is
# paused.
alt_grant_dma_start() {
    _be=$(domid "$1") && _fe=$(domid "$2") || return
    device-model-rights "$_be" "$_fe" >>"$RESULTS/xl.log" 2>&1 || return
    _node=/local/domain/$_be/backend/virtio_disk/$_fe
    for _id in $(xenstore-list "$_node"); do
        [ "$(xenstore-read "$_node/$_id/grant_usage")" = 1 ] || continue
        _log=/run/xen-grant-dma.$_id.log
        guest_run "$1" 20 "xen-grant-dma ${3:-} $_fe $(xenstore-read "$_node/$_id/base") \
            $(xenstore-read "$_node/$_id/irq") $(xenstore-read "$_node/$_id/params") >$_log 2>&1 & \
            n=0; until grep -q ^serving $_log; do n=\$((n + 1)); [ \$n -lt 50 ] || break; \
            sleep 0.1; done; cat $_log; grep -q ^serving $_log" || return
    done
}

# alt_grant_dma_stop BACKEND: after the guest has gone; without it, the guest stays as a zombie.
alt_grant_dma_stop() {
    guest_run "$1" 10 "killall xen-grant-dma"
}

# --- all of them ---

# alt_disk NAME BACKEND VDEV DEVICE: an entry for a disk that the guest is created with.
alt_disk() {
    case $1 in
        xen-grant-dma)
            echo "'format=raw,vdev=$3,access=rw,backend=$2,backendtype=standalone,\
specification=virtio,transport=mmio,grant_usage=1,target=$4'"
            ;;
        swiotlb)
            mediated_disk "$2" "$3" "$4" \
                "shadow_policy=pool${ALT_POOL_MIB:+,shadow_pool_size=$ALT_POOL_MIB}"
            ;;
        *) return 1 ;;
    esac
}

# alt_net NAME BACKEND: a line for the configuration of a guest that is created with a network device.
alt_net() {
    case $1 in
        swiotlb) mediated_net "$2" | sed "s/shadow=on/&, shadow_policy=pool/" ;;
        *) return 1 ;;
    esac
}

# alt_create BACKEND CONFIG [OPTIONS]: as create. OPTIONS are for xen-grant-dma.
alt_create() {
    create "$2" -p || return
    _guest=$(sed -n 's/^name *= *"\(.*\)"/\1/p' "$2")
    if grep -q grant_usage=1 "$2"; then
        alt_grant_dma_start "$1" "$_guest" "${3:-}" || return
    fi
    xl unpause "$_guest"
}

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
