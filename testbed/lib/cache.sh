# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A content-addressed cache of build results outside the checkout.
#
# A stage is a file stages/NAME.sh that sets
#   stage_deps          stages it builds on; their keys are part of its key
#   stage_content_deps  stages it reads, but whose key would change too often: stage_key_extra has
#                       to hash what is used of them
#   stage_inputs        files and folders of the repository that it reads (missing ones are fine)
# and defines
#   stage_build OUT     fills the folder OUT; reads stages by "$(stage_dir NAME)"
#   stage_choose        optional: makes a choice that is not in the repository (which Xen, say), in
#                       front of everything else, and prints it; it is in stage_choice from then on
#   stage_key_extra     optional: prints anything else the result depends on
# Its result is the folder CACHE/NAME-KEY, which appears under that name only when complete. Where
# the result has a file .id (what was fetched, say), that stands for it in the keys of the stages
# that build on it, so that another way to the same thing rebuilds nothing. A file .versions has a
# line "NAME VERSION" for each thing that was fetched.

# Entries beyond the newest KEEP_ENTRIES of a stage go, unless used within KEEP_MINUTES: another
# checkout may just be booting them.
KEEP_ENTRIES=3
KEEP_MINUTES=120

declare -A STAGE_DIR

source "$TESTBED/lib/stage.sh"

# Lists the repository's files below the given paths, those git ignores (build products) left out.
list_inputs() {
    if [[ -e $REPO/.git ]]; then
        git -C "$REPO" ls-files -z --cached --others --exclude-standard -- "$@"
    else
        (cd "$REPO" && find "$@" -type f -print0 2>/dev/null)
    fi | sort -zu
}

hash_inputs() {
    [[ $# -gt 0 ]] || return 0
    # A file that git knows but that was deleted is simply not there.
    list_inputs "$@" | (cd "$REPO" && while IFS= read -r -d '' file; do
        [[ -f $file ]] && printf '%s\0' "$file"
    done | xargs -0r sha256sum)
}

stage_key() {
    local name=$1 dep
    shift
    {
        grep -v '^ *#' "$TESTBED/stages/$name.sh"
        for dep in "$@"; do
            if [[ -f ${STAGE_DIR[$dep]}/.id ]]; then
                cat "${STAGE_DIR[$dep]}/.id"
            else
                echo "${STAGE_DIR[$dep]##*/}"
            fi
        done
        local -a inputs
        mapfile -t inputs < <(stage_ask "$name" inputs)
        hash_inputs "${inputs[@]}"
        stage_ask "$name" key-extra
    } | sha256sum | cut -c1-16
}

prune() {
    local name=$1 old
    # Sixteen hexadecimal digits: do not take stage "linux" for "linux-source".
    find "$CACHE" -maxdepth 1 -type d -regex ".*/$name-[0-9a-f]*" -name "$name-????????????????" \
        -printf '%T@ %p\n' | sort -rn | tail -n +$((KEEP_ENTRIES + 1)) | cut -d' ' -f2- |
        while IFS= read -r old; do
            # Another build may be at the same, and first.
            [[ -z $(find "$old" -maxdepth 0 -mmin "-$KEEP_MINUTES" 2>/dev/null) ]] || continue
            chmod -R u+w "$old" 2>/dev/null || true
            rm -rf "$old" || true
        done
    # Another run may take one away meanwhile.
    find "$CACHE" -maxdepth 1 -name ".tmp-$name-*" -mmin +300 -exec rm -rf {} + 2>/dev/null || true
}

# Shows that a long step is alive: its last line of output every 20 seconds. Waits without a child
# process, which would outlive it, and hold the lock and the output open.
heartbeat() {
    local name=$1 log=$2 begin never
    exec {lock}>&-
    exec {never}<> <(:)
    begin=$(now_ms)
    while ! read -rt 20 -u "$never"; do
        say "$name: ... $(seconds $(($(now_ms) - begin))) s: $(tail -n 1 "$log" | cut -c1-80)"
    done
}

stage_make() {
    local name=$1 dir=$2 log=$CACHE/log/$1.log tmp begin beat rc=0
    tmp=$(mktemp -d "$CACHE/.tmp-$name-XXXXXX")
    chmod 755 "$tmp"
    begin=$(now_ms)
    say "$name: building (log: $log)"
    heartbeat "$name" "$log" &
    beat=$!
    bash "$TESTBED/lib/stage-build.sh" "$name" "$tmp" >"$log" 2>&1 </dev/null || rc=$?
    kill "$beat" 2>/dev/null || true
    wait "$beat" 2>/dev/null || true
    if [[ $rc -ne 0 ]]; then
        rm -rf "$tmp"
        tail -n 30 "$log" >&2
        untested_versions "$name" >&2
        die "stage $name failed (status $rc); the whole log is $log"
    fi
    mv -T "$tmp" "$dir"
    say "$name: done in $(seconds $(($(now_ms) - begin))) s"
}

# untested_versions NAME: which of the things that were fetched for a stage have another version than
# that of config/versions.lock.
untested_versions() {
    local -a dirs
    mapfile -t dirs < <(below "$1" | sort -u)
    [[ ${#dirs[@]} -gt 0 ]] || return 0
    cat "${dirs[@]/%//.versions}" 2>/dev/null | sort -u |
        awk -v lock="$TESTBED/config/versions.lock" '
            BEGIN { while ((getline line <lock) > 0) { split(line, f, " "); tested[f[1]] = f[2] } }
            ($1 in tested) && tested[$1] != $2 {
                if (++n == 1) print "not the versions that were tested (testbed/config/versions.lock):"
                if (n <= 10) printf "  %s %s, tested is %s\n", $1, $2, tested[$1]
            }
            END { if (n > 10) printf "  and %d more\n", n - 10 }'
}

# below NAME: the results that a stage builds on, over all stages in between.
below() {
    local dep
    while IFS= read -r dep; do
        [[ -n ${STAGE_DIR[$dep]:-} ]] || continue
        echo "${STAGE_DIR[$dep]}"
        below "$dep"
    done < <(stage_ask "$1" deps && stage_ask "$1" content-deps)
}

# stage NAME: brings a stage and all it builds on up to date; then STAGE_DIR[NAME] is its result.
stage() {
    local name=$1 dep dir choice
    local -a deps content
    [[ -z ${STAGE_DIR[$name]:-} ]] || return 0
    [[ -f $TESTBED/stages/$name.sh ]] || die "there is no stage $name in $TESTBED/stages"
    [[ -d $CACHE/work ]] || mkdir -p "$CACHE/log" "$CACHE/lock" "$CACHE/work"
    mapfile -t deps < <(stage_ask "$name" deps)
    mapfile -t content < <(stage_ask "$name" content-deps)
    for dep in "${deps[@]}" "${content[@]}"; do
        stage "$dep"
    done
    choice=$(stage_ask "$name" choose) || exit
    export "STAGE_CHOICE_${name//-/_}=$choice"
    dir=$CACHE/$name-$(stage_key "$name" "${deps[@]}")
    if [[ ! -d $dir ]]; then
        # One build of a stage at a time: they share a work folder, and two runs may want the same.
        exec {lock}>"$CACHE/lock/$name"
        if ! flock -n "$lock"; then
            say "$name: waiting for another run that builds it"
            flock "$lock"
        fi
        [[ -d $dir ]] || stage_make "$name" "$dir"
        exec {lock}>&-
        prune "$name"
    fi
    touch "$dir"
    STAGE_DIR[$name]=$dir
    export "STAGE_DIR_${name//-/_}=$dir"
}
