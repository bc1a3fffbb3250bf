#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the packages of config/host-packages, or of the lists named, that are missing. Does
# nothing, and needs no privilege, when all are there: host-packages.sh [-l] [LIST...]
#   -l  only prints those that this architecture takes, one a line
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# wanted LIST...: the packages for this architecture. A line is a package, or "package [arm64]", or
# "package [!arm64]" for all others.
wanted() {
    local arch package only
    arch=$(dpkg --print-architecture)
    while read -r package only; do
        case $only in
            '' | "[$arch]") echo "$package" ;;
            "[!$arch]") ;;
            '[!'*']') echo "$package" ;;
            '['*']') ;;
            *) die "a line of $* is neither 'package' nor 'package [architecture]': '$package $only'" ;;
        esac
    done < <(grep -hvE '^(#|$)' "$@")
}

list_only=
if [[ ${1:-} == -l ]]; then
    list_only=1
    shift
fi
[[ $# -gt 0 ]] || set -- "$TESTBED/config/host-packages"

command -v dpkg >/dev/null ||
    die "this is not a Debian system: build on Debian 12 or 13, or in the container of Containerfile"
packages=$(wanted "$@")
if [[ -n $list_only ]]; then
    echo "$packages"
    exit 0
fi

"$TESTBED/requirements.sh"

mapfile -t packages <<<"$packages"
# One question for all of them: those that dpkg does not know are only missing from the answer.
mapfile -t missing < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
    sed -n 's/^installed //p' | sort | comm -13 - <(printf '%s\n' "${packages[@]}" | sort -u))
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null ||
        die "packages are missing, and there is no sudo; as root: apt-get install ${missing[*]}"
    as_root=(sudo)
fi
say "installing host packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0)
if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } </dev/null
then
    die "packages could not be installed; when apt works, this does it:" \
        "${as_root[*]} apt-get install --no-install-recommends ${missing[*]}"
fi
say "host packages are installed"
