# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The Xen source with the patch series and the mediator's sources in it.
stage_deps=(xen-source)
stage_inputs=(xen-patches mediator libvirtio-shadow)

stage_build() {
    local out=$1 patch
    tar -C "$out" --strip-components=1 -xf "$(stage_dir xen-source)"/*.orig.tar.*
    while IFS= read -r patch; do
        [[ -n $patch && $patch != '#'* ]] || continue
        echo "== $patch"
        patch -d "$out" -p1 --no-backup-if-mismatch <"$REPO/xen-patches/$patch" ||
            die "xen-patches/$patch does not apply"
    done <"$REPO/xen-patches/series"
    bash "$REPO/mediator/install-into-xen.sh" "$out"
}
