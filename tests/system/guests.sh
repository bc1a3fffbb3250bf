# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 420
# One backend VM serves two guests at the same time: one with two vCPUs, and one with Debian's
# unmodified kernel. What the main job shows for one guest holds for both.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

# "make run" does more with one guest; this much is enough to have both busy at the same time.
MIB=96

check "backend VM is up" \
    start_backend backend "$(pv_disk guest1 xvdb rw)" "$(pv_disk guest2 xvdc rw)" || exit 1

check "guest with 2 vCPUs is created" create "$(write_config smp "$TRIMMED" 256 2 \
    "root=/dev/vda1 rw" "$(mediated_disk backend xvda /dev/xvdb)")" || exit 1

config=$(write_config debian /kernels/debian/Image 384 1 "root=/dev/vda1 rw" \
    "$(mediated_disk backend xvda /dev/xvdc)")
echo 'ramdisk = "/kernels/debian/initrd"' >>"$config"
check "guest with Debian's kernel is created" create "$config" || exit 1

check "guest with 2 vCPUs is up" wait_up smp 60 || exit 1
check "guest with Debian's kernel is up" wait_up debian 120 || exit 1
check "it has 2 vCPUs" guest_run smp 20 '[ "$(nproc)" = 2 ]'
check "it is Debian's kernel" guest_run debian 20 'uname -r | grep -q -- "-arm64$"'

for guest in smp debian; do
    check "$guest: its root is the virtio disk" \
        guest_run "$guest" 20 '[ "$(root-device)" = /dev/vda1 ]'
done
job_start smp "$MIB"
smp=$(probe_busy backend smp 4)
job_start debian "$MIB"
debian=$(probe_busy backend debian 4)
for guest in smp debian; do
    check "$guest: $MIB MiB are equal after unmounting and mounting again" \
        job_finish "$guest" "$MIB"
    guest_run "$guest" 30 sync
    check "$guest: no page is mapped at rest" wait_until 20 shadow_idle "$guest"
    idle=$(probe backend "$guest" 1)
    check_probe_idle "$idle" "$guest"
    check_counters "$guest"
done
echo "$smp"
echo "$debian"
check_probe_busy "$smp" smp
check_probe_busy "$debian" debian
check "Xen is alive" xen_alive
exit 0
