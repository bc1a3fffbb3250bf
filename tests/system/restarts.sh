# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 600
# A guest's disk loses its device process, its daemon or all of its backend VM, under I/O whose every
# block is verified. Each time requests in flight go to the next one: nothing is lost, the guest sees
# no error, and in the end its file system is whole. Once more, and nobody comes: the requests fail.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

# How often; the kinds in turn.
KILLS=10
KINDS="process daemon process daemon vm"

BACKEND_DISK="$(pv_disk guest1 xvdb rw)"
# The daemon's default, which the testbed's configuration is not.
BACKEND_ARGS=shadowd.writethrough=auto
vms=0

start_guest() {
    create "$(write_config guest "$TRIMMED" 256 1 "root=/dev/vda1 rw" \
        "$(mediated_disk backend xvda /dev/xvdb "$1")")" && wait_up guest 60
}

guest_is() {
    xl virtio-shadow-list -j guest | grep -q "\"state\": \"$1\""
}

has_restarted() {
    [ "$(shadow_first guest restarts)" -gt "$restarts" ]
}

# go_on NR: there are so many requests more.
go_on() {
    _from=$(shadow_sum guest requests)
    wait_until 120 requests_exceed guest $((_from + $1))
}

kill_process() {
    guest_run backend 60 'kill -9 $(pidof qemu-storage-daemon)'
}

kill_daemon() {
    guest_run backend 60 'kill -9 $(pidof virtio-shadowd); /usr/sbin/virtio-shadowd --writethrough auto >>/run/virtio-shadow/daemon.log 2>&1 &'
}

# is_writing: writes are under way, so others have just returned. Those are what a VM takes along that
# has them in its page cache only.
is_writing() {
    guest_run guest 120 'n=0; until read -r _ writes </sys/block/vda/inflight && [ "$writes" -ge 4 ] || [ $n -ge 1000 ]; do n=$((n + 1)); sleep 0.02; done; [ $n -lt 1000 ]'
}

# One with the same UUID takes over by itself. One that has only the name gets nothing, and xl says
# why; it has to be told to.
kill_vm() {
    is_writing || return
    destroy backend
    vms=$((vms + 1))
    if [ $((vms % 2)) -eq 1 ]; then
        start_backend backend "$BACKEND_DISK"
    else
        BACKEND_IDENTITY=backend-$vms
        start_backend backend "$BACKEND_DISK" &&
            grep -q "but another UUID" /run/testbed/xl.out &&
            guest_is waiting &&
            xl virtio-shadow-attach guest "$(shadow_first guest id)" backend
    fi
}

load_is_well() {
    guest_run guest 120 '[ ! -e /run/verify-loop/failed ]'
}

load_is_done() {
    guest_run guest 20 '[ -e /run/verify-loop/done ] || [ -e /run/verify-loop/failed ]'
}

# one NUMBER KIND
one() {
    restarts=$(shadow_first guest restarts)
    check "kill $1: guest is busy" go_on 100 || return 1
    check "kill $1: $2 is killed" "kill_$2" || return 1
    check "kill $1: another took over from the $2" wait_until 60 has_restarted || return 1
}

# writes_through: the device process has been told to.
writes_through() {
    guest_run backend 20 'tr "\0" " " </proc/$(pidof qemu-storage-daemon)/cmdline | grep -q writethrough=on'
}

check "backend VM is up" start_backend backend "$BACKEND_DISK" || exit 1
# More than the default: an emulated backend VM may take its time to start on a busy host.
check "guest is up" start_guest shadow_restart_timeout=300 || exit 1
check "its disk writes through" writes_through
guest_run guest 20 'verify-loop /dev/vda2 >/run/verify-loop.log 2>&1 &'

kill=0
while [ "$kill" -lt "$KILLS" ]; do
    kill=$((kill + 1))
    # shellcheck disable=SC2086
    set -- $KINDS
    shift $(((kill - 1) % $#))
    kind=$1
    one "$kill" "$kind" || break
done

check "guest is busy after all of them" go_on 100
check "no error so far" load_is_well
guest_run guest 20 'touch /run/verify-loop/stop'
check "guest's load comes to an end" wait_until 240 load_is_done
check "everything was read back as written, and e2fsck finds nothing" \
    guest_run guest 20 'cat /run/verify-loop/failed; [ "$(cat /run/verify-loop/done)" -ge 1 ]'
check "guest's kernel saw no I/O error" guest_run guest 20 '! dmesg | grep -iE "I/O error|EXT4-fs error"'
check "guest's device never failed" [ "$(shadow_first guest failures)" -eq 0 ]
check "its disk still writes through" writes_through
check "there were as many restarts as kills" [ "$(shadow_first guest restarts)" -eq "$KILLS" ]
check "no page is mapped at rest" wait_until 20 shadow_idle guest
check_counters guest
value restarts "$(shadow_first guest restarts)"
check "guest is destroyed" destroy guest

# A short patience, and nobody comes.
check "guest is up again" start_guest shadow_restart_timeout=4 || exit 1
guest_start guest 'dd if=/dev/vda2 of=/dev/null bs=64k iflag=direct'
check "guest is busy again" wait_until 60 requests_exceed guest 50
check "backend VM is destroyed" destroy backend
check "guest waits" guest_is waiting
check "guest's device fails when the time is over" wait_until 30 guest_is failed
check "it is said why" sh -c 'xl dmesg | grep -q "virtio-shadow: .*backend gone"'
check "Xen is alive" xen_alive
exit 0
