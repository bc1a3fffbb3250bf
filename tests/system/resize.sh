# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 120
# A disk that is resized while the guest uses it: qemu-storage-daemon is told to, its vhost-user
# device says that the config space has changed, and the guest's kernel finds the new size.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

# The device process is not the daemon's, so that it can have a monitor.
QSD="qemu-storage-daemon --blockdev driver=file,node-name=disk,filename=/tmp/disk \
--export type=vhost-user-blk,id=disk,node-name=disk,addr.type=unix,addr.path=/tmp/disk.sock,writable=on \
--chardev pipe,id=qmp,path=/tmp/qmp --monitor chardev=qmp"

guest_size() {
    guest_run guest 10 "blockdev --getsize64 /dev/vda"
}

has_size() {
    [ "$(guest_size)" -eq "$1" ]
}

check "backend VM is up" start_backend backend || exit 1
guest_run backend 20 "truncate -s 16M /tmp/disk && mkfifo /tmp/qmp.in /tmp/qmp.out"
guest_run backend 20 "cat /tmp/qmp.out >/run/qmp.log & (exec 3<>/tmp/qmp.in; exec $QSD) >/run/qsd.log 2>&1 &"
check "qemu-storage-daemon listens" guest_run backend 20 \
    'n=0; until [ -S /tmp/disk.sock ] || [ $n -gt 50 ]; do n=$((n + 1)); sleep 0.2; done; cat /run/qsd.log; [ -S /tmp/disk.sock ]'
check "guest is created" create "$(write_config guest "$TRIMMED" 256 1 "root=/dev/xvda1 rw" \
    "$(pv_disk guest1 xvda rw)" "$(mediated_disk backend xvdb /tmp/disk.sock)")" || exit 1
check "guest is up" wait_up guest 60 || exit 1
check "its disk has 16 MiB" has_size $((16 << 20))
check "it has it in use" guest_run guest 20 "exec 3<>/dev/vda; dd if=/dev/zero of=/dev/vda bs=4k count=64 conv=fsync 2>&1; (sleep 60 <&3) >/dev/null 2>&1 &"
guest_run backend 20 "echo '{\"execute\": \"qmp_capabilities\"} {\"execute\": \"block_resize\", \"arguments\": {\"node-name\": \"disk\", \"size\": $((24 << 20))}}' >/tmp/qmp.in"
check "its disk has 24 MiB, without having been let go" wait_until 20 has_size $((24 << 20))
check "it writes where there was nothing" guest_run guest 20 \
    "dd if=/dev/zero of=/dev/vda bs=64k seek=320 count=64 conv=fsync 2>&1"
guest_run backend 10 "cat /run/qmp.log"
check "device: no failures" [ "$(shadow_of guest block failures)" -eq 0 ]
check "Xen is alive" xen_alive
exit 0
