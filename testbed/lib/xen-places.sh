# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Where the Xen of a run comes from, and in which order it is looked for: XEN_SOURCE, what was kept,
# the places of config/xen-places. Needs xen-release.sh and xen-content.sh.

# A place has to answer within so many seconds, and to go on within STALL_SECONDS from then on.
ANSWER_SECONDS=${VIRTIO_SHADOW_ANSWER_SECONDS:-15}
STALL_SECONDS=60
XEN_PLACES=${VIRTIO_SHADOW_XEN_PLACES:-$TESTBED/config/xen-places}
NO_XEN=3 # the exit status when no place has it

# What each place answered, for the message at the end.
TRIED=()
tried() {
    TRIED+=("  $1" "      $2")
    say "xen-source: $2"
}

# within DIR COMMAND...: runs a command that fetches something into DIR, its output in DIR/log. Ends
# it, and says so in WHY_NOT, when nothing arrives any more.
within() {
    local dir=$1 pid size last=-1 quiet=0 limit=$ANSWER_SECONDS status=0
    shift
    WHY_NOT=
    : >"$dir/log"
    setsid "$@" >>"$dir/log" 2>&1 </dev/null &
    pid=$!
    # shellcheck disable=SC2064 # this process
    trap "kill -- -$pid 2>/dev/null" EXIT
    while kill -0 "$pid" 2>/dev/null; do
        size=$(du -sbL "$dir" 2>/dev/null | cut -f1)
        if [[ $size != "$last" ]]; then
            [[ $last == -1 ]] || limit=$STALL_SECONDS
            last=$size
            quiet=$SECONDS
        elif [[ $((SECONDS - quiet)) -ge $limit ]]; then
            kill -- "-$pid" 2>/dev/null
            WHY_NOT="no answer within $limit s"
            [[ $limit -eq $ANSWER_SECONDS ]] || WHY_NOT="it stopped sending for $limit s"
        fi
        sleep 0.2
    done
    wait "$pid" || status=$?
    trap - EXIT
    [[ $status -eq 0 ]] || WHY_NOT=${WHY_NOT:-$(last_words "$dir/log")}
    return "$status"
}

# The part of a program's output that says why it failed.
last_words() {
    local line
    line=$(tr '\r' '\n' <"$1" | grep -E '^(fatal|error|E): ' | grep -v '^E: Download Failed' |
        head -n 1) || line=$(grep -v '^ *$' "$1" | tail -n 1) || line="it failed without a word"
    sed "s/^[a-zA-Z]*: //; s/^Failed to fetch [^ ]*  *//; s/^unable to access '[^ ]*': //" <<<"$line" |
        cut -c1-200
}

# from_tarball FILE FROM CLAIM
from_tarball() {
    local dir status=0
    dir=$(scratch)
    if tar -C "$dir" --no-same-owner -xf "$1" 2>"$dir.log"; then
        import_tree "$dir" "$2" "$3" || status=1
    else
        WHY_NOT="it is no whole tar archive: $(tail -n 1 "$dir.log")"
        WHY_NOT=${WHY_NOT/: tar: Error is not recoverable: exiting now/: $(grep -v recoverable "$dir.log" | tail -n 1)}
        status=1
    fi
    rm -rf "$dir" "$dir.log"
    return "$status"
}

# from_commit GITDIR COMMIT FROM CLAIM: out of a repository that is here.
from_commit() {
    local dir status=0
    dir=$(scratch)
    if plain_git --git-dir="$1" archive --format=tar "$2^{tree}" 2>"$dir.log" | tar -C "$dir" -xf - \
        2>/dev/null; then
        import_tree "$dir" "$3" "$4" || status=1
    else
        WHY_NOT="its commit $2 cannot be read: $(last_words "$dir.log")"
        status=1
    fi
    rm -rf "$dir" "$dir.log"
    return "$status"
}

# fetch_git URL WHAT... FROM: asks a repository for one commit, by the first name that it knows.
# Leaves its tree in IMPORTED.
from_git_url() {
    local url=$1 from=$2 claim=$3 dir what why=
    shift 3
    dir=$(scratch)
    plain_git init -q --bare "$dir/git"
    for what in "$@"; do
        if GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND="ssh -o BatchMode=yes" within "$dir" \
            git -c safe.directory='*' -c gc.auto=0 --git-dir="$dir/git" fetch --progress --no-tags \
            --depth 1 "$url" "$what"; then
            why=
            from_commit "$dir/git" FETCH_HEAD "$from" "$claim" || why=$WHY_NOT
            break
        fi
        why=$WHY_NOT
        # Only one that answers is worth another question.
        [[ $why == *"$what"* || $why == *"not our ref"* || $why == *unadvertised* ]] || break
    done
    rm -rf "$dir"
    WHY_NOT=$why
    [[ -z $why ]]
}

# apt's helper is on every Debian, and knows the host's proxies.
download() {
    within "$1" /usr/lib/apt/apt-helper -o "APT::Sandbox::User=$(id -un)" -o Acquire::Retries=0 \
        -o "Acquire::http::Timeout=$ANSWER_SECONDS" -o "Acquire::https::Timeout=$ANSWER_SECONDS" \
        download-file "$2" "$1/file" "${@:3}"
}

# from_tarball_url URL FROM CLAIM
from_tarball_url() {
    local dir status=0
    dir=$(scratch)
    if download "$dir" "$1"; then
        from_tarball "$dir/file" "$2" "$3" || status=1
    else
        status=1
    fi
    rm -rf "$dir"
    return "$status"
}

is_tarball_name() {
    [[ $1 =~ \.(tar|tar\.(gz|xz|bz2|zst|lzma)|tgz|txz|tbz2?)$ ]]
}

# git_dir_of PATH: of a clone, a work tree, or a bare repository; not of a repository around it.
git_dir_of() {
    if [[ -e $1/.git ]]; then
        plain_git -C "$1" rev-parse --absolute-git-dir 2>/dev/null
    elif [[ -f $1/HEAD && -d $1/objects && -d $1/refs ]]; then
        (cd "$1" && pwd)
    else
        return 1
    fi
}

# from_repository GITDIR REV PLACE: the commit REV, or else the release's, or else what is checked out.
from_repository() {
    local repository=$1 rev=$2 place=$3
    if [[ -n $rev ]]; then
        if ! plain_git --git-dir="$repository" cat-file -e "$rev^{commit}" 2>/dev/null; then
            WHY_NOT="it has no commit $rev"
            return 1
        fi
        from_commit "$repository" "$rev" "$place#$rev" ""
    elif plain_git --git-dir="$repository" cat-file -e "$XEN_COMMIT^{commit}" 2>/dev/null; then
        from_commit "$repository" "$XEN_COMMIT" "$place" "$XEN_RELEASE"
    elif plain_git --git-dir="$repository" cat-file -e "HEAD^{commit}" 2>/dev/null; then
        say "xen-source: $place has not the commit of Xen $XEN_RELEASE; its HEAD is looked at"
        from_commit "$repository" HEAD "$place#HEAD" ""
    else
        WHY_NOT="it has neither the commit of Xen $XEN_RELEASE, $XEN_COMMIT, nor another"
        return 1
    fi
}

# from_variable PLACE: what XEN_SOURCE names. What is wrong with it is an error: the user meant it.
from_variable() {
    local place=$1 rev='' path repository
    if [[ $place == *'#'* && ! -e $place ]]; then
        rev=${place##*#}
        place=${place%#*}
    fi
    path=${place#file://}
    if [[ -e $path ]]; then
        path=$(readlink -f "$path")
        if [[ -f $path ]]; then
            say "xen-source: unpacking $path"
            from_tarball "$path" "$path" ""
        elif repository=$(git_dir_of "$path"); then
            from_repository "$repository" "$rev" "$path"
        elif [[ -n $rev ]]; then
            WHY_NOT="it is no git repository, so there is no commit $rev in it"
            return 1
        else
            say "xen-source: reading $path"
            import_tree "$path" "$path" ""
        fi
    elif [[ $place =~ ^https?:// ]] && is_tarball_name "${place%%\?*}"; then
        say "xen-source: fetching $place"
        from_tarball_url "$place" "$place" ""
    elif [[ $place =~ ^[a-z+]+:// || $place =~ ^[^/]+: ]] && [[ $place != file://* ]]; then
        if [[ -n $rev ]]; then
            say "xen-source: asking $place for $rev"
            from_git_url "$place" "$place#$rev" "" "$rev"
        elif kept "$XEN_TREE"; then
            IMPORTED=$XEN_TREE
        else
            say "xen-source: asking $place for commit $XEN_COMMIT"
            from_git_url "$place" "$place" "$XEN_RELEASE" "$XEN_COMMIT" "RELEASE-$XEN_RELEASE"
        fi
    else
        WHY_NOT="there is no such file or folder"
        return 1
    fi
}

# from_kept: the release itself; else the newest tree of this base that somebody gave, if the series
# still applies.
from_kept() {
    local info tree dir
    if kept "$XEN_TREE"; then
        IMPORTED=$XEN_TREE
        return
    fi
    WHY_NOT="has neither Xen $XEN_RELEASE nor another $XEN_BASE"
    while IFS= read -r info; do
        tree=$(basename "$info" .info)
        if [[ $(kept_info "$tree" base) != "$XEN_BASE" ]] || ! kept "$tree"; then
            continue
        fi
        dir=$(scratch)
        if ! WHY_NOT=$(unpack_kept "$tree" "$dir"); then
            :
        elif import_tree "$dir" "$(kept_info "$tree" from)" ""; then
            rm -rf "$dir"
            return
        fi
        rm -rf "$dir"
    done < <(ls -t "$XEN_STORE"/*.info 2>/dev/null)
    return 1
}

# from_list: the places of the list, one after the other.
from_list() {
    local kind url
    while read -r kind url; do
        url=${url//RELEASE/$XEN_RELEASE}
        case $kind in
            '' | '#'*) continue ;;
            git)
                say "xen-source: asking $url"
                from_git_url "$url" "$url" "$XEN_RELEASE" "$XEN_COMMIT" "RELEASE-$XEN_RELEASE" &&
                    return
                ;;
            tarball)
                say "xen-source: asking for $url"
                from_tarball_url "$url" "$url" "$XEN_RELEASE" && return
                ;;
            debian)
                url="Debian's index"
                from_debian && return
                ;;
            *) die "$XEN_PLACES: '$kind' is none of git, tarball and debian" ;;
        esac
        tried "$url" "$WHY_NOT"
    done <"$XEN_PLACES"
    return 1
}

# from_debian: every version of the source package that is for this base, in the suite, its updates
# and its security archive. An index that names what the archive has not is read once more.
from_debian() {
    local dir status=0
    dir=$(scratch)
    source "$TESTBED/lib/debian-source.sh"
    debian_index "$dir" "" && debian_versions "$dir" || status=$?
    if [[ $status -eq 4 ]]; then
        say "xen-source: the archive has not what its index says; reading the index again"
        status=0
        debian_index "$dir" again && debian_versions "$dir" || status=$?
    fi
    rm -rf "$dir"
    return "$status"
}

no_xen() {
    {
        echo
        echo "No place has Xen $XEN_RELEASE. Asked were, with these answers:"
        printf '%s\n' "${TRIED[@]}"
        echo
        echo "Give it a Xen tree once: a clone, a release's tarball, a folder, or the URL of one:"
        echo
        echo "    make run XEN_SOURCE=/path/to/xen-$XEN_RELEASE.tar.gz${XEN:+ XEN=$XEN}"
        echo
        echo "It is known by its content, and kept in $XEN_STORE: later runs need no variable."
        echo "The list of places is ${XEN_PLACES#"$REPO/"}."
    } >&2
    exit "$NO_XEN"
}

# choose_xen: finds the tree of this run, imports it if need be, and prints its id.
choose_xen() {
    local source=${XEN_SOURCE:-} chosen=${VIRTIO_SHADOW_XEN_CHOSEN:-}
    # By the script that runs this one, a moment ago.
    if [[ $chosen == "$XEN_BASE "* ]] && kept "${chosen#* }"; then
        echo "${chosen#* }"
        return
    fi
    # make hands it on as it was typed.
    [[ $source != \~/* ]] || source=$HOME/${source#*/}
    if [[ -n $source ]]; then
        from_variable "$source" || die "XEN_SOURCE=$source: $WHY_NOT"
    else
        if ! from_kept; then
            TRIED+=("  what was kept, in $XEN_STORE" "      $WHY_NOT")
            from_list || no_xen
        fi
    fi
    if [[ $(kept_info "$IMPORTED" pinned) != yes ]]; then
        say "xen-source: Xen $(kept_info "$IMPORTED" release), tree $IMPORTED: not one that was" \
            "tested, but the whole series applies"
    fi
    echo "$IMPORTED"
}
