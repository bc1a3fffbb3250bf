# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# arm64 programs that run in the domains, and the libraries they need, unpacked in one tree. The
# images take from it what they use.
stage_inputs=(testbed/lib/apt.sh)

stage_build() {
    local out=$1
    source "$TESTBED/lib/apt.sh"
    step "fetching arm64 programs"
    apt_fetch_closure "$out/debs" busybox-static qemu-utils kmod passt iperf3 e2fsprogs openssl
    (cd "$out/debs" && ls) >"$out/.id"
    deb_versions "$out/debs" | sed 's/^qemu-utils /qemu-storage-daemon /' >"$out/.versions"
    unpack_debs "$out/debs" "$out"
    rm -rf "$out/debs" "$out/usr/share/doc" "$out/usr/share/man" "$out/usr/share/locale"
}
