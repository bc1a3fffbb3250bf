# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Reads a stage's file, and answers one question about it. For a subshell: what the file sets and
# defines must not meet that of another stage.

# stage_load NAME
stage_load() {
    name=$1
    stage_deps=()
    stage_content_deps=()
    stage_inputs=()
    stage_key_extra() { :; }
    stage_choose() { :; }
    stage_choice=STAGE_CHOICE_${name//-/_}
    stage_choice=${!stage_choice:-}
    # shellcheck source=/dev/null
    source "$TESTBED/stages/$name.sh"
}

# The folder that holds the result of a stage this one builds on.
stage_dir() {
    local var=STAGE_DIR_${1//-/_}
    [[ -n ${!var:-} ]] || die "stage $name reads $1 without naming it in stage_deps"
    echo "${!var}"
}

# The compiler is part of what a cross-built result depends on.
compiler_id() {
    "${CROSS}gcc" --version | head -n 1
    "${CROSS}ld" --version | head -n 1
}

step() {
    echo "== $*"
    say "$name: $*"
}

print_lines() {
    [[ $# -eq 0 ]] || printf '%s\n' "$@"
}

# stage_ask NAME deps|content-deps|inputs|choose|key-extra
stage_ask() (
    stage_load "$1"
    case $2 in
        deps) print_lines "${stage_deps[@]}" ;;
        content-deps) print_lines "${stage_content_deps[@]}" ;;
        inputs) print_lines "${stage_inputs[@]}" ;;
        choose) stage_choose ;;
        key-extra) stage_key_extra ;;
        *) die "stage_ask: unknown question $2" ;;
    esac
)
