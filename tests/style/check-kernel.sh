#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The kernel's style, for kernel code: checkpatch.pl where a build has left one
# in the cache, and always what does not need it.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

mapfile -t sources < <(files 'backend-vm/module/*.c' 'backend-vm/module/*.h')
found=$(awk '
    /[ \t]$/ { printf "%s:%d: blank at the end of the line\n", FILENAME, FNR }
    /^        / { printf "%s:%d: indented with blanks\n", FILENAME, FNR }
    ' "${sources[@]}"
    # What is printed stays on one line, to be found.
    for file in "${sources[@]}"; do
        expand "$file" | awk -v file="$file" '
            length($0) > 100 && !/"/ { printf "%s:%d: line longer than 100\n", file, NR }'
    done)
[ -z "$found" ] || found+=$'\n'

cache=${VIRTIO_SHADOW_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/virtio-shadow}
for tool in "$cache"/linux-*/build/scripts/checkpatch.pl; do
    [ -f "$tool" ] || continue
    found+=$(perl "$tool" --no-tree --no-summary --terse --strict -f "${sources[@]}" 2>&1) || true
    break
done
verdict "$found"
