#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The file VERSION, what the daemon and the kernel module say, the manual page as it is installed, and
# the first heading of CHANGELOG.md name one release, and the CHANGELOG's version of the ABI is abi.h's.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
make -s -C backend-vm/daemon install-files DESTDIR="$dir" >"$dir/log" 2>&1 || {
    cat "$dir/log"
    exit 1
}
include=libvirtio-shadow/include/virtio-shadow
version=$(cat VERSION)
header=$(sed -n 's/^#define VSH_RELEASE *"\(.*\)"$/\1/p' "$include/version.h")
abi=$(sed -n 's/^#define VSH_ABI_VERSION *\([0-9]*\)u$/\1/p' "$include/abi.h")
first=$(sed -n '/^## /{p;q}' CHANGELOG.md)
# The releases' own lines, the newest first.
abi_first=$(sed -n 's/^ABI \([0-9]*\)\..*/\1/p' CHANGELOG.md | head -n 1)
page=$(sed -n 's/^\.TH .*"virtio-shadow \([^"]*\)".*/\1/p' "$dir"/usr/local/share/man/man8/virtio-shadowd.8)

found=$(
    [[ $version =~ ^[0-9]+\.[0-9]+(\.[0-9]+)?$ ]] || echo "VERSION: '$version' is no release, such as 1.2"
    [[ $header == "$version" ]] || echo "$include/version.h: '$header', and VERSION has '$version'"
    [[ $first == "## $version "* ]] || echo "CHANGELOG.md: the first heading is '$first', and VERSION has '$version'"
    [[ $abi_first == "$abi" ]] || echo "CHANGELOG.md: the newest is for ABI '$abi_first', and abi.h has '$abi'"
    [[ $page == "$version" ]] || echo "virtio-shadowd.8: installed, it is of '$page', and VERSION has '$version'"
    grep -q 'VSH_RELEASE' backend-vm/daemon/options.c || echo "backend-vm/daemon/options.c: --version is not VSH_RELEASE"
    grep -q '^MODULE_VERSION(VSH_RELEASE);$' backend-vm/module/main.c ||
        echo "backend-vm/module/main.c: no MODULE_VERSION(VSH_RELEASE)"
)
verdict "$found"
