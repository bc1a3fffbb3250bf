#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds stages (stages/*.sh) and what they need: build.sh [STAGE...]; without a name, everything
# a boot takes. out/build/STAGE then points at each result.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$TESTBED/lib/cache.sh"

if [[ $# -eq 0 ]]; then
    set -- hypervisor image-dom0 image-kernels image-backend image-guest hand-guest \
        image-ram qemu
fi

"$TESTBED/host-packages.sh"
mkdir -p "$REPO/out/build"
for name in "$@"; do
    stage "$name"
done
for name in "${!STAGE_DIR[@]}"; do
    ln -sfn "${STAGE_DIR[$name]}" "$REPO/out/build/$name"
done
