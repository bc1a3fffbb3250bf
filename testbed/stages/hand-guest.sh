# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The guest without an operating system that drives virtio devices by hand. Result: hand-guest, what
# xl boots.
stage_inputs=(tests/system/hand-guest libvirtio-shadow/include)

stage_build() {
    local out=$1
    make -C "$REPO/tests/system/hand-guest" BUILD="$out" CROSS_COMPILE="$CROSS"
    rm -rf "$out/hand-guest.o.d"
}
