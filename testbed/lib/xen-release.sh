# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Which Xen release a run is about: the one that XEN names, of those in config/xen-releases.
# Sets XEN_RELEASE (4.20.4), XEN_BASE (4.20, whose patches are applied), XEN_COMMIT and XEN_TREE.

xen_releases() {
    grep -E '^[0-9]' "$TESTBED/config/xen-releases"
}

# xen_select NAME: an empty one is the default.
xen_select() {
    local name=${1:-$(sed -n 's/^default //p' "$TESTBED/config/xen-releases")}
    local release commit tree choices=
    while read -r release commit tree; do
        choices+="${choices:+, }${release%.*} ($release)"
        if [[ $name == "$release" || $name == "${release%.*}" ]]; then
            XEN_RELEASE=$release
            XEN_BASE=${release%.*}
            XEN_COMMIT=$commit
            XEN_TREE=$tree
            export XEN_RELEASE XEN_BASE XEN_COMMIT XEN_TREE
            return
        fi
    done < <(xen_releases)
    die "XEN=$name: there is no such base; there are: $choices"
}

# xen_release_of TREE: the release that has exactly this content.
xen_release_of() {
    xen_releases | awk -v tree="$1" '$3 == tree { print $1; found = 1 } END { exit !found }'
}
