# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# unsettled: its own checks of the load fail
# seconds: 400
# What a backend VM can read of a guest while fio and iperf3 run, page by page, under each policy.
# Much of the guest's memory is filled with a word that is in no request.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

GATEWAY=169.254.2.2
CANARY_MIB=96
FIO="fio --name=load --filename=/mnt/load --ioengine=libaio --rw=randrw --bsrange=512-256k \
--blockalign=512 --direct=1 --iodepth=8 --size=64m --time_based --runtime=60 --output=/tmp/fio.out"

# scan TYPE: one look at all of the aperture and the window of a device.
scan() {
    guest_run backend 120 "isolation-probe $(domid guest) $(shadow_of guest "$1" id) 1" |
        grep probe_pages | tail -n 1
}

# judge POLICY WHAT JSON
judge() {
    echo "$1, $2: $3"
    echo "{\"policy\": \"$1\", \"load\": \"$2\", \"saw\": $3}" >>"$RESULTS/isolation.jsonl"
    check "$1, $2: it looked at all pages" [ "$(json_number "$3" probe_pages)" -ge 60000 ]
    check "$1, $2: the window holds nothing that is in no request" \
        [ "$(json_number "$3" window_canaries)" -eq 0 ]
    case $1 in
        trusted)
            check "$1, $2: all of the guest is there to be read" \
                [ "$(json_number "$3" canaries)" -gt $((CANARY_MIB << 16)) ]
            ;;
        *)
            check "$1, $2: no page that no request in flight covered" \
                [ "$(json_number "$3" uncovered)" -eq 0 ]
            check "$1, $2: nothing that is in no request" [ "$(json_number "$3" canaries)" -eq 0 ]
            ;;
    esac
    case $1 in
        copy) check "$1, $2: no page at all" [ "$(json_number "$3" readable)" -eq 0 ] ;;
        hybrid)
            check "$1, $2: no byte beside those of requests" \
                [ "$(json_number "$3" bytes_beside)" -eq 0 ]
            ;;
    esac
    value "isolation_$1_$2_bytes_beside" "$(json_number "$3" bytes_beside)"
}

check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
for policy in trusted grant hybrid copy; do
    config=$(write_config guest "$TRIMMED" 256 1 "root=/dev/vda1 rw" \
        "$(mediated_disk backend xvda /dev/xvdb "shadow_policy=$policy")")
    mediated_net backend | sed "s/shadow=on/shadow=on, shadow_policy=$policy/" >>"$config"
    check "$policy: guest is created" create "$config" || exit 1
    check "$policy: guest is up" wait_up guest 60 || exit 1
    check "$policy: network is up" guest_run guest 30 \
        "udhcpc -i eth0 -n -q -s /etc/udhcpc-script >/tmp/udhcpc 2>&1"
    guest_run backend 10 "iperf3 -s -D" >/dev/null
    check "$policy: $CANARY_MIB MiB are filled" guest_run guest 30 \
        "canary $CANARY_MIB >/tmp/canary & n=0; until grep -q bytes /tmp/canary || [ \$n -gt 100 ]; do n=\$((n + 1)); sleep 0.1; done; grep bytes /tmp/canary"

    guest_run guest 20 "mount /dev/vda2 /mnt"
    guest_run guest 20 "$FIO >/dev/null 2>&1 &"
    sleep 2
    seen=$(scan block)
    guest_run guest 20 'killall -INT fio; sleep 1; killall fio; rm /mnt/load; umount /mnt; cat /tmp/fio.out' \
        >"$RESULTS/fio-$policy.log"
    check "$policy: fio has read and written" grep -q "WRITE: bw=" "$RESULTS/fio-$policy.log"
    judge "$policy" fio "$seen"

    guest_run guest 20 "timeout 60 iperf3 -c $GATEWAY -t 50 >/tmp/iperf 2>&1 & echo \$! >/tmp/load" >/dev/null
    sleep 1
    seen=$(scan net)
    check "$policy: iperf3 still runs" guest_run guest 20 'kill -0 "$(cat /tmp/load)"'
    guest_run guest 20 'kill "$(cat /tmp/load)"; killall iperf3' >/dev/null
    judge "$policy" iperf3 "$seen"

    check "$policy: nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
    check "$policy: guest shuts down" shut_down guest
done
check "Xen is alive" xen_alive
exit 0
