# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 300
# A guest malforms its rings in every way, writes to registers as no driver would, uses memory that is
# not its RAM, and resets the device after each. Its other device, and everything else, goes on.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/attacks.sh

# As little memory for page tables as one can have, and a guest that can make more of them necessary.
BACKEND_MORE='shadow_memory = 1'
check "backend VM is up" \
    start_backend backend "$(pv_disk guest1 xvdb rw)" "$(pv_disk guest2 xvdc rw)" || exit 1
# Two vCPUs: one changes what Xen reads on behalf of the other.
check "guest is created" create "$(write_config guest "$TRIMMED" 512 2 \
    "root=/dev/vda1 rw xen_privcmd.unrestricted=1" \
    "$(mediated_disk backend xvda /dev/xvdb)" "$(mediated_disk backend xvdb /dev/xvdc)")" || exit 1
check "backend VM gets the page tables that the guest can make necessary" \
    grep -q 'backend domain .* got .* KiB of shadow_memory more' /run/testbed/xl.out
check "guest is up" wait_up guest 60 || exit 1
xl vcpu-pin guest 0 0
xl vcpu-pin guest 1 1

check "kernel driver lets go of the second disk" guest_run guest 20 \
    'echo 2000200.virtio >/sys/bus/platform/drivers/virtio-mmio/unbind'
attacks guest 1 guest 60 "hand-driver 0x2000200 $(domid guest)"

# An emulated machine takes some twenty times as long, and stands still now and then.
longest=$(($(shadow_id guest 1 longest_ns) / 1000))
log "Xen worked for the device for $longest us at a time, at most"
value longest_run_us "$longest"
check "Xen has measured how long it works for the device at a time" [ "$longest" -gt 0 ]
check "Xen never worked for it for more than 100 ms at a time" [ "$longest" -lt 100000 ]

failures=$(xl virtio-shadow-list -j guest | sed -n 's/.*"failures": \([0-9]*\).*/\1/p' | tail -n 1)
check "failures are counted" [ "$failures" -ge 28 ]
check "rejections are counted" [ "$(shadow_sum guest rejected)" -ge 28 ]
check "Xen says what was wrong" grep -q \
    'virtio-shadow: d.* device 1 queue 0 .*: .*; have the driver reset it' \
    "$RESULTS/xl-dmesg-early.log"
check "what it says is rate-limited" \
    [ "$(grep -c 'virtio-shadow: d' "$RESULTS/xl-dmesg-early.log")" -lt "$failures" ]
check "the first disk still works" guest_run guest 60 \
    'dd if=/dev/urandom of=/a bs=64k count=16 && sync && echo 3 >/proc/sys/vm/drop_caches && cat /a >/dev/null'
check "kernel driver takes the second disk back" guest_run guest 30 \
    'echo 2000200.virtio >/sys/bus/platform/drivers/virtio-mmio/bind && dd if=/dev/vdb of=/dev/null bs=64k count=16'
check "no page is mapped at rest" wait_until 20 shadow_idle guest
check "Xen is alive" xen_alive
exit 0
