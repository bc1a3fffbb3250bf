#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# C that is in neither Xen's nor the kernel's style: clang-format, of the one version that the testbed
# fetches. Where that does not run, or is another, the check fails: it is never skipped.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

CHECKERS=${CHECKERS:-$(tests/style/checkers.sh)}
version=$("$CHECKERS/clang-format-14" --version 2>&1) || true
[[ $version == *"clang-format version 14."* ]] ||
    verdict "$CHECKERS/clang-format-14: clang-format 14 is needed, and it says: $version"

mapfile -t sources < <(files '*.c' '*.h' ':!mediator' ':!libvirtio-shadow' ':!xen-patches' \
    ':!backend-vm/module' ':!guest-feature')
[[ ${#sources[@]} -gt 0 ]] || verdict "no sources to look at"
said=$(checker clang-format-14 --dry-run "${sources[@]}" 2>&1) ||
    verdict "clang-format-14 failed: $said"
found=$(sed -n 's/^\([^ :]*\):\([0-9]*\):.*-Wclang-format-violations.*/\1 \2/p' <<<"$said" |
    awk '!seen[$1]++ { printf "%s:%d: not formatted: $(tests/style/checkers.sh)/clang-format-14 -i does it\n", $1, $2 }')
# Whatever else it says is no good either.
[[ -n $found || -z $said ]] || found=$said
verdict "$found"
