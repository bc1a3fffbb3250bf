# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Has Xen measure its own parts, and prints what it says.
xl dmesg -c >>/results/xl-dmesg-early.log 2>&1
xl debug-keys B
n=0
until xl dmesg | grep "virtio-shadow-bench:"; do
    n=$((n + 1))
    [ "$n" -lt 20 ] || exit 1
    sleep 0.3
done
xl dmesg | grep -q "virtio-shadow-bench: memcpy_4096="
