#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs scenarios on the emulated machine, builds what they need first, and ends with one line,
# "N passed, N failed": system-tests.sh [NAME...]
# Scenarios are tests/system/NAME.sh and those of testbed/scenarios that are tests; see dom0/lib.sh.
# They share a boot unless their header asks for other Xen arguments: "# xen: ARGUMENTS". A header
# "# seconds: N" is how long a scenario may take (default 180).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

out=$REPO/out/system
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

header() {
    sed -n "s/^# $2: //p" "$1" | head -n 1
}

# fail NAME WHY: something that is not a result line went wrong.
fail() {
    say "not ok $1: $2"
    failed=$((failed + 1))
    failures+=("$1")
}

# count NAME FILE: adds a scenario's result lines to the totals.
count() {
    local bad
    bad=$(grep -c '^not ok ' "$2" || true)
    passed=$((passed + $(grep -c '^ok ' "$2" || true)))
    failed=$((failed + bad))
    [[ $bad -eq 0 ]] || failures+=("$1")
}

# boot_group NUMBER XEN-ARGUMENTS SCENARIO...
boot_group() {
    local dir=$out/boot-$1 xen_args=$2 status=0 limit=60 scenario name seconds
    shift 2
    for scenario in "$@"; do
        seconds=$(header "$scenario" seconds)
        limit=$((limit + ${seconds:-180}))
    done
    say "boot $(basename "$dir"): $# scenarios${xen_args:+, Xen with $xen_args}"
    "$TESTBED/boot.sh" -t "$limit" -x "$xen_args" "$dir" "$@" || status=$?
    for scenario in "$@"; do
        name=$(basename "$scenario" .sh)
        # The console has the lines too, when the machine did not get as far as handing them over.
        grep -E "^(not )?ok $name: " "$dir/results/checks" >"$out/$name.log" 2>/dev/null ||
            grep -aoE "^(not )?ok $name: .*" "$dir/xen.log" >"$out/$name.log" || true
        count "$name" "$out/$name.log"
        [[ -s $out/$name.log ]] || fail "$name" "it reported no result (log: $dir/xen.log)"
    done
    [[ $status -eq 0 ]] || fail "$(basename "$dir")" "the boot did not end well ($dir/xen.log)"
}

# write_matrix FILE...: what was expected and observed in each case, as a list of objects.
write_matrix() {
    awk -F '\t' '
        function json(v) {
            gsub(/\\/, "\\\\", v)
            gsub(/"/, "\\\"", v)
            gsub(/[\001-\037]/, " ", v)
            return "\"" v "\""
        }
        BEGIN { printf "[" }
        NF == 4 {
            printf "%s\n  {\"name\": %s, \"expected\": %s, \"observed\": %s, \"pass\": %s}",
                (n++ ? "," : ""), json($1), json($2), json($3), $4
        }
        END { print "\n]" }' "$@" /dev/null
}

only=("$@")
rm -rf "$out"
mkdir -p "$out"
declare -A group
for scenario in "$TESTBED"/scenarios/{pv-disk,mediated-disk}.sh "$REPO"/tests/system/*.sh; do
    name=$(basename "$scenario" .sh)
    [[ -f $scenario && $name != run ]] || continue
    # "# unsettled: WHY": it fails, or has not been seen to pass; run it by its name.
    why=$(header "$scenario" unsettled)
    if [[ -n $why && ${#only[@]} -eq 0 ]]; then
        say "$name is left out: $why"
        continue
    fi
    if wanted "$name"; then
        group[" $(header "$scenario" xen)"]+="$scenario"$'\n'
    fi
done
[[ ${#group[@]} -gt 0 ]] || die "there is no scenario called ${only[*]}"

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

if compgen -G "$out/boot-*/results/attacks.jsonl" >/dev/null; then
    "$TESTBED/attacks.sh" "$REPO/out/attacks.json" "$out"/boot-*/results
fi

shopt -s nullglob
write_matrix "$out"/boot-*/results/outcomes >"$REPO/out/matrix.json"
for name in "${failures[@]}"; do
    echo "to run it alone: testbed/system-tests.sh $name"
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
