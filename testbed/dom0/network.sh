# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What a guest does with a network that a device process in the backend VM, passt, serves:
#   . /testbed/dom0/lib.sh
#   . /testbed/dom0/network.sh

# The backend VM itself, as guests see it, and what they get from passt (testbed/backend).
GATEWAY=169.254.2.2
ADDRESS=169.254.2.1

# serve_network MIB: a web server with a file of random data, and one for iperf3, in the backend VM.
serve_network() {
    guest_run backend 30 "mkdir -p /tmp/www && ip link set lo up && \
        dd if=/dev/urandom of=/tmp/www/file bs=1M count=$1 2>&1 && httpd -p 80 -h /tmp/www && \
        { iperf3 -s >/run/iperf3.log 2>&1 & }"
}

# get_address GUEST INTERFACE
get_address() {
    guest_run "$1" 30 "udhcpc -i $2 -n -q -s /etc/udhcpc-script 2>&1 && \
        ip addr show dev $2 | grep 'inet $ADDRESS/'"
}

# fetch_is_equal GUEST: what the guest fetches over HTTP is what the backend VM has.
fetch_is_equal() {
    _wanted=$(guest_run backend 20 "sha256sum </tmp/www/file") || return
    _got=$(guest_run "$1" 40 "timeout 30 wget -q -O - http://$GATEWAY/file | sha256sum") || return
    echo "$_wanted, $_got"
    [ "$_wanted" = "$_got" ]
}

# iperf GUEST KIB OPTIONS: what has arrived of so many KiB, in bytes; 0 if it did not run. So many, and
# not for so long: on a busy machine nothing may get through in a second. Small socket buffers, as
# what is in them at the end has not arrived.
iperf() {
    guest_run "$1" 120 "timeout 110 iperf3 -c $GATEWAY -n ${2}K -l 16K -w 32K --json $3" |
        awk '/"sum_received"/ { on = 1 } on && /"bytes"/ { print $2 + 0; found = 1; exit }
            END { if (!found) print 0 }'
}
