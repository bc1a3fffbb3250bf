#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Copy the mediator and the core it is built around into a Xen source tree to
# which xen-patches/ have been applied.  Files that have not changed are not
# touched, and those of an earlier run that are gone are removed, so that it can
# be run before every build.
set -euo pipefail

die() { echo "${0##*/}: $*" >&2; exit 1; }

[[ $# -eq 1 ]] || die "usage: ${0##*/} <patched Xen source tree>"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
core=$(cd "$here/../libvirtio-shadow" && pwd)
xen=$1/xen

[[ -f $xen/common/Kconfig ]] || die "$1: not a Xen source tree (no xen/common/Kconfig)"
grep -q '^config VIRTIO_SHADOW$' "$xen/common/Kconfig" ||
    die "$1: apply xen-patches/ first (no VIRTIO_SHADOW in xen/common/Kconfig)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The files as they are to be, under $work.
common=$work/common/virtio-shadow
mkdir -p "$common/core" "$common/include/virtio-shadow" \
    "$work/arch/arm/virtio-shadow" "$work/include/public/io"

cp "$here"/common/*.c "$here"/bench/*.c "$here/common/Makefile" "$common/"
cp "$here"/include/*.h "$common/include/"
cp "$here"/arch/arm/*.c "$here/arch/arm/Makefile" "$work/arch/arm/virtio-shadow/"
cp "$core"/include/virtio-shadow/{abi,ring,svq}.h "$common/include/virtio-shadow/"
cp "$core"/src/*.[ch] "$common/core/"
cp "$core/include/virtio-shadow/abi.h" "$work/include/public/io/virtio-shadow.h"

{
    echo "# SPDX-License-Identifier: MIT"
    for file in "$core"/src/*.c; do
        echo "obj-y += $(basename "$file" .c).o"
    done
    echo
    # shellcheck disable=SC2016  # for make
    echo 'CFLAGS-y += -I$(srctree)/common/virtio-shadow/include'
} > "$common/core/Makefile"

changed=0
while IFS= read -r file; do
    if ! cmp -s "$work/$file" "$xen/$file"; then
        mkdir -p "$(dirname "$xen/$file")"
        cp "$work/$file" "$xen/$file"
        changed=$((changed + 1))
    fi
done < <(cd "$work" && find . -type f | sort)

# Sources of ours that the tree still has from before.
for dir in common/virtio-shadow arch/arm/virtio-shadow; do
    while IFS= read -r file; do
        [[ -e $work/$dir/$file ]] || { rm "$xen/$dir/$file"; changed=$((changed + 1)); }
    done < <(cd "$xen/$dir" && find . -type f \( -name '*.[ch]' -o -name Makefile \) | sort)
done

echo "mediator: $changed files changed in $xen"
