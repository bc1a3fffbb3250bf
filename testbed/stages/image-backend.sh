# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The backend VM's root file system: busybox, qemu-storage-daemon, passt, the xenstore clients, and,
# once built, the kernel module and the daemon. It is used read-only, so that it can be shared.
stage_deps=(userspace sysroot toolstack backend-vm test-programs grant-dma)
stage_inputs=(testbed/lib/image.sh testbed/config/busybox-applets testbed/guest testbed/backend)

stage_build() {
    local out=$1 root=$1/root tools ours program
    source "$TESTBED/lib/image.sh"
    tools=$(stage_dir toolstack)
    ours=$(stage_dir backend-vm)
    make_root "$root"
    install_c_library "$root"
    install_guest_init "$root"
    install -m 755 "$TESTBED/backend/start" "$root/etc/testbed-start"
    install -m 755 "$TESTBED/backend/driver-domain" "$root/usr/sbin/driver-domain"
    install_with_libraries "$root" "$tools/usr/bin/xenstore" usr/bin/xenstore "$tools" \
        "$(stage_dir userspace)"
    for program in read write ls list exists watch rm; do
        ln -s xenstore "$root/usr/bin/xenstore-$program"
    done
    for program in qemu-storage-daemon passt iperf3; do
        install_with_libraries "$root" "$(stage_dir userspace)/usr/bin/$program" \
            "usr/bin/$program" "$(stage_dir userspace)"
    done
    # passt does not stay root.
    echo "root:x:0:0::/tmp:/bin/sh
nobody:x:65534:65534::/:/bin/false" >"$root/etc/passwd"
    install -m 644 "$TESTBED/backend/virtio-shadowd.conf" "$root/etc/virtio-shadowd.conf"
    mkdir -p "$root/usr/lib/virtio-shadow"
    for program in "$ours"/bin/*; do
        [[ ! -f $program ]] || install_with_libraries "$root" "$program" \
            "usr/sbin/$(basename "$program")" "$tools" "$(stage_dir userspace)" \
            "$(stage_dir sysroot)"
    done
    if [[ -d $ours/modules ]]; then
        cp "$ours"/modules/*.ko "$root/usr/lib/virtio-shadow/"
    fi
    install_with_libraries "$root" "$(stage_dir grant-dma)/xen-grant-dma" usr/sbin/xen-grant-dma \
        "$tools" "$(stage_dir userspace)" "$(stage_dir sysroot)"
    install_test_programs "$root"
    make_ext4 "$out/root.ext4" 128 "$root"
    rm -rf "$root"
}
