#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Removes the cache of build stages, but for the Xen sources that were imported: somebody may have
# carried them here.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# Only what looks like our cache: the variable may point anywhere.
[[ -d $CACHE ]] || exit 0
[[ -d $CACHE/log && -d $CACHE/lock ]] || die "$CACHE does not look like the build cache"
rm -rf "$REPO/out/build"
find "$CACHE" -mindepth 1 -maxdepth 1 ! -name xen-sources -exec rm -rf {} +
if [[ -d $CACHE/xen-sources ]]; then
    say "emptied $CACHE; xen-sources/ in it stays: rm -r it if the next run has to look for Xen again"
else
    rmdir "$CACHE"
    say "removed $CACHE"
fi
