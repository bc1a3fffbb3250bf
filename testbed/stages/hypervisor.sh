# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The hypervisor. Result: xen (bootable), xen-syms (with debug information), config.
# The build folder is kept between builds: a change to the mediator recompiles what it touches.
stage_deps=(xen-tree)
stage_inputs=(testbed/config/xen.config)
variant=

stage_key_extra() {
    compiler_id
}

xmake() {
    make -C "$work/src/xen" O="$work/build" -j"$JOBS" XEN_TARGET_ARCH=arm64 \
        CROSS_COMPILE="$CROSS" XEN_WHOAMI=virtio-shadow XEN_DOMAIN=testbed \
        XEN_BUILD_DATE="1970-01-01" XEN_BUILD_TIME="00:00:00" "$@"
}

# Called where a failure is looked at, so that the shell does not stop by itself: hence the &&.
build_once() {
    mkdir -p "$work/src" "$work/build" &&
        # By content, and without old times: only files that differ get a new time stamp.
        rsync -rlpc --delete "$(stage_dir xen-tree)/" "$work/src/" &&
        xmake defconfig &&
        cat "$REPO/testbed/config/xen$variant.config" >>"$work/build/.config" &&
        xmake olddefconfig &&
        has_mediator &&
        xmake
}

# An option that is refused is only dropped; Xen would boot, and know nothing of mediated devices.
has_mediator() {
    grep -qx CONFIG_VIRTIO_SHADOW=y "$work/build/.config" ||
        die "Xen's configuration refused CONFIG_VIRTIO_SHADOW: see testbed/config/xen$variant.config"
}

stage_build() {
    local out=$1
    work=$CACHE/work/hypervisor$variant-$XEN_BASE
    # Twice: what is left of a build of a quite different tree may stand in the way.
    if ! build_once; then
        [[ -d $work/built-before ]] || die "the hypervisor does not build"
        step "building again, from nothing"
        rm -rf "$work"
        build_once || die "the hypervisor does not build"
    fi
    mkdir -p "$work/built-before"
    cp "$work/build/xen" "$work/build/xen-syms" "$out/"
    cp "$work/build/.config" "$out/config"
}
