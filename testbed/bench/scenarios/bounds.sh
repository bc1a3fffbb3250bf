# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A fixed number of requests under every policy, from and to the same pages of the guest, for an
# emulator that counts instructions by CPU and mode: the backend VM and dom0 have CPU 0, the guest has
# CPU 1, and dom0 waits.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/bench/lib.sh

# in_ram DOMAIN: the programs, and a file for the buffers. Reading them of a drive of the host's would
# let time go by, as much as it takes.
in_ram() {
    guest_run "$1" 30 "mkdir -p /run/ram && mount -t tmpfs none /run/ram && \
        cp /mnt/bench-io /mnt/bench-known /run/ram/"
}

pin_dom0
check "backend VM is up" bench_backend 512 || exit 1
check "it serves PV devices" alt_backend_start backend
# shellcheck disable=SC2034,SC2153  # of the settings, for bench_disks
POLICIES=$BOUNDS_POLICIES
bench_disks "$BOUNDS_DEVICES" || exit 1
for domain in backend guest; do
    check "programs are in the RAM of $domain" in_ram $domain || exit 1
done
plan
check "backend VM is at rest" guest_run backend 90 /mnt/bench-rest
check "all requests were made" drive guest backend
check "no device failed" [ "$(shadow_sum guest failures)" -eq 0 ]
check "Xen is alive" xen_alive
exit 0
