# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Programs of one Debian that run on the host, whatever Debian it has: they are unpacked into a root of
# their own, with the libraries that they need, and started by that root's loader.

# foreign_apt [SUITE]: makes apt_fetch_* fetch for the host's architecture, from Debian 13 or the
# Debian of that name. With an index of its own, as the other one is arm64's.
foreign_apt() {
    local arch
    arch=$(dpkg --print-architecture)
    source "$TESTBED/lib/apt.sh"
    # shellcheck disable=SC2034 # apt.sh reads it
    APT_ROOT=$CACHE/apt-$arch${1:+-$1}
    # shellcheck disable=SC2034
    SUITE=${1:-$SUITE}
    eval "$(declare -f apt_configure | sed "s/\"arm64\"/\"$arch\"/g")"
}

# foreign_unpack DEBS ROOT: unpacks the packages and removes their folder. The root's .id says which
# they were, with versions.
foreign_unpack() {
    local debs=$1 root=$2 deb
    unpack_debs "$debs" "$root"
    # In packages of Debian 12 some libraries are in /lib, which then took the place of the link.
    if [[ ! -h $root/lib ]]; then
        cp -a "$root/lib/." "$root/usr/lib"
        rm -rf "${root:?}/lib"
        ln -s usr/lib "$root/lib"
    fi
    for deb in "$debs"/*.deb; do
        dpkg-deb -W --showformat '${Package} ${Version} ${Architecture}\n' "$deb"
    done >"$root/.id"
    rm -rf "$debs" "$root"/usr/share/{doc,man,locale,lintian} "$root"/usr/lib/*/gconv
}

# foreign_versions ROOT PACKAGE...: the stage's .versions: of these alone, as the libraries beside them
# have the names of others that are fetched for the machine.
foreign_versions() {
    local root=$1 package
    shift
    for package in "$@"; do
        sed -n "s/^\($package [^ ]*\) .*/\1/p" "$root/.id"
    done >"$root/.versions"
}

# foreign_program ROOT NAME [ARGUMENT...]: writes ROOT/run/NAME, which starts ROOT/usr/bin/NAME with
# these arguments before its own. In them $root is the root, wherever it lies then.
foreign_program() {
    local root=$1 name=$2
    shift 2
    mkdir -p "$root/run"
    cat >"$root/run/$name" <<SCRIPT
#!/bin/sh
root=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
libraries=\$(echo "\$root"/usr/lib/*-linux-gnu)
# Where it is a file; elsewhere it is a link, which may lead to the host's.
loader=\$(echo "\$libraries"/ld-linux-*.so.*)
# Modules, where it has any, from here, and not the host's.
export QEMU_MODULE_DIR="\$libraries/qemu"
exec "\$loader" --library-path "\$root/usr/lib:\$libraries" "\$root/usr/bin/$name" $* "\$@"
SCRIPT
    chmod +x "$root/run/$name"
}
