#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs all tests, or the stages that are named: test.sh [STAGE...]
# Most are on the host (tests/run.sh); stage system is on the emulated machine (system-tests.sh), and
# stage bench is a short run of the benchmarks, of which only counts whether it is complete
# (bench/run.sh). Ends with a table of the suites and the seconds that each took, and with one line,
# "N passed, N failed", over all of them; the same is in out/test/summary.json. Releases of Xen that
# are not the chosen one boot a few scenarios, where they can be had.
#
# Where no place has Xen (lib/xen-places.sh), those that need it are skipped, and named, and the line
# ends with ", N skipped". With REQUIRE_XEN=1 they have failed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$REPO/tests/lib/count.sh"

out=$REPO/out/test
SUITES=$out/suites
export SUITES
# The stages in their order, and the suites of the host that are in each.
STAGES=(style unit mediator daemon fuzz proofs system bench)
declare -A HOST_SUITES=([style]="style testbed" [unit]="unit parallel" [mediator]="mediator p2m"
    [daemon]=backend [fuzz]=fuzz [proofs]=proofs)
# What the system tests do on the releases that are not chosen.
ON_OTHERS=(mediated-disk hostile-driver hostile-backend)
passed=0
failed=0
skipped=0
no_xen=
notes=()

# add_suite NAME PASSED FAILED SKIPPED SECONDS: a line for the table.
add_suite() {
    echo "$@" >>"$SUITES"
}

# run NAME COMMAND...: adds its last count to the totals. One that claims success but ended with an
# error, or counted nothing, is a failure.
run() {
    local name=$1 log=$out/$1.log status=0 begin=$SECONDS counted="no count of tests" known
    shift
    known=$(wc -l <"$SUITES")
    "$@" 2>&1 </dev/null | tee "$log" || status=$?
    ! read_count "$log" || counted=$(print_count "$PASSED" "$FAILED" "$SKIPPED")
    if ! is_sound "$status"; then
        say "$name: status $status, $counted: counted as a failure"
        FAILED=1
    fi
    # The suites of the host write lines of their own.
    [[ $(wc -l <"$SUITES") -gt $known ]] ||
        add_suite "$name" "$PASSED" "$FAILED" "$SKIPPED" $((SECONDS - begin))
    passed=$((passed + PASSED))
    failed=$((failed + FAILED))
    skipped=$((skipped + SKIPPED))
}

# run_on_xen NAME COMMAND...
run_on_xen() {
    if [[ -z $no_xen ]]; then
        run "$@"
    elif [[ ${REQUIRE_XEN:-} == 1 ]]; then
        notes+=("failed: $1: $no_xen, and REQUIRE_XEN=1 wants it")
        failed=$((failed + 1))
        add_suite "$1" 0 1 0 0
    else
        notes+=("skipped: $1: $no_xen")
        skipped=$((skipped + 1))
        add_suite "$1" 0 0 1 0
    fi
}

# Which Xen, in front of everything: what is wrong with XEN_SOURCE is said at once. With the series, as
# tests on the host are of functions of it.
choose_xen() {
    local status=0
    "$TESTBED/build.sh" xen-tree || status=$?
    if [[ $status -eq 3 ]]; then
        no_xen="no place has Xen $XEN_RELEASE (make test XEN_SOURCE=... names one)"
    elif [[ $status -ne 0 ]]; then
        exit "$status"
    else
        tree=$(sed -n 's/^tree=//p' "$REPO/out/build/xen-source/info")
        release=$(sed -n 's/^release=//p' "$REPO/out/build/xen-source/info")
        # For what runs from here.
        export VIRTIO_SHADOW_XEN_CHOSEN="$XEN_BASE $tree"
    fi
}

# The releases that are not the one of this run; each gets a short run of the system tests.
other_releases() {
    xen_releases | awk -v this="$XEN_RELEASE" '$1 != this { print $1 }'
}

# find_other RELEASE: XEN_SOURCE may name a clone that has it, too.
find_other() {
    local find=(env -u VIRTIO_SHADOW_XEN_CHOSEN XEN="$1" "$TESTBED/build.sh" xen-source)
    if [[ -n ${XEN_SOURCE:-} ]] && "${find[@]}" </dev/null >/dev/null 2>&1; then
        return
    fi
    env -u XEN_SOURCE "${find[@]}" </dev/null
}

# run_other RELEASE: where a place has it; nobody has to have more than one.
run_other() {
    local base=${1%.*} status=0
    [[ -z $no_xen ]] || return 0
    find_other "$1" || status=$?
    if [[ $status -eq 3 ]]; then
        notes+=("skipped: system-$base: no place has Xen $1 (make fetch XEN=$base XEN_SOURCE=... brings it)")
        skipped=$((skipped + 1))
        add_suite "system-$base" 0 0 1 0
        return
    fi
    # What was found is kept now.
    run "system-$base" env -u VIRTIO_SHADOW_XEN_CHOSEN -u XEN_SOURCE XEN="$1" \
        "$TESTBED/system-tests.sh" -o "$REPO/out/system-$base" "${ON_OTHERS[@]}"
}

# summary SECONDS
summary() {
    awk -v passed="$passed" -v failed="$failed" -v skipped="$skipped" -v seconds="$1" \
        -v release="${release:-}" -v tree="${tree:-}" '
        BEGIN {
            printf "{\n  \"passed\": %d,\n  \"failed\": %d,\n  \"skipped\": %d,\n", passed, failed, skipped
            printf "  \"seconds\": %d,\n", seconds
            printf "  \"xen_release\": %s,\n", release == "" ? "null" : "\"" release "\""
            printf "  \"xen_tree\": %s,\n  \"suites\": {", tree == "" ? "null" : "\"" tree "\""
        }
        {
            printf "%s\n    \"%s\": {\"passed\": %d, \"failed\": %d, ", (n++ ? "," : ""), $1, $2, $3
            printf "\"skipped\": %d, \"seconds\": %d}", $4, $5
        }
        END { print "\n  }\n}" }' "$SUITES" >"$out/summary.json"
}

# run_stage STAGE
run_stage() {
    local -a suites
    local other
    case $1 in
        system)
            run_on_xen system "$TESTBED/system-tests.sh"
            while IFS= read -r other; do
                run_other "$other"
            done < <(other_releases)
            ;;
        bench) run_on_xen bench env QUICK=1 "$TESTBED/bench/run.sh" ;;
        *)
            read -ra suites <<<"${HOST_SUITES[$1]}"
            run "$1" "$REPO/tests/run.sh" "${suites[@]}"
            ;;
    esac
}

# check_stages STAGE...: they are known, and each suite of the host is in one of all.
check_stages() {
    local name
    for name; do
        [[ " ${STAGES[*]} " == *" $name "* ]] || die "no stage is called '$name'; they are: ${STAGES[*]}"
    done
    while IFS= read -r name; do
        [[ " ${HOST_SUITES[*]} " == *" $name "* ]] || die "the suite $name is in no stage of ${BASH_SOURCE[0]}"
    done < <("$REPO/tests/run.sh" -l)
}

stages=("$@")
[[ $# -gt 0 ]] || stages=("${STAGES[@]}")
check_stages "${stages[@]}"
rm -rf "$out"
mkdir -p "$out"
: >"$SUITES"
begin=$SECONDS
"$TESTBED/host-packages.sh"
case " ${stages[*]} " in
    *" mediator "* | *" system "* | *" bench "*) choose_xen ;;
esac
for stage in "${stages[@]}"; do
    run_stage "$stage"
done
summary $((SECONDS - begin))
say "tests ended; counts per suite: out/test/summary.json"
[[ ${#notes[@]} -eq 0 ]] || printf '%s\n' "${notes[@]}"
print_table "$SUITES" $((SECONDS - begin))
print_count "$passed" "$failed" "$skipped"
[[ $failed -eq 0 && $passed -gt 0 ]]
