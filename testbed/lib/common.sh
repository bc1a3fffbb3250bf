# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What every script of the testbed shares: where things are, and how they talk to the user.

TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPO=$(dirname "$TESTBED")
# What is built must not depend on who builds: neither on the order that a language sorts in, nor on
# the rights that new files get. A service may have no HOME.
export LC_ALL=C.UTF-8
umask 022
if [[ -z ${HOME:-} ]]; then
    unset HOME
    export HOME=~
fi
CACHE=${VIRTIO_SHADOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtio-shadow}
JOBS=${VIRTIO_SHADOW_JOBS:-$(nproc)}
CROSS=aarch64-linux-gnu-
# mke2fs, sfdisk and depmod are not on everybody's path, and need no privilege here.
PATH=$PATH:/usr/sbin:/sbin
export PATH TESTBED REPO CACHE JOBS CROSS

# Stages send their own output to a log; what is meant for the user goes to descriptor 3.
if ! { true >&3; } 2>/dev/null; then
    exec 3>&1
fi

# Seconds since the command the user typed was started.
: "${VIRTIO_SHADOW_START:=$EPOCHREALTIME}"
export VIRTIO_SHADOW_START

now_ms() {
    local t=${EPOCHREALTIME/[.,]/}
    echo $((t / 1000))
}

start_ms() {
    local t=${VIRTIO_SHADOW_START/[.,]/}
    echo $((t / 1000))
}

# seconds MILLISECONDS: with one decimal.
seconds() {
    printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100))
}

say() {
    printf '[%6s s] %s\n' "$(seconds $(($(now_ms) - $(start_ms))))" "$*" >&3
}

die() {
    printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Which Xen. What a user says on make's command line must not get into the makefiles of Xen and Linux.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
source "$TESTBED/lib/xen-release.sh"
xen_select "${XEN:-}"
