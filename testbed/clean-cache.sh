#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Removes the cache of build stages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# Only what looks like our cache: the variable may point anywhere.
[[ -d $CACHE ]] || exit 0
[[ -d $CACHE/log && -d $CACHE/lock ]] || die "$CACHE does not look like the build cache"
rm -rf "$CACHE" "$REPO/out/build"
say "removed $CACHE"
