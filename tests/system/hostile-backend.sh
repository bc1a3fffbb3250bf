# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 300
# A backend VM that is hostile in everything that a backend does: used ring, window, aperture,
# hypercalls, mailbox. Its driver is driven by hand, and hostile itself where it takes a backend that
# knows when to wait. The guest's other disk comes from a backend VM that is not.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/attacks.sh

BY_HAND="xen_privcmd.unrestricted=1"
# Whole pages are granted however short the request, and who goes is gone.
HOSTILE="shadow_policy=hybrid,shadow_threshold=1,shadow_restart_timeout=0"

# second_disk_is STATE: by Xen's word.
second_disk_is() {
    xl virtio-shadow-list -j guest | awk -v wanted="\"$1\"" '
        $1 == "\"state\":" { state = $2 }
        $1 == "\"id\":" && $2 + 0 == 1 { found = index(state, wanted) == 1 }
        END { exit !found }'
}

check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
# With a vCPU that is never started: nothing is set up for it yet.
check "hostile backend VM is created" create "$(write_config hostile "$TRIMMED" 256 3 \
    "root=/dev/xvda ro maxcpus=2 $BY_HAND" "$(pv_disk backend xvda ro)" \
    "$(pv_disk guest2 xvdb rw)")" || exit 1
check "hostile backend VM is up" wait_up hostile 60 || exit 1
# One changes what Xen reads on behalf of the other.
xl vcpu-pin hostile 0 0
xl vcpu-pin hostile 1 1
check "guest is created" create "$(write_config guest "$TRIMMED" 256 1 \
    "root=/dev/vda1 rw $BY_HAND" "$(mediated_disk backend xvda /dev/xvdb)" \
    "$(mediated_disk hostile xvdb /dev/xvdb "$HOSTILE")")" || exit 1
check "guest is up" wait_up guest 60 || exit 1

check "kernel driver lets go of the second disk" guest_run guest 20 \
    'echo 2000200.virtio >/sys/bus/platform/drivers/virtio-mmio/unbind'
guest_start guest "hand-peer 0x2000200"
driver=$GUEST_SEQ
attacks guest 1 hostile 60 \
    "hostile-backend $(domid guest) 1 ${ATTACKS:-used memory exact hypercalls mailbox life}"
check "driver ends well" guest_finish guest 60 "$driver"

# Storms, while the guest reads from its other disk.
guest_run guest 20 '(while :; do dd if=/dev/vda2 of=/dev/null bs=4k count=500 iflag=direct; done) >/dev/null 2>&1 & echo $! >/tmp/load'
guest_start guest "hand-peer 0x2000200"
driver=$GUEST_SEQ
attacks guest 1 hostile 60 "hostile-backend $(domid guest) 1 storm"
check "driver ends well after the storms" guest_finish guest 60 "$driver"
guest_run guest 20 'kill "$(cat /tmp/load)"'

# A driver that comes before the daemon has described the device finds one without features, and does
# not look again.
guest_run hostile 20 'virtio-shadowd >/run/virtio-shadow/daemon.log 2>&1 &'
check "a good backend takes the device over" wait_until 60 second_disk_is ready ||
    guest_run hostile 20 'cat /run/virtio-shadow/daemon.log'
check "kernel driver takes the second disk back" guest_run guest 60 \
    'echo 2000200.virtio >/sys/bus/platform/drivers/virtio-mmio/bind; n=0; until [ -b /dev/vdb ] || [ $n -ge 100 ]; do n=$((n + 1)); sleep 0.1; done; dd if=/dev/vdb of=/dev/null bs=64k count=16'
check "no page is mapped at rest" wait_until 20 shadow_idle guest
check "guest shuts down" shut_down guest
check "Xen is alive" xen_alive
exit 0
