#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [prove|mutants] [NAME...]: all proofs, or those named, as many at a time as there are
# processors. Ends with one line: N passed, N failed.
#
# prove: CBMC finds nothing, and every cover check is reached: a proof of nothing is none. What was
# proved from the same files by the same CBMC is not proved again, unless PROVE_ANEW=1.
# mutants: with the core broken as NAME/mutant.sed says, the proof fails.
set -euo pipefail
cd "$(dirname "$0")"
source ../lib/jobs.sh
proved=${VIRTIO_SHADOW_CACHE:-${XDG_CACHE_HOME:-${HOME:-~}/.cache}/virtio-shadow}/proofs

# Each make here is one of its own: it has nothing to do with the jobs of who called this.
unset MAKEFLAGS MFLAGS
what=prove
case ${1:-} in
prove | mutants)
    what=$1
    shift
    ;;
esac
jobs=${PROOF_JOBS:-$(nproc)}
limit=${PROOF_SECONDS:-900}
CBMC_PROGRAM=$(./cbmc.sh --where)
export CBMC_PROGRAM
mkdir -p build/log "$proved"
find "$proved" -type f -mtime +90 -delete

cbmc_make()
{
    timeout "$limit" make --no-print-directory -C "$name" "$@"
}

# proved_before NAME: says so if it was, from the same files; the record's path is in RECORD.
proved_before()
{
    local inputs
    inputs=$(cbmc_make -s inputs) || return
    RECORD=$proved/$1-$({
        "$CBMC_PROGRAM" --version
        cat run.sh
        cd "$1"
        # shellcheck disable=SC2086 # a list
        sha256sum $inputs
    } | sha256sum | cut -c1-32)
    [[ -z ${PROVE_ANEW:-} && -s $RECORD ]] || return
    printf '%s, before\n' "$(< "$RECORD")"
    touch "$RECORD"
}

prove()
{
    local name=$1 log=build/log/$1 begin=$SECONDS checks covered RECORD=
    if proved_before "$name"; then
        return
    fi
    if ! cbmc_make prove > "$log.prove" 2>&1 || ! grep -q '^VERIFICATION SUCCESSFUL' "$log.prove"; then
        echo "  FAIL  $name; run it alone: make -C tests/proofs/$name prove"
        { grep -E 'FAILURE|rror' "$log.prove" || tail -n 5 "$log.prove"; } | head -n 20 | sed 's/^/    /'
        return 1
    fi
    checks=$(sed -n 's/^\*\* 0 of \([0-9]*\) failed.*/\1/p' "$log.prove")

    if ! cbmc_make cover > "$log.cover" 2>&1; then
        echo "  FAIL  $name: no answer for its cover checks; run them alone: make -C tests/proofs/$name cover"
        tail -n 5 "$log.cover" | sed 's/^/    /'
        return 1
    fi
    covered=$(sed -n 's/^\*\* \([0-9]*\) of \([0-9]*\) covered.*/\1 \2/p' "$log.cover")
    if [ "${covered% *}" != "${covered#* }" ] || [ "${covered% *}" -eq 0 ]; then
        echo "  FAIL  $name: not everything that it is about can happen; make -C tests/proofs/$name cover"
        grep FAILED "$log.cover" | head -n 20 | sed 's/^/    /'
        return 1
    fi
    printf '  ok    %-28s %4d checks, %2d of %2d covered, %d s\n' "$name" "$checks" \
        "${covered% *}" "${covered#* }" $((SECONDS - begin)) | tee "$log.proved"
    # As a whole, or not at all: others may prove the same.
    [[ -z $RECORD ]] || { cp "$log.proved" "$RECORD.$$" && mv "$RECORD.$$" "$RECORD"; }
}

mutants()
{
    local name=$1 log=build/log/$1.mutant begin=$SECONDS work=$PWD/build/mutant/$1 file
    file=$(sed -n 's/^# file: //p' "$name/mutant.sed")
    rm -rf "$work"
    mkdir -p "$work"
    cp -r ../../libvirtio-shadow "$work/core"
    sed -i -f "$name/mutant.sed" "$work/core/$file"
    if cmp -s "../../libvirtio-shadow/$file" "$work/core/$file"; then
        echo "  FAIL  $name/mutant.sed changes nothing in $file"
        return 1
    fi
    cbmc_make CORE="$work/core" BUILD="$work" EXTRA=--stop-on-fail prove > "$log" 2>&1 || true
    if ! grep -q '^VERIFICATION FAILED' "$log"; then
        echo "  FAIL  $name does not see its mutant; $log"
        return 1
    fi
    printf '  ok    %-28s %3d s  %s\n' "$name" $((SECONDS - begin)) \
        "$(sed -n '/^Violated property/{n;n;s/^ *//p;q}' "$log" | cut -c1-70)"
    rm -rf "$work"
}

names=("$@")
if [ $# -eq 0 ]; then
    for makefile in */Makefile; do
        names+=("${makefile%/Makefile}")
    done
fi

run_jobs "$jobs" "$what" "${names[@]}"
