# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The Linux 6.12 source tarball, as Debian ships it.
stage_inputs=(testbed/lib/apt.sh)

stage_build() {
    local out=$1 tmp
    source "$TESTBED/lib/apt.sh"
    tmp=$out/deb
    mkdir "$tmp"
    step "fetching linux-source-6.12"
    apt_fetch_deb "$tmp" linux-source-6.12
    (cd "$tmp" && ls) >"$out/.id"
    deb_versions "$tmp" | sed 's/^[^ ]*/linux-source/' >"$out/.versions"
    dpkg -x "$tmp"/*.deb "$tmp/root"
    mv "$tmp"/root/usr/src/linux-source-6.12.tar.xz "$out/linux.tar.xz"
    rm -rf "$tmp"
}
