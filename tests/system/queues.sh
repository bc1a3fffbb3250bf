# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 200
# machine: both
# Queues as long as they may be, and several of them: what the driver takes, what goes through each,
# and that it is what was written, for each way in which tables are handled.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/outcomes.sh

MIB=32

# queues KEY: that figure of each queue of the guest's first device, in a line.
queues() {
    xl virtio-shadow-list -j guest | awk -v key="\"$1\":" '$1 == key { printf " %d", $2 }'
}

# used: how many queues have had requests.
used() {
    queues requests | awk '{ for (i = 1; i <= NF; i++) n += $i > 0; print n + 0 }'
}

# job NAME: all vCPUs at a time, so many requests that a short queue would not hold them.
job() {
    guest_run guest 120 "fio --filename=/dev/vda --direct=1 --ioengine=libaio --verify=crc32c \
--verify_fatal=1 --rw=randwrite --bs=16k --iodepth=256 --size=$((MIB / 2))m --name=a \
--cpus_allowed=0 --name=b --offset=$((MIB / 2))m --cpus_allowed=1 2>&1" >/run/testbed/fio.out
    echo $?
}

# same_buffers: all vCPUs read into the same memory, so that its pages are in flight in two queues.
# fio expects the file that they both map to be as large as that.
same_buffers() {
    guest_run guest 120 "dd if=/dev/zero of=/dev/buffers bs=1M count=4 2>/dev/null; \
fio --filename=/dev/vda --direct=1 --ioengine=libaio --rw=randread --bs=16k \
--iodepth=64 --size=$((MIB / 2))m --mem=mmapshared:/dev/buffers --name=a --cpus_allowed=0 \
--name=b --cpus_allowed=1 2>&1" >/run/testbed/fio.out
    echo $?
}

check "backend VM is up" start_backend backend || exit 1
for indirect in off copy remap; do
    guest_run backend 20 "rm -f /tmp/disk; truncate -s ${MIB}M /tmp/disk"
    check "$indirect: guest is created" create "$(write_config guest "$TRIMMED" 256 2 \
        "root=/dev/xvda1 rw virtio_blk.num_request_queues=2" "$(pv_disk guest1 xvda rw)" \
        "$(mediated_disk backend xvdb /tmp/disk \
            "shadow_policy=grant,shadow_indirect=$indirect,shadow_queues=4,shadow_queue_size=1024")")" ||
        exit 1
    check "$indirect: guest is up" wait_up guest 60 || exit 1
    fio=$(job)
    [ "$fio" -eq 0 ] || cat /run/testbed/fio.out
    guest=$(guest_run guest 30 "dd if=/dev/vda bs=1M iflag=direct 2>/dev/null | sha256sum")
    backend=$(guest_run backend 30 "sha256sum </tmp/disk")
    log "requests of each queue:$(queues requests)"
    outcome "4 queues of 1024, 2 vCPUs, indirect $indirect" \
        "sizes= 1024 1024 used=2 fio=0 contents=equal rejected=0 failures=0 mapped=0" \
        "sizes=$(queues size | cut -d' ' -f1-3) used=$(used) fio=$fio contents=$([ "$guest" = "$backend" ] && echo equal || echo different) $(at_rest guest 0)"
    before="$(queues requests)"
    fio=$(same_buffers)
    [ "$fio" -eq 0 ] || cat /run/testbed/fio.out
    log "requests of each queue:$before before,$(queues requests) with buffers that both have"
    outcome "the same buffers in 2 queues, indirect $indirect" \
        "used=2 fio=0 rejected=0 failures=0 mapped=0" \
        "used=$(used) fio=$fio $(at_rest guest 0)"
    check "$indirect: guest shuts down" shut_down guest
done
check "Xen is alive" xen_alive
exit 0
