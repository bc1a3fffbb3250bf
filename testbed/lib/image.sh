# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Making root file systems and disk images without root privileges.

LIBDIR=usr/lib/aarch64-linux-gnu

# make_root ROOT: the skeleton that all our root file systems share, with busybox's commands.
make_root() {
    local root=$1 busybox
    busybox=$(stage_dir userspace)/usr/bin/busybox
    mkdir -p "$root"/{dev,proc,sys,run,tmp,mnt,etc,root,usr/bin,usr/sbin,"$LIBDIR"} "$root/var"
    ln -s usr/bin "$root/bin"
    ln -s usr/sbin "$root/sbin"
    ln -s usr/lib "$root/lib"
    ln -s ../run "$root/var/run"
    install -m 755 "$busybox" "$root/usr/bin/busybox"
    # The program is arm64, so its list of commands cannot be asked for; but it is in there, as
    # strings that follow each other.
    local applet applets
    applets=$(tr '\0' '\n' <"$busybox" | LC_ALL=C grep -axE '[a-z0-9_.-]+|\[\[?' | sort -u)
    while IFS= read -r applet; do
        grep -qxF -- "$applet" <<<"$applets" || die "busybox has no command $applet"
        ln -s busybox "$root/usr/bin/$applet"
    done < <(tr -s ' ' '\n' <"$TESTBED/config/busybox-applets" | grep -v '^$')
}

needed_libraries() {
    "${CROSS}readelf" -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

# install_with_libraries ROOT FILE TARGET DIR...: an ELF file, stripped, and the shared libraries
# it needs, looked for below each DIR.
install_with_libraries() {
    local root=$1 file=$2 target=$3 library dir path
    shift 3
    mkdir -p "$root/$(dirname "$target")"
    [[ ! -e $root/$target ]] || return 0
    "${CROSS}strip" -o "$root/$target" "$file"
    chmod --reference="$file" "$root/$target"
    while IFS= read -r library; do
        path=
        for dir in "$@"; do
            if [[ -e $dir/$LIBDIR/$library ]]; then
                path=$dir/$LIBDIR/$library
                break
            fi
        done
        [[ -n $path ]] || die "$file needs $library, which is in none of: $*"
        # The loader is looked for by the path that is written in the program.
        if [[ $library == ld-linux-* ]]; then
            install_with_libraries "$root" "$path" "usr/lib/$library" "$@"
        else
            install_with_libraries "$root" "$path" "$LIBDIR/$library" "$@"
        fi
    done < <(needed_libraries "$file")
}

# install_c_library ROOT: what programs need without naming it: the loader, and the library that
# glibc loads when a thread is cancelled.
install_c_library() {
    local from
    from=$(stage_dir userspace)
    install_with_libraries "$1" "$from/usr/lib/ld-linux-aarch64.so.1" \
        usr/lib/ld-linux-aarch64.so.1 "$from"
    install_with_libraries "$1" "$from/$LIBDIR/libgcc_s.so.1" "$LIBDIR/libgcc_s.so.1" "$from"
}

# install_guest_init ROOT: the first process of a domU.
install_guest_init() {
    install -m 755 "$TESTBED/guest/init" "$1/usr/sbin/init"
    install -m 755 "$TESTBED/guest/serve" "$1/etc/testbed-serve"
    install -m 755 "$TESTBED/guest/root-device" "$TESTBED"/guest/verify-{data,loop} "$1/usr/bin/"
    install -m 755 "$TESTBED/guest/udhcpc-script" "$1/etc/udhcpc-script"
}

# install_test_programs ROOT
install_test_programs() {
    local program
    for program in "$(stage_dir test-programs)"/*; do
        [[ ! -x $program ]] ||
            "${CROSS}strip" -o "$1/usr/sbin/$(basename "$program")" "$program"
    done
}

# make_initramfs ROOT FILE: not compressed, because the emulated machine would have to unpack it.
make_initramfs() {
    (cd "$1" && find . -print0 | LC_ALL=C sort -z |
        cpio --quiet --null -o -H newc --owner=0:0) >"$2"
}

# make_ext4 FILE SIZE_MIB [ROOT]
make_ext4() {
    rm -f "$1"
    mke2fs -q -t ext4 -b 4096 -m 0 -E root_owner=0:0,lazy_itable_init=1 -I 256 \
        ${3:+-d "$3"} "$1" "${2}M"
}
