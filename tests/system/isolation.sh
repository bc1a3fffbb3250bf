# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# unsettled: with pages granted, and as much load as there can be, a look did not come to an end in time
# seconds: 300
# What a backend VM can read of a guest while fio and iperf3 run, page by page, under each policy.
# Much of the guest's memory is filled with a word that is in no request, and is all around the
# buffers of a program that reads and writes all the time (programs/canary.c).
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/network.sh

MEMORY_MIB=128
CANARY_MIB=40
# Its file is there before it begins: fio would write it at its leisure. No more than that a request is
# in flight at most times, as the look has to share two emulated CPUs with all of this.
FIO="fio --name=load --filename=/mnt/load --size=16m --ioengine=libaio --direct=1 --iodepth=8 \
--rw=randrw --bsrange=512-256k --blockalign=512 --rate_iops=50,50 --time_based --runtime=200 --thread"

# scan TYPE: one look at all of the aperture and the window of a device.
scan() {
    guest_run backend 180 "isolation-probe $(domid guest) $(shadow_of guest "$1" id) 1" |
        grep probe_pages | tail -n 1
}

# saw KEY: of the last look
saw() {
    json_number "$seen" "$1"
}

# judge POLICY LOAD: what every device must not show.
judge() {
    echo "$1, $2: $seen"
    echo "{\"policy\": \"$1\", \"load\": \"$2\", \"saw\": $seen}" >>"$RESULTS/isolation.jsonl"
    check "$1, $2: it looked at all pages" [ "$(saw probe_pages)" -ge $((MEMORY_MIB * 256)) ]
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

check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
check "the backend VM has servers" serve_network 1
for policy in trusted grant hybrid copy; do
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
    check "$policy: guest is busy" guest_run guest 60 'n=0; until read -r r w </sys/block/vda/inflight && [ $((r + w)) -ge 1 ] || [ $n -ge 1000 ]; do n=$((n + 1)); sleep 0.02; done; [ $n -lt 1000 ]'
    seen=$(scan block)
    check "$policy: fio still runs" guest_run guest 20 'kill -0 "$(cat /tmp/load)"'
    guest_run guest 60 'kill -INT "$(cat /tmp/load)"; n=0; while kill -0 "$(cat /tmp/load)" && [ $n -lt 500 ]; do n=$((n + 1)); sleep 0.1; done; cat /tmp/fio' \
        >"$RESULTS/fio-$policy.log" 2>&1
    check "$policy: fio has read and written" grep -q "WRITE: bw=" "$RESULTS/fio-$policy.log"
    judge_disk "$policy"

    guest_run guest 20 "timeout 200 iperf3 -c $GATEWAY -b 50M -t 190 >/tmp/iperf 2>&1 & echo \$! >/tmp/load"
    check "$policy: iperf3 sends" guest_run guest 30 \
        'n=0; until [ "$(cat /sys/class/net/eth0/statistics/tx_packets)" -ge 100 ] || [ $n -ge 500 ]; do n=$((n + 1)); sleep 0.05; done; [ $n -lt 500 ]'
    seen=$(scan net)
    check "$policy: iperf3 still runs" guest_run guest 20 'kill -0 "$(cat /tmp/load)"'
    judge_net "$policy"
    check "$policy: the buffers amid canaries held what was written" guest_run guest 20 \
        'killall iperf3; cat /tmp/canary; killall canary'

    check "$policy: nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
    check "$policy: guest shuts down" shut_down guest
done
check "Xen is alive" xen_alive
exit 0
