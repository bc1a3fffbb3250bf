#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cppcheck, over the core and the backend VM's daemon.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

mapfile -t sources < <(files 'libvirtio-shadow/*.c' 'backend-vm/daemon/*.c')
found=$(checker cppcheck -q --std=c11 --enable=warning,performance,portability,style --template=gcc \
    --suppressions-list=tests/style/cppcheck-suppressions \
    -Ilibvirtio-shadow/host -Ilibvirtio-shadow/include -Ibackend-vm/module \
    "${sources[@]}" 2>&1) || true
verdict "$found"
