#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the tests and ends with one line, "N passed, N failed": test.sh [NAME...]
# Two kinds are found by where they lie:
#   tests/NAME/run.sh     a suite on the host, which prints "ok ..." and "not ok ..." lines
#   tests/system/NAME.sh  a scenario for dom0, see dom0/lib.sh. Scenarios share a boot unless their
#                         header asks for other Xen arguments: "# xen: ARGUMENTS"
# testbed/scenarios/pv-disk.sh is run too: the smoke test of the testbed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

only=("$@")
out=$REPO/out/test
passed=0
failed=0
failures=()

wanted() {
    local name
    [[ ${#only[@]} -gt 0 ]] || return 0
    for name in "${only[@]}"; do
        [[ $name != "$1" ]] || return 0
    done
    return 1
}

# count NAME FILE: adds a suite's result lines to the totals.
count() {
    local good bad
    good=$(grep -cE '^ok\b' "$2" || true)
    bad=$(grep -cE '^not ok\b' "$2" || true)
    passed=$((passed + good))
    failed=$((failed + bad))
    [[ $bad -eq 0 ]] || failures+=("$1")
}

# fail NAME WHY: something that is not a result line went wrong.
fail() {
    say "not ok $1: $2"
    failed=$((failed + 1))
    failures+=("$1")
}

host_suite() {
    local name=$1 log=$out/$1.log status=0
    say "$name: running"
    bash "$REPO/tests/$name/run.sh" >"$log" 2>&1 </dev/null || status=$?
    count "$name" "$log"
    grep -E '^not ok\b' "$log" || true
    if [[ $status -ne 0 ]] && ! grep -qE '^not ok\b' "$log"; then
        tail -n 30 "$log"
        fail "$name" "status $status (log: $log)"
    elif ! grep -qE '^(not )?ok\b' "$log"; then
        fail "$name" "it reported no result (log: $log)"
    fi
    say "$name: $(grep -cE '^ok\b' "$log" || true) passed"
}

# boot_group NUMBER XEN-ARGUMENTS SCENARIO...
boot_group() {
    local dir=$out/boot-$1 xen_args=$2 status=0 scenario name
    shift 2
    "$TESTBED/boot.sh" -t $((120 + 180 * $#)) -x "$xen_args" "$dir" "$@" || status=$?
    for scenario in "$@"; do
        name=$(basename "$scenario" .sh)
        # Only whole lines of that scenario, also when the boot ended early.
        grep -E "^(not )?ok $name: " "$dir/results/checks" >"$out/$name.log" 2>/dev/null ||
            grep -aoE "^(not )?ok $name: .*" "$dir/xen.log" >"$out/$name.log" || true
        count "$name" "$out/$name.log"
        [[ -s $out/$name.log ]] || fail "$name" "it reported no result (log: $dir/xen.log)"
    done
    [[ $status -eq 0 ]] || fail "$(basename "$dir")" "the boot did not end well ($dir/xen.log)"
}

rm -rf "$out"
mkdir -p "$out"
"$TESTBED/host-packages.sh"

for suite in "$REPO"/tests/*/run.sh; do
    [[ -f $suite ]] || continue
    name=$(basename "$(dirname "$suite")")
    ! wanted "$name" || host_suite "$name"
done

declare -A group
for scenario in "$TESTBED/scenarios/pv-disk.sh" "$REPO"/tests/system/*.sh; do
    [[ -f $scenario ]] || continue
    if wanted "$(basename "$scenario" .sh)"; then
        xen_args=$(sed -n 's/^# xen: //p' "$scenario" | head -n 1)
        group[" $xen_args"]+="$scenario"$'\n'
    fi
done
if [[ ${#group[@]} -gt 0 ]]; then
    if "$TESTBED/build.sh"; then
        number=0
        for xen_args in "${!group[@]}"; do
            mapfile -t scenarios < <(printf '%s' "${group[$xen_args]}")
            number=$((number + 1))
            boot_group "$number" "${xen_args# }" "${scenarios[@]}"
        done
    else
        fail build "the testbed does not build"
    fi
fi

[[ $((passed + failed)) -gt 0 ]] || fail "${only[*]}" "there is no test of that name"
for name in "${failures[@]}"; do
    echo "to run it alone: make test ONLY=$name"
done
say "tests ended"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
