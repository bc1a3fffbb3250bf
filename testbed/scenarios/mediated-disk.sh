# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The main job: a guest boots from a disk whose device is a stock qemu-storage-daemon in another,
# unprivileged VM, and works on it, while that VM tries to read the guest.
. /testbed/dom0/lib.sh

check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
check "guest is created" create "$(write_config guest "$TRIMMED" 256 1 "root=/dev/vda1 rw" \
    "$(mediated_disk backend xvda /dev/xvdb)")" || exit 1
check "guest boots from the mediated disk" wait_up guest 60 || exit 1
value guest_kernel "$(guest_run guest 10 "uname -r" | tail -n 1)"
value root_device "$(guest_run guest 10 root-device | tail -n 1)"
check "its root is the virtio disk" guest_run guest 10 '[ "$(root-device)" = /dev/vda1 ]'

frontend=$(domid guest)
device=$(shadow_first guest id)

# The guest works; the backend VM looks into its memory at the same time.
guest_start guest "verify-data /dev/vda2 256"
work=$GUEST_SEQ
busy=$(guest_run backend 120 "isolation-probe $frontend $device 1") ||
    log "the probe under I/O ended with status $?"
echo "$busy"
output=$(guest_finish guest 240 "$work")
status=$?
echo "$output"
value verified_bytes "$(echo "$output" | sed -n 's/^verified_bytes //p')"
if [ "$status" -eq 0 ]; then
    value sha256_equal true
    ok "256 MiB are equal after unmounting and mounting again"
else
    value sha256_equal false
    not_ok "256 MiB are equal after unmounting and mounting again" "status $status"
fi

guest_run guest 30 sync
check "no page is mapped when idle" wait_until 20 shadow_idle guest
idle=$(guest_run backend 120 "isolation-probe $frontend $device 1") ||
    log "the probe at rest ended with status $?"
echo "$idle"

value probe_pages "$(json_number "$busy" probe_pages)"
value readable_busy "$(json_number "$busy" readable)"
value uncovered_busy "$(json_number "$busy" uncovered)"
value readable_idle "$(json_number "$idle" readable)"
check "the probe tried at least 1000 pages under I/O" \
    [ "$(json_number "$busy" probe_pages)" -ge 1000 ]
check "it read none that no request in flight covered" \
    [ "$(json_number "$busy" uncovered)" -eq 0 ]
check "the probe tried at least 1000 pages at rest" \
    [ "$(json_number "$idle" probe_pages)" -ge 1000 ]
check "it read none" [ "$(json_number "$idle" readable)" -eq 0 ]

for key in requests grants revokes flushes rejected; do
    value "$key" "$(shadow_sum guest "$key")"
done
value pages_mapped_idle "$(shadow_sum guest pages_mapped)"
check "as many revokes as grants" [ "$(shadow_sum guest grants)" -eq "$(shadow_sum guest revokes)" ]
check "pages were granted" [ "$(shadow_sum guest grants)" -gt 0 ]
check "nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
xl virtio-shadow-list -j >"$RESULTS/virtio-shadow-list.json"
xl virtio-shadow-list

check "guest shuts down" shut_down guest
check "backend VM shuts down" shut_down backend
exit 0
