# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 600
# Ring formats, events, indirect tables: each combination on a disk and on a network device, as the
# driver, Xen and the backend VM see it. What is expected is stated, in full, for each.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/network.sh
. /testbed/dom0/outcomes.sh

MIB=16

# settings RING EVENTS INDIRECT: keys of a device.
settings() {
    echo "shadow_packed=$([ "$1" = packed ] && echo on || echo off),shadow_event_idx=$2,shadow_policy=grant,\
shadow_indirect=$3"
}

# disk_job ID: verified by fio in the guest, and by comparing what guest and backend VM have.
disk_job() {
    _dev=$(guest_run guest 10 "ls $(sysfs "$1")/block")
    _fio=$(fio_verify guest "/dev/$_dev" "--bs=128k --iodepth=32 --size=${MIB}m")
    _small=$(fio_verify guest "/dev/$_dev" "--bs=4k --iodepth=16 --size=${MIB}m --io_size=4m")
    _guest=$(guest_run guest 30 "dd if=/dev/$_dev bs=1M iflag=direct 2>/dev/null | sha256sum")
    _backend=$(guest_run backend 30 "sha256sum </tmp/disk.$1")
    echo "fio=$(agreed "$_fio" "$_small") contents=$([ "$_guest" = "$_backend" ] && echo equal || echo different)"
}

# net_job ID: an address, a file, and traffic both ways. Then the driver lets go of the device: two
# networks with the same addresses are too much for a guest.
net_job() {
    _if=$(guest_run guest 10 "ls $(sysfs "$1")/net")
    get_address guest "$_if" >&2 && _dhcp=yes || _dhcp=no
    fetch_is_equal guest >&2 && _file=equal || _file=different
    _out=$(iperf guest 256 "")
    _in=$(iperf guest 256 -R)
    log "network device $1: $_out bytes sent, $_in received" >&2
    guest_run guest 20 "ip addr flush dev $_if; ip link set $_if down; \
        basename $(sysfs "$1") >/sys/bus/virtio/drivers/virtio_net/unbind" >&2
    echo "dhcp=$_dhcp file=$_file sent=$(some "$_out") received=$(some "$_in")"
}

# expect_disk RING EVENTS INDIRECT. Tables in place imply split virtqueues: those of packed ones have
# another format, and could not be used where they are.
expect_disk() {
    _packed=$(yes_if [ "$1" = packed ])
    [ "$3" != remap ] || _packed=0
    echo "packed=$_packed" \
        "event_idx=$(yes_if [ "$2" = on ])" "indirect=$(yes_if [ "$3" != off ])" \
        "pages=$(yes_if [ "$3" = remap ])" "device_event_idx=$(yes_if [ "$2" = on ])" \
        "fio=0 contents=equal" \
        "copied=$([ "$3" = copy ] && echo some || echo none)" \
        "in_place=$([ "$3" = remap ] && echo some || echo none) restored=all" \
        "rejected=0 failures=0 mapped=0"
}

# expect_net RING EVENTS INDIRECT. The device process, passt, has neither events nor indirect tables,
# so the driver is offered no tables, and events by Xen alone.
expect_net() {
    echo "packed=$(yes_if [ "$1" = packed ])" "event_idx=$(yes_if [ "$2" = on ])" "indirect=0" \
        "pages=0 device_event_idx=0" \
        "dhcp=yes file=equal sent=some received=some" \
        "copied=none in_place=none restored=all rejected=0 failures=0 mapped=0"
}

combinations() {
    for ring in split packed; do
        for events in on off; do
            echo "$ring $events $1"
        done
    done
}

# A guest per policy: a disk and a network device for each of the other combinations.
matrix_guest() {
    _config=$(write_config guest "$TRIMMED" 256 2 "root=/dev/xvda1 rw" "$(pv_disk guest1 xvda rw)")
    _disks=$(sed -n 's/^disk = \[ \(.*\) \]/\1/p' "$_config")
    _nets=
    _id=0
    for _vdev in xvdb xvdc xvdd xvde; do
        read -r _ring _events _indirect
        _keys=$(settings "$_ring" "$_events" "$_indirect")
        _disks="$_disks, $(mediated_disk backend "$_vdev" "/tmp/disk.$_id" "$_keys")"
        _nets="$_nets${_nets:+, }'backend=backend, type=virtio,device1, transport=mmio, shadow=on, \
shadow_queues=2, $(echo "$_keys" | sed 's/,/, /g')'"
        _id=$((_id + 1))
    done
    sed -i '/^disk = /d' "$_config"
    echo "disk = [ $_disks ]" >>"$_config"
    echo "virtio = [ $_nets ]" >>"$_config"
    echo "$_config"
}

check "backend VM is up" start_backend backend || exit 1
check "the backend VM has servers" serve_network 4

for indirect in off copy remap; do
    combinations "$indirect" >/run/testbed/combinations
    guest_run backend 20 "for n in 0 1 2 3; do truncate -s ${MIB}M /tmp/disk.\$n; done"
    check "$indirect: guest is created" \
        create "$(matrix_guest </run/testbed/combinations)" || exit 1
    check "$indirect: guest is up" wait_up guest 60 || exit 1
    id=0
    while read -r ring events policy <&5; do
        outcome "disk, $ring, event_idx $events, indirect $policy" \
            "$(expect_disk "$ring" "$events" "$policy")" \
            "$(negotiated guest $id)device_event_idx=$(bit "$(device_features guest virtio_disk $((51728 + id * 16)))" 29) $(disk_job $id) $(tables guest $id) $(at_rest guest $id)"
        net=$((id + 4))
        outcome "net, $ring, event_idx $events, indirect $policy" \
            "$(expect_net "$ring" "$events" "$policy")" \
            "$(negotiated guest $net)device_event_idx=$(bit "$(device_features guest virtio $id)" 29) $(net_job $net) $(tables guest $net) $(at_rest guest $net)"
        id=$((id + 1))
    done 5</run/testbed/combinations
    xl virtio-shadow-list -j guest >"$RESULTS/matrix-$indirect.json"
    check "$indirect: guest shuts down" shut_down guest
done
guest_run backend 10 "cat /run/virtio-shadow/daemon.log"
check "Xen is alive" xen_alive
exit 0
