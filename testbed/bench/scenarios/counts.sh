# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A fixed number of requests under every policy, for an emulator that counts Xen's instructions: the
# guest's program marks the beginning and the end.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/bench/lib.sh

pin_dom0
check "backend VM is up" bench_backend 512 || exit 1
check "it serves PV devices" alt_backend_start backend
bench_disks null || exit 1
plan
check "backend VM is at rest" guest_run backend 90 /mnt/bench-rest
check "all requests were made" drive guest backend
check "no device failed" [ "$(shadow_sum guest failures)" -eq 0 ]
check "Xen is alive" xen_alive
exit 0
