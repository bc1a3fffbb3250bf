# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Xen as a source package of Debian: every version that the index of the suite, of its updates and of
# its security archive has. An apt root of its own: that it cannot be read stops nothing else.
source "$TESTBED/lib/apt.sh"

APT_ROOT=$CACHE/apt-source

debian_apt() {
    APT_CONFIG=$APT_ROOT/apt.conf "$@"
}

# The archives of this host for its own updates of the kind (updates, security).
debian_archive() {
    local codename
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016 # apt expands these, not the shell
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' |
        awk -v release="$codename-$1" '$1 == release && $2 == "main" { print $3; exit }'
}

debian_configure() {
    local key uri
    apt_configure
    key=$(keyring)
    uri=$(awk '{ print $3; exit }' "$APT_ROOT/etc/apt/sources.list")
    {
        echo "deb-src [signed-by=$key] $uri $SUITE main"
        echo "deb-src [signed-by=$key] $uri $SUITE-updates main"
        uri=$(debian_archive security)
        [[ -z $uri ]] || echo "deb-src [signed-by=$key] $uri $SUITE-security main"
    } >"$APT_ROOT/etc/apt/sources.list"
    cat >>"$APT_ROOT/apt.conf" <<END
Acquire::Retries "0";
Acquire::http::Timeout "$ANSWER_SECONDS";
Acquire::https::Timeout "$ANSWER_SECONDS";
END
}

# debian_index DIR AGAIN: reads the index, unless it was read in the last hour. What is missing of it
# is not an error while there is something.
debian_index() {
    local stamp=$APT_ROOT/refreshed fd status=0
    mkdir -p "$APT_ROOT" "$CACHE/lock"
    exec {fd}>"$CACHE/lock/apt-source"
    flock "$fd"
    if [[ -n $2 || -z $(find "$stamp" -mmin "-$APT_MAX_AGE_MINUTES" 2>/dev/null) ]]; then
        say "xen-source: reading Debian's index of source packages"
        # Its dies are for those who cannot go on without.
        if ! (debian_configure) 2>"$1/why"; then
            WHY_NOT=$(sed 's/^.*: error: //' "$1/why")
            status=1
        elif debian_update "$1"; then
            touch "$stamp"
        elif [[ -z $(debian_apt apt-cache showsrc xen 2>/dev/null) ]]; then
            status=1
        fi
    fi
    exec {fd}>&-
    return "$status"
}

# Into the folder that is watched for progress.
debian_update() {
    local -x APT_CONFIG=$APT_ROOT/apt.conf
    mkdir -p "$APT_ROOT/var/lib/apt/lists"
    ln -sfn "$APT_ROOT/var/lib/apt/lists" "$1/lists"
    within "$1" apt-get -q -o APT::Update::Error-Mode=any update
}

# debian_versions DIR: takes the first that will do. Status 4: the archive has not what its index says.
debian_versions() {
    local version line uri file hash missing='' why='' seen=' '
    local -a versions
    mapfile -t versions < <(debian_apt apt-cache showsrc xen 2>/dev/null |
        sed -n 's/^Version: //p' | sort -Vru)
    # The release itself comes first.
    mapfile -t versions < <(printf '%s\n' "${versions[@]}" | grep -F "$XEN_RELEASE-" || true
        printf '%s\n' "${versions[@]}" | grep -vF "$XEN_RELEASE-" || true)
    for version in "${versions[@]}"; do
        [[ $version =~ ^([0-9]+:)?"$XEN_BASE". ]] || continue
        line=$(debian_apt apt-get -q source --print-uris --download-only "xen=$version" 2>/dev/null |
            grep -E '\.orig\.tar\.[a-z0-9]+ ' | head -n 1) || true
        # 'URI' file size SHA256:hash
        read -r uri file _ hash <<<"$line"
        uri=${uri//\'/}
        [[ $hash == SHA256:* && $seen != *" $uri "* ]] || continue
        seen+="$uri "
        say "xen-source: fetching $file"
        rm -f "$1/file"
        if ! download "$1" "$uri" "$hash"; then
            grep -q '404 ' "$1/log" && WHY_NOT="the index names it, the archive has not got it (404)" &&
                missing=4
        elif from_tarball "$1/file" "Debian's $file" ""; then
            return
        fi
        why+="${why:+; }$file: $WHY_NOT"
    done
    WHY_NOT=${why:-it has no $XEN_BASE, but: ${versions[*]:-nothing called xen}}
    return "${missing:-1}"
}
