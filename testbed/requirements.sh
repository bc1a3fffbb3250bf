#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Looks, before anything is fetched or built, whether this host has what it takes (README.md says how
# much), and says in one line what is missing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# MiB on the disk: of the cache before it has everything and after that, and of out/.
CACHE_FIRST=8192
CACHE_LATER=1024
OUT=2048
# MiB of memory: the emulated machine's, and what the emulator takes for itself.
MEMORY=3600

# no_blanks PATH WHAT HOW: the makefiles of Linux, of Xen and of the tests know no blanks in paths.
no_blanks() {
    [[ $1 != *[[:space:]:]* ]] || die "the path of $2 has a blank or a colon in it, which make cannot" \
        "take: '$1': $3"
}

# writable DIR WHAT HOW
writable() {
    mkdir -p "$1" 2>/dev/null || true
    [[ -d $1 && -w $1 ]] || die "$2, $1, cannot be written to: $3"
}

# room DIR MIB FOR HOW
room() {
    local free
    free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
    [[ $free -ge $2 ]] || die "$free MiB are free in $1, and $3 takes $2: $4"
}

elsewhere="set VIRTIO_SHADOW_CACHE to a folder elsewhere"
no_blanks "$REPO" "this checkout" "move it"
no_blanks "$CACHE" "the cache of builds" "$elsewhere"
writable "$REPO/out" "the folder for results" "work as who owns this checkout, or on a copy of it"
writable "$CACHE" "the cache of builds" "$elsewhere"

need=$CACHE_FIRST
for dir in "$CACHE"/image-dom0-*; do
    [[ ! -d $dir ]] || need=$CACHE_LATER
done
room "$REPO/out" "$OUT" "a run" "make room, or work on a copy of this checkout elsewhere"
room "$CACHE" "$need" "the cache of builds" "make room, or $elsewhere"

memory=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo) / 1024))
[[ $memory -ge $MEMORY ]] ||
    say "warning: $memory MiB of memory are available, and the emulated machine takes $MEMORY"
