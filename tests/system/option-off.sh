# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# xen: virtio-shadow=off
# seconds: 120
# Without the boot option nothing is there, and xl says so.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
if create "$(write_config guest "$TRIMMED" 128 1 "root=/dev/vda1" \
    "$(mediated_disk backend xvda /dev/xvdb)")"; then
    not_ok "a mediated disk is refused" "it was created"
else
    check "xl names the boot option" grep -q "virtio-shadow=on" /run/testbed/xl.out
fi
check "no domain is left behind" wait_until 20 gone guest
check "no device is listed" sh -c '[ -z "$(xl virtio-shadow-list -j | grep base)" ]'
check "a guest with a PV disk works" create "$(write_config pv "$TRIMMED" 256 1 \
    "root=/dev/xvda1 rw" "$(pv_disk guest2 xvda rw)")"
check "it is up" wait_up pv 60
exit 0
