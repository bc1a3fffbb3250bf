#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The backend VM's service, as it is installed: it names the program where that is, the stop timeout
# is longer than the drain, a crash loop does not end it, other people's sockets stay, and systemd
# rates it below 3.0.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

limit=30 # tenths
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
make -s -C backend-vm/daemon install-files DESTDIR="$dir" PREFIX=/opt/shadow >"$dir/log" 2>&1 || {
    cat "$dir/log"
    exit 1
}
unit=$dir/lib/systemd/system/virtio-shadowd.service

wants()
{
    grep -qxF "$1" "$unit" || echo "virtio-shadowd.service.in: after make install PREFIX=/opt/shadow, there is no line $1"
}

found=$(
    wants "ExecStart=/opt/shadow/sbin/virtio-shadowd"
    wants "StartLimitIntervalSec=0"
    wants "RuntimeDirectoryPreserve=yes"
    drain=$(sed -n 's/^#define DEFAULT_DRAIN_MS \([0-9]*\)000$/\1/p' backend-vm/daemon/options.c)
    stop=$(sed -n 's/^TimeoutStopSec=//p' "$unit")
    [ "$stop" -ge $((drain + 10)) ] ||
        echo "virtio-shadowd.service.in: TimeoutStopSec is $stop, and the drain may take $drain"
    [ -f "$dir/etc/virtio-shadowd.conf" ] || echo "no sample configuration is installed"
)
if command -v systemd-analyze >/dev/null; then
    rated=$(systemd-analyze security --offline=true --no-pager "$unit" 2>/dev/null |
        sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\) .*/\1\2/p')
    [ -n "$rated" ] && [ "$((10#$rated))" -lt "$limit" ] ||
        found="${found:+$found
}systemd-analyze security rates virtio-shadowd.service ${rated:-not at all}: it must be below $limit (tenths)"
fi
verdict "$found"
