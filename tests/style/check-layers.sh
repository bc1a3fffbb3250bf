#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Includes and calls of the core, the mediator and the daemon go down, in the order of the list in
# tests/style/rooms; nothing of the product is there twice.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/style/layers.py tests/style/rooms
