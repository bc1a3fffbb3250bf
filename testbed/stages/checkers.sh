# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What looks at the form of the sources (tests/style/), from Debian 12: another version of clang-format
# formats differently, and others of cppcheck and shellcheck find other things. run/NAME starts each.
stage_inputs=(testbed/lib/apt.sh testbed/lib/foreign.sh)

stage_key_extra() {
    dpkg --print-architecture
}

stage_build() {
    local out=$1 program
    source "$TESTBED/lib/foreign.sh"
    foreign_apt bookworm
    step "fetching clang-format 14, cppcheck 2.10 and shellcheck 0.9"
    mkdir "$out/debs"
    # Exactly these: all they depend on would be a Python as well, for scripts beside them.
    apt_fetch_deb "$out/debs" libc6 libgcc-s1 libstdc++6 \
        clang-format-14 libclang-cpp14 libllvm14 libbsd0 libedit2 libffi8 libicu72 liblzma5 libmd0 \
        libtinfo6 libxml2 libz3-4 zlib1g cppcheck libpcre3 libtinyxml2-9 shellcheck libgmp10
    foreign_unpack "$out/debs" "$out"
    foreign_versions "$out" clang-format-14 cppcheck shellcheck
    # Before it looks for the host's, it looks beside the program.
    ln -s "$(cd "$out/usr/bin" && echo ../lib/*-linux-gnu/cppcheck/cfg)" "$out/usr/bin/cfg"
    [[ -e $out/usr/bin/cfg/std.cfg ]] || die "cppcheck has its std.cfg elsewhere"
    for program in clang-format-14 cppcheck shellcheck; do
        foreign_program "$out" "$program"
        "$out/run/$program" --version
    done
}
