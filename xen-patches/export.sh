#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Make a git branch of the series and the mediator, as it could be posted: each
# patch a commit, and the mediator's files commits in their place among them
# (lines that begin with #commit and #files in "series").  The same input makes
# the same commits.
#
#   export.sh [--onto COMMIT] REPOSITORY BRANCH
#   export.sh TREE BRANCH
#
# REPOSITORY is a git repository of Xen; the branch begins at the COMMIT, or at the
# newest release that there are patches for.  TREE is an unpacked Xen source tree,
# which becomes a git repository.  A branch of that name is replaced.
set -euo pipefail
export LC_ALL=C

die() { echo "${0##*/}: $*" >&2; exit 1; }

usage() {
    sed -n 's/^#   \(export\.sh .*\)/usage: \1/p' "$0" >&2
    exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mediator=$(cd "$here/../mediator" && pwd)
author="virtio-shadow developers <virtio-shadow@localhost>"

onto=
if [[ ${1:-} == --onto ]]; then
    onto=${2:-}
    shift 2 || usage
fi
[[ $# -eq 2 ]] || usage
repo=$1
branch=$2
[[ -d $repo ]] || die "$repo: no such folder"

# identity "NAME <ADDRESS>" DATE: of the next commit, both its author and its committer.
identity() {
    local address=${1#*<}
    address=${address%>}
    export GIT_AUTHOR_NAME=${1% <*} GIT_COMMITTER_NAME=${1% <*}
    export GIT_AUTHOR_EMAIL=$address GIT_COMMITTER_EMAIL=$address
    export GIT_AUTHOR_DATE=$2 GIT_COMMITTER_DATE=$2
}

# All settings of the user's that could change what is committed are left alone.
in_repo() {
    git -C "$repo" -c core.autocrlf=false -c core.hooksPath=/dev/null "$@"
}

if ! git -C "$repo" rev-parse --git-dir >/dev/null 2>&1 ||
    [[ -f $repo/xen/Makefile && $(git -C "$repo" rev-parse --show-prefix) != '' ]]; then
    [[ -z $onto ]] || die "$repo: there is no $onto in a tree that is no git repository"
    [[ -f $repo/xen/Makefile ]] || die "$repo: neither a git repository nor a Xen source tree"
    identity "$author" "2000-01-01T00:00:00+0000"
    git -C "$repo" init -q
    in_repo add -Af .
    in_repo commit -q --no-gpg-sign -m "Xen, as it was unpacked"
    onto=HEAD
fi
if [[ -z $onto ]]; then
    newest=$("$here/apply.sh" --list auto | sed -n 's,^\([0-9.]*\)/.*,\1,p' | head -n 1)
    onto=$(in_repo tag -l "RELEASE-$newest.*" | sort -V | tail -n 1)
    [[ -n $onto ]] || die "$repo has no tag RELEASE-$newest.*: name a commit, --onto COMMIT"
fi
base=$(in_repo rev-parse --verify -q "$onto^{commit}") || die "$repo has no commit $onto"
[[ $(in_repo symbolic-ref -q HEAD || true) != "refs/heads/$branch" ||
    $(in_repo rev-parse --is-bare-repository) == true ]] ||
    die "$repo: $branch is checked out there; choose another name, or check out something else"

work=$(mktemp -d)
trap 'git -C "$repo" worktree remove -f "$work/tree" 2>/dev/null || true; rm -rf "$work"' EXIT
in_repo worktree add -q --detach "$work/tree" "$base"
tree=$work/tree

# Says at once what does not apply, and where.
"$here/apply.sh" --check auto "$tree" >"$work/told" || { cat "$work/told"; exit 1; }

# The mediator's files, as they will be in the tree, below $work/files.
mkdir -p "$work/files/xen/common"
echo 'config VIRTIO_SHADOW' >"$work/files/xen/common/Kconfig"
bash "$mediator/install-into-xen.sh" "$work/files" >/dev/null
rm "$work/files/xen/common/Kconfig"

# take GROUP: its files go to the tree, and are gone from $work/files.
take() {
    local -a find=(find . -type f)
    local file name
    case $1 in
    core)
        find+=('(' -path './xen/common/virtio-shadow/core/*'
            -o -path './xen/common/virtio-shadow/include/virtio-shadow/*'
            -o -path './xen/include/public/*' ')')
        ;;
    arm) find+=(-path './xen/arch/arm/*') ;;
    bench)
        find+=('(')
        for file in "$mediator"/bench/*.c; do
            name=${file##*/}
            find+=(-path "./xen/common/virtio-shadow/$name" -o)
        done
        find+=(-false ')')
        ;;
    common)
        find+=(-path './xen/common/virtio-shadow/*' ! -path '*/core/*'
            ! -path '*/include/virtio-shadow/*')
        for file in "$mediator"/bench/*.c; do
            find+=(! -name "${file##*/}")
        done
        ;;
    *) die "xen-patches/series names a group of files, $1, that there is not" ;;
    esac
    (cd "$work/files" && "${find[@]}" -print0 | sort -z) >"$work/list"
    [[ -s $work/list ]] || die "there are no files of the group $1"
    while IFS= read -r -d '' file; do
        mkdir -p "$tree/$(dirname "$file")"
        mv "$work/files/$file" "$tree/$file"
    done <"$work/list"
}

# commit FILE: all that has changed, with the message in it.
commit() {
    git -C "$tree" -c core.autocrlf=false add -Af .
    git -C "$tree" -c core.hooksPath=/dev/null commit -q --no-gpg-sign -F "$1"
}

# The files of the series for the release that the tree is of.
declare -A file_of
while IFS= read -r file; do
    file_of[${file##*/}]=$file
done < <("$here/apply.sh" --list auto "$tree")

date=
commits=0
while IFS= read -r line; do
    case $line in
    '#commit '*)
        take "${line#* }"
        identity "$author" "$date"
        commit "$here/commits/${line#* }.txt"
        commits=$((commits + 1))
        ;;
    '#files '*) take "${line#* }" ;;
    '#'* | '') ;;
    *)
        [[ -n ${file_of[$line]:-} ]] || continue
        patch -d "$tree" -p1 --no-backup-if-mismatch --forward --batch -s -r - \
            <"$here/${file_of[$line]}" || true
        git mailinfo -k "$work/body" "$work/diff" <"$here/${file_of[$line]}" >"$work/info"
        date=$(sed -n 's/^Date: //p' "$work/info")
        identity "$(sed -n 's/^Author: //p' "$work/info") <$(sed -n 's/^Email: //p' "$work/info")>" \
            "$date"
        {
            sed -n 's/^Subject: \(\[PATCH[^]]*\] \)\?//p' "$work/info"
            echo
            cat "$work/body"
        } >"$work/message"
        commit "$work/message"
        commits=$((commits + 1))
        ;;
    esac
done <"$here/series"

left=$(cd "$work/files" && find . -type f | head -n 1)
[[ -z $left ]] || die "no line of xen-patches/series takes the mediator's ${left#./}"
in_repo branch -f "$branch" "$(git -C "$tree" rev-parse HEAD)" >/dev/null
echo "branch $branch: $commits commits on $(in_repo describe --tags --always "$base")"
