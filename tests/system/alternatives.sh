# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 420
# xen: xsm=dummy
# What mediated devices are compared with, at work: a guest writes to a disk of each kind, reads it
# back, and the backend VM finds the same bytes on the block device behind it. The default of Xen on
# Arm, SILO, lets no two unprivileged domains share grants or event channels, which all of these take.
. /testbed/dom0/lib.sh
. /testbed/dom0/alternatives.sh

MIB=4

# verified GUEST DEVICE BACKEND-DEVICE: not through the guest's page cache.
verified() {
    _sums=$(guest_run guest 150 "dd if=/dev/urandom of=/tmp/data bs=1M count=$MIB 2>/dev/null && \
        dd if=/tmp/data of=$1 bs=64k oflag=direct 2>/dev/null && \
        sha256sum </tmp/data && rm /tmp/data && \
        dd if=$1 bs=256k count=$((MIB * 4)) iflag=direct 2>/dev/null | sha256sum && \
        dd if=$1 bs=4k count=$((MIB * 256)) iflag=direct 2>/dev/null | sha256sum") || return
    _sums="$_sums
$(guest_run backend 120 "dd if=$2 bs=64k count=$((MIB * 16)) 2>/dev/null | sha256sum")" || return
    echo "$_sums"
    [ "$(echo "$_sums" | grep -cE '^[0-9a-f]{64} ')" -eq 4 ] &&
        [ "$(echo "$_sums" | sort -u | wc -l)" -eq 1 ]
}

# iperf ARGUMENTS: what arrived, in bytes.
iperf() {
    guest_run guest 120 "timeout 110 iperf3 -c $ALT_NET_HOST -n 1M -l 16K -w 32K --json $1" |
        awk '/"sum_received"/ { on = 1 } on && /"bytes"/ { print $2 + 0; exit }'
}

BACKEND_ARGS="$(alt_backend_args) ramdisk_size=32768"
check "backend VM is up" start_backend backend || exit 1
check "it serves devices" alt_backend_start backend || exit 1
check "guest is created" alt_create backend "$(write_config guest "$TRIMMED" 256 1 \
    "root=/dev/xvda1 rw" "$(pv_disk guest1 xvda rw)" \
    "$(alt_disk xen-grant-dma backend xvdb /dev/ram2)" \
    "$(alt_disk swiotlb backend xvdc /dev/ram3)")" || exit 1
check "guest is up" wait_up guest 60 || exit 1

check "xen-grant-dma: the guest has a virtio disk" \
    guest_run guest 10 "readlink /sys/block/vda/device/driver | grep virtio_blk"
check "xen-grant-dma: what it writes is read back and is there" verified /dev/vda /dev/ram2

check "swiotlb: the guest has a virtio disk" \
    guest_run guest 10 "readlink /sys/block/vdb/device/driver | grep virtio_blk"
# Below swiotlb/ for drivers that come late, not for those that are built in.
check "swiotlb: its driver uses the pool" guest_run guest 20 \
    "cd /sys/kernel/debug; cat virtio-pool-*/io_tlb_used swiotlb/virtio-pool-*/io_tlb_used 2>&1 | \
grep '^[1-9]'"
check "swiotlb: what it writes is read back and is there" verified /dev/vdb /dev/ram3
# The default is 64 MiB.
check "swiotlb: the backend VM sees the pool and no more" [ "$(shadow_sum guest pages_mapped)" -eq 16384 ]

check "pv: disk without persistent grants" alt_attach pv backend guest xvde /dev/ram0
check "pv: what it writes is read back and is there" verified /dev/xvde /dev/ram0
check "pv-persistent: disk with persistent grants" \
    alt_attach pv-persistent backend guest xvdf /dev/ram1
check "pv-persistent: what it writes is read back and is there" verified /dev/xvdf /dev/ram1
check "pv: the disk goes" alt_detach pv guest xvde
check "pv-persistent: the disk goes" alt_detach pv-persistent guest xvdf

check "pv: network interface" alt_net_attach backend guest
guest_run backend 10 "iperf3 -s >/run/iperf3.log 2>&1 &"
sleep 0.5
sent=$(iperf "")
received=$(iperf -R)
log "iperf3: $sent bytes sent, $received received"
check "pv: iperf3 runs, guest to backend VM" [ "${sent:-0}" -gt 0 ]
check "pv: iperf3 runs, backend VM to guest" [ "${received:-0}" -gt 0 ]

check "guest is destroyed" destroy guest
check "xen-grant-dma: its backend ends" alt_grant_dma_stop backend
check "nothing of it is left in the backend VM's part of xenstore" \
    wait_until 20 sh -c "! xenstore-ls -f '/local/domain/$(domid backend)/backend' | grep -q /state"
check "backend VM shuts down" shut_down backend
exit 0
