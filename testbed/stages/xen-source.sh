# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The Xen 4.20 source tarball; which point release is the archive's choice.
stage_inputs=(testbed/lib/apt.sh)

stage_build() {
    local out=$1
    source "$TESTBED/lib/apt.sh"
    step "fetching the source of xen"
    apt_fetch_orig "$out" xen
    (cd "$out" && sha256sum -- *.orig.tar.*) >"$out/.id"
}
