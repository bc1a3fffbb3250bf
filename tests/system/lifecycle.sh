# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 600
# Guest and backend VM are created, paused, unpaused, rebooted and destroyed in any order, under I/O.
# What both survive goes on; nothing stays behind: no domain, no page, no event channel, no memory of
# Xen's.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

ROUNDS=6
SEED=1

# Reads and writes, in the background, for as long as it lives.
LOAD='(mount /dev/vda2 /mnt; while :; do dd if=/dev/zero of=/mnt/load bs=128k count=32 conv=fsync; dd if=/dev/vda2 of=/dev/null bs=128k count=64 iflag=direct; done) >/dev/null 2>&1 &'

BACKEND_DISK="$(pv_disk guest1 xvdb rw)"
backend_paused=
guest_paused=

# below N: sets RANDOM_NUMBER.
below() {
    SEED=$(((SEED * 1103515245 + 12345) % 2147483648))
    RANDOM_NUMBER=$((SEED / 65536 % $1))
}

# so_far STEP...: one line in the log says what a round was, should it fail.
so_far() {
    log "round $round: $*"
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

one_round() {
    round=$1
    if ! new_backend || ! new_guest; then
        not_ok "round $1: backend VM and guest are up"
        return 1
    fi
    ok "round $1: backend VM and guest are up"
    steps=0
    while [ "$steps" -lt 4 ]; do
        steps=$((steps + 1))
        step || { not_ok "round $1: step $steps"; return 1; }
    done
    wake_backend && wake_guest || return 1
    check "round $1: guest's I/O goes on" goes_on || return 1
    check "round $1: its device never failed" [ "$(shadow_first guest failures)" -eq 0 ]
    below 4
    case $RANDOM_NUMBER in
        0) so_far "destroy guest, backend"; destroy guest && destroy backend ;;
        1) so_far "destroy backend, guest"; destroy backend && destroy guest ;;
        2) toggle_guest && so_far "destroy backend, guest"; destroy backend && destroy guest ;;
        3) toggle_backend && so_far "destroy guest, backend"; destroy guest && destroy backend ;;
    esac
    check "round $1: no domain is left but dom0, and no zombie" wait_until 30 only_dom0
}

# The first one is for what is allocated once and kept.
one_round 0 || exit 1
memory=$(free_kib)
ports=$(dom0_ports)
done=0
while [ "$done" -lt "$ROUNDS" ]; do
    done=$((done + 1))
    one_round "$done" || exit 1
done
after=$(free_kib)
log "free: $memory KiB before, $after KiB after $ROUNDS rounds"
check "Xen has as much memory as before" [ "$after" -ge "$memory" ]
after=$(dom0_ports)
log "dom0's event channels: $ports before, $after after"
check "dom0 has as many event channels as before" [ "$after" -le "$ports" ]
value lifecycle_rounds "$ROUNDS"
check "Xen is alive" xen_alive
exit 0
