# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Block I/O under every policy, one disk each, in one guest.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/bench/lib.sh

pin_dom0
check "backend VM is up" bench_backend 512 || exit 1
check "it serves PV devices" alt_backend_start backend
bench_disks "ram null" || exit 1
plan
check "backend VM is at rest" guest_run backend 90 /mnt/bench-rest
check "all cells ran" drive guest backend
xl virtio-shadow-list
check "no device failed" [ "$(shadow_sum guest failures)" -eq 0 ]
check "nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
check "Xen is alive" xen_alive
exit 0
