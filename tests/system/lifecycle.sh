# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 600
# Guest and backend VM are paused, unpaused, rebooted, destroyed and made anew in any order, under
# I/O. What both survive goes on; nothing stays behind: no domain, no page, no event channel, no
# memory of Xen's.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

# One thing happens in each, and after every tenth both go.
ROUNDS=20
SEED=1

# Reads and writes, in the background, for as long as it lives.
LOAD='(mount /dev/vda2 /mnt; while :; do dd if=/dev/zero of=/mnt/load bs=128k count=32 conv=fsync; dd if=/dev/vda2 of=/dev/null bs=128k count=64 iflag=direct; done) >/dev/null 2>&1 &'

# What happens in a check is shown, too.
exec 4>&1
round=0

BACKEND_DISK="$(pv_disk guest1 xvdb rw)"
# Guests go on with another backend VM.
BACKEND_ARGS=shadowd.writethrough=auto
backend_paused=
guest_paused=

# below N: sets RANDOM_NUMBER.
below() {
    SEED=$(((SEED * 1103515245 + 12345) % 2147483648))
    RANDOM_NUMBER=$((SEED / 65536 % $1))
}

# so_far STEP...: one line in the log says what a round was, should it fail.
so_far() {
    log "round $round: $*" >&4
}

new_backend() {
    backend_paused=
    start_backend backend "$BACKEND_DISK"
}

readies() {
    grep -c "@@READY" "$(console_log guest)"
}

start_load() {
    guest_run guest 60 "$LOAD"
}

new_guest() {
    guest_paused=
    config=$(write_config guest "$TRIMMED" 192 1 "root=/dev/vda1 rw" \
        "$(mediated_disk backend xvda /dev/xvdb shadow_restart_timeout=300)")
    sed -i 's/^on_reboot = .*/on_reboot = "restart"/' "$config"
    create "$config" && wait_up guest 60 && start_load
}

rebooted() {
    [ "$(readies)" -gt "$before" ] && [ "$(domid guest)" != "$old" ]
}

reboot_guest() {
    before=$(readies)
    old=$(domid guest)
    guest_start guest 'reboot -f'
    wait_until 90 rebooted && start_load
}

toggle_guest() {
    if [ -n "$guest_paused" ]; then
        so_far "unpause guest"
        guest_paused=
        xl unpause guest
    else
        so_far "pause guest"
        guest_paused=1
        xl pause guest
    fi
}

toggle_backend() {
    if [ -n "$backend_paused" ]; then
        so_far "unpause backend"
        backend_paused=
        xl unpause backend
    else
        so_far "pause backend"
        backend_paused=1
        xl pause backend
    fi
}

wake_guest() {
    [ -z "$guest_paused" ] || toggle_guest
}

wake_backend() {
    [ -z "$backend_paused" ] || toggle_backend
}

step() {
    below 7
    case $RANDOM_NUMBER in
        0 | 1)
            toggle_guest
            ;;
        2 | 3)
            toggle_backend
            ;;
        4)
            so_far "another backend"
            destroy backend && new_backend
            ;;
        5)
            wake_backend && wake_guest || return
            so_far "reboot guest"
            reboot_guest
            ;;
        6)
            so_far "another guest"
            destroy guest && wake_backend && new_guest
            ;;
    esac
}

# A zombie has a line of its own.
only_dom0() {
    [ "$(xl list | wc -l)" -eq 2 ]
}

# Lines about dom0's event channels: what it has open towards others.
dom0_ports() {
    xen_says e "Event channel information for domain 0" |
        awk '/Event channel information for/ { on = / domain 0:/ } on && /: s=[1-9]/' | wc -l
}

goes_on() {
    _from=$(shadow_sum guest requests)
    wait_until 120 requests_exceed guest $((_from + 20))
}

set_up() {
    new_backend && new_guest
}

# In whatever state they are, in any order.
tear_down() {
    below 4
    case $RANDOM_NUMBER in
        0) so_far "destroy guest, backend" ;;
        1) so_far "destroy backend, guest" ;;
        2) toggle_guest; so_far "destroy backend, guest" ;;
        3) toggle_backend; so_far "destroy guest, backend" ;;
    esac
    case $RANDOM_NUMBER in
        0 | 3) destroy guest; destroy backend ;;
        *) destroy backend; destroy guest ;;
    esac
    check "round $round: no domain is left but dom0, and no zombie" wait_until 60 only_dom0
}

one_round() {
    step || return 1
    # Neither does anything while it is paused.
    [ -z "$guest_paused$backend_paused" ] || return 0
    goes_on && [ "$(shadow_first guest failures)" -eq 0 ]
}

# For what is allocated once and kept. Xen's heap is cut up in the first rounds, which takes a page or
# three for good: what counts is what happens after half of the rounds.
check "both are up" set_up || exit 1
check "guest's I/O goes on" goes_on || exit 1
tear_down || exit 1
memory=
ports=$(dom0_ports)

while [ "$round" -lt "$ROUNDS" ]; do
    round=$((round + 1))
    if [ $((round % 10)) -eq 1 ]; then
        check "round $round: both are up" set_up || exit 1
    fi
    check "round $round: it goes on" one_round || exit 1
    if [ $((round % 10)) -eq 0 ] || [ "$round" -eq "$ROUNDS" ]; then
        wake_backend && wake_guest
        check "round $round: guest's I/O goes on" goes_on || exit 1
        tear_down || exit 1
        after=$(free_kib)
        log "round $round: $after KiB are free"
        [ -n "$memory" ] || [ $((round * 2)) -lt "$ROUNDS" ] || memory=$after
    fi
done
# In hundreds of rounds it may be cut up further: less than a page in 20 rounds is no leak.
check "Xen has as much memory as after half of the rounds" \
    [ "$after" -ge $((memory - ROUNDS * 4 / 40)) ]
after=$(dom0_ports)
log "dom0's event channels: $ports before, $after after"
check "dom0 has as many event channels as before" [ "$after" -le "$ports" ]
value lifecycle_rounds "$ROUNDS"
check "Xen is alive" xen_alive
exit 0
