# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What benchmarks run in the domains, as a file system image that each of them mounts.
stage_deps=(sysroot toolstack)
stage_inputs=(testbed/bench/programs testbed/bench/guest testbed/lib/image.sh)

stage_build() {
    local out=$1 root=$1/root
    source "$TESTBED/lib/image.sh"
    mkdir -p "$root"
    # In a copy: build products do not belong into the checkout.
    cp -r "$REPO/testbed/bench/programs" "$out/programs"
    make -C "$out/programs" BUILD="$root" CC="$(stage_dir sysroot)/cross-bin/${CROSS}gcc" \
        SYSROOT="$(stage_dir toolstack)"
    "${CROSS}strip" "$root"/*
    install -m 755 "$REPO"/testbed/bench/guest/* "$root/"
    make_ext4 "$out/bench.ext4" 16 "$root"
    rm -rf "$root" "$out/programs"
}
