# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A guest's disk: partition 1 is the root file system, partition 2 an empty ext4 for data.
stage_deps=(userspace fio test-programs)
stage_inputs=(testbed/lib/image.sh testbed/config/busybox-applets testbed/guest)

ROOT_MIB=44
DATA_MIB=384

stage_build() {
    local out=$1 root=$1/root
    source "$TESTBED/lib/image.sh"
    make_root "$root"
    install_guest_init "$root"
    install_test_programs "$root"
    install_c_library "$root"
    install_with_libraries "$root" "$(stage_dir userspace)/usr/bin/iperf3" usr/bin/iperf3 \
        "$(stage_dir userspace)"
    install_with_libraries "$root" "$(stage_dir fio)/usr/bin/fio" usr/bin/fio "$(stage_dir fio)"
    install_with_libraries "$root" "$(stage_dir userspace)/usr/bin/openssl" usr/bin/openssl \
        "$(stage_dir userspace)"
    install_with_libraries "$root" "$(stage_dir userspace)/usr/sbin/e2fsck" usr/sbin/e2fsck \
        "$(stage_dir userspace)"
    make_ext4 "$out/root.ext4" "$ROOT_MIB" "$root"
    make_ext4 "$out/data.ext4" "$DATA_MIB"
    truncate -s "$((ROOT_MIB + DATA_MIB + 2))M" "$out/disk.raw"
    sfdisk -q "$out/disk.raw" <<END
label: dos
start=1MiB, size=${ROOT_MIB}MiB, type=83
start=$((ROOT_MIB + 1))MiB, size=${DATA_MIB}MiB, type=83
END
    dd if="$out/root.ext4" of="$out/disk.raw" bs=1M seek=1 conv=notrunc,sparse
    dd if="$out/data.ext4" of="$out/disk.raw" bs=1M seek=$((ROOT_MIB + 1)) conv=notrunc,sparse
    rm -rf "$root" "$out/root.ext4" "$out/data.ext4"
}
