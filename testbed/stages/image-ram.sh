# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The drives of the machine that repeats, where dom0 has them in RAM: an archive that follows dom0's
# in its initramfs, with all of each image but zeros. dom0/init puts them together.
stage_deps=(image-kernels image-backend image-guest)
stage_inputs=(testbed/lib/image.sh testbed/lib/split-image.py)

stage_build() {
    local out=$1 root=$1/root
    source "$TESTBED/lib/image.sh"
    mkdir -p "$root/images"
    python3 "$TESTBED/lib/split-image.py" "$(stage_dir image-kernels)/kernels.ext4" \
        "$root/images/kernels"
    python3 "$TESTBED/lib/split-image.py" "$(stage_dir image-backend)/root.ext4" \
        "$root/images/backend"
    python3 "$TESTBED/lib/split-image.py" "$(stage_dir image-guest)/disk.raw" "$root/images/guest"
    make_initramfs "$root" "$out/images"
    rm -rf "$root"
}
