#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The versions of everything that was fetched for what out/build/ points at: versions.sh [--json|--lock]
# A line "NAME VERSION" each; --json: as one JSON object; --lock: into config/versions.lock, as the
# versions that are tested. Xen's are in config/xen-releases.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

versions() {
    local file
    for file in "$REPO"/out/build/*/.versions; do
        [[ -f $file ]] || continue
        cat "$file"
    done
    # Of the host, unless it was fetched.
    if [[ ! -e $REPO/out/build/qemu ]] && command -v qemu-system-aarch64 >/dev/null; then
        qemu-system-aarch64 --version | sed -n '1s/.*version \([^ ]*\).*/qemu \1/p'
    fi
}

# One of two stages may have been fetched later, and have a newer one: both are told.
unique() {
    LC_ALL=C sort -u -k1,1 -k2,2V | awk '
        $1 != name { if (name != "") print name, all; name = $1; all = $2; next }
        { all = all "," $2 }
        END { if (name != "") print name, all }'
}

case ${1:-} in
    '') versions | unique ;;
    --json)
        versions | unique | awk '
            BEGIN { printf "{" }
            { printf "%s\n    \"%s\": \"%s\"", (n++ ? "," : ""), $1, $2 }
            END { print "\n  }" }'
        ;;
    --lock)
        {
            echo "# The versions of what is fetched that were tested: versions.sh --lock writes them. Another"
            echo "# one is taken as well; it is named when something fails that was built from it."
            versions | unique | grep -Ev '^(xen|qemu) '
        } >"$TESTBED/config/versions.lock"
        ;;
    *) die "usage: versions.sh [--json|--lock]" ;;
esac
