# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The Xen tools for arm64, installed below the result folder as on a root file system, headers and
# libraries included: the backend daemon is built against them.
stage_deps=(sysroot)
stage_content_deps=(xen-tree)

# Besides the libraries. Not all there are: the Python bindings, say, need more on the host.
PARTS=(xs-clients xenstored console helpers xl xentop)

# What the tools are built from. The hypervisor's own sources are left out, so that a change to
# the mediator does not rebuild the tools.
stage_key_extra() {
    compiler_id
    cd "$(stage_dir xen-tree)"
    find . \( -path ./docs -o -path ./xen/arch -o -path ./xen/drivers -o -path ./xen/xsm \
        -o -path ./xen/test -o -path ./automation \
        -o \( -path './xen/common/*' ! -path './xen/common/libelf*' ! -path './xen/common/un*' \
            ! -path './xen/common/decompress*' ! -path './xen/common/xz*' \) \
        -o \( -path './xen/include/*' ! -path './xen/include/public*' \) \) -prune -o \
        -type f -print0 | sort -z | xargs -0 sha256sum
}

# The work folder is kept: an unchanged file keeps its time stamp, so that a changed patch costs
# seconds. The build leaves its products among the sources; hence the list of what is ours.
update_tree() {
    local from
    from=$(stage_dir xen-tree)
    (cd "$from" && find . -type f | LC_ALL=C sort) >"$work.files.new"
    if [[ -f $work.files ]]; then
        LC_ALL=C comm -23 "$work.files" "$work.files.new" | (cd "$work" && xargs -rd '\n' rm -f)
    fi
    mkdir -p "$work"
    rsync -rlpc "$from/" "$work/"
    mv "$work.files.new" "$work.files"
}

tmake() {
    make -j"$JOBS" XEN_TARGET_ARCH=arm64 CROSS_COMPILE="$CROSS" "$@"
}

# Called where a failure is looked at: hence the &&.
build_once() {
    cd "$work" &&
        step "configuring" &&
        ./configure --host=aarch64-linux-gnu --prefix=/usr \
            --libdir=/usr/lib/aarch64-linux-gnu --sysconfdir=/etc --localstatedir=/var \
            --disable-docs --disable-stubdom --disable-golang --disable-ocamltools \
            --disable-pygrub --disable-systemd --disable-xsmpolicy --disable-rombios \
            --disable-seabios --disable-ovmf --disable-ipxe \
            --with-system-qemu=/usr/bin/qemu-system-aarch64 &&
        step "compiling" &&
        tmake build-tools-public-headers &&
        tmake -C tools subdir-all-libs &&
        tmake -C tools "${PARTS[@]/#/subdir-all-}" &&
        step "installing" &&
        tmake DESTDIR="$1" install-tools-public-headers &&
        tmake -C tools DESTDIR="$1" subdir-install-libs "${PARTS[@]/#/subdir-install-}"
}

stage_build() {
    local out=$1 sysroot built_with
    work=$CACHE/work/toolstack-$XEN_BASE
    sysroot=$(stage_dir sysroot)
    export PATH=$sysroot/cross-bin:$PATH
    export PKG_CONFIG=$sysroot/cross-bin/${CROSS}pkg-config
    # Another compiler or sysroot: nothing of before can be used.
    built_with="$(compiler_id) $sysroot"
    [[ $(cat "$work.with" 2>/dev/null) == "$built_with" ]] || rm -rf "$work" "$work.files"
    echo "$built_with" >"$work.with"
    local incremental=
    [[ ! -d $work ]] || incremental=yes
    update_tree
    if ! build_once "$out"; then
        [[ -n $incremental ]] || die "the tools do not build"
        step "building again, from nothing"
        rm -rf "$work" "$work.files" "${out:?}"/*
        update_tree
        build_once "$out" || die "the tools do not build"
    fi
}
