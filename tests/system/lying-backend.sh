# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A backend lies about what it returned, and writes where it may only read. Its device fails, its
# other device and everything else go on.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/attacks.sh

check "backend VM is up" \
    start_backend backend "$(pv_disk guest1 xvdb rw)" "$(pv_disk guest2 xvdc rw)" || exit 1
check "guest is created" create "$(write_config guest "$TRIMMED" 256 1 "root=/dev/vda1 rw" \
    "$(mediated_disk backend xvda /dev/xvdb)" "$(mediated_disk backend xvdb /dev/xvdc)")" || exit 1
check "guest is up" wait_up guest 60 || exit 1

check "kernel driver lets go of the second disk" guest_run guest 20 \
    'echo 2000200.virtio >/sys/bus/platform/drivers/virtio-mmio/unbind'
guest_start guest "hand-driver 0x2000200 recover 5"
driver=$GUEST_SEQ
attacks guest 1 backend 60 "lying-backend $(domid guest) 1"
relay "driver" guest_finish guest 60 "$driver"

check "rejections are counted" [ "$(shadow_sum guest rejected)" -ge 5 ]
check "Xen says who lied" grep -q 'virtio-shadow: d.* device 1 queue 0 (backend d.*: used id' \
    "$RESULTS/xl-dmesg-early.log"
check "the first disk still works" guest_run guest 60 \
    'dd if=/dev/urandom of=/a bs=64k count=16 && sync && echo 3 >/proc/sys/vm/drop_caches && cat /a >/dev/null'
check "kernel driver takes the second disk back" guest_run guest 30 \
    'echo 2000200.virtio >/sys/bus/platform/drivers/virtio-mmio/bind && dd if=/dev/vdb of=/dev/null bs=64k count=16'
check "no page is mapped at rest" wait_until 20 shadow_idle guest
check "Xen is alive" xen_alive
exit 0
