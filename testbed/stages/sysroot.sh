# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The arm64 libraries and headers that cross-built programs are compiled against.
stage_inputs=(testbed/lib/apt.sh)

stage_build() {
    local out=$1
    source "$TESTBED/lib/apt.sh"
    step "fetching arm64 libraries"
    apt_fetch_closure "$out/debs" libc6-dev libyajl-dev libfdt-dev zlib1g-dev uuid-dev \
        libncurses-dev
    (cd "$out/debs" && ls) >"$out/.id"
    deb_versions "$out/debs" >"$out/.versions"
    unpack_debs "$out/debs" "$out"
    rm -rf "$out/debs" "$out/usr/share/doc" "$out/usr/share/man"
    make_compiler "$out"
    cat "$out"/cross-bin/* >>"$out/.id"
}

# Wrappers named like the cross tools: a build that takes a prefix only then finds the sysroot. The
# host's own cross libc must not be found first: it may be older than these libraries.
make_compiler() {
    local out=$1
    mkdir "$out/cross-bin"
    cat >"$out/cross-bin/${CROSS}gcc" <<'END'
#!/bin/sh
gcc=/usr/bin/aarch64-linux-gnu-gcc
root=$(dirname "$(dirname "$(readlink -f "$0")")")
lib=usr/lib/aarch64-linux-gnu
exec $gcc --sysroot="$root" -B"$root/$lib/" -L"$root/$lib" -Wl,-rpath-link="$root/$lib" \
    -nostdinc -isystem "$($gcc -print-file-name=include)" \
    -isystem "$root/usr/include/aarch64-linux-gnu" -isystem "$root/usr/include" "$@"
END
    cat >"$out/cross-bin/${CROSS}pkg-config" <<'END'
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")
PKG_CONFIG_SYSROOT_DIR=$root \
    PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig \
    exec pkg-config "$@"
END
    chmod +x "$out"/cross-bin/*
}
