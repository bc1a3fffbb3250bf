# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A private apt root: fetches arm64 packages of Debian 13 on any Debian host, without
# touching the host's apt configuration or package database. apt checks signatures and hashes.

SUITE=trixie
APT_ROOT=$CACHE/apt
# The index is read again only when something must be fetched and it is older than this.
APT_MAX_AGE_MINUTES=60

# The archive the host itself uses. Third-party sources have another release or component name.
host_mirror() {
    local codename uri
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016 # apt expands these, not the shell
    uri=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' |
        awk -v c="$codename" '$1 == c && $2 == "main" { print $3; exit }')
    [[ -n $uri ]] || die "apt knows no 'main' archive of $codename: check /etc/apt/sources.list*" \
        "or set VIRTIO_SHADOW_MIRROR to the URI of a Debian archive"
    echo "$uri"
}

keyring() {
    local ext
    for ext in gpg pgp; do
        if [[ -f /usr/share/keyrings/debian-archive-keyring.$ext ]]; then
            echo "/usr/share/keyrings/debian-archive-keyring.$ext"
            return
        fi
    done
    die "no Debian archive keyring in /usr/share/keyrings: install debian-archive-keyring"
}

apt_configure() {
    local uri key
    mkdir -p "$APT_ROOT"/etc/apt/{preferences.d,apt.conf.d,sources.list.d,trusted.gpg.d} \
        "$APT_ROOT"/var/lib/apt/lists/partial "$APT_ROOT"/var/cache/apt/archives/partial \
        "$APT_ROOT"/var/lib/dpkg
    : >"$APT_ROOT/var/lib/dpkg/status"
    uri=${VIRTIO_SHADOW_MIRROR:-$(host_mirror)}
    key=$(keyring)
    cat >"$APT_ROOT/etc/apt/sources.list" <<END
deb [signed-by=$key] $uri $SUITE main
END
    {
        # Proxies and the like: a private Dir hides the host's settings otherwise.
        env -u APT_CONFIG apt-config dump | grep -E '^Acquire::(https?|ftp|Retries)' || true
        cat <<END
Dir "$APT_ROOT/";
Dir::State::status "$APT_ROOT/var/lib/dpkg/status";
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
Acquire::Languages "none";
END
    } >"$APT_ROOT/apt.conf"
}

apt_refresh() {
    local stamp=$APT_ROOT/refreshed
    if [[ -z $(find "$stamp" -mmin "-$APT_MAX_AGE_MINUTES" 2>/dev/null) ]]; then
        step "reading the package index of $SUITE"
        apt_configure
        APT_CONFIG=$APT_ROOT/apt.conf apt-get -q update
        touch "$stamp"
    fi
}

# apt_locked COMMAND...: one user of the private root at a time.
apt_locked() {
    local status=0 fd
    mkdir -p "$APT_ROOT"
    exec {fd}>"$CACHE/lock/apt"
    flock "$fd"
    apt_refresh
    APT_CONFIG=$APT_ROOT/apt.conf "$@" || status=$?
    exec {fd}>&-
    return "$status"
}

# apt_fetch_closure DIR PACKAGE...: the arm64 packages and all they depend on, as .deb files.
apt_fetch_closure() {
    local dir=$1
    shift
    mkdir -p "$dir/partial"
    apt_locked apt-get -q -o "Dir::Cache::archives=$dir/" --download-only install "$@"
    rm -rf "$dir/partial" "$dir/lock"
}

# apt_fetch_deb DIR PACKAGE...: exactly these packages.
apt_fetch_deb() {
    local dir=$1
    shift
    (cd "$dir" && apt_locked apt-get -q download "$@")
}

# deb_versions DIR: names and versions of the packages there, for a stage's .versions.
deb_versions() {
    (cd "$1" && ls -- *.deb) | sed 's/%3a/:/; s/^\([^_]*\)_\([^_]*\)_.*/\1 \2/'
}

# unpack_debs DIR ROOT: without running any of the packages' code. Newer packages expect a merged
# /usr, which base-files would set up.
unpack_debs() {
    local dir=$1 root=$2 deb
    mkdir -p "$root"/usr/{bin,sbin,lib}
    ln -sfn usr/bin "$root/bin"
    ln -sfn usr/sbin "$root/sbin"
    ln -sfn usr/lib "$root/lib"
    for deb in "$dir"/*.deb; do
        dpkg -x "$deb" "$root"
    done
}
