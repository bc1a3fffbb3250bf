#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Xen's style, for what becomes a part of Xen.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

mapfile -t mediator < <(files 'mediator/*.c' 'mediator/*.h')
mapfile -t core < <(files 'libvirtio-shadow/*.c' 'libvirtio-shadow/*.h')
found=$(
    awk -v limit=80 -f tests/style/xen-style.awk "${mediator[@]}"
    awk -v limit=100 -f tests/style/xen-style.awk "${core[@]}"
)
verdict "$found"
