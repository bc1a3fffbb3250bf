# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 180
# Measures what indirect tables cost in place and by copy (docs/indirect-tables.md), with a Xen that
# has no debug checks. Not a test:
#   testbed/build.sh && testbed/build.sh hypervisor-release
#   make -C testbed/bench/plugin BUILD="$PWD/out/plugin"
#   VIRTIO_SHADOW_QEMU_ARGS="-plugin file=out/plugin/libxen-instructions.so,out=out/marks" \
#       testbed/boot.sh -k hypervisor-release out/tables-cost testbed/scenarios/tables-cost.sh
#   testbed/bench/tables-cost.py out/build/hypervisor-release/xen-syms out/marks \
#       out/tables-cost/results/tables-cost
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

check "backend VM is up" \
    start_backend backend "$(pv_disk guest1 xvdb rw)" "$(pv_disk guest2 xvdc rw)" || exit 1
check "guest is created" create "$(write_config hand /testbed/hand-guest 64 1 "" \
    "$(mediated_disk backend xvda /dev/xvdb shadow_policy=grant,shadow_indirect=remap,shadow_queue_size=1024)" \
    "$(mediated_disk backend xvdb /dev/xvdc shadow_policy=grant,shadow_indirect=copy,shadow_queue_size=1024)")" || exit 1
check "guest is up" wait_up hand 60 || exit 1
guest_run hand 160 measure >"$RESULTS/tables-cost"
cat "$RESULTS/tables-cost"
check "it has measured" [ "$(grep -c '^measured' "$RESULTS/tables-cost")" -eq 32 ]
exit 0
