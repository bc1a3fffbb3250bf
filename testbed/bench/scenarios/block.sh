# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Block I/O under every policy, one disk each, in one guest.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/bench/lib.sh

pin_dom0
check "backend VM is up" bench_backend 512 || exit 1
bench_disks "ram null" || exit 1
# shellcheck disable=SC2154,SC2086  # bench_disks sets it; words
plan block $policies || exit 1
# Xen measures its own parts, on a device that is at rest.
xen_says B "virtio-shadow-bench:" | grep "virtio-shadow-bench:" >"$BENCH/micro"
cat "$BENCH/micro"
log "$(wc -l <"/run/testbed/block") cells"
check "all cells ran" drive block guest backend
xl virtio-shadow-list
check "no device failed" [ "$(shadow_sum guest failures)" -eq 0 ]
check "nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
check "Xen is alive" xen_alive
exit 0
