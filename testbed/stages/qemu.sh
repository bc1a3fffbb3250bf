# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The emulator, QEMU 10 from Debian 13, for hosts of whatever Debian: that of Debian 12 hangs where the
# machine is to repeat (boot.sh). run/qemu-system-aarch64 starts it.
stage_inputs=(testbed/lib/apt.sh testbed/lib/foreign.sh)

stage_key_extra() {
    dpkg --print-architecture
}

stage_build() {
    local out=$1 version
    source "$TESTBED/lib/foreign.sh"
    foreign_apt
    step "fetching QEMU"
    # Without what is only recommended: graphics and sound.
    apt_fetch_closure "$out/debs" qemu-system-arm
    foreign_unpack "$out/debs" "$out"
    foreign_versions "$out" qemu-system-arm
    # shellcheck disable=SC2016 # of the script that is written
    foreign_program "$out" qemu-system-aarch64 -L '"$root/usr/share/qemu"'
    version=$("$out/run/qemu-system-aarch64" --version | head -n 1)
    echo "$version"
    [[ $version == *" version 10."* ]] || die "this should be QEMU 10: '$version'"
    # It finds all that the machine takes.
    echo quit | timeout 60 "$out/run/qemu-system-aarch64" \
        -machine virt,virtualization=on,gic-version=3 -cpu cortex-a57 -display none -nic none \
        -monitor stdio -S -accel tcg,thread=single -icount shift=2,sleep=off
}
