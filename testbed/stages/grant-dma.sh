# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The backend of xen-grant-dma disks, for arm64; it needs the Xen libraries.
stage_deps=(sysroot toolstack)
stage_inputs=(testbed/bench/grant-dma libvirtio-shadow)

stage_build() {
    make -C "$TESTBED/bench/grant-dma" BUILD="$1" SYSROOT="$(stage_dir toolstack)" \
        CC="$(stage_dir sysroot)/cross-bin/${CROSS}gcc"
}
