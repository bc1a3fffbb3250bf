#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the folder with clang-format-14, cppcheck and shellcheck that the testbed keeps, and fetches
# them if they are not there: what is found must not depend on the host's versions.
set -euo pipefail
# shellcheck source=../../testbed/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib/common.sh"
# shellcheck source=../../testbed/lib/cache.sh
source "$TESTBED/lib/cache.sh"
exec 3>&2
stage checkers
echo "${STAGE_DIR[checkers]}/run"
