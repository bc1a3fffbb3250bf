#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Apply the series to a Xen source tree, an unpacked one or a git checkout: of
# which release is told, or found out ("auto").  Nothing is changed unless all
# of the series applies.  README.md says how the patches of the releases are
# kept.
set -euo pipefail
export LC_ALL=C

die() { echo "${0##*/}: $*" >&2; exit 1; }

usage() {
    cat >&2 <<END
usage: ${0##*/} BASE TREE           apply the series
       ${0##*/} --check BASE TREE   change nothing, say of all patches what does not apply
       ${0##*/} --list BASE [TREE]  print the files of the patches, in their order
BASE is one of ${bases[*]}, or "auto": by the tree's xen/Makefile; the newest without a tree
END
    exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The releases that have patches of their own, oldest first.
mapfile -t bases < <(cd "$here" && find . -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' \
    -printf '%P\n' | sort -V)

mode=apply
case ${1:-} in
--check | --list) mode=${1#--}; shift ;;
esac
[[ $# -eq 2 || ( $mode == list && $# -eq 1 ) ]] || usage
base=$1
tree=${2:-}

makefile_var() {
    sed -n "s/^\(export \)\?$1 *[:?]\?= *\([^ ]*\)\$/\2/p" "$tree/xen/Makefile"
}

version=
if [[ -n $tree ]]; then
    [[ -f $tree/xen/Makefile && -f $tree/xen/common/Kconfig ]] ||
        die "$tree: not a Xen source tree (no xen/Makefile or xen/common/Kconfig)"
    version=$(makefile_var XEN_VERSION).$(makefile_var XEN_SUBVERSION)
    version_long=$version$(makefile_var XEN_EXTRAVERSION | sed 's/\$.*//')
    [[ $version =~ ^[0-9]+\.[0-9]+$ ]] || die "$tree/xen/Makefile: there is no version in it"
fi

if [[ $base == auto ]]; then
    # The oldest one that is not older than the tree.  All that are newer than
    # the newest one are tried with that.
    base=${bases[-1]}
    for candidate in "${bases[@]}"; do
        [[ -n $version ]] || break
        if [[ $(printf '%s\n' "$version" "$candidate" | sort -V | head -n 1) == "$version" ]]; then
            base=$candidate
            break
        fi
    done
fi
[[ " ${bases[*]} " == *" $base "* ]] ||
    die "base $base: there are patches for ${bases[*]} (4.21 and what is newer than" \
        "${bases[-1]} take those for ${bases[-1]})"

# The files of the series for this base: the folder of the base comes first; one
# that only another base's folder has is not needed here.
# "#optional" in front of a patch: only text, without which a tree builds as well.
patches=()
declare -A optional
is_optional=
while IFS= read -r patch; do
    [[ $patch != '#optional' ]] || is_optional=1
    [[ -n $patch && $patch != '#'* ]] || continue
    [[ -z $is_optional ]] || optional[$patch]=1
    is_optional=
    if [[ -f $here/$base/$patch ]]; then
        patches+=("$base/$patch")
    elif [[ -f $here/$patch ]]; then
        patches+=("$patch")
    else
        found=("$here"/*/"$patch")
        [[ -f ${found[0]} ]] || die "xen-patches/series names $patch, which does not exist"
    fi
done <"$here/series"

if [[ $mode == list ]]; then
    printf '%s\n' "${patches[@]}"
    exit 0
fi

! grep -q '^config VIRTIO_SHADOW$' "$tree/xen/common/Kconfig" ||
    die "$tree: the series has been applied to this tree already"

# What the series touches, in a folder of its own, where it can be tried.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
sed -n 's:^--- a/\([^\t]*\).*:\1:p' "${patches[@]/#/$here/}" | sort -u |
    (cd "$tree" && while IFS= read -r file; do
        [[ ! -e $file ]] || printf '%s\0' "$file"
    done | xargs -0r cp --parents -t "$work/tree")

# tell PATCH: what went wrong (or nearly) with it, by patch's own output.
tell() {
    local line file='' hunk
    while IFS= read -r line; do
        case $line in
        "checking file "* | "patching file "*)
            file=${line#* file }
            ;;
        "Hunk #"*" FAILED at "*)
            hunk=${line%% FAILED*}
            hunk=${hunk#Hunk #}
            echo "$1: $file: hunk $hunk does not apply, expected at line ${line##*FAILED at }"
            ;;
        "Hunk #"*" with fuzz "*)
            # shellcheck disable=SC2295  # the pattern is literal
            hunk=${line#Hunk #}
            [[ $mode != check ]] ||
                echo "$1: $file: hunk ${hunk%% *} applies with fuzz ${line##*fuzz }"
            ;;
        "can't find file to patch"* | "|+++ "* | "The next patch "* | "Reversed "* | *malformed*)
            echo "$1: $line"
            ;;
        esac
    done <"$work/output"
}

failed=()
for patch in "${patches[@]}"; do
    # In the copy the other hunks stay, so that a check can go on.
    rc=0
    patch -d "$work/tree" -p1 --no-backup-if-mismatch --forward --batch -r - \
        <"$here/$patch" >"$work/output" 2>&1 || rc=$?
    tell "xen-patches/$patch" >>"$work/told"
    if [[ $rc -ne 0 && -n ${optional[${patch##*/}]:-} ]]; then
        echo "xen-patches/$patch: left out where it does not apply: this is only text" >>"$work/told"
    elif [[ $rc -ne 0 ]]; then
        failed+=("$patch")
        [[ $mode == check ]] || break
    fi
done
cat "$work/told"

if [[ ${#failed[@]} -gt 0 ]]; then
    if [[ $mode == check ]]; then
        die "${#failed[@]} of ${#patches[@]} patches do not apply to Xen $version_long" \
            "(patches for $base); a patch can fail because one before it did"
    fi
    die "xen-patches/${failed[0]} does not apply to Xen $version_long (patches for $base);" \
        "$tree is unchanged, --check looks at the patches after it, too"
fi

if [[ $mode == check ]]; then
    echo "${#patches[@]} patches apply to Xen $version_long (patches for $base)"
    exit 0
fi

# The whole series, tried above: this cannot fail half-way but for a full disk.
for patch in "${patches[@]}"; do
    patch -d "$tree" -p1 --no-backup-if-mismatch --forward --batch -s -r - <"$here/$patch" ||
        [[ -n ${optional[${patch##*/}]:-} ]] ||
        die "$tree: xen-patches/$patch failed after it had applied to a copy of the files"
done
echo "${#patches[@]} patches applied to Xen $version_long (patches for $base)"
