#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs scenarios on the emulated machine, builds what they need first, and ends with one line,
# "N passed, N failed": system-tests.sh [-o DIR] [NAME...]
# Logs go to out/system/, attacks.json and matrix.json to out/; with -o all of it to DIR.
# Scenarios are tests/system/NAME.sh and those of testbed/scenarios that are tests; see dom0/lib.sh.
# They run on the machine that repeats, some of them on the other, too (boot.sh), where they are
# called NAME-multi; VIRTIO_SHADOW_MACHINE=repeat or =multi has all of them run on that machine only.
# Those that need the same Xen arguments share a boot, or as many as the host has CPUs
# (VIRTIO_SHADOW_JOBS) and memory for: a boot of the machine that repeats takes one.
# See lib/scenario.sh for what a scenario's header says.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$TESTBED/lib/scenario.sh"

# A machine's memory, and what the emulator takes besides; scenarios of more seconds are split up.
BOOT_MIB=4096
LONG=600
SEED=${VIRTIO_SHADOW_SEED:-1}

out=$REPO/out/system
lists=$REPO/out
if [[ ${1:-} == -o ]]; then
    [[ $# -ge 2 ]] || die "-o needs a folder"
    mkdir -p "$2"
    out=$(cd "$2" && pwd)
    lists=$out
    shift 2
fi
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

# add_boot MACHINE XEN-ARGUMENTS SCENARIO...: one more boot to do. Those of multi get the scenarios
# under another name, so that results say which it was.
add_boot() {
    local number=$((${#boots[@]} + 1)) machine=$1 xen_args=$2 scenario dir
    shift 2
    dir=$out/boot-$number
    mkdir -p "$dir.scenarios"
    for scenario in "$@"; do
        if [[ $machine == multi ]]; then
            cp "$scenario" "$dir.scenarios/$(basename "$scenario" .sh)-multi.sh"
        else
            cp "$scenario" "$dir.scenarios/"
        fi
    done
    boots+=("$number")
    machine_of[number]=$machine
    xen_args_of[number]=$xen_args
}

# split MACHINE XEN-ARGUMENTS SCENARIO...: into boots of about the same length, that can run at the
# same time. The longest scenarios first, each to the boot that has least to do.
split() {
    local machine=$1 xen_args=$2 total=0 ways=1 file i seconds least
    local -a load=() part=()
    shift 2
    for file in "$@"; do
        total=$((total + $(scenario_seconds "$file")))
    done
    [[ $machine == multi || $total -lt $LONG ]] || ways=$abreast
    for ((i = 0; i < ways; i++)); do
        load[i]=0
        part[i]=
    done
    while read -r seconds file; do
        least=0
        for ((i = 1; i < ways; i++)); do
            [[ ${load[i]} -ge ${load[least]} ]] || least=$i
        done
        load[least]=$((load[least] + seconds))
        part[least]+="$file"$'\n'
    done < <(for file in "$@"; do
        echo "$(scenario_seconds "$file") $file"
    done | sort -k1,1nr -k2)
    for ((i = 0; i < ways; i++)); do
        [[ -n ${part[i]} ]] || continue
        mapfile -t files < <(printf '%s' "${part[i]}" | sort)
        add_boot "$machine" "$xen_args" "${files[@]}"
    done
}

# run_boot NUMBER: its lines say which boot they are of.
run_boot() {
    local dir=$out/boot-$1 status=0 xen_args=${xen_args_of[$1]}
    local -a scenarios=("$dir".scenarios/*.sh)
    {
        say "${#scenarios[@]} scenarios on machine ${machine_of[$1]}${xen_args:+, Xen with $xen_args}"
        "$TESTBED/boot.sh" -M "${machine_of[$1]}" -x "$xen_args" "$dir" "${scenarios[@]}" &
        echo $! >"$dir.pid"
        wait $! || status=$?
        rm "$dir.pid"
        echo "$status" >"$dir.status"
    } 3>&1 2>&1 | sed -uE "s/^(\[ *[0-9.]+ s\] )?/\1boot-$1: /"
}

# stop_boots: they run in the background, where a key pressed does not reach them.
stop_boots() {
    local file
    for file in "$out"/boot-*.pid; do
        [[ ! -f $file ]] || kill "$(<"$file")" 2>/dev/null || true
    done
    die "interrupted"
}

# run_boots: those of the machine that repeats side by side, then the others one by one.
run_boots() {
    local number running=0
    for number in "${boots[@]}"; do
        [[ ${machine_of[number]} == repeat ]] || continue
        if [[ $running -ge $abreast ]]; then
            wait -n || true
            running=$((running - 1))
        fi
        run_boot "$number" &
        running=$((running + 1))
    done
    wait
    for number in "${boots[@]}"; do
        [[ ${machine_of[number]} == repeat ]] || run_boot "$number"
    done
}

# count_boot NUMBER: adds what came of a boot.
count_boot() {
    local dir=$out/boot-$1 scenario name before=$failed
    for scenario in "$dir".scenarios/*.sh; do
        name=$(basename "$scenario" .sh)
        # The console has the lines too, when the machine did not get as far as handing them over.
        grep -E "^(not )?ok $name: " "$dir/results/checks" >"$out/$name.log" 2>/dev/null ||
            grep -aoE "^(not )?ok $name: .*" "$dir/xen.log" >"$out/$name.log" || true
        count "$name" "$out/$name.log"
        [[ -s $out/$name.log ]] || fail "$name" "it reported no result (log: $dir/xen.log)"
    done
    [[ $(cat "$dir.status" 2>/dev/null) == 0 ]] ||
        fail "$(basename "$dir")" "the boot did not end well ($dir/xen.log)"
    [[ $failed -eq $before ]] || bad_boots+=("$1")
}

# again MACHINE NAME...: how to run these on that machine, with this seed.
again() {
    echo "VIRTIO_SHADOW_MACHINE=$1 VIRTIO_SHADOW_SEED=$SEED testbed/system-tests.sh ${*:2}"
}

# how_to_repeat NUMBER: the commands for a boot in which something failed. A scenario by itself finds
# the machine in another state than after others.
how_to_repeat() {
    local machine=${machine_of[$1]} name
    local -a names
    mapfile -t names < <(basename -s .sh "$out/boot-$1".scenarios/*.sh)
    for name in "${names[@]}"; do
        [[ " ${failures[*]} " != *" $name "* ]] ||
            echo "to run it alone: $(again "$machine" "${name%-multi}")"
    done
    echo "to repeat boot-$1: VIRTIO_SHADOW_JOBS=1 $(again "$machine" "${names[@]%-multi}")"
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

# How many boots can run at the same time.
memory=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024 / BOOT_MIB))
abreast=$JOBS
[[ $abreast -le $memory ]] || abreast=$memory
[[ $abreast -ge 1 ]] || abreast=1

only=("$@")
boots=()
bad_boots=()
machine_of=()
xen_args_of=()
rm -rf "$out"
mkdir -p "$out"
declare -A group=()
for scenario in "$TESTBED"/scenarios/{pv-disk,mediated-disk}.sh "$REPO"/tests/system/*.sh; do
    name=$(basename "$scenario" .sh)
    [[ -f $scenario && $name != run ]] || continue
    # It fails, or has not been seen to pass; run it by its name.
    why=$(scenario_header "$scenario" unsettled)
    if [[ -n $why && ${#only[@]} -eq 0 ]]; then
        say "$name is left out: $why"
        continue
    fi
    case ${VIRTIO_SHADOW_MACHINE:-$(scenario_header "$scenario" machine)} in
        '' | repeat) machines=(repeat) ;;
        both) machines=(repeat multi) ;;
        multi) machines=(multi) ;;
        *) die "$scenario: its machine, or VIRTIO_SHADOW_MACHINE, is none of repeat, multi, both" ;;
    esac
    for machine in "${machines[@]}"; do
        if wanted "$name" || { [[ $machine == multi ]] && wanted "$name-multi"; }; then
            group["$machine $(scenario_header "$scenario" xen)"]+="$scenario"$'\n'
        fi
    done
done
[[ ${#group[@]} -gt 0 ]] || die "there is no scenario called ${only[*]}"

while IFS= read -r key; do
    mapfile -t scenarios < <(printf '%s' "${group[$key]}")
    split "${key%% *}" "${key#* }" "${scenarios[@]}"
done < <(printf '%s\n' "${!group[@]}" | sort)

if "$TESTBED/build.sh"; then
    trap stop_boots INT TERM
    run_boots
    trap - INT TERM
    for number in "${boots[@]}"; do
        count_boot "$number"
    done
else
    fail build "the testbed does not build"
fi

if compgen -G "$out/boot-*/results/attacks.jsonl" >/dev/null; then
    "$TESTBED/attacks.sh" "$lists/attacks.json" "$out"/boot-*/results
fi

shopt -s nullglob
write_matrix "$out"/boot-*/results/outcomes >"$lists/matrix.json"
for number in "${bad_boots[@]}"; do
    how_to_repeat "$number"
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
