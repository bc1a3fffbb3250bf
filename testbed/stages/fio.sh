# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# fio for arm64, from Debian's package, without the 40 MB of client libraries of its engines for
# Ceph, GlusterFS, NFS, NBD, RDMA and persistent memory. It is linked against them, so the loader
# wants them whatever engine runs: libraries with their names take their place, in which every
# function traps. Result: like a root file system.
stage_deps=(sysroot)
stage_inputs=(testbed/lib/apt.sh testbed/lib/image.sh)

# What the engines for files and block devices need; the C library is the sysroot's.
REAL=(libz.so.1 libaio.so.1t64 libnuma.so.1)

stage_build() {
    local out=$1 fio=$1/usr/bin/fio library
    source "$TESTBED/lib/apt.sh"
    source "$TESTBED/lib/image.sh"
    step "fetching fio"
    mkdir "$out/debs"
    apt_fetch_deb "$out/debs" fio libaio1t64 libnuma1 zlib1g
    (cd "$out/debs" && ls) >"$out/.id"
    deb_versions "$out/debs" >"$out/.versions"
    unpack_debs "$out/debs" "$out"
    rm -rf "$out/debs" "${out:?}/usr/share"
    cp "$(stage_dir sysroot)/$LIBDIR"/{libc,libm}.so.6 "$out/$LIBDIR/"
    cp "$(stage_dir sysroot)/usr/lib/ld-linux-aarch64.so.1" "$out/$LIBDIR/"
    write_stand_ins "$fio" "$out/stand-ins"
    while IFS= read -r library; do
        [[ ! -e $out/$LIBDIR/$library ]] || continue
        "${CROSS}gcc" -shared -nostdlib -Wl,-z,max-page-size=4096 -Wl,-soname,"$library" \
            -Wl,--version-script,"$out/stand-ins.map" -o "$out/$LIBDIR/$library" "$out/stand-ins.s"
    done < <(needed_libraries "$fio")
    cat "$out/stand-ins.map" >>"$out/.id"
}

# functions FILE KIND: names and versions of those it has (DEFINED) or wants (UND).
functions() {
    "${CROSS}readelf" -W --dyn-syms "$1" | awk -v kind="$2" '
        ($4 == "FUNC" || $4 == "IFUNC") && ($7 == "UND") == (kind == "UND") {
            sub("@@", "@", $8)
            print $8
        }'
}

# write_stand_ins PROGRAM NAME: NAME.s defines all functions that the program takes from libraries
# which are not there, and NAME.map their versions.
write_stand_ins() {
    local program=$1 name=$2 library
    while IFS= read -r library; do
        [[ ! -e $out/$LIBDIR/$library ]] || functions "$out/$LIBDIR/$library" DEFINED
    done < <(needed_libraries "$program") | sed 's/@.*//' | sort -u >"$name.there"
    for library in "${REAL[@]}"; do
        [[ -e $out/$LIBDIR/$library ]] || die "Debian's fio comes without $library"
    done
    functions "$program" UND | awk -F@ -v there="$name.there" '
        BEGIN { while ((getline symbol <there) > 0) have[symbol] = 1 }
        !($1 in have) { print ($2 ? $2 : "STAND_INS"), $1 }' | sort -u >"$name.wanted"
    [[ -s $name.wanted ]] || die "fio takes nothing from the libraries that are left out"
    awk '{ printf ".globl %s\n.type %s, %%function\n%s: brk #1\n", $2, $2, $2 }' \
        "$name.wanted" >"$name.s"
    awk '$1 != last { if (last) print "};"; print $1 " {"; last = $1 }
        { print "    " $2 ";" }
        END { print "};" }' "$name.wanted" >"$name.map"
}
