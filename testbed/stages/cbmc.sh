# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# CBMC for the host, from Debian 13: Debian 12 has none. run/cbmc starts it.
stage_inputs=(testbed/lib/apt.sh testbed/lib/foreign.sh)

stage_key_extra() {
    dpkg --print-architecture
}

stage_build() {
    local out=$1
    source "$TESTBED/lib/foreign.sh"
    foreign_apt
    step "fetching CBMC"
    mkdir "$out/debs"
    apt_fetch_deb "$out/debs" cbmc minisat libc6 libstdc++6 libgcc-s1 zlib1g
    foreign_unpack "$out/debs" "$out"
    foreign_program "$out" cbmc
    foreign_versions "$out" cbmc
    "$out/run/cbmc" --version
}
