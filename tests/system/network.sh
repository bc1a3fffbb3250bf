# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 150
# A guest's network: a virtio-net device whose device process is a stock passt in the backend VM.
# Receive buffers are in flight for as long as nothing arrives: the backend VM sees these and nothing
# else, and nothing at all once the driver has let go of the device.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/network.sh

# probe_net PASSES: as probe, on the network device's view of the guest.
probe_net() {
    guest_run backend 120 "isolation-probe $(domid guest) $(shadow_of guest net id) $1" |
        grep probe_pages | tail -n 1
}

net_unmapped() {
    [ "$(shadow_of guest net pages_mapped)" -eq 0 ]
}

check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
config=$(write_config guest "$TRIMMED" 256 1 "root=/dev/vda1 rw" \
    "$(mediated_disk backend xvda /dev/xvdb)")
mediated_net backend >>"$config"
check "guest is created" create "$config" || exit 1
check "guest is up" wait_up guest 60 || exit 1

check "its network device is a virtio device" \
    guest_run guest 10 'readlink /sys/class/net/eth0/device/driver | grep virtio_net'
mac=$(xenstore-read "/libxl/$(domid guest)/device/virtio/0/mac")
check "it has the address that the toolstack gave it" \
    [ "$(guest_run guest 10 "cat /sys/class/net/eth0/address")" = "$mac" ]
check "it gets an IP address by DHCP" get_address guest eth0 || exit 1

check "the backend VM has servers" serve_network 8
check "it fetches a file over HTTP, and gets it as it is" fetch_is_equal guest

sent=$(iperf guest 1024 "")
received=$(iperf guest 1024 -R)
value net_sent_bytes "$sent"
value net_received_bytes "$received"
log "iperf3: $sent bytes sent, $received received"
check "iperf3 runs, guest to backend VM" [ "$sent" -gt 0 ]
check "iperf3 runs, backend VM to guest" [ "$received" -gt 0 ]

guest_start guest "timeout 30 iperf3 -c $GATEWAY -t 6 -R >/dev/null"
traffic=$GUEST_SEQ
busy=$(probe_net 1)
echo "$busy"
check "iperf3 ran meanwhile" guest_finish guest 60 "$traffic"
# Packets are small: they are copied.
check_probe_covered "$busy" "guest receives"

# Of the whole guest, the probe reads as many pages as Xen says are mapped.
mapped=$(shadow_of guest net pages_mapped)
idle=$(probe_net 1)
echo "$idle"
check_probe_covered "$idle" "no traffic"
check "no traffic: it read as many pages as are in flight" \
    [ "$(json_number "$idle" readable_scan)" -eq "$mapped" ]
value net_readable_idle "$(json_number "$idle" readable_scan)"
value net_uncovered_idle "$(json_number "$idle" uncovered)"

check "driver lets go of the device" guest_run guest 20 \
    "basename \"\$(readlink /sys/class/net/eth0/device)\" >/run/net && ip link set eth0 down && \
        cat /run/net >/sys/bus/virtio/drivers/virtio_net/unbind"
check "no page is mapped without a driver" wait_until 20 net_unmapped
gone=$(probe_net 1)
echo "$gone"
check_probe_idle "$gone" "without a driver"
check "driver takes the device up again" guest_run guest 20 \
    'cat /run/net >/sys/bus/virtio/drivers/virtio_net/bind && ip link set eth0 up'
check "it gets an IP address again" get_address guest eth0
check "it fetches the file again" fetch_is_equal guest

check "the backend saw the bytes of packets and no others" \
    [ "$(shadow_sum guest bytes_exposed)" -eq "$(shadow_sum guest bytes_requested)" ]
check "nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
check "no device failed" [ "$(shadow_sum guest failures)" -eq 0 ]
check "the device process was started once" guest_run backend 10 \
    'grep "started passt" /run/virtio-shadow/daemon.log; [ "$(grep -c "started passt" /run/virtio-shadow/daemon.log)" = 1 ]'
guest_run backend 10 "cat /run/virtio-shadow/daemon.log"
check "Xen is alive" xen_alive
exit 0
