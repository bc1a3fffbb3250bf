#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the series into a git branch (xen-patches/export.sh), and with "-b" builds every commit of
# it: the hypervisor for arm64, with mediation from the commit that adds it on, and at the end
# without; for x86, without; and the tools for arm64. Builds are incremental: a part that a commit
# does not touch is not built again, nor one that was seen to build before, from the same tree (the
# records are kept beside the cache of builds). The first commit that does not build is named, with
# its log.
#   xen-branch.sh [-b]
# The branch "virtio-shadow" is in out/xen-branch/xen.git, on the release that XEN chooses.
set -euo pipefail
REPO=$(cd "$(dirname "$0")/.." && pwd)
source "$REPO/testbed/lib/common.sh"
# shellcheck source=../testbed/lib/cache.sh
source "$TESTBED/lib/cache.sh"

build=
while getopts b option; do
    case $option in
        b) build=1 ;;
        *) die "the option is -b" ;;
    esac
done

out=$REPO/out/xen-branch
branch=virtio-shadow

# unpatched DIR: the release, as it is without the series.
unpatched() {
    local tree
    # shellcheck source=../testbed/lib/xen-content.sh
    source "$TESTBED/lib/xen-content.sh"
    # shellcheck source=../testbed/lib/xen-places.sh
    source "$TESTBED/lib/xen-places.sh"
    tree=$(sed -n 's/^tree=//p' "${STAGE_DIR[xen-source]}/info")
    unpack_kept "$tree" "$1"
}

stage xen-source
say "xen-branch: making branch $branch"
rm -rf "$out/xen.git"
mkdir -p "$out/xen.git"
unpatched "$out/xen.git"
"$REPO/xen-patches/export.sh" "$out/xen.git" "$branch"
[[ -n $build ]] || exit 0

"$TESTBED/host-packages.sh"
stage sysroot
sysroot=${STAGE_DIR[sysroot]}
git="git -C $out/xen.git"
mapfile -t commits < <($git rev-list --reverse "HEAD..$branch")
[[ ${#commits[@]} -gt 0 ]] || die "branch $branch has no commits"
records=$CACHE/xen-branch
mkdir -p "$out/logs" "$records"
find "$records" -type f -mtime +90 -delete

# source_of COMMIT DIR: its files, with new times only where they differ.
source_of() {
    rm -rf "$out/new"
    mkdir -p "$out/new" "$2"
    $git archive "$1" | tar -C "$out/new" -x
    if [[ -f $2.files ]]; then
        (cd "$out/new" && find . -type f | sort) | comm -13 - "$2.files" |
            (cd "$2" && xargs -rd '\n' rm -f)
    fi
    (cd "$out/new" && find . -type f | sort) >"$2.files"
    rsync -rlpc "$out/new/" "$2/"
}

xmake() {
    local arch=$1 cross=$2 kind=$3
    shift 3
    make -s -C "$out/src/xen" O="$out/$kind" -j"$JOBS" XEN_TARGET_ARCH="$arch" \
        CROSS_COMPILE="$cross" XEN_WHOAMI=virtio-shadow XEN_DOMAIN=testbed \
        XEN_BUILD_DATE=1970-01-01 XEN_BUILD_TIME=00:00:00 "$@"
}

# hypervisor KIND ARCH CROSS [CONFIG]: settings that this commit does not know are dropped.
hypervisor() {
    local kind=$1 arch=$2 cross=$3
    mkdir -p "$out/$kind"
    xmake "$arch" "$cross" "$kind" defconfig &&
        { [[ $# -lt 4 ]] || cat "$4" >>"$out/$kind/.config"; } &&
        xmake "$arch" "$cross" "$kind" olddefconfig &&
        xmake "$arch" "$cross" "$kind"
}

# mediated: the same, with all that the system tests switch on, mediation too once it is there.
mediated() {
    hypervisor arm64 arm64 "$CROSS" "$TESTBED/config/xen.config" || return
    ! grep -q '^config VIRTIO_SHADOW$' "$out/src/xen/common/Kconfig" ||
        grep -q '^CONFIG_VIRTIO_SHADOW=y' "$out/arm64/.config" || {
        echo "CONFIG_VIRTIO_SHADOW was not built: see $out/arm64/.config"
        return 1
    }
}

tmake() {
    make -j"$JOBS" XEN_TARGET_ARCH=arm64 CROSS_COMPILE="$CROSS" "$@"
}

tools() (
    export PATH=$sysroot/cross-bin:$PATH PKG_CONFIG=$sysroot/cross-bin/${CROSS}pkg-config
    cd "$out/src-tools" || exit
    # What flex makes is kept up by make, as in a user's tree.
    [[ -f config/Tools.mk ]] ||
        ./configure --host=aarch64-linux-gnu --prefix=/usr \
            --libdir=/usr/lib/aarch64-linux-gnu --sysconfdir=/etc --localstatedir=/var \
            --disable-docs --disable-stubdom --disable-golang --disable-ocamltools \
            --disable-pygrub --disable-systemd --disable-xsmpolicy --disable-rombios \
            --disable-seabios --disable-ovmf --disable-ipxe \
            --with-system-qemu=/usr/bin/qemu-system-aarch64 || exit
    tmake build-tools-public-headers && tmake -C tools subdir-all-libs &&
        tmake -C tools subdir-all-xl
)

# record_of NAME: the file that says that this part builds from this commit's tree.
record_of() {
    echo "$records/$({
        echo "$1"
        $git rev-parse "$commit^{tree}"
        echo "$compilers"
        cat "$REPO/tests/xen-branch.sh" "$TESTBED/config/xen.config"
    } | sha256sum | cut -c1-32)"
}

# part NAME DIR COMMAND...: built for this commit from its files in DIR, or the end.
part() {
    local name=$1 dir=$2 log=$out/logs/$nr-$1.log record
    shift 2
    record=$(record_of "$name")
    if [[ -e $record ]]; then
        built+=" ($name)"
        return
    fi
    source_of "$commit" "$dir"
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        echo "not ok $($git log -1 --format='%h ("%s")' "$commit"): $name does not build ($log)"
        exit 1
    fi
    touch "$record"
    built+=" $name"
}

x86=
if [[ $(uname -m) == x86_64 ]]; then
    x86_cross=
    x86=1
elif command -v x86_64-linux-gnu-gcc >/dev/null; then
    x86_cross=x86_64-linux-gnu-
    x86=1
else
    say "xen-branch: there is no compiler for x86 here: x86 is left out"
fi

compilers=$("${CROSS}gcc" --version | head -n 1)
[[ -z $x86 ]] || compilers+=" $("${x86_cross}gcc" --version | head -n 1)"

nr=0
for commit in "${commits[@]}"; do
    nr=$((nr + 1))
    built=
    changed=$($git diff --name-only "$commit^" "$commit")
    if [[ $nr -eq 1 ]] || grep -q '^xen/' <<<"$changed"; then
        part arm64 "$out/src" mediated
        if [[ -n $x86 ]] && { [[ $nr -eq 1 ]] ||
            grep '^xen/' <<<"$changed" | grep -qv '^xen/arch/\(arm\|ppc\|riscv\)/'; }; then
            part x86 "$out/src" hypervisor x86 x86_64 "$x86_cross"
        fi
    fi
    if [[ $nr -eq 1 ]] || grep -qE '^(tools|xen/include/public)/' <<<"$changed"; then
        part tools "$out/src-tools" tools
    fi
    if [[ $nr -eq ${#commits[@]} ]]; then
        part arm64-without "$out/src" hypervisor arm64-without arm64 "$CROSS"
    fi
    say "xen-branch: $nr of ${#commits[@]}: $($git log -1 --format=%s "$commit"):${built:- text}"
done
echo "ok all ${#commits[@]} commits build"
