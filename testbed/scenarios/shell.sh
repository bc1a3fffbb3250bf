# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# An interactive dom0, with a backend VM and a guest whose disk it serves.
. /testbed/dom0/lib.sh

start_backend backend "$(pv_disk guest1 xvdb rw)" || log "the backend VM did not start"
create "$(write_config guest "$TRIMMED" 256 1 "root=/dev/vda1 rw testbed=shell" \
    "$(mediated_disk backend xvda /dev/xvdb)")" || tail -n 3 /run/testbed/xl.out
echo "
Domains:"
xl list
echo "
  xl console guest          the guest's shell (leave it with Ctrl-])
  xl virtio-shadow-list     the mediated devices
  guest_run backend 10 CMD  run a command in the backend VM
  exit                      switch the machine off
"
ENV=/testbed/dom0/lib.sh PS1='dom0# ' sh -i
exit 0
