#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Shows that the patches which harden Xen are needed: takes one at a time out of the series, builds
# the hypervisor without it, and runs the scenario that is about it, which has to fail. Not part of
# "make test": it takes a build and a boot for each.
#   hardening.sh [OPTION...] [NUMBER...]
# -b  only builds
# -w  the other way round: takes nothing out, and the scenario has to pass
# The outcome of a run is in docs/threat-model.md.
set -euo pipefail
REPO=$(cd "$(dirname "$0")/.." && pwd)
source "$REPO/testbed/lib/common.sh"

# number of the patch, with those that build on it | scenario | the check in it that fails without
# them, as a pattern | what narrows the scenario down | functions that are made slow (stall.c)
HARDENING=(
    '0005+0002|hostile-backend|page as vcpu_info|ATTACKS=hypercalls|'
    '0003|hand-guest|tables are offered while|ONLY="tables are offered"|p2m_get_page_from_gfn get_page_from_gva get_page_of_vcpu'
    '0004|hand-guest|written to by guest-physical|ONLY="by guest-physical"|'
    '0005|hand-guest|table in flight is written to by Xen|ONLY="written to by Xen"|'
    '0007|hand-guest|table in flight in a page that is granted is mapped|ONLY="is granted is mapped"|'
    '0021|hand-guest|table in flight is written to by its vCPU|ONLY="by its vCPU"|'
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

# patches_of NUMBER: for the release that is built; there is none for a fix that the release has.
patches_of() {
    "$REPO/xen-patches/apply.sh" --list auto "$REPO/out/build/xen-tree" | grep -E "(^|/)$1-" || true
}

# take_out DIR NUMBER[+NUMBER...]: a patch more at the end of the copy's series, which reverts those
# given, in that order. The others stay as they are: what they do beside it is part of the claim.
take_out() {
    local dir=$1 tree patch file work numbers
    local -a patches=()
    IFS=+ read -ra numbers <<<"$2"
    for file in "${numbers[@]}"; do
        mapfile -tO "${#patches[@]}" patches < <(patches_of "$file")
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
    # Without times, by which it would be another patch whenever it is made.
    (cd "$work" && diff -ru a b) | sed -E 's/^((---|\+\+\+) [^\t]*)\t.*/\1/' \
        >"$dir/xen-patches/9999-revert.patch" || true
    echo 9999-revert.patch >>"$dir/xen-patches/series"
}

# write_scenario FILE NAME SETTINGS
write_scenario() {
    {
        # As dom0 runs it: with what its header says, and what is to be known before the rest.
        sed -n '1,/^[^#]/{/^#/p}' "$REPO/tests/system/$2.sh"
        printf '%s\nHAND_SECONDS=60\n' "$3"
        sed '1,/^[^#]/{/^#/d}' "$REPO/tests/system/$2.sh"
    } >"$1"
}

# address_of XEN-SYMS NAME: begin and end of a function; nothing if there is none.
address_of() {
    "${CROSS}nm" -S "$1" | while read -r at size _ name; do
        [[ $name != "$2" ]] || printf '%x-%x\n' "0x$at" $((0x$at + 0x$size))
    done
}

# stall DIR FUNCTION...: the arguments for QEMU.
stall() {
    local syms=$1/out/build/hypervisor/xen-syms get ranges="" name range
    shift
    get=$(address_of "$syms" get_page)
    for name; do
        range=$(address_of "$syms" "$name")
        ranges+=${range:+,in=$range}
    done
    echo "-plugin file=$out/libstall.so,get=${get%-*}$ranges"
}

# boot DIR SCENARIO FUNCTIONS: Xen itself may not survive it.
boot() {
    local dir=$1 xen_args
    local -a functions
    read -ra functions <<<"$3"
    export VIRTIO_SHADOW_QEMU_ARGS=
    [[ ${#functions[@]} -eq 0 ]] ||
        VIRTIO_SHADOW_QEMU_ARGS=$(stall "$dir" "${functions[@]}")
    xen_args=$(sed -n 's/^# xen: //p' "$dir/$2.sh" | head -n 1)
    "$dir/testbed/boot.sh" -M multi -t "${VIRTIO_SHADOW_HARDENING_SECONDS:-400}" -x "$xen_args" \
        "$dir/boot" "$dir/$2.sh" || true
    [[ ${#functions[@]} -eq 0 ]] || grep -q 'stopped [1-9]' "$dir/boot/qemu.log" ||
        die "Xen was not made slow (log: $dir/boot/qemu.log)"
}

# judge NUMBERS SCENARIO PATTERN LOG: a run that did not come to the check shows nothing, unless Xen
# itself is what ended it.
judge() {
    local failed passed crash
    failed=$(grep -aE "^not ok $2: [^(]*$3" "$4" | tr -d '\r') || true
    passed=$(grep -aE "^ok $2: .*$3" "$4" | tr -d '\r') || true
    crash=$(grep -aE -m 1 'Panic on CPU|Xen BUG at|Assertion .* failed' "$4" | tr -d '\r') || true
    [[ -z $failed ]] || echo "$failed"
    [[ -z $crash ]] || echo "Xen: $crash"
    if [[ -n $with ]]; then
        [[ -n $passed && -z $failed && -z $crash ]] || {
            echo "not ok $1: $2 does not pass with it"
            return 1
        }
        echo "ok $1: $2 passes with it"
    elif [[ -n $failed ]]; then
        echo "ok $1: $2 fails without it"
    elif [[ -n $crash ]]; then
        echo "ok $1: Xen dies of $2 without it"
    elif [[ -n $passed ]]; then
        echo "not ok $1: $2 passes without it"
        return 1
    else
        echo "not ok $1: $2 did not come to its check, and not because of Xen (log: $4)"
        return 1
    fi
}

# one NUMBERS SCENARIO PATTERN SETTINGS FUNCTIONS
one() {
    local dir=$out/${with:+with-}$1
    rm -rf "$dir"
    make_copy "$dir"
    [[ -n $with ]] || take_out "$dir" "$1"
    write_scenario "$dir/$2.sh" "$2" "$4"
    "$dir/testbed/build.sh"
    [[ -z $build_only ]] || return 0
    boot "$dir" "$2" "$5"
    judge "$1" "$2" "$3" "$dir/boot/xen.log"
}

build_only=
with=
while getopts bw option; do
    case $option in
        b) build_only=1 ;;
        w) with=1 ;;
        *) die "options are -b and -w" ;;
    esac
done
shift $((OPTIND - 1))
passed=0
failed=0
"$TESTBED/build.sh"
mkdir -p "$out"
gcc -std=gnu11 -Wall -Wextra -Werror -O2 -fPIC -shared -fvisibility=hidden \
    -I"$TESTBED/bench/plugin" -o "$out/libstall.so" "$REPO/tests/hardening/stall.c"
for row in "${HARDENING[@]}"; do
    IFS='|' read -r number scenario pattern settings functions <<<"$row"
    [[ $# -eq 0 || " $* " == *" $number "* ]] || continue
    if [[ -z $(patches_of "${number%%+*}") ]]; then
        say "$number: this release of Xen needs no such patch"
        continue
    fi
    say "$([[ -n $with ]] && echo with || echo without) $number"
    # In a shell of its own, where a command that fails ends it.
    status=0
    (set -e; one "$number" "$scenario" "$pattern" "$settings" "$functions") & wait $! || status=$?
    if [[ $status -eq 0 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
