# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 120
# Measures what indirect tables cost in place and by copy (docs/indirect-tables.md). Not a test:
#   testbed/boot.sh out/tables-cost testbed/scenarios/tables-cost.sh
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

check "backend VM is up" \
    start_backend backend "$(pv_disk guest1 xvdb rw)" "$(pv_disk guest2 xvdc rw)" || exit 1
check "guest is created" create "$(write_config hand /testbed/hand-guest 64 1 "" \
    "$(mediated_disk backend xvda /dev/xvdb shadow_policy=grant,shadow_indirect=remap)" \
    "$(mediated_disk backend xvdb /dev/xvdc shadow_policy=grant,shadow_indirect=copy)")" || exit 1
check "guest is up" wait_up hand 60 || exit 1
guest_run hand 100 measure >"$RESULTS/tables-cost"
cat "$RESULTS/tables-cost"
check "it has measured" [ "$(grep -c '^measured' "$RESULTS/tables-cost")" -eq 20 ]
exit 0
