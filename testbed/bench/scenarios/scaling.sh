# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What a request costs as things become larger or more: for an emulator that counts Xen's instructions.
# The plan says which guest, and which of its disks.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/bench/lib.sh

# scaling_guest NAME MIB VCPUS DISKS [KEYS]: a guest with so many disks of a policy, /dev/bench/1 and
# so on.
scaling_guest() {
    _guest=$1
    _mib=$2
    _vcpus=$3
    _nr=$4
    _keys=$5
    set --
    _n=0
    while [ "$_n" -lt "$_nr" ]; do
        _n=$((_n + 1))
        set -- "$@" "$(bench_disk "$_guest-$_n" "xvd$(letter $_n)" "$_keys")"
    done
    _config=$(write_config "$_guest" "$TRIMMED" "$_mib" "$_vcpus" "root=/dev/xvda1 ro" \
        "$(pv_disk guest1 xvda ro)" "$(pv_disk bench xvdb ro)" "$@")
    echo "cpus = \"$PIN_GUEST\"" >>"$_config"
    check "$_guest is created" create "$_config" || return 1
    check "$_guest is up" wait_up "$_guest" 180 || return 1
    _links=
    _n=0
    while [ "$_n" -lt "$_nr" ]; do
        _n=$((_n + 1))
        _links="$_links $_n=$(register_address "$_guest" "xvd$(letter $_n)")"
    done
    check "$_guest finds its disks" guest_run "$_guest" 30 \
        "mount -t ext4 -o ro /dev/xvdb /mnt && /mnt/bench-links $_links"
}

# guest_or_none NAME MIB VCPUS DISKS KEYS: its part of the plan is lost if it cannot be had.
guest_or_none() {
    if scaling_guest "$@"; then
        guests="$guests $1"
    else
        lose "$1" "no guest like that came up"
    fi
}

pin_dom0
check "backend VM is up" bench_backend 1024 || exit 1
# The default policy stands for those that mediate.
policy=hybrid
guests=
for mib in $SCALING_MEMORY; do
    check "device for m$mib" serve_null_disks "m$mib-" 1
    guest_or_none "m$mib" "$mib" 1 1 "shadow_policy=$policy"
done
check "devices for many" serve_null_disks many- "$SCALING_DEVICES"
guest_or_none many 256 1 "$SCALING_DEVICES" "shadow_policy=$policy"
check "device for queues" serve_disk queues-1 null "$SCALING_QUEUES"
guest_or_none queues 256 "$SCALING_QUEUES" 1 "shadow_policy=$policy,shadow_queues=$SCALING_QUEUES"

plan
check "backend VM is at rest" guest_run backend 90 /mnt/bench-rest
# shellcheck disable=SC2086  # words
check "all requests were made" drive $guests backend
for guest in $guests; do
    check "$guest: no device failed" [ "$(shadow_sum "$guest" failures)" -eq 0 ]
done
check "Xen is alive" xen_alive
exit 0
