# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Answers one question about a stage, or builds it, in a process of its own:
#   stage-exec.sh NAME deps|content-deps|inputs|choose|key-extra
#   stage-exec.sh NAME build OUT
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

name=$1
stage_deps=()
stage_content_deps=()
stage_inputs=()
stage_key_extra() { :; }
stage_choose() { :; }
stage_choice=STAGE_CHOICE_${name//-/_}
stage_choice=${!stage_choice:-}

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

# shellcheck source=/dev/null
source "$TESTBED/stages/$name.sh"
case $2 in
    deps) print_lines "${stage_deps[@]}" ;;
    content-deps) print_lines "${stage_content_deps[@]}" ;;
    inputs) print_lines "${stage_inputs[@]}" ;;
    choose) stage_choose ;;
    key-extra) stage_key_extra ;;
    build)
        # Xen's and Linux' makefiles have their own names for things.
        unset XEN XEN_SOURCE
        stage_build "$3"
        ;;
    *) die "stage-exec: unknown request $2" ;;
esac
