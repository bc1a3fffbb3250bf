# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The Xen tools for arm64, installed below the result folder as on a root file system, headers and
# libraries included: the backend daemon is built against them.
stage_deps=(sysroot)
stage_content_deps=(xen-tree)

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

stage_build() {
    local out=$1 work=$CACHE/work/toolstack sysroot
    sysroot=$(stage_dir sysroot)
    rm -rf "$work"
    mkdir -p "$work"
    rsync -a "$(stage_dir xen-tree)/" "$work/"
    export PATH=$sysroot/cross-bin:$PATH
    export PKG_CONFIG=$sysroot/cross-bin/${CROSS}pkg-config
    cd "$work"
    step "configuring"
    ./configure --host=aarch64-linux-gnu --prefix=/usr --libdir=/usr/lib/aarch64-linux-gnu \
        --sysconfdir=/etc --localstatedir=/var --disable-docs --disable-stubdom --disable-golang \
        --disable-ocamltools --disable-pygrub --disable-systemd --disable-xsmpolicy \
        --disable-rombios --disable-seabios --disable-ovmf --disable-ipxe \
        --with-system-qemu=/usr/bin/qemu-system-aarch64
    step "compiling"
    make -j"$JOBS" build-tools XEN_TARGET_ARCH=arm64 CROSS_COMPILE="$CROSS"
    step "installing"
    make install-tools DESTDIR="$out" XEN_TARGET_ARCH=arm64 CROSS_COMPILE="$CROSS"
    rm -rf "$work"
}
