# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The kernels that dom0 starts domains with, as a file system image dom0 mounts.
stage_deps=(linux debian-kernel debian-initrd)
stage_inputs=(testbed/lib/image.sh)

stage_build() {
    local out=$1 root=$1/root
    source "$TESTBED/lib/image.sh"
    mkdir -p "$root"/{linux,debian}
    cp "$(stage_dir linux)/Image" "$root/linux/"
    plain_kernel "$(stage_dir debian-kernel)/vmlinuz" >"$root/debian/Image"
    cp "$(stage_dir debian-initrd)/initrd" "$root/debian/"
    make_ext4 "$out/kernels.ext4" 160 "$root"
    rm -rf "$root"
}

# Xen's domain builder takes the plain arm64 image, not a gzip-compressed one.
plain_kernel() {
    if gzip -t "$1" 2>/dev/null; then
        gzip -dc "$1"
    else
        cat "$1"
    fi
}
