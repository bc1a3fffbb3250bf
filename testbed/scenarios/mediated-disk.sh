# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 420
# The main job: a guest boots from a disk whose device is a stock qemu-storage-daemon in another,
# unprivileged VM, and works on it, while that VM tries to read the guest. Then the same for its
# network, which a stock passt serves.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/network.sh

# Two vCPUs in the backend VM: one looks into the guest while the other serves it.
BACKEND_VCPUS=2
check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
config=$(write_config guest "$TRIMMED" 256 1 "root=/dev/vda1 rw" \
    "$(mediated_disk backend xvda /dev/xvdb)")
mediated_net backend >>"$config"
check "guest is created" create "$config" || exit 1
check "guest boots from the mediated disk" wait_up guest 60 || exit 1
value guest_kernel "$(guest_run guest 10 "uname -r")"
value root_device "$(guest_run guest 10 root-device)"
check "its root is the virtio disk" guest_run guest 10 '[ "$(root-device)" = /dev/vda1 ]'

# The guest works; the backend VM looks into its memory at the same time, from when writes flow.
check "writes reach the backend VM" job_start guest 256
busy=$(probe_busy backend guest 1)
echo "$busy"
if job_finish guest 256; then
    value sha256_equal true
    ok "256 MiB are equal after unmounting and mounting again"
else
    value sha256_equal false
    not_ok "256 MiB are equal after unmounting and mounting again" \
        "$(tail -n 1 /run/testbed/job.guest)"
fi
log "the guest's work is done"
value verified_bytes "$(sed -n 's/^verified_bytes //p' /run/testbed/job.guest)"

guest_run guest 30 sync
check "no page is mapped when idle" wait_until 20 shadow_idle guest
idle=$(probe backend guest 1)
echo "$idle"
check_probe_busy "$busy" guest
check_probe_idle "$idle" guest
check_counters guest

value probe_pages "$(json_number "$busy" probe_pages)"
value readable_busy "$(json_number "$busy" readable)"
value uncovered_busy "$(json_number "$busy" uncovered)"
value readable_idle "$(json_number "$idle" readable)"
for key in requests grants revokes flushes rejected; do
    value "$key" "$(shadow_sum guest "$key")"
done
value pages_mapped_idle "$(shadow_sum guest pages_mapped)"

check "the backend VM has servers" serve_network 8
check "network: it gets an address by DHCP" get_address guest eth0
value net_address "$(guest_run guest 10 "ip addr show dev eth0" | sed -n 's/.*inet \([0-9.]*\).*/\1/p')"
if fetch_is_equal guest; then
    value net_http_equal true
    ok "network: 8 MiB fetched over HTTP are what the backend VM has"
else
    value net_http_equal false
    not_ok "network: 8 MiB fetched over HTTP are what the backend VM has"
fi
# Receive buffers stay in flight for as long as nothing comes.
waiting=$(guest_run backend 120 "isolation-probe $(domid guest) $(shadow_of guest net id) 1" |
    grep probe_pages | tail -n 1)
echo "$waiting"
value net_readable "$(json_number "$waiting" readable)"
value net_uncovered "$(json_number "$waiting" uncovered)"
check_probe_covered "$waiting" "network"
sent=$(iperf guest 1024 "")
received=$(iperf guest 1024 -R)
value net_sent_bytes "$sent"
value net_received_bytes "$received"
check "network: iperf3 runs both ways" [ "$sent" -gt 0 -a "$received" -gt 0 ]
value net_requests "$(shadow_of guest net requests)"
xl virtio-shadow-list -j >"$RESULTS/virtio-shadow-list.json"
xl virtio-shadow-list

check "guest shuts down" shut_down guest
check "backend VM shuts down" shut_down backend
exit 0
