# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Programs that system tests run in the domains: static, for arm64.
stage_deps=(sysroot)
stage_inputs=(tests/system/programs libvirtio-shadow/include libvirtio-shadow/host
    libvirtio-shadow/src/svq_error.c backend-vm/module/virtio_shadow_uapi.h)

stage_build() {
    local out=$1
    if [[ -d $REPO/tests/system/programs ]]; then
        make -C "$REPO/tests/system/programs" BUILD="$out" \
            CC="$(stage_dir sysroot)/cross-bin/${CROSS}gcc"
    fi
}
