#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Shows that the patches which harden Xen are needed: takes one at a time out of the series, builds
# the hypervisor without it, and runs the scenario that is about it, which has to fail. Not part of
# "make test": it takes a build and a boot for each. hardening.sh [-b] [NUMBER...]; -b only builds.
# The outcome of a run is in docs/threat-model.md.
set -euo pipefail
REPO=$(cd "$(dirname "$0")/.." && pwd)
source "$REPO/testbed/lib/common.sh"

# number of the patch, with those that build on it | scenario | the check in it that fails without
# them, as a pattern
HARDENING=(
    '0011+0003|hostile-backend|vcpu_info'
    '0011|hand-guest|table in flight is written to by Xen'
    '0012|hand-guest|table in flight in a page that is granted is mapped'
    '0015|hand-guest|table in flight is written to by its vCPU'
)

out=$REPO/out/hardening

# make_copy DIR: the checkout as it is, to take something out of.
make_copy() {
    mkdir -p "$1"
    (cd "$REPO" && git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do
            [[ -e $file ]] && printf '%s\0' "$file"
        done | rsync -a --from0 --files-from=- "$REPO/" "$1/")
    # By git's word, what is in out/ is of no interest, and the cache would take all copies for one.
    git init -q "$1"
}

# take_out DIR NUMBER[+NUMBER...]: a patch more at the end of the copy's series, which reverts those
# given, in that order. The others stay as they are: what they do beside it is part of the claim.
take_out() {
    local dir=$1 tree patch file work numbers
    local -a patches=()
    IFS=+ read -ra numbers <<<"$2"
    for file in "${numbers[@]}"; do
        patches+=("$(cd "$dir/xen-patches" && ls "$file"-*.patch)")
    done
    tree=$(readlink -f "$REPO/out/build/xen-tree")
    work=$dir/out/revert
    while IFS= read -r file; do
        mkdir -p "$work/a/$(dirname "$file")" "$work/b/$(dirname "$file")"
        cp "$tree/$file" "$work/a/$file"
        cp "$tree/$file" "$work/b/$file"
    done < <(cd "$dir/xen-patches" && sed -n 's,^+++ b/,,p' "${patches[@]}" | sort -u)
    for patch in "${patches[@]}"; do
        patch -s -R -p1 --no-backup-if-mismatch -d "$work/b" <"$dir/xen-patches/$patch" ||
            die "$patch does not come out of the tree by itself"
    done
    (cd "$work" && diff -ru a b) >"$dir/xen-patches/9999-revert.patch" || true
    echo 9999-revert.patch >>"$dir/xen-patches/series"
}

# write_scenario FILE NAME ONLY
write_scenario() {
    {
        head -n 3 "$REPO/tests/system/$2.sh"
        printf "ONLY='%s'\n" "$3"
        tail -n +4 "$REPO/tests/system/$2.sh"
    } >"$1"
}

# one NUMBERS SCENARIO PATTERN
one() {
    local dir=$out/$1 log
    rm -rf "$dir"
    make_copy "$dir"
    take_out "$dir" "$1"
    write_scenario "$dir/$2.sh" "$2" "$3"
    "$dir/testbed/build.sh"
    [[ -z $build_only ]] || return 0
    # Xen itself may not survive it.
    "$dir/testbed/boot.sh" -t "${VIRTIO_SHADOW_HARDENING_SECONDS:-240}" "$dir/boot" "$dir/$2.sh" ||
        true
    log=$dir/boot/xen.log
    if grep -aE "^not ok $2: .*$3" "$log"; then
        echo "ok $1: $2 fails without it"
    elif ! grep -aqE "^ok $2: .*$3" "$log"; then
        tail -n 3 "$log"
        echo "ok $1: $2 does not get that far without it"
    else
        echo "not ok $1: $2 passes without it"
        return 1
    fi
}

build_only=
if [[ ${1:-} == -b ]]; then
    build_only=1
    shift
fi
passed=0
failed=0
"$TESTBED/build.sh"
for row in "${HARDENING[@]}"; do
    IFS='|' read -r number scenario pattern <<<"$row"
    [[ $# -eq 0 || " $* " == *" $number "* ]] || continue
    say "without $number"
    if one "$number" "$scenario" "$pattern"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
