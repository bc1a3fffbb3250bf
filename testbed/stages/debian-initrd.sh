# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A small initramfs for Debian's arm64 kernel: loads the modules a virtio disk takes, then goes on
# with the disk's own root file system.
stage_deps=(debian-kernel userspace)
stage_inputs=(testbed/lib/image.sh testbed/config/busybox-applets testbed/guest/debian-init)

MODULES=(virtio_mmio virtio_blk ext4 xen-blkfront)

stage_build() {
    local out=$1 root=$1/root from version module path
    source "$TESTBED/lib/image.sh"
    make_root "$root"
    mkdir "$root/modules"
    from=$(stage_dir debian-kernel)
    version=$(basename "$from"/lib/modules/*)
    for module in "${MODULES[@]}"; do
        # Built-in ones print "builtin NAME".
        modprobe -b -d "$from" -S "$version" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$out/list"
    while IFS= read -r path; do
        module=$(basename "$path")
        if [[ $module == *.xz ]]; then
            module=${module%.xz}
            xz -dc "$path" >"$root/modules/$module"
        else
            cp "$path" "$root/modules/$module"
        fi
        echo "$module" >>"$root/modules/order"
    done <"$out/list"
    install -m 755 "$TESTBED/guest/debian-init" "$root/init"
    make_initramfs "$root" "$out/initrd"
    rm -rf "$root" "$out/list"
}
