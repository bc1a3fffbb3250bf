# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The Xen source with the patch series and the mediator's sources in it.
stage_deps=(xen-source)
stage_inputs=(xen-patches mediator libvirtio-shadow)
source "$TESTBED/lib/xen-content.sh"

stage_build() {
    local out=$1 tree release
    tree=$(sed -n 's/^tree=//p' "$(stage_dir xen-source)/info")
    release=$(sed -n 's/^release=//p' "$(stage_dir xen-source)/info")
    step "unpacking Xen $release, tree $tree"
    unpack_kept "$tree" "$out" || die "it will be looked for anew in the next run"
    step "applying the series"
    apply_series "$XEN_BASE" "$out" || die "xen-patches does not apply to Xen $release"
    bash "$REPO/mediator/install-into-xen.sh" "$out"
}
