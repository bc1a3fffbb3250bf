#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the packages of config/host-packages, or of the lists named, that are missing. Does
# nothing, and needs no privilege, when all are there: host-packages.sh [LIST...]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

command -v dpkg >/dev/null ||
    die "this is not a Debian system: build on Debian 12 or 13 (a container or VM will do)"

[[ $# -gt 0 ]] || set -- "$TESTBED/config/host-packages"
missing=()
while IFS= read -r package; do
    status=$(dpkg -s "$package" 2>/dev/null || true)
    grep -q '^Status: install ok installed' <<<"$status" || missing+=("$package")
done < <(grep -hv '^#' "$@")
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null ||
        die "missing packages, and neither root nor sudo: apt-get install ${missing[*]}"
    as_root=(sudo)
fi
say "installing host packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0)
"${apt[@]}" update </dev/null
"${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null
say "host packages are installed"
