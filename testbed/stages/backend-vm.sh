# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The kernel module and the programs of the backend VM. Result: modules/*.ko, bin/*.
stage_deps=(linux sysroot toolstack)
stage_inputs=(backend-vm libvirtio-shadow/include)

stage_build() {
    local out=$1 work=$1/work
    mkdir -p "$out/modules" "$out/bin" "$work"
    # In a copy: build products do not belong into the checkout.
    (list_tree backend-vm libvirtio-shadow) | rsync -a --from0 --files-from=- "$REPO/" "$work/"
    if [[ -f $work/backend-vm/module/Makefile ]]; then
        step "compiling the module"
        make -C "$work/backend-vm/module" KDIR="$(stage_dir linux)/build" ARCH=arm64 \
            CROSS_COMPILE="$CROSS"
        cp "$work"/backend-vm/module/*.ko "$out/modules/"
    fi
    if [[ -f $work/backend-vm/daemon/Makefile ]]; then
        step "compiling the daemon"
        make -C "$work/backend-vm/daemon" CC="$(stage_dir sysroot)/cross-bin/${CROSS}gcc" \
            SYSROOT="$(stage_dir toolstack)"
        find "$work/backend-vm/daemon" -maxdepth 1 -type f -perm -u+x ! -name '*.sh' \
            -exec cp {} "$out/bin/" \;
    fi
    rm -rf "$work"
}

list_tree() {
    local dir
    cd "$REPO"
    for dir in "$@"; do
        [[ ! -d $dir ]] ||
            find "$dir" -type f ! -name '*.o' ! -name '*.ko' ! -name '*.cmd' -print0
    done
}
