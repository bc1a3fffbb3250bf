#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# C that is in neither Xen's nor the kernel's style: clang-format.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

mapfile -t sources < <(files '*.c' '*.h' ':!mediator' ':!libvirtio-shadow' ':!xen-patches' \
    ':!backend-vm/module' ':!guest-feature')
found=$(checker clang-format-14 --dry-run "${sources[@]}" 2>&1 |
    sed -n 's/^\([^ :]*\):\([0-9]*\):.*-Wclang-format-violations.*/\1 \2/p' |
    awk '!seen[$1]++ { printf "%s:%d: not formatted: $(tests/style/checkers.sh)/clang-format-14 -i does it\n", $1, $2 }')
verdict "$found"
