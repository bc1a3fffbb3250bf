# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The testbed by itself: a backend VM and a guest, each with its root on a Xen PV disk that dom0
# serves. Nothing here is mediated.
# shellcheck source=/dev/null
. /testbed/dom0/lib.sh

create "$(write_config backend "$TRIMMED" 256 1 "root=/dev/xvda ro" \
    "$(pv_disk backend xvda ro)")" || not_ok "backend is created" "$(tail -n 1 /run/testbed/xl.out)"
create "$(write_config guest "$TRIMMED" 256 1 "root=/dev/xvda1 rw" \
    "$(pv_disk guest1 xvda rw)")" || not_ok "guest is created" "$(tail -n 1 /run/testbed/xl.out)"
check "backend is up" wait_up backend 60
check "guest is up" wait_up guest 60
check "guest's root is the PV disk" guest_run guest 20 '[ "$(root-device)" = /dev/xvda1 ]'
check "a command's status comes back" \
    sh -c '. /testbed/dom0/lib.sh; guest_run backend 20 "exit 3"; [ $? -eq 3 ]'
check "guest writes its data partition" guest_run guest 60 \
    "mount /dev/xvda2 /mnt && dd if=/dev/urandom of=/mnt/a bs=64k count=64 2>&1 && umount /mnt"
check "guest shuts down" shut_down guest
check "backend is destroyed" destroy backend
exit 0
