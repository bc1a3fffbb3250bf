# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Helpers for scenarios, which run in dom0 under busybox sh. A scenario starts with
#   . /testbed/dom0/lib.sh
# and reports each named check with ok or not_ok, or through check.

RESULTS=/results
CONSOLES=/var/log/xen/console
export TRIMMED=/kernels/linux/Image
export RESULTS CONSOLES
mkdir -p "$RESULTS" /run/testbed

uptime_s() {
    cut -d' ' -f1 /proc/uptime
}

# A line for the user: the host shows what starts with "dom0:".
log() {
    echo "dom0: [$(uptime_s)] $*"
}

ok() {
    echo "ok $SCENARIO: $1" | tee -a "$RESULTS/checks"
}

not_ok() {
    echo "not ok $SCENARIO: $1${2:+ ($2)}" | tee -a "$RESULTS/checks"
}

# check NAME COMMAND...: one named check; the command's output is kept for a failure only.
check() {
    _name=$1
    shift
    if "$@" >/run/testbed/check.out 2>&1; then
        ok "$_name"
    else
        _status=$?
        sed 's/^/    /' /run/testbed/check.out
        not_ok "$_name" "'$*' ended with status $_status: $(tail -n 1 /run/testbed/check.out)"
        return 1
    fi
}

# outcome NAME EXPECTED OBSERVED: a check whose two sides are kept, for out/matrix.json.
outcome() {
    _pass=false
    if [ "$2" = "$3" ]; then
        _pass=true
        ok "$1"
    else
        not_ok "$1" "expected '$2', observed '$3'"
    fi
    printf '%s\t%s\t%s\t%s\n' "$SCENARIO: $1" "$2" "$3" "$_pass" >>"$RESULTS/outcomes"
}

# value KEY VALUE: a figure or fact for the summary; the last one written counts.
value() {
    echo "$1=$2" >>"$RESULTS/values"
}

# wait_until SECONDS COMMAND...
wait_until() {
    _end=$(($(cut -d. -f1 /proc/uptime) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(cut -d. -f1 /proc/uptime)" -lt "$_end" ] || return 1
        sleep 0.05
    done
}

# --- domains ---

domid() {
    xl domid "$1" 2>/dev/null
}

# console_log NAME
console_log() {
    echo "$CONSOLES/guest-$1.log"
}

# pv_disk NAME VDEV ACCESS: an entry of a disk list, for the drive /dev/disk/NAME of dom0.
pv_disk() {
    echo "'format=raw,vdev=$2,access=$3,target=/dev/disk/$1'"
}

# write_config NAME KERNEL MEMORY VCPUS EXTRA DISK...: writes an xl configuration, prints its path.
# NAME.more, where it exists, is added at the end.
write_config() {
    _file=/run/testbed/$1.cfg
    cat >"$_file" <<END
name = "$1"
kernel = "$2"
memory = $3
vcpus = $4
extra = "console=hvc0 panic=1 loglevel=4 $5"
on_crash = "destroy"
on_reboot = "destroy"
END
    shift 5
    _disks=
    for _disk; do
        _disks="$_disks${_disks:+, }$_disk"
    done
    [ -z "$_disks" ] || echo "disk = [ $_disks ]" >>"$_file"
    echo "$_file"
}

# mediated_disk BACKEND VDEV TARGET [KEYS]: an entry for a disk that a device in the backend VM
# serves; TARGET is the block device there.
mediated_disk() {
    echo "'format=raw,vdev=$2,access=rw,backend=$1,backendtype=standalone,\
specification=virtio,transport=mmio,shadow=on${4:+,$4},target=$3'"
}

# mediated_net BACKEND: a line for a configuration file, with a network device that a device process
# in the backend VM serves.
mediated_net() {
    echo "virtio = [ 'backend=$1, type=virtio,device1, transport=mmio, shadow=on, shadow_queues=2' ]"
}

# create CONFIG [OPTION]: xl create, with the console log of an earlier domain of that name put
# aside. What xl says is in /run/testbed/xl.out.
create() {
    _dom=$(sed -n 's/^name *= *"\(.*\)"/\1/p' "$1")
    _log=$(console_log "$_dom")
    if [ -s "$_log" ]; then
        _n=1
        while [ -e "$_log.$_n" ]; do
            _n=$((_n + 1))
        done
        mv "$_log" "$_log.$_n"
    fi
    log "creating $_dom"
    xl create ${2:+"$2"} "$1" >/run/testbed/xl.out 2>&1
    _rc=$?
    cat /run/testbed/xl.out >>"$RESULTS/xl.log"
    return $_rc
}

on_console() {
    grep -qF -- "$2" "$(console_log "$1")"
}

gone() {
    ! xl list "$1" >/dev/null 2>&1
}

# wait_console NAME SECONDS MARKER: until the marker is on the domain's console. Looks seldom, and
# more seldom whether the domain still exists: dom0 has one CPU, and serves disks with it.
wait_console() {
    _until=$(($(cut -d. -f1 /proc/uptime) + $2))
    _looks=0
    until on_console "$1" "$3"; do
        _looks=$((_looks + 1))
        if [ $((_looks % 10)) -eq 0 ]; then
            if gone "$1" || [ "$(cut -d. -f1 /proc/uptime)" -ge "$_until" ]; then
                on_console "$1" "$3"
                return
            fi
        fi
        sleep 0.2
    done 2>/dev/null
}

# wait_up NAME SECONDS: until the domain takes commands (see guest_run).
wait_up() {
    wait_console "$1" "$2" "@@READY"
}

# uuid_of WORD: a UUID, always the same for the same word.
uuid_of() {
    printf '%s' "$1" | md5sum | sed 's/^\(.\{8\}\)\(....\)\(....\)\(....\)\(.\{12\}\).*/\1-\2-\3-\4-\5/'
}

# start_backend NAME DISK...: a backend VM that has these disks besides its root, /dev/xvda,
# BACKEND_VCPUS vCPUs (1), BACKEND_MEMORY MiB (256), BACKEND_ARGS for its kernel, and BACKEND_MORE in
# its configuration. When it is started again it has the same UUID, and so the same devices, unless
# BACKEND_IDENTITY is another word.
start_backend() {
    _backend=$1
    shift
    _config=$(write_config "$_backend" "$TRIMMED" "${BACKEND_MEMORY:-256}" "${BACKEND_VCPUS:-1}" \
        "root=/dev/xvda ro ${BACKEND_ARGS:-}" "$(pv_disk backend xvda ro)" "$@") || return 1
    echo "uuid = \"$(uuid_of "${BACKEND_IDENTITY:-$_backend}")\"" >>"$_config"
    [ -z "${BACKEND_MORE:-}" ] || echo "$BACKEND_MORE" >>"$_config"
    create "$_config" && wait_up "$_backend" 60
}

wait_gone() {
    wait_until "$2" gone "$1"
}

destroy() {
    xl destroy "$1" 2>>"$RESULTS/xl.log"
    wait_gone "$1" 30
}

shut_down() {
    guest_send "$1" 0 "sync; poweroff -f"
    wait_gone "$1" 30
}

destroy_all() {
    for _d in $(xl list | awk 'NR > 1 && $2 != 0 { print $1 }'); do
        destroy "$_d"
    done
}

# --- commands inside a domain, over its console ---

guest_send() {
    _tty=$(xenstore-read "/local/domain/$(domid "$1")/console/tty") || return 1
    echo "$2 $3" >"$_tty"
}

# guest_start NAME COMMAND: sends a command and does not wait; sets GUEST_SEQ.
guest_start() {
    GUEST_SEQ=$(($(cat /run/testbed/seq 2>/dev/null || echo 0) + 1))
    echo "$GUEST_SEQ" >/run/testbed/seq
    guest_send "$1" "$GUEST_SEQ" "$2"
}

# guest_finish NAME SECONDS [SEQ]: waits for that command, prints its output, returns its status;
# 125 when the domain is gone, 124 when time is up.
guest_finish() {
    _seq=${3:-$GUEST_SEQ}
    if ! wait_console "$1" "$2" "@@DONE $_seq "; then
        gone "$1" && return 125
        return 124
    fi
    tr -d '\r' <"$(console_log "$1")" | awk -v s="$_seq" '
        index($0, "@@DONE " s " ") { exit }
        # One line late: the last is the empty one before the mark.
        on > 1 { print line }
        on { line = $0; on = 2 }
        index($0, "@@BEGIN " s "@") { on = 1 }'
    return "$(tr -d '\r' <"$(console_log "$1")" | sed -n "s/.*@@DONE $_seq \([0-9]*\).*/\1/p")"
}

# guest_run NAME SECONDS COMMAND: all of the above.
guest_run() {
    guest_start "$1" "$3" || return 125
    guest_finish "$1" "$2"
}

# --- mediated devices ---

# json_number TEXT KEY: the number that belongs to a key, the first there is; -1 when there is none.
json_number() {
    _number=$(echo "$1" | sed -n "s/.*\"$2\": *\(-\{0,1\}[0-9][0-9]*\).*/\1/p" | head -n 1)
    echo "${_number:--1}"
}

# shadow_first DOMAIN KEY: a figure of the domain's first mediated device.
shadow_first() {
    json_number "$(xl virtio-shadow-list -j "$1" 2>/dev/null)" "$2"
}

# shadow_of DOMAIN TYPE KEY: a figure of the domain's first mediated device of a type, block or net.
shadow_of() {
    json_number "$(xl virtio-shadow-list -j "$1" 2>/dev/null | awk -v type="\"type\": \"$2\"" '
        /"domain":/ && on { exit }
        index($0, type) { on = 1 }
        on')" "$3"
}

# shadow_id DOMAIN ID KEY: a figure of the device with that id, summed over its queues; -1 when there
# is none.
shadow_id() {
    xl virtio-shadow-list -j "$1" 2>/dev/null | awk -v id="$2" -v key="\"$3\"" '
        # All of a device but what comes before its id.
        $1 == "\"domain\":" { on = 0 }
        $1 == "\"id\":" { on = $2 + 0 == id }
        on && index($1, key) == 1 { s += $2; n++ }
        END { print n ? s : -1 }'
}

# shadow_list_of DOMAIN ID KEY: a figure of that device of the domain.
shadow_list_of() {
    xl virtio-shadow-list -j "$1" 2>/dev/null | awk -v id="$2" -v key="\"$3\":" '
        $1 == "\"id\":" { mine = $2 + 0 == id }
        $1 == key && mine { print $2 + 0; exit }'
}

# shadow_sum DOMAIN KEY: a figure, summed over the domain's mediated devices and their queues; -1
# when there is none.
shadow_sum() {
    xl virtio-shadow-list -j "$1" 2>/dev/null | awk -v key="\"$2\"" '
        index($1, key) == 1 { s += $2; n++ }
        END { print n ? s : -1 }'
}

# shadow_idle DOMAIN: nothing of it is mapped in a backend VM.
shadow_idle() {
    [ "$(shadow_sum "$1" pages_mapped)" -eq 0 ]
}

# --- the end ---

# Writes the results to their drive and switches off.
finish() {
    mkdir -p "$RESULTS/consoles"
    cp "$CONSOLES"/* "$RESULTS/consoles/" 2>/dev/null
    cp /run/testbed/*.cfg "$RESULTS/" 2>/dev/null
    xl dmesg >"$RESULTS/xl-dmesg.log" 2>&1
    xl list >"$RESULTS/xl-list.log" 2>&1
    xenstore-ls -fp >"$RESULTS/xenstore.log" 2>&1
    dmesg >"$RESULTS/dom0-dmesg.log"
    log "writing the results"
    tar -cf /dev/disk/results -C "$RESULTS" . || log "the results drive took no results"
    sync
    poweroff -f
}
