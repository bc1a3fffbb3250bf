#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Neither a file nor a commit message names a package mirror, or a path of the
# machine that it was written on.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# As a whole path, not as a part of one like $out/root.
path="(^|[][:space:]=:(,'<>\`[])\"?/(root|work)(/|\$|[][:space:]\"',.;:)[])"
mirror='(^|[^a-z])(deb|security|archive|ports|snapshot|(ftp|cdn)[a-z0-9.-]*)\.(debian|ubuntu)\.(org|com)'

found=$(git grep -nEI "$mirror|$path" -- . | head -n 50) || true
found+=$(git log --format='commit %h%n%B' | awk -v bad="$mirror" '
    /^commit [0-9a-f]+$/ { commit = $2 }
    $0 ~ bad || $0 ~ /(^|[ \t"=:(])\/(root|work)\// { printf "commit %s: %s\n", commit, $0 }') || true
verdict "$found"
