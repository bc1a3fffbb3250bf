# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The main job on mediated disks, for scenarios that do it under different circumstances:
#   . /testbed/dom0/lib.sh
#   . /testbed/dom0/mediated.sh

requests_exceed() {
    [ "$(shadow_sum "$1" requests)" -gt "$2" ]
}

# job_start GUEST MIB: the guest writes that much to the second partition of its first disk, and
# reads it back. Returns when requests flow.
job_start() {
    _before=$(shadow_sum "$1" requests)
    guest_start "$1" "verify-data /dev/vda2 $2" || return
    eval "job_of_$1=\$GUEST_SEQ"
    wait_until 120 requests_exceed "$1" $((_before + 20))
}

# probe BACKEND GUEST PASSES: the backend VM tries to read the guest; prints what it saw, as JSON.
probe() {
    guest_run "$1" 240 "isolation-probe $(domid "$2") $(shadow_first "$2" id) $3" |
        grep "probe_pages" | tail -n 1
}

# probe_busy BACKEND GUEST LOOKS: the same while the guest works: so many looks, and then on until one
# of them has fallen into a moment of I/O. Prints what they saw, added up.
probe_busy() {
    _pages=0
    _readable=0
    _uncovered=0
    _looks=0
    while [ "$_looks" -lt "$3" ] || { [ "$_readable" -eq 0 ] && [ "$_looks" -lt 20 ]; }; do
        _look=$(probe "$1" "$2" 1)
        echo "$_look" >&2
        _pages=$((_pages + $(json_number "$_look" probe_pages)))
        _readable=$((_readable + $(json_number "$_look" readable)))
        _uncovered=$((_uncovered + $(json_number "$_look" uncovered)))
        _looks=$((_looks + 1))
    done
    echo "{\"probe_pages\": $_pages, \"readable\": $_readable, \"uncovered\": $_uncovered}"
}

# job_finish GUEST MIB: waits for the job; the output is in /run/testbed/job.GUEST.
job_finish() {
    eval "_job=\$job_of_$1"
    # shellcheck disable=SC2154  # set by job_start
    guest_finish "$1" 300 "$_job" >"/run/testbed/job.$1"
    _rc=$?
    cat "/run/testbed/job.$1"
    return $_rc
}

# check_probe_covered TEXT WHOSE: under I/O, what it could read, if anything, was in flight.
check_probe_covered() {
    check "$2: probe tried at least 1000 pages under I/O" \
        [ "$(json_number "$1" probe_pages)" -ge 1000 ]
    check "$2: probe read no page that no request in flight covered" \
        [ "$(json_number "$1" uncovered)" -eq 0 ]
}

# check_probe_busy TEXT WHOSE: the same, and it could read some.
check_probe_busy() {
    check_probe_covered "$1" "$2"
    check "$2: probe saw requests in flight" [ "$(json_number "$1" readable)" -gt 0 ]
}

# check_probe_idle TEXT WHOSE
check_probe_idle() {
    check "$2: probe tried at least 1000 pages at rest" \
        [ "$(json_number "$1" probe_pages)" -ge 1000 ]
    check "$2: probe read none of them" [ "$(json_number "$1" readable)" -eq 0 ]
}

# check_counters GUEST: with the guest at rest.
check_counters() {
    check "$1: pages were granted" [ "$(shadow_sum "$1" grants)" -gt 0 ]
    check "$1: as many revokes as grants" \
        [ "$(shadow_sum "$1" grants)" -eq "$(shadow_sum "$1" revokes)" ]
    check "$1: as many requests returned as made" \
        [ "$(shadow_sum "$1" requests)" -eq "$(shadow_sum "$1" returned)" ]
    check "$1: nothing was rejected" [ "$(shadow_sum "$1" rejected)" -eq 0 ]
}

# relay COMMAND...: passes "ok NAME" and "not ok NAME (why)" lines of a program on as checks. The
# program has to print some, and end with status 0.
relay() {
    _prefix=$1
    shift
    "$@" >/run/testbed/relay.out 2>&1
    _rc=$?
    grep -aE '^(not )?ok ' /run/testbed/relay.out >/run/testbed/relay.lines
    while IFS= read -r _line; do
        case $_line in
            "ok "*) ok "$_prefix: ${_line#ok }" ;;
            *) not_ok "$_prefix: ${_line#not ok }" ;;
        esac
    done </run/testbed/relay.lines
    if [ "$_rc" -ne 0 ] || ! [ -s /run/testbed/relay.lines ]; then
        sed 's/^/    /' /run/testbed/relay.out
        not_ok "$_prefix: ends well" "status $_rc"
    fi
}

# xen_says KEY PATTERN: what Xen prints for a debug key, once a line of it matches.
xen_says() {
    xl dmesg -c >>"$RESULTS/xl-dmesg-early.log" 2>&1
    xl debug-keys "$1"
    wait_until 10 sh -c "xl dmesg | grep -q '$2'"
    xl dmesg
}

free_kib_now() {
    xen_says m "Dom heap:.*free" | sed -n 's/.*Dom heap: \([0-9]*\)kB free.*/\1/p'
}

# free_kib: memory that Xen has left, exactly, once it does not change any more: what domains had is
# freed some time after they are gone.
free_kib() {
    _free=
    _same=0
    while [ "$_same" -lt 5 ]; do
        _now=$(free_kib_now)
        if [ "$_now" = "$_free" ]; then
            _same=$((_same + 1))
        else
            _same=0
        fi
        _free=$_now
        sleep 0.2
    done
    echo "$_free"
}

# xen_alive: Xen answers, and has not found anything wrong with itself.
xen_alive() {
    xl info >/dev/null && ! xl dmesg | grep -qE 'Xen (WARN|BUG) at|Assertion .* failed|Panic on CPU'
}
