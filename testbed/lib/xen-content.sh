# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A Xen source tree by its content: what it is called is the git tree of all files in it, so that a
# clone, a release's tarball and Debian's are one and the same. Needs xen-release.sh.
#
# Trees that were imported are kept in CACHE/xen-sources: TREE.tar.gz, and TREE.info with
#   release     what it is, or calls itself
#   pinned      yes: the content is that of a release in config/xen-releases
#   base        the base whose patches it was taken for
#   from        where it came from
# The cache of builds may be removed without them (clean-cache.sh).

XEN_STORE=$CACHE/xen-sources
# The one file that "git archive" changes (export-subst in Xen's .gitattributes), as it is in git.
# shellcheck disable=SC2016 # for git, not for the shell
XEN_ARCHIVE_INFO='Changeset: $Format:%H$
Commit date: $Format:%cD$'

# git without the configuration of a user or a host, and for repositories of anybody.
plain_git() {
    env GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1 \
        git -c safe.directory='*' -c core.autocrlf=false -c core.eol=lf -c core.fileMode=true \
        -c core.attributesFile=/dev/null -c core.excludesFile=/dev/null -c core.fsync=none \
        -c core.looseCompression=0 -c gc.auto=0 "$@"
}

# tree_files DIR: mode and name of all files in it, as git has them: no empty folders, no .git.
tree_files() {
    (cd "$1" && find . -name .git -prune -o -type l -printf '120000 %P\n' -o \
        -type f -perm -u+x -printf '100755 %P\n' -o -type f -printf '100644 %P\n') |
        LC_ALL=C sort -k 2
}

# tree_id DIR: the git tree of all files below DIR, byte for byte, whatever its .gitignore and
# .gitattributes say.
tree_id() {
    local dir=$1 repository id status=0
    repository=$(scratch)
    plain_git init -q --bare "$repository/git"
    # One object for each line, in the same order.
    tree_files "$dir" >"$repository/files"
    grep -v '^120000' "$repository/files" | cut -d' ' -f2- |
        (cd "$dir" && GIT_DIR=$repository/git plain_git hash-object --no-filters --stdin-paths) \
            >"$repository/objects" || status=1
    grep -v '^120000' "$repository/files" | paste -d' ' - "$repository/objects" |
        sed 's/^\([0-9]*\) \(.*\) \([0-9a-f]*\)$/\1 \3\t\2/' >"$repository/index"
    grep '^120000' "$repository/files" | cut -d' ' -f2- | while IFS= read -r link; do
        id=$(readlink -n "$dir/$link" | plain_git hash-object --stdin)
        printf '120000 %s\t%s\n' "$id" "$link"
    done >>"$repository/index"
    if is_archive_info "$dir/.gitarchive-info"; then
        id=$(plain_git hash-object --stdin <<<"$XEN_ARCHIVE_INFO")
        printf '100644 %s\t.gitarchive-info\n' "$id" >>"$repository/index"
    fi
    (export GIT_DIR=$repository/git
        plain_git update-index --add --index-info <"$repository/index" &&
            plain_git write-tree --missing-ok) || status=1
    rm -rf "$repository"
    return "$status"
}

# Exactly what "git archive" makes of XEN_ARCHIVE_INFO, and nothing else.
is_archive_info() {
    [[ -f $1 && ! -L $1 && $(wc -l <"$1") -eq 2 ]] &&
        [[ $(sed -n 1p "$1") =~ ^Changeset:\ [0-9a-f]{40}$ ]] &&
        [[ $(sed -n 2p "$1") =~ ^Commit\ date:\ [A-Za-z0-9,:+\ -]*$ ]]
}

# xen_version DIR: as its Makefile has it, 4.20.4 or 4.23-unstable; fails when it is no Xen tree.
xen_version() {
    local makefile=$1/xen/Makefile
    [[ -f $makefile && -d $1/xen/common && -d $1/tools/libs ]] || return 1
    awk '$1 == "export" && $2 == "XEN_VERSION" { v = $4 }
        $1 == "export" && $2 == "XEN_SUBVERSION" { s = $4 }
        $1 == "export" && $2 == "XEN_EXTRAVERSION" { e = $4; sub(/\$.*/, "", e) }
        END { if (v == "" || s == "") exit 1; print v "." s e }' "$makefile"
}

# xen_top DIR: the folder below it that is a Xen tree: itself, or the only one in it.
xen_top() {
    local -a entries
    if xen_version "$1" >/dev/null; then
        echo "$1"
        return
    fi
    mapfile -t entries < <(find "$1" -mindepth 1 -maxdepth 1 -name '[!.]*')
    [[ ${#entries[@]} -eq 1 ]] && xen_version "${entries[0]}" >/dev/null && echo "${entries[0]}"
}

# apply_series BASE DIR: the patches of xen-patches, to a source tree.
apply_series() {
    local patch
    if [[ -f $REPO/xen-patches/apply.sh ]]; then
        bash "$REPO/xen-patches/apply.sh" "$1" "$2"
        return
    fi
    while IFS= read -r patch; do
        [[ -n $patch && $patch != '#'* ]] || continue
        echo "== $patch"
        if ! patch -d "$2" -p1 --no-backup-if-mismatch <"$REPO/xen-patches/$patch"; then
            echo "xen-patches/$patch does not apply"
            return 1
        fi
    done <"$REPO/xen-patches/series"
}

# A folder of its own for something large, on the cache's file system.
scratch() {
    mkdir -p "$CACHE"
    mktemp -d "$CACHE/.tmp-xen-source-XXXXXX"
}

kept() {
    [[ -f $XEN_STORE/$1.tar.gz && -f $XEN_STORE/$1.info ]]
}

# kept_info TREE KEY
kept_info() {
    sed -n "s/^$2=//p" "$XEN_STORE/$1.info"
}

# unpack_kept TREE DIR: fails, and forgets the tree, when it is not what it was.
unpack_kept() {
    if tar -C "$2" -xzf "$XEN_STORE/$1.tar.gz" && [[ $(tree_id "$2") == "$1" ]]; then
        return
    fi
    forget "$1"
    echo "$XEN_STORE/$1.tar.gz was damaged, and is removed"
    return 1
}

forget() {
    rm -f "$XEN_STORE/$1.tar.gz" "$XEN_STORE/$1.info"
}

# import_tree DIR FROM CLAIM: takes a source tree in. Sets IMPORTED to its id, or WHY_NOT to why it
# was not taken. CLAIM: the release that it has to be, or empty where any will do to which the series
# applies.
import_tree() {
    local from=$2 claim=$3 top tree version release pinned=yes
    WHY_NOT=
    IMPORTED=
    if ! top=$(xen_top "$1"); then
        WHY_NOT="it is not a Xen source tree: it has no xen/Makefile with a version"
        return 1
    fi
    version=$(xen_version "$top")
    if ! tree=$(tree_id "$top"); then
        WHY_NOT="its files cannot all be read"
        return 1
    fi
    if release=$(xen_release_of "$tree"); then
        if [[ $release != "$XEN_RELEASE" ]]; then
            WHY_NOT="it is Xen $release, and this run is about $XEN_RELEASE: say XEN=${release%.*}"
            return 1
        fi
    else
        pinned=no
        release=$version
        may_be_unpinned "$version" "$tree" "$claim" || return 1
        say "xen-source: $from is Xen $version, tree $tree; nobody has tested that: trying the series"
        series_applies "$top" || return 1
    fi
    if ! keep_tree "$tree" "$top" "release=$release" "pinned=$pinned" "base=$XEN_BASE" \
        "from=$from"; then
        WHY_NOT="it cannot be kept in $XEN_STORE"
        return 1
    fi
    # shellcheck disable=SC2034 # the result
    IMPORTED=$tree
}

# may_be_unpinned VERSION TREE CLAIM
may_be_unpinned() {
    local base
    base=$(grep -oE '^[0-9]+\.[0-9]+' <<<"$1")
    if [[ -n $3 ]]; then
        WHY_NOT="its content is not that of Xen $3: its files are tree $2, not $XEN_TREE"
    elif [[ ${XEN_MODIFIED:-} == 1 ]]; then
        return 0
    elif xen_releases | grep -q "^$1 "; then
        WHY_NOT="it calls itself Xen $1, but is not: its files are tree $2, and those of the release"
        WHY_NOT+=" $(xen_releases | awk -v r="$1" '$1 == r { print $3 }'). It is damaged, was built"
        WHY_NOT+=" in, or was changed (XEN_MODIFIED=1 takes it nevertheless)"
    elif [[ $base != "$XEN_BASE" ]] && xen_releases | grep -q "^$base\."; then
        WHY_NOT="it is Xen $1, and this run is about $XEN_BASE: say XEN=$base"
    else
        return 0
    fi
    return 1
}

# series_applies DIR: tried on a copy.
series_applies() {
    local copy log=$CACHE/log/xen-series.log
    copy=$(scratch)
    cp -r --no-preserve=timestamps "$1/." "$copy/"
    if apply_series "$XEN_BASE" "$copy" >"$log" 2>&1; then
        rm -rf "$copy"
        return
    fi
    rm -rf "$copy"
    WHY_NOT="the series does not apply to it: $(tail -n 1 "$log") (log: $log)"
    return 1
}

# keep_tree TREE DIR KEY=VALUE...
keep_tree() {
    local tree=$1 dir=$2 new status=0
    shift 2
    new=$(scratch)
    printf '%s\n' "$@" >"$new/info"
    mkdir -p "$XEN_STORE" &&
        pack_tree "$dir" "$new" &&
        mv "$new/info" "$XEN_STORE/$tree.info" &&
        mv "$new/tar.gz" "$XEN_STORE/$tree.tar.gz" || status=$?
    rm -rf "$new"
    return "$status"
}

# pack_tree DIR NEW: makes NEW/tar.gz, of the files that are in the tree's id.
pack_tree() {
    tree_files "$1" | cut -d' ' -f2- | grep -vx '.gitarchive-info' >"$2/files"
    tar_files "$1" "$2/files" -cf "$2/tar" || return
    if [[ -f $1/.gitarchive-info ]]; then
        cp "$1/.gitarchive-info" "$2/"
        ! is_archive_info "$2/.gitarchive-info" || echo "$XEN_ARCHIVE_INFO" >"$2/.gitarchive-info"
        echo .gitarchive-info >"$2/files"
        tar_files "$2" "$2/files" -rf "$2/tar" || return
    fi
    gzip -1n "$2/tar"
}

# tar_files DIR LIST OPTION...: by nobody, at no time.
tar_files() {
    tar --owner=0 --group=0 --numeric-owner --mtime=2000-01-01 --mode=u+rwX,go+rX,go-w "${@:3}" \
        -C "$1" --no-recursion --verbatim-files-from -T "$2"
}
