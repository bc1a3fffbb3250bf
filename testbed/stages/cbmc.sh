# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# CBMC for the host, from Debian 13: Debian 12 has none. With the libraries it needs, as the host's
# may be older; bin/cbmc runs it with them.
stage_inputs=(testbed/lib/apt.sh)

stage_key_extra() {
    dpkg --print-architecture
}

stage_build() {
    local out=$1 arch
    arch=$(dpkg --print-architecture)
    source "$TESTBED/lib/apt.sh"
    # An index of its own, as the other one is arm64's.
    APT_ROOT=$CACHE/apt-$arch
    eval "$(declare -f apt_configure | sed "s/\"arm64\"/\"$arch\"/g")"
    step "fetching CBMC"
    mkdir "$out/debs"
    apt_fetch_deb "$out/debs" cbmc minisat libc6 libstdc++6 libgcc-s1 zlib1g
    deb_versions "$out/debs" >"$out/.versions"
    unpack_debs "$out/debs" "$out"
    rm -rf "$out/debs" "$out/usr/share/doc" "$out/usr/share/man"
    mkdir "$out/run"
    cat >"$out/run/cbmc" <<'SCRIPT'
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")
for loader in "$root"/usr/lib64/ld-linux-*.so.* "$root"/usr/lib/ld-linux-*.so.*; do
    [ ! -e "$loader" ] || break
done
exec "$loader" --library-path "$root/usr/lib:$(echo "$root"/usr/lib/*-linux-gnu)" \
    "$root/usr/bin/cbmc" "$@"
SCRIPT
    chmod +x "$out/run/cbmc"
    "$out/run/cbmc" --version
}
