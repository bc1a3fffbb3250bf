# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Builds a stage, in a process of its own, where any command that fails ends it:
#   stage-build.sh NAME OUT
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source "$TESTBED/lib/stage.sh"

stage_load "$1"
# Xen's and Linux' makefiles have their own names for things.
unset XEN XEN_SOURCE
stage_build "$2"
