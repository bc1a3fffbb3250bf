# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 600
# Indirect tables: in place with a kernel that keeps them in pages of their own, by copy with one
# that does not, and driven by hand so that everything about them is wrong.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/dom0/outcomes.sh

# feature GUEST BIT: has the driver of the guest's first disk accepted it?
feature() {
    guest_run "$1" 20 'cut -c '"$(($2 + 1))"' /sys/block/vda/device/features' | grep -q '^1'
}

# with_disk GUEST COMMAND: with the second partition mounted, and empty: every scenario's guests have it.
with_disk() {
    guest_run "$1" 30 "mount /dev/vda2 /mnt && rm -f /mnt/data" || return
    guest_run "$1" 120 "$2"
    _rc=$?
    guest_run "$1" 60 "rm -f /mnt/test; umount /mnt"
    return "$_rc"
}

# big_blocks GUEST: requests of 128 KiB and of 1 MiB, past the page cache.
big_blocks() {
    with_disk "$1" "dd if=/dev/urandom of=/tmp/a bs=128k count=64 && \
dd if=/tmp/a of=/mnt/test bs=128k oflag=direct && dd if=/mnt/test of=/tmp/b bs=1M count=8 iflag=direct && \
sha256sum /tmp/a /tmp/b | cut -d' ' -f1 | uniq | wc -l | grep -qx 1"
}

log_tables() {
    log "$1: tables copied $(shadow_sum "$1" tables_copied), remapped" \
        "$(shadow_sum "$1" tables_remapped), restored $(shadow_sum "$1" tables_restored)"
}

# deep_fio GUEST: as many big requests at a time as a queue may be expected to hold.
deep_fio() {
    with_disk "$1" "$(fio_command /mnt/test "--bs=128k --iodepth=32 --size=64m")" >&2 && _fio=0 || _fio=$?
    echo "$(negotiated "$1" 0)fio=$_fio $(tables "$1" 0) $(at_rest "$1" 0)"
}

check "backend VM is up" \
    start_backend backend "$(pv_disk guest1 xvdb rw)" "$(pv_disk guest2 xvdc rw)" || exit 1

check "guest is created" create "$(write_config guest "$TRIMMED" 256 2 "root=/dev/vda1 rw" \
    "$(mediated_disk backend xvda /dev/xvdb shadow_policy=grant,shadow_indirect=remap)" \
    "$(mediated_disk backend xvdb /dev/xvdc shadow_policy=grant,shadow_indirect=remap)")" || exit 1
check "guest is up" wait_up guest 60 || exit 1
check "remap: driver has INDIRECT_PAGES" feature guest 44
job_start guest 64
check "remap: 64 MiB are equal after unmounting and mounting again" job_finish guest 64
check "remap: big blocks are equal" big_blocks guest
outcome "128 KiB x 32, kernel with INDIRECT_PAGES, device with it" \
    "packed=0 event_idx=1 indirect=1 pages=1 fio=0 copied=none in_place=some restored=all rejected=0 failures=0 mapped=0" \
    "$(deep_fio guest)"
guest_run guest 30 sync
check "remap: no page is mapped at rest" wait_until 20 shadow_idle guest
log_tables guest
value tables_remapped "$(shadow_sum guest tables_remapped)"
check "remap: tables were used in place" [ "$(shadow_sum guest tables_remapped)" -gt 100 ]
check "remap: all of them were restored" \
    [ "$(shadow_sum guest tables_remapped)" -eq "$(shadow_sum guest tables_restored)" ]
check "remap: none was copied" [ "$(shadow_sum guest tables_copied)" -eq 0 ]
check "remap: nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
xl virtio-shadow-list -j >"$RESULTS/indirect-remap.json"

check "kernel driver lets go of the second disk" guest_run guest 20 \
    'echo 2000200.virtio >/sys/bus/platform/drivers/virtio-mmio/unbind'
relay "by hand, remap" guest_run guest 200 "hand-indirect 0x2000200 remap"
relay "by hand, copy" guest_run guest 200 "hand-indirect 0x2000200 copy"
grep -a '^#' /run/testbed/relay.out
log_tables guest
check "by hand: all that were used in place were restored" \
    [ "$(shadow_sum guest tables_remapped)" -eq "$(shadow_sum guest tables_restored)" ]
check "by hand: the first disk still works" big_blocks guest
check "by hand: kernel driver takes the second disk back" guest_run guest 30 \
    'echo 2000200.virtio >/sys/bus/platform/drivers/virtio-mmio/bind && dd if=/dev/vdb of=/dev/null bs=64k count=16'
check "by hand: no page is mapped at rest" wait_until 20 shadow_idle guest
check "guest shuts down" shut_down guest

# The other policies, with the same kernel.
for policy in auto copy off; do
    check "$policy: guest is created" create "$(write_config guest "$TRIMMED" 256 1 \
        "root=/dev/vda1 rw" "$(mediated_disk backend xvda /dev/xvdb shadow_policy=grant,shadow_indirect=$policy)")" ||
        exit 1
    check "$policy: guest is up" wait_up guest 60 || exit 1
    check "$policy: big blocks are equal" big_blocks guest
    log_tables guest
    case $policy in
        auto)
            check "auto: driver has INDIRECT_PAGES" feature guest 44
            # Linux takes packed queues, which do without tables in place.
            check "auto: driver has a packed queue" feature guest 34
            check "auto: tables were copied" [ "$(shadow_sum guest tables_copied)" -gt 0 ]
            ;;
        copy)
            outcome "128 KiB x 32, kernel with INDIRECT_PAGES, device without it" \
                "packed=1 event_idx=1 indirect=1 pages=0 fio=0 copied=some in_place=none restored=all rejected=0 failures=0 mapped=0" \
                "$(deep_fio guest)"
            check "copy: driver does not have INDIRECT_PAGES" eval '! feature guest 44'
            check "copy: tables were copied" [ "$(shadow_sum guest tables_copied)" -gt 0 ]
            check "copy: none was used in place" [ "$(shadow_sum guest tables_remapped)" -eq 0 ]
            ;;
        off)
            check "off: driver does not have INDIRECT_DESC" eval '! feature guest 28'
            check "off: there were no tables" [ "$(shadow_sum guest tables_copied)" -eq 0 ]
            ;;
    esac
    check "$policy: guest shuts down" shut_down guest
done

# A kernel that does not know of the feature.
config=$(write_config debian /kernels/debian/Image 384 1 "root=/dev/vda1 rw" \
    "$(mediated_disk backend xvda /dev/xvdc shadow_policy=grant,shadow_indirect=remap)")
echo 'ramdisk = "/kernels/debian/initrd"' >>"$config"
check "guest with Debian's kernel is created" create "$config" || exit 1
check "guest with Debian's kernel is up" wait_up debian 120 || exit 1
outcome "128 KiB x 32, Debian's kernel, device with INDIRECT_PAGES" \
    "packed=0 event_idx=1 indirect=1 pages=0 fio=0 copied=some in_place=none restored=all rejected=0 failures=0 mapped=0" \
    "$(deep_fio debian)"
check "Debian: big blocks are equal" big_blocks debian
log_tables debian
check "Debian: tables were copied" [ "$(shadow_sum debian tables_copied)" -gt 0 ]
check "Debian: none was used in place" [ "$(shadow_sum debian tables_remapped)" -eq 0 ]
check "Xen is alive" xen_alive
exit 0
