# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What a device did, in words that can be compared with what was expected (lib.sh: outcome):
#   . /testbed/dom0/lib.sh
#   . /testbed/dom0/mediated.sh
#   . /testbed/dom0/outcomes.sh
# A device is named by its guest and id, GUEST ID; ids are given in the order of the configuration,
# disks first.

# bit NUMBER BIT
bit() {
    echo $((($1 >> $2) & 1))
}

yes_if() {
    if "$@"; then
        echo 1
    else
        echo 0
    fi
}

# agreed A B: what both say.
agreed() {
    if [ "$1" = "$2" ]; then
        echo "$1"
    else
        echo "$1/$2"
    fi
}

# some NUMBER: how often exactly depends on time.
some() {
    if [ "$1" -gt 0 ]; then
        echo some
    else
        echo none
    fi
}

# sysfs ID: where the guest has the device.
sysfs() {
    printf '/sys/bus/platform/devices/%x.virtio/virtio*' $((0x2000000 + $1 * 0x200))
}

# negotiated GUEST ID: what the driver has taken, by the guest's word and by Xen's.
negotiated() {
    _xen=$(shadow_id "$1" "$2" driver_features)
    _guest=$(guest_run "$1" 10 "cat $(sysfs "$2")/features")
    for _feature in packed:34 event_idx:29 indirect:28 pages:44; do
        _bit=${_feature#*:}
        printf '%s=%s ' "${_feature%:*}" \
            "$(agreed "$(echo "$_guest" | cut -c $((_bit + 1)))" "$(bit "$_xen" "$_bit")")"
    done
}

# device_features GUEST KIND DEVID: what the device process was given, by the daemon's word.
device_features() {
    guest_run backend 10 "grep '$2 $(domid "$1")/$3: running' /run/virtio-shadow/daemon.log" |
        sed -n 's/.*features \(0x[0-9a-f]*\).*/\1/p' | tail -n 1
}

# fio_command FILE OPTIONS...: what writes at random, reads back and compares.
fio_command() {
    _file=$1
    shift
    echo "fio --name=verify --filename=$_file --direct=1 --ioengine=libaio --rw=randwrite \
--verify=crc32c --verify_fatal=1 $* 2>&1"
}

# fio_verify GUEST FILE OPTIONS...: prints fio's status.
fio_verify() {
    _on=$1
    shift
    guest_run "$_on" 120 "$(fio_command "$@")" >/run/testbed/fio.out
    _rc=$?
    [ "$_rc" -eq 0 ] || cat /run/testbed/fio.out >&2
    echo "$_rc"
}

# tables GUEST ID
tables() {
    _remapped=$(shadow_id "$1" "$2" tables_remapped)
    _restored=$(shadow_id "$1" "$2" tables_restored)
    [ "$_remapped" != "$_restored" ] || _restored=all
    echo "copied=$(some "$(shadow_id "$1" "$2" tables_copied)") in_place=$(some "$_remapped")" \
        "restored=$_restored"
}

unmapped() {
    [ "$(shadow_id "$1" "$2" pages_mapped)" -eq 0 ]
}

# at_rest GUEST ID: nothing wrong has happened, nothing is left.
at_rest() {
    wait_until 10 unmapped "$1" "$2"
    echo "rejected=$(shadow_id "$1" "$2" rejected) failures=$(shadow_id "$1" "$2" failures)" \
        "mapped=$(shadow_id "$1" "$2" pages_mapped)"
}
