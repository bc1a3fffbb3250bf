#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All benchmarks: builds what is missing, boots, and leaves out/bench/results.json and
# out/bench/report.html: run.sh [PART...]
# QUICK=1: a few cells, to see that everything works; BRIEF=1: all of them, once and shortly. Their
# times mean nothing.
# Parts are core, block, net, counts, scaling, bounds: those left out keep their results from before.
# counts, scaling and bounds are about instructions, on the machine that repeats; block and net about
# time, on multi.
# Ends with one line, "N passed, N failed", about what has to work, not about the targets.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
source "$TESTBED/lib/scenario.sh"

BENCHDIR=$TESTBED/bench
ALL=(core block net counts scaling bounds)
out=$REPO/out/bench
passed=0
failed=0
size=full
[[ ${BRIEF:-0} != 1 ]] || size=brief
[[ ${QUICK:-0} != 1 ]] || size=quick

fail() {
    say "not ok bench: $1"
    failed=$((failed + 1))
}

# one_boot FOLDER PART SECONDS [OPTION...]: boots for what is left of a part's plan. The records are
# whatever was written of them, however the boot ended.
one_boot() {
    local dir=$1 part=$2 limit=$3 share=$out/share/bench status=0
    shift 3
    mkdir -p "$share"
    cp "$BENCHDIR"/dom0/* "$out/plans/settings" "$out/plans/$part.left" "$share/"
    mv "$share/$part.left" "$share/plan"
    echo "UNTIL=$((limit - 45))" >>"$share/settings"
    truncate -s 0 "$out/records.raw"
    truncate -s 64M "$out/records.raw"
    # bounds-fine-1 runs bounds.sh.
    "$TESTBED/boot.sh" -t "$limit" -k hypervisor-release -x xsm=dummy \
        -d "bench=$REPO/out/build/image-bench/bench.ext4" -w "records=$out/records.raw" \
        -s "$share" "$@" "$dir" "$BENCHDIR/scenarios/${part%%-*}.sh" 2>"$out/why" || status=$?
    cat "$out/why" >&2
    mkdir -p "$dir"
    tr -d '\0' <"$out/records.raw" >"$dir/records"
    rm -rf "$out/records.raw" "$out/share"
    mv "$out/why" "$dir/why"
    if [[ -e $out/marks ]]; then
        mv "$out/marks" "$dir/marks"
        "${CROSS}nm" -n --defined-only "$REPO/out/build/hypervisor-release/xen-syms" >"$dir/symbols"
    fi
    # The console has the checks too, when the machine did not get as far as handing them over.
    [[ -s $dir/results/checks ]] ||
        grep -aoE "^(not )?ok ${part%%-*}: .*" "$dir/xen.log" >"$dir/checks" || true
    count "$dir/results/checks" "$dir/checks"
    [[ $status -eq 0 ]] || fail "$part: a boot did not end well ($dir/xen.log)"
}

# count FILE...: adds result lines to the totals.
count() {
    local bad
    bad=$(cat "$@" 2>/dev/null | grep -c '^not ok ' || true)
    passed=$((passed + $(cat "$@" 2>/dev/null | grep -c '^ok ' || true)))
    failed=$((failed + bad))
}

# boots PART TIMES [OPTION...]: boots until the plan is done: a boot that dies, or a guest that does
# not answer any more, leaves the rest to the next boot. Four at most, within TIMES the part's time.
boots() {
    local part=$1 times=$2 number begin=$SECONDS limit left plan=$out/plans/$1
    shift 2
    limit=$(($(<"$plan.limit") * times))
    rm -rf "${out:?}/$part"
    mkdir -p "$out/$part"
    cp "$plan" "$plan.left"
    cp "$plan" "$out/$part/plan"
    for number in 1 2 3 4; do
        left=$((limit - (SECONDS - begin)))
        [[ $number -eq 1 || $left -ge 150 ]] || break
        say "benchmark: $part, $(wc -l <"$plan.left") lines, at most $left s"
        one_boot "$out/$part/boot-$number" "$part" "$left" "$@"
        python3 "$BENCHDIR/left.py" "$plan" "$out/$part"/boot-*/records >"$plan.left"
        [[ -s $plan.left ]] || break
        ! grep -qx '@late' "$out/$part/boot-$number/records" || break
    done
}

# counted_boots PART [OPTION...]: the same on an emulator that counts Xen's instructions; those of all
# by CPU and mode if COUNT is cpus. A busy host changes nothing but how long it takes.
counted_boots() {
    local part=$1 more=
    shift
    [[ ${COUNT:-} != cpus ]] || more=,cpus=on
    make -s -C "$BENCHDIR/plugin" BUILD="$out/plugin"
    VIRTIO_SHADOW_QEMU_ARGS="-plugin file=$out/plugin/libxen-instructions.so,out=$out/marks$more" \
        boots "$part" "$PATIENCE" -M repeat "$@"
}

# bounds: two boots for each length of the emulator's time slices, with other random numbers. A slice
# lasts until the next timer, divided by the number of CPUs, those included that Xen leaves alone.
bounds() {
    local plan part
    rm -rf "${out:?}"/bounds-*
    for plan in "$out"/plans/bounds-*-1 "$out"/plans/bounds-*-2; do
        [[ -e $plan ]] || continue
        part=${plan##*/}
        if [[ $part == *-fine-* ]]; then
            COUNT=cpus VIRTIO_SHADOW_SEED=${part##*-} VIRTIO_SHADOW_CPUS=32 \
                counted_boots "$part" -x "xsm=dummy maxcpus=2"
        else
            COUNT=cpus VIRTIO_SHADOW_SEED=${part##*-} counted_boots "$part"
        fi
    done
}

core() {
    local milliseconds=()
    [[ $size == full ]] || milliseconds=(10)
    make -s -C "$BENCHDIR/core" BUILD="$out/core" &&
        "$out/core/core-bench" "${milliseconds[@]}" >"$out/core.json"
}

run_part() {
    case $1 in
        core) core || fail "core: the host's benchmark of it" ;;
        counts) counted_boots counts ;;
        scaling) counted_boots scaling -m 8192 ;;
        bounds) bounds ;;
        block | net) boots "$1" 1 -M multi ;;
    esac
}

parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=("${ALL[@]}")
for part in "${parts[@]}"; do
    [[ " ${ALL[*]} " == *" $part "* ]] || die "there is no benchmark called $part"
done
"$TESTBED/host-packages.sh" "$TESTBED/config/host-packages-bench"
"$TESTBED/build.sh"
"$TESTBED/build.sh" hypervisor-release image-bench
# All of an earlier run goes when all is to be run.
[[ ${#parts[@]} -lt ${#ALL[@]} ]] || rm -rf "$out"
rm -rf "$out/plans"
mkdir -p "$out/plans"
python3 "$BENCHDIR/plan.py" "$out/plans" "$size"
begin=$SECONDS
for part in "${parts[@]}"; do
    run_part "$part"
    # After each part, so that there is one if the rest comes to nothing.
    python3 "$BENCHDIR/report/report.py" "$out" "$size" >"$out/targets" ||
        fail "the report (after $part)"
    say "$part is done, $((SECONDS - begin)) s so far"
done
cat "$out/targets"
if [[ ${#parts[@]} -eq ${#ALL[@]} ]]; then
    python3 "$BENCHDIR/report/check.py" "$out" | tee "$out/checks" || true
    count "$out/checks"
fi
say "out/bench/report.html, out/bench/results.json"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
