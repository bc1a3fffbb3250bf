#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs for up to an hour what "make test" does a little of, and ends with one line,
# "N passed, N failed": soak.sh [NAME...]
# restarts: 200 kills under verified I/O. lifecycle: 200 rounds. xen-branch: every commit of the Xen
# series builds. hosts: the commands of README.md on a bare Debian 12 and 13, which takes hours more,
# and root. Logs and results are in out/soak/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

out=$REPO/out/soak
# Seconds for all of it, and for each part of it.
declare -A limit=([restarts]=1800 [lifecycle]=1800)
# What is different from the short run: a setting of the scenario.
declare -A more=([restarts]="KILLS=200" [lifecycle]="ROUNDS=200")

# longer NAME FILE: the scenario, with its setting changed.
longer() {
    local key=${more[$1]%%=*}
    grep -q "^$key=" "$REPO/tests/system/$1.sh" || die "tests/system/$1.sh has no line $key=..."
    sed "s/^$key=.*/${more[$1]}/" "$REPO/tests/system/$1.sh" >"$2"
}

passed=0
failed=0
names=("$@")
[[ $# -gt 0 ]] || names=(restarts lifecycle xen-branch hosts)
rm -rf "$out"
mkdir -p "$out"
"$TESTBED/build.sh"

# bare_hosts: hosts.sh, whose last count is ours as well. Without root it is left out, not passed.
bare_hosts() {
    local last
    if [[ $(id -u) -ne 0 && $# -eq 0 ]]; then
        say "soak hosts: left out, as it needs root: sudo testbed/hosts.sh"
        return
    fi
    "$TESTBED/hosts.sh" -d "$out/hosts" 2>&1 | tee "$out/hosts.log" || true
    last=$(tail -n 1 "$out/hosts.log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
    else
        say "not ok hosts: it did not end with a count (log: $out/hosts.log)"
        failed=$((failed + 1))
    fi
}

for name in "${names[@]}"; do
    if [[ $name == xen-branch ]]; then
        say "soak xen-branch: every commit of the Xen series builds"
        if "$REPO/tests/xen-branch.sh" -b >"$out/$name.log" 2>&1; then
            passed=$((passed + 1))
        else
            tail -n 1 "$out/$name.log"
            failed=$((failed + 1))
        fi
        continue
    fi
    if [[ $name == hosts ]]; then
        bare_hosts "$@"
        continue
    fi
    [[ -n ${more[$name]:-} ]] || die "there is nothing called $name; there are:" \
        "${!more[*]} xen-branch hosts"
    longer "$name" "$out/$name.sh"
    say "soak $name: ${more[$name]}, for at most ${limit[$name]} s"
    status=0
    "$TESTBED/boot.sh" -M multi -t "${limit[$name]}" "$out/boot-$name" "$out/$name.sh" \
        >"$out/$name.log" 2>&1 || status=$?
    good=$(grep -c "^ok $name: " "$out/boot-$name/results/checks" 2>/dev/null || true)
    bad=$(grep -c "^not ok $name: " "$out/boot-$name/results/checks" 2>/dev/null || true)
    if [[ $status -ne 0 || ${good:-0} -eq 0 ]]; then
        say "not ok $name: the boot did not end well (log: $out/$name.log)"
        bad=$((${bad:-0} + 1))
    fi
    grep "^not ok " "$out/boot-$name/results/checks" 2>/dev/null || true
    say "soak $name: $good passed, $bad failed"
    passed=$((passed + ${good:-0}))
    failed=$((failed + ${bad:-0}))
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
