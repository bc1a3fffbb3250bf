# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# xen: xsm=dummy virtio-shadow=threshold=16K
# (By default domains cannot map pages of each other's on Arm.)
# seconds: 600
# A guest without an operating system does by hand, case by case, what can be wrong or unusual about
# rings and tables (hand-guest/). Each case says what the guest is to see and by how much Xen's
# counters are to move; meanwhile the backend VM may be held, or be after a page of the guest.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

DEVICES='$(pidof qemu-storage-daemon)'

# counters: failures, tables copied, used in place, restored.
counters() {
    xl virtio-shadow-list -j hand | awk '
        $1 == "\"failures\":" { failures += $2 }
        $1 == "\"tables_copied\":" { copied += $2 }
        $1 == "\"tables_remapped\":" { remapped += $2 }
        $1 == "\"tables_restored\":" { restored += $2 }
        END { print failures + 0, copied + 0, remapped + 0, restored + 0 }'
}

# moved EXPECTED BEFORE AFTER: the expected ones of the counters, as they have moved.
moved() {
    echo "$1 $2 $3" | awk '{
        n = NF - 8
        value["failures"] = $(n + 5) - $(n + 1)
        value["copied"] = $(n + 6) - $(n + 2)
        value["in_place"] = $(n + 7) - $(n + 3)
        for (i = 1; i <= n; i++) {
            split($i, part, "=")
            printf " %s=%d", part[1], value[part[1]]
        }
    }'
}

hand() {
    guest_run hand "${HAND_SECONDS:-180}" "$1" | grep -v '^#' | tail -n 1
}

# map_grant: the backend VM maps what is granted, until unmap_grant: "mapped" or "refused".
map_grant() {
    guest_run backend 20 "rm -f /tmp/map; grant-map $hand_id $ref >/tmp/map 2>&1 & \
        n=0; until [ -s /tmp/map ] || [ \$n -gt 50 ]; do n=\$((n + 1)); sleep 0.1; done; cat /tmp/map" |
        tail -n 1
}

unmap_grant() {
    guest_run backend 10 'kill $(pidof grant-map) 2>/dev/null; while pidof grant-map; do sleep 0.1; done'
}

hold() {
    guest_run backend 10 "kill -STOP $DEVICES"
}

let_go() {
    guest_run backend 10 "kill -CONT $DEVICES"
}

# asleep DOMAIN: it has suspended itself.
asleep() {
    xl list "$1" | awk 'NR == 2 { exit $5 !~ /s/ }'
}

# one NUMBER AROUND: what is seen on the way.
one() {
    case $2 in
        alone)
            hand "run $1"
            ;;
        held)
            # What begins with a device that works needs one that is not held yet.
            hand "ready $1" >&2
            hold >&2
            _run=$(hand "run $1")
            let_go >&2
            echo "$_run, then $(hand "after $1")"
            ;;
        shared)
            ref=$(hand "before $1")
            _map=$(map_grant)
            _run=$(hand "run $1")
            unmap_grant >&2
            echo "$_map, $_run, then $(hand "after $1")"
            ;;
        tried)
            hand "ready $1" >&2
            ref=$(hand "before $1")
            hold >&2
            _run=$(hand "run $1")
            _map=$(map_grant)
            unmap_grant >&2
            let_go >&2
            echo "$_run, $_map, then $(hand "after $1")"
            ;;
        asleep)
            hand "ready $1" >&2
            hold >&2
            _run=$(hand "run $1")
            guest_start hand sleep
            _sleep=$GUEST_SEQ
            wait_until 20 asleep hand && _run="$_run, asleep"
            let_go >&2
            # The backend VM is done with all of it, and Xen with what it has returned.
            wait_until 20 shadow_idle hand && _run="$_run, idle"
            xl resume hand
            _run="$_run, $(guest_finish hand 60 "$_sleep" | grep -v '^#' | tail -n 1)"
            echo "$_run, then $(hand "after $1")"
            ;;
        keyed)
            hand "ready $1" >&2
            hold >&2
            _run=$(hand "run $1")
            _key=$(xen_says W "that was all" |
                sed -n "s/.*d$hand_id device 0: \(table pages.*\)/\1/p" | tr -d '\r')
            let_go >&2
            echo "$_run, $_key, then $(hand "after $1")"
            ;;
    esac
}

# expected AROUND EXPECT AFTER
expected() {
    case $1 in
        alone) echo "$2" ;;
        held | asleep) echo "$2, then $3" ;;
        shared) echo "mapped, $2, then $3" ;;
        tried) echo "$2, refused, then $3" ;;
        keyed) echo "$2, table pages 1, written to 0, then $3" ;;
    esac
}

check "backend VM is up" \
    start_backend backend "$(pv_disk guest1 xvdb rw)" "$(pv_disk guest2 xvdc rw)" || exit 1

# The threshold of Xen's command line is for devices that have none.
check "guest with and without a threshold is created" create \
    "$(write_config plain /testbed/hand-guest 64 1 "" \
    "$(mediated_disk backend xvda /dev/xvdb)" \
    "$(mediated_disk backend xvdb /dev/xvdc shadow_threshold=5000)")" -p || exit 1
thresholds=$(xl virtio-shadow-list -j plain | awk '$1 == "\"threshold\":" { print $2 + 0 }' | xargs)
check "they have it: $thresholds" [ "$thresholds" = "16384 5000" ]
check "it is gone" destroy plain || exit 1

check "guest is created" create "$(write_config hand /testbed/hand-guest 64 2 "" \
    "$(mediated_disk backend xvda /dev/xvdb shadow_policy=grant,shadow_indirect=remap)" \
    "$(mediated_disk backend xvdb /dev/xvdc shadow_policy=grant,shadow_indirect=copy)")" || exit 1
check "guest is up" wait_up hand 60 || exit 1
hand_id=$(domid hand)
guest_run hand 10 "backend $(domid backend)"
guest_run hand 20 list >/run/testbed/cases
check "it has cases" [ "$(wc -l </run/testbed/cases)" -gt 80 ] || exit 1

sleeps=$(hand sleeps)
case $(xl info xen_version) in
    4.20.*) check "this Xen does not suspend guests" [ "$sleeps" = no ] ;;
    *) check "this Xen suspends guests" [ "$sleeps" = yes ] ;;
esac

while IFS='|' read -r number around expect after stated name <&5; do
    # hardening.sh is after one of them.
    case $name in
        *"${ONLY:-}"*) ;;
        *) continue ;;
    esac
    [ "$around" != asleep ] || [ "$sleeps" = yes ] || continue
    before=$(counters)
    observed=$(one "$number" "$around")
    outcome "$name" "$(expected "$around" "$expect" "$after")$stated" \
        "$observed$(moved "$stated" "$before" "$(counters)")"
done 5</run/testbed/cases

now=$(counters)
log "failures, tables copied, in place, restored: $now"
check "all tables in place were restored" \
    [ "$(echo "$now" | cut -d' ' -f3)" -eq "$(echo "$now" | cut -d' ' -f4)" ]
check "no page is mapped at rest" wait_until 20 shadow_idle hand
[ -n "${ONLY:-}" ] || check "Xen says what was wrong" sh -c \
    "xl dmesg | cat - $RESULTS/xl-dmesg-early.log | grep -q 'virtio-shadow: d$hand_id device'"
check "Xen is alive" xen_alive
exit 0
