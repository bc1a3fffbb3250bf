# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Which Xen is built: info. Its files lie in CACHE/xen-sources; lib/xen-places.sh has found them and
# brought them there in front of everything else.
source "$TESTBED/lib/xen-content.sh"
source "$TESTBED/lib/xen-places.sh"

stage_choose() {
    choose_xen
}

stage_key_extra() {
    # shellcheck disable=SC2154 # set by stage_load
    echo "$XEN_BASE $stage_choice"
}

stage_build() {
    cp "$XEN_STORE/$stage_choice.info" "$1/info"
    echo "tree=$stage_choice" >>"$1/info"
    echo "xen $(kept_info "$stage_choice" release)" >"$1/.versions"
    echo "xen $XEN_BASE $stage_choice" >"$1/.id"
}
