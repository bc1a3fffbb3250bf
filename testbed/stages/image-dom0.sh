# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# dom0's initramfs: busybox and the Xen tools. What is to be run comes on the share drive at boot.
stage_deps=(userspace sysroot toolstack grant-dma)
stage_inputs=(testbed/lib/image.sh testbed/config/busybox-applets testbed/dom0/init)

stage_build() {
    local out=$1 root=$1/root tools program
    source "$TESTBED/lib/image.sh"
    tools=$(stage_dir toolstack)
    make_root "$root"
    install_c_library "$root"
    mkdir -p "$root"/usr/lib/xen/bin "$root"/etc/xen/scripts "$root"/var/{log/xen/console,lib/xen} \
        "$root"/var/lib/xenstored "$root/testbed"
    for program in usr/sbin/{xl,xenstored,xenconsoled,xentop} \
        usr/bin/{xenstore,xenstore-control} \
        usr/lib/xen/bin/{xen-init-dom0,xenconsole,libxl-save-helper}; do
        install_with_libraries "$root" "$tools/$program" "$program" "$tools" \
            "$(stage_dir userspace)" "$(stage_dir sysroot)"
    done
    install_with_libraries "$root" "$(stage_dir grant-dma)/device-model-rights" \
        usr/sbin/device-model-rights "$tools" "$(stage_dir userspace)" "$(stage_dir sysroot)"
    for program in "$tools"/usr/bin/xenstore-*; do
        [[ -L $program || $(stat -c %h "$program") -gt 1 ]] || continue
        ln -sf xenstore "$root/usr/bin/$(basename "$program")"
    done
    install -m 755 "$REPO/testbed/dom0/init" "$root/init"
    make_initramfs "$root" "$out/initramfs"
    rm -rf "$root"
}
