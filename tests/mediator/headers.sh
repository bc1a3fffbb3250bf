#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Take the declarations that the mediator is built against out of xen-patches/,
# so that the tests cannot drift away from them.
#
#   headers.sh <directory to write to>
set -euo pipefail

patches=$(cd "$(dirname "$0")/../../xen-patches" && pwd)
out=$1
mkdir -p "$out/generated"
mapfile -t series < <("$patches/apply.sh" --list auto)

# The part of patch $1 that is about file $2.
part()
{
    awk -v file="b/$2" '/^diff --git / { on = $4 == file } /^-- $/ { on = 0 } on' "$patches/$1"
}

# What the first hunk of that adds.
added()
{
    part "$1" "$2" | awk '/^@@ / { hunk++ } hunk == 1 && /^\+/ { print substr($0, 2) }'
}

patch_with()
{
    (cd "$patches" && grep -lF "+++ b/$1" "${series[@]}")
}

emit()
{
    local file=$1 to=$2 needle=$3 patch

    for patch in $(patch_with "$file"); do
        echo "/* From xen-patches/$patch */"
        added "$patch" "$file"
    done > "$out/generated/$to"
    grep -q "$needle" "$out/generated/$to" ||
        { echo "$0: xen-patches/ does not add $needle to $file" >&2; exit 1; }
}

# The first patch to a file adds all of it that matters, and the others change that.
emit_changed()
{
    local file=$1 to=$2 needle=$3 first patch

    first=$(patch_with "$file" | head -n 1)
    added "$first" "$file" > "$out/generated/$to"
    for patch in $(patch_with "$file" | tail -n +2); do
        part "$patch" "$file" | patch -s --no-backup-if-mismatch "$out/generated/$to"
    done
    grep -q "$needle" "$out/generated/$to" ||
        { echo "$0: xen-patches/ does not add $needle to $file" >&2; exit 1; }
}

emit_changed xen/include/public/domctl.h domctl-added.h 'struct xen_domctl_virtio_shadow '
emit xen/include/xen/p2m-common.h p2m-common-added.h 'p2m_ram_unprotect'

# The header that the patches make, patch by patch.
rm -rf "$out/xen"
mkdir -p "$out/xen"
for patch in $(patch_with xen/include/xen/virtio-shadow.h); do
    part "$patch" xen/include/xen/virtio-shadow.h | patch -s -p4 -d "$out/xen"
done
