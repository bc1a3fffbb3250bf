#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds, and boots into an interactive dom0: the backend VM and a guest with a mediated disk are
# up. "exit" ends it; Ctrl-a x kills the machine.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

"$TESTBED/build.sh"
exec "$TESTBED/boot.sh" -i "$REPO/out/shell" "$TESTBED/scenarios/shell.sh"
