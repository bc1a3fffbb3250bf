# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Debian's own arm64 kernel, unmodified. Result: vmlinuz, lib/modules/.
stage_inputs=(testbed/lib/apt.sh)

stage_build() {
    local out=$1 tmp=$1/tmp package
    source "$TESTBED/lib/apt.sh"
    mkdir "$tmp"
    step "fetching Debian's arm64 kernel"
    # linux-image-arm64 only depends on the current one.
    package=$(apt_locked apt-cache depends linux-image-arm64 |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [[ -n $package ]] || die "linux-image-arm64 depends on no kernel in the index"
    apt_fetch_deb "$tmp" "$package"
    (cd "$tmp" && ls && echo depmod) >"$out/.id"
    deb_versions "$tmp" | sed 's/^[^ ]*/debian-kernel/' >"$out/.versions"
    dpkg -x "$tmp"/*.deb "$tmp/root"
    mv "$tmp"/root/boot/vmlinuz-* "$out/vmlinuz"
    mkdir "$out/lib"
    if [[ -d $tmp/root/usr/lib/modules ]]; then
        mv "$tmp/root/usr/lib/modules" "$out/lib/"
    else
        mv "$tmp/root/lib/modules" "$out/lib/"
    fi
    # What depends on what: a package's installation would write it down.
    depmod -b "$out" "$(basename "$out"/lib/modules/*)"
    rm -rf "$tmp"
}
