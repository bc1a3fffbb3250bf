# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# One trimmed Linux 6.12 for dom0, the backend VM and the guests. Result:
#   Image    the kernel
#   build/   what external modules are built against: make -C build M=...
stage_deps=(linux-source)
stage_inputs=(testbed/config/linux.config guest-feature/series guest-feature/patches)

stage_key_extra() {
    compiler_id
}

kmake() {
    make -C "$work" -j"$JOBS" ARCH=arm64 CROSS_COMPILE="$CROSS" KBUILD_BUILD_USER=virtio-shadow \
        KBUILD_BUILD_HOST=testbed KBUILD_BUILD_TIMESTAMP='1970-01-01' "$@"
}

# The tree is kept between builds, so that a changed option costs seconds; a new source or a new
# patch series starts from nothing.
prepare_tree() {
    local source_id patch
    source_id=$(cat "$(stage_dir linux-source)/.id")
    source_id+=" $(find "$REPO/guest-feature" -type f \( -name series -o -name '*.patch' \) \
        -exec cat {} + 2>/dev/null | sha256sum || true)"
    [[ $(cat "$work/.source-id" 2>/dev/null) != "$source_id" ]] || return 0
    step "unpacking the source"
    rm -rf "$work"
    mkdir -p "$work"
    tar -C "$work" --strip-components=1 --exclude='*/Documentation/*/*' --exclude='*/tools/testing/*' \
        -xf "$(stage_dir linux-source)/linux.tar.xz"
    if [[ -f $REPO/guest-feature/series ]]; then
        while IFS= read -r patch; do
            [[ -n $patch && $patch != '#'* ]] || continue
            patch -d "$work" -p1 --no-backup-if-mismatch <"$REPO/guest-feature/patches/$patch" ||
                die "patch $patch of guest-feature does not apply to $(
                    cat "$(stage_dir linux-source)/.versions")"
        done <"$REPO/guest-feature/series"
    fi
    echo "$source_id" >"$work/.source-id"
}

configure() {
    kmake tinyconfig
    "$work/scripts/kconfig/merge_config.sh" -m -O "$work" "$work/.config" \
        "$REPO/testbed/config/linux.config"
    kmake olddefconfig
    # An option that was refused (renamed, or a dependency missing) must not go unnoticed.
    local option
    while IFS= read -r option; do
        grep -qx "$option" "$work/.config" || die "the kernel's configuration refused $option"
    done < <(grep -E '^CONFIG_[A-Z0-9_]+=y$' "$REPO/testbed/config/linux.config")
}

stage_build() {
    local out=$1
    work=$CACHE/work/linux
    prepare_tree
    configure
    step "compiling"
    kmake Image modules_prepare
    kmake modules
    cp "$work/arch/arm64/boot/Image" "$work/.config" "$work/System.map" "$out/"
    mkdir "$out/build"
    rsync -a --prune-empty-dirs --include='/arch/' --include='/arch/arm64/***' \
        --include='/include/***' --include='/scripts/***' --include='/tools/' \
        --include='/tools/include/***' \
        --include='/Makefile' --include='/Kbuild' --include='/Kconfig' --include='/.config' \
        --include='/Module.symvers' --include='/.kernelrelease' --exclude='*' \
        "$work/" "$out/build/"
    find "$out/build/arch" \( -name '*.o' -o -name '*.c' -o -name '*.S' -o -name '*.a' -o \
        -name '*.dts*' -o -name '*.cmd' -o -name 'Image*' \) -delete
    rm -f "$out/build/include/config/auto.conf.cmd"
}
