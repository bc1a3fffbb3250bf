# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 560
# What a backend VM can read of a guest while fio and iperf3 run, page by page, under each policy.
# Much of the guest's memory is filled with a word that is in no request, and is all around the
# buffers of a program that reads and writes all the time (programs/canary.c).
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/network.sh

MEMORY_MIB=128
CANARY_MIB=40
# How often each look goes through all pages.
PASSES=4
DEVICES='$(pidof qemu-storage-daemon)'
# Its file is there before it begins: fio would write it at its leisure.
FIO="fio --name=load --filename=/mnt/load --size=16m --ioengine=libaio --direct=1 --iodepth=8 \
--rw=randrw --bsrange=512-256k --blockalign=512 --time_based --runtime=300 --thread \
--status-interval=1"

# requests ID: that the device has got. Xen does not count those that it does not see, but kicks.
requests() {
    if [ "$policy" = trusted ]; then
        shadow_id guest "$1" notifications
    else
        shadow_id guest "$1" requests
    fi
}

# look TYPE: at all of the aperture and the window of a device; sets seen, and during, how many
# requests it got meanwhile.
look() {
    _id=$(shadow_of guest "$1" id)
    _before=$(requests "$_id")
    seen=$(guest_run backend 180 "isolation-probe $(domid guest) $_id $PASSES" |
        grep probe_pages | tail -n 1)
    during=$(($(requests "$_id") - _before))
}

# saw KEY: of the last look
saw() {
    json_number "$seen" "$1"
}

# judge POLICY LOAD: what every device must not show.
judge() {
    echo "$1, $2: $seen, $during requests"
    echo "{\"policy\": \"$1\", \"load\": \"$2\", \"requests\": $during, \"saw\": ${seen:-null}}" \
        >>"$RESULTS/isolation.jsonl"
    check "$1, $2: requests were made meanwhile" [ "$during" -gt 0 ]
    check "$1, $2: it looked at all pages" [ "$(saw scan_pages)" -ge $((PASSES * MEMORY_MIB * 256)) ]
    check "$1, $2: it looked at the window" [ "$(saw window_pages)" -gt 0 ]
    check "$1, $2: the window holds nothing that is in no request" [ "$(saw window_canaries)" -eq 0 ]
    case $1 in
        trusted)
            check "$1, $2: all of the guest is there to be read" \
                [ "$(saw canaries)" -gt $((CANARY_MIB << 16)) ]
            ;;
        *)
            check "$1, $2: no page that no request in flight covered" [ "$(saw uncovered)" -eq 0 ]
            ;;
    esac
    case $1 in
        hybrid | copy)
            check "$1, $2: nothing that is in no request" [ "$(saw canaries)" -eq 0 ]
            check "$1, $2: no byte beside those of requests" [ "$(saw bytes_beside)" -eq 0 ]
            ;;
    esac
    [ "$1" != copy ] || check "$1, $2: no page at all" [ "$(saw readable)" -eq 0 ]
    value "isolation_$1_$2_bytes_beside" "$(saw bytes_beside)"
    value "isolation_$1_$2_canaries" "$(saw canaries)"
    value "isolation_$1_$2_window_returned" "$(saw window_returned)"
}

# judge_disk POLICY: and what it must, or else it would not have seen the rest either.
judge_disk() {
    judge "$1" fio
    case $1 in
        grant) check "$1, fio: what lies beside a buffer is seen" [ "$(saw canaries)" -gt 0 ] ;;
        hybrid) check "$1, fio: pages of requests are seen" [ "$(saw readable)" -gt 0 ] ;;
    esac
    case $1 in
        hybrid | copy)
            check "$1, fio: copies of requests are seen in the window" \
                [ $(($(saw window_in_flight) + $(saw window_returned))) -gt 0 ]
            ;;
    esac
}

# judge_net POLICY: the disk's requests are none of this device's.
judge_net() {
    judge "$1" iperf3
    check "$1, iperf3: nothing of another device's requests" \
        [ $(($(saw window_in_flight) + $(saw window_returned))) -eq 0 ]
}

# What a guest's death left in flight is not taken out of its backend's aperture, but replaced by a
# page that is nobody's. The next guest's aperture may lie there, so each has a backend of its own.
for policy in trusted grant hybrid copy; do
    check "$policy: backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
    check "$policy: the backend VM has servers" serve_network 1
    config=$(write_config guest "$TRIMMED" "$MEMORY_MIB" 1 "root=/dev/vda1 rw" \
        "$(mediated_disk backend xvda /dev/xvdb "shadow_policy=$policy")")
    mediated_net backend | sed "s/shadow=on/shadow=on, shadow_policy=$policy/" >>"$config"
    check "$policy: guest is created" create "$config" || exit 1
    check "$policy: guest is up" wait_up guest 60 || exit 1
    check "$policy: it gets an IP address by DHCP" get_address guest eth0
    guest_run guest 60 \
        "mount /dev/vda2 /mnt && dd if=/dev/zero of=/mnt/load bs=1M count=16 2>&1 && sync"
    check "$policy: $CANARY_MIB MiB are filled" guest_run guest 60 \
        "canary $CANARY_MIB /mnt/canary >/tmp/canary 2>&1 & n=0; until grep -q bytes /tmp/canary || [ \$n -gt 500 ]; do n=\$((n + 1)); sleep 0.1; done; cat /tmp/canary; grep -q bytes /tmp/canary"

    guest_run guest 20 "$FIO >/tmp/fio 2>&1 & echo \$! >/tmp/load"
    check "$policy: fio reads and writes" guest_run guest 90 \
        'n=0; until grep -q "READ: bw=" /tmp/fio && grep -q "WRITE: bw=" /tmp/fio || [ $n -ge 800 ]; do n=$((n + 1)); sleep 0.1; done; [ $n -lt 800 ]'
    look block
    check "$policy: fio still runs" guest_run guest 20 'kill -0 "$(cat /tmp/load)"'
    guest_run guest 60 'kill -INT "$(cat /tmp/load)"; n=0; while kill -0 "$(cat /tmp/load)" && [ $n -lt 500 ]; do n=$((n + 1)); sleep 0.1; done; cat /tmp/fio' \
        >"$RESULTS/fio-$policy.log" 2>&1
    check "$policy: fio has met no error" grep -q "err= 0" "$RESULTS/fio-$policy.log"
    judge_disk "$policy"

    guest_run guest 20 "timeout 300 iperf3 -c $GATEWAY --bidir -t 290 >/tmp/iperf 2>&1 & echo \$! >/tmp/load"
    check "$policy: iperf3 sends and receives" guest_run guest 60 \
        'n=0; cd /sys/class/net/eth0/statistics; until [ "$(cat tx_bytes)" -ge 200000 ] && [ "$(cat rx_bytes)" -ge 200000 ] || [ $n -ge 800 ]; do n=$((n + 1)); sleep 0.05; done; [ $n -lt 800 ]'
    look net
    check "$policy: iperf3 still runs" guest_run guest 20 'kill -0 "$(cat /tmp/load)"'
    judge_net "$policy"
    check "$policy: the buffers amid canaries held what was written" guest_run guest 20 \
        'killall iperf3; cat /tmp/canary; killall canary'

    check "$policy: nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
    check "$policy: guest shuts down" shut_down guest
    check "$policy: backend VM shuts down" shut_down backend
done
# What was in a buffer before the device has written to it: the guest's free memory is full of
# canaries, and a long read from the disk goes there while no device process is at work. With the
# kernel's init_on_alloc, which some distributions turn on, there would be nothing to be seen.
for scrub in off on; do
    what="hybrid, scrub=$scrub"
    check "$what: backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
    config=$(write_config guest "$TRIMMED" "$MEMORY_MIB" 1 "root=/dev/vda1 rw init_on_alloc=0" \
        "$(mediated_disk backend xvda /dev/xvdb "shadow_scrub=$scrub")")
    check "$what: guest is created" create "$config" || exit 1
    check "$what: guest is up" wait_up guest 60 || exit 1
    check "$what: xl says so" [ "$(shadow_first guest scrub)" = "$([ "$scrub" = on ] && echo 1 || echo 0)" ]
    guest_run guest 60 \
        "mount /dev/vda2 /mnt && dd if=/dev/zero of=/mnt/load bs=1M count=8 2>&1 && sync"
    check "$what: free memory is filled" guest_run guest 60 \
        "echo 1 >/proc/sys/vm/drop_caches; canary $CANARY_MIB >/tmp/canary 2>&1 & n=0; until grep -q bytes /tmp/canary || [ \$n -gt 500 ]; do n=\$((n + 1)); sleep 0.1; done; grep -q bytes /tmp/canary && killall canary"
    # Its programs are in its memory when there is no disk any more.
    guest_run guest 20 'echo 1024 >/sys/block/vda/queue/read_ahead_kb; dd if=/proc/version of=/dev/null 2>&1; (sleep 8; dd if=/mnt/load of=/tmp/read bs=1M 2>/tmp/dd; echo $? >/tmp/dd-status) &'
    guest_run backend 10 "kill -STOP $DEVICES"
    guest_run backend 20 "sleep 10"
    look block
    echo "$what: $seen"
    check "$what: pages of requests are seen" [ "$(saw readable)" -ge 256 ]
    check "$what: no page that no request in flight covered" [ "$(saw uncovered)" -eq 0 ]
    check "$what: no byte beside those of requests" [ "$(saw bytes_beside)" -eq 0 ]
    if [ "$scrub" = off ]; then
        check "$what: what was in free memory is seen" [ "$(saw canaries)" -gt 0 ]
    else
        check "$what: nothing of what was in free memory" [ "$(saw canaries)" -eq 0 ]
    fi
    check "$what: the window holds nothing that is in no request" [ "$(saw window_canaries)" -eq 0 ]
    value "isolation_scrub_${scrub}_canaries" "$(saw canaries)"
    guest_run backend 10 "kill -CONT $DEVICES"
    check "$what: what was read is what was written" guest_run guest 60 \
        'n=0; until [ -e /tmp/dd-status ] || [ $n -gt 500 ]; do n=$((n + 1)); sleep 0.1; done; cat /tmp/dd; dd if=/dev/zero bs=1M count=8 2>/dev/null | cmp - /tmp/read'
    check "$what: nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
    check "$what: guest shuts down" shut_down guest
    check "$what: backend VM shuts down" shut_down backend
done
check "Xen is alive" xen_alive
exit 0
