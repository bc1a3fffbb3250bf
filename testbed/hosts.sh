#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does what README.md says, on hosts that have nothing yet: makes a bare Debian in a folder, clones the
# last commit of this checkout there, and runs "make run", twice, and "make test".
#   hosts.sh [-k] [-d DIR] [12] [13] [root] [user] [run] [test]
#     12, 13      only this Debian
#     root, user  only as root, with a umask of 077; or as a user who may use sudo
#     run, test   only this command
#     -k          keep the Debians: to look at one, hosts.sh -s DIR/13-user
#     -d DIR      where they and the logs go: out/hosts/
#   hosts.sh -s ROOT [COMMAND...]    a shell, or a command, as root in one that was kept
# XEN_SOURCE and XEN, where they are set, are given to them. Each has a cache of its own, which starts empty. Needs
# root. Mounts are made in a namespace of their own, and go with the processes in there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$TESTBED/lib/apt.sh"

declare -A SUITES=([12]=bookworm [13]=trixie)
declare -A LIMIT=([run]=5400 [test]=14400) # seconds
WHO=tester

# enter ROOT COMMAND...: in namespaces of its own, with what a running Debian has in /proc and /dev.
enter() {
    local root=$1 node status=0
    shift
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 dev "$root/dev"
    for node in null zero full random urandom tty; do
        touch "$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    mkdir "$root"/dev/{pts,shm}
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s fd/0 "$root/dev/stdin"
    ln -s fd/1 "$root/dev/stdout"
    ln -s fd/2 "$root/dev/stderr"
    if [[ -e ${XEN_SOURCE:-} ]]; then
        # By its name, which says which kind of archive it is.
        mkdir -p "$root/given"
        if [[ -d $XEN_SOURCE ]]; then
            mkdir -p "$root$XEN_THERE"
        else
            touch "$root$XEN_THERE"
        fi
        mount --bind "$XEN_SOURCE" "$root$XEN_THERE"
        mount -o remount,bind,ro "$root$XEN_THERE"
    fi
    # Stays, as the first process of its namespace: the others end with it.
    chroot "$root" "$@" || status=$?
    return "$status"
}

# entered SECONDS ROOT COMMAND...: within that time; whatever is left in there then is killed, and when
# this script is. What a run there says on descriptor 3 goes to its own output.
entered() {
    local seconds=$1
    shift
    # shellcheck disable=SC2016 # for the other shell
    setpriv --pdeathsig KILL timeout --foreground -k 10 "$seconds" \
        setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
        bash -euo pipefail -c "$(declare -f enter)"'; enter "$@"' enter "$@" 3>&-
}

# home_of ROOT USER
home_of() {
    awk -F: -v user="$2" '$1 == user { print $6 }' "$1/etc/passwd"
}

# as SECONDS ROOT USER SCRIPT: with nothing of our environment. su is what everybody has.
as() {
    entered "$1" "$2" runuser -u "$3" -- env -i PATH=/usr/local/bin:/usr/bin:/bin \
        HOME="$(home_of "$2" "$3")" \
        ${XEN_THERE:+XEN_SOURCE="$XEN_THERE"} ${XEN:+XEN="$XEN"} bash -c "cd; [ \$(id -u) != 0 ] || umask 077; $4"
}

# bare DEBIAN ROOT LOG: what an installation without any task has, git and make, sudo.
bare() {
    local suite=${SUITES[$1]} root=$2 mirror
    mirror=${VIRTIO_SHADOW_MIRROR:-$(host_mirror)}
    # The host's proxies and the like.
    env -u APT_CONFIG apt-config dump | grep -E '^Acquire::(https?|ftp|Retries)' >"$dir/apt.conf" || true
    mmdebstrap --mode=root --variant=minbase --aptopt="$dir/apt.conf" \
        --include=git,make,sudo,ca-certificates "$suite" "$root" "deb $mirror $suite main" >"$3" 2>&1 &&
        cp -L /etc/resolv.conf "$root/etc/resolv.conf" &&
        echo "127.0.0.1 localhost $(uname -n)" >"$root/etc/hosts" &&
        chroot "$root" useradd -m -s /bin/bash "$WHO" &&
        echo "$WHO ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$WHO" &&
        install -m 644 "$dir/clone" "$root/srv/virtio-shadow"
}

passed=0
failed=0
# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@"; then
        say "ok $name"
        passed=$((passed + 1))
    else
        say "not ok $name"
        failed=$((failed + 1))
    fi
}

# make_there NAME COMMAND [WHAT]: its output is in DIR/NAME-WHAT.log.
make_there() {
    local log=$dir/$1-${3:-$2}.log begin=$SECONDS status=0
    say "$1: make $2 (log: $log)"
    as "${LIMIT[$2]}" "$dir/$1" "$user" "cd virtio-shadow && make $2" >"$log" 2>&1 </dev/null ||
        status=$?
    say "$1: make $2 ended with status $status after $((SECONDS - begin)) s"
    [[ $status -eq 0 ]] || tail -n 20 "$log"
    return "$status"
}

# no_xen NAME: make says 2 whatever failed, so the script is asked.
no_xen() {
    local log=$dir/$1-no-xen.log status=0
    as 1800 "$dir/$1" "$user" "cd virtio-shadow && env -u XEN_SOURCE VIRTIO_SHADOW_XEN_PLACES=/dev/null \
        testbed/run.sh" >"$log" 2>&1 </dev/null || status=$?
    [[ $status -eq 3 ]] || tail -n 20 "$log"
    [[ $status -eq 3 ]]
}

summary_is_good() {
    local file=$1/virtio-shadow/out/run/summary.json
    grep -qE '"checks_passed": *[1-9]' "$file" && grep -qE '"checks_failed": *0,?$' "$file"
}

# No suite was left out, either.
count_is_good() {
    grep -qE '^[1-9][0-9]* passed, 0 failed$' <(tail -n 1 "$1")
}

nothing_was_built() {
    grep -q 'checks_failed' "$1" && ! grep -q ': building (log: ' "$1"
}

# try DEBIAN USER
try() {
    local name=$1-$2 user=$WHO home command root
    root=$dir/$name
    [[ $2 != root ]] || user=root
    cp -a "$dir/bare-$1" "$root"
    home=$root$(home_of "$root" "$user")
    check "$name: git clone" as 600 "$root" "$user" \
        "git -c advice.detachedHead=false -c init.defaultBranch=main clone -q /srv/virtio-shadow virtio-shadow"
    for command in "${commands[@]}"; do
        if [[ $command == run ]]; then
            check "$name: where no place has Xen, run.sh says so, with status 3" no_xen "$name"
            check "$name: make run" make_there "$name" run
            check "$name: all checks of its summary passed" summary_is_good "$home"
            check "$name: make run, once more" make_there "$name" run again
            check "$name: built nothing then" nothing_was_built "$dir/$name-again.log"
        else
            check "$name: make test" make_there "$name" test
            check "$name: all tests passed" count_is_good "$dir/$name-test.log"
        fi
    done
    # shellcheck disable=SC2016 # for the shell over there
    check "$name: the checkout is as it was" as 60 "$root" "$user" \
        'cd virtio-shadow && [ -z "$(git status --porcelain)" ]'
    say "$name: MiB of cache and of out/:" \
        "$(du -sm "$home/.cache/virtio-shadow" "$home/virtio-shadow/out" 2>/dev/null | cut -f1 | xargs)"
    [[ -n $keep ]] || rm -rf --one-file-system "$root"
}

# tidy DEBIAN...: what lies there of them. A mount that should not be there is not followed.
tidy() {
    local debian
    for debian in "$@"; do
        rm -rf --one-file-system "$dir/bare-$debian" "$dir/$debian"-{root,user}
    done
    rm -f "$dir/clone" "$dir/apt.conf"
}

dir=$REPO/out/hosts
keep=
look=
while getopts kd:s: option; do
    case $option in
        k) keep=1 ;;
        d) dir=$OPTARG ;;
        s) look=$OPTARG ;;
        *) die "usage: $0 [-k] [-d DIR] [12|13|root|user|run|test]..., or -s ROOT [COMMAND...]" ;;
    esac
done
shift $((OPTIND - 1))

[[ $(id -u) -eq 0 ]] || die "a chroot and its mounts need root: sudo testbed/hosts.sh"
XEN_THERE=
if [[ -e ${XEN_SOURCE:-} ]]; then
    XEN_SOURCE=$(realpath "$XEN_SOURCE")
    XEN_THERE=/given/$(basename "$XEN_SOURCE")
else
    # An address, which is there as well.
    XEN_THERE=${XEN_SOURCE:-}
fi
export XEN_SOURCE=${XEN_SOURCE:-} XEN_THERE

if [[ -n $look ]]; then
    [[ -d $look/proc ]] || die "$look is no Debian that was kept"
    [[ $# -gt 0 ]] || set -- bash -l
    entered 0 "$(realpath "$look")" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        HOME="$(home_of "$look" root)" TERM="${TERM:-dumb}" "$@"
    exit
fi

debians=()
users=()
commands=()
for word in "$@"; do
    case $word in
        12 | 13) debians+=("$word") ;;
        root | user) users+=("$word") ;;
        run | test) commands+=("$word") ;;
        *) die "'$word' is none of 12, 13, root, user, run, test" ;;
    esac
done
[[ ${#debians[@]} -gt 0 ]] || debians=(12 13)
[[ ${#users[@]} -gt 0 ]] || users=(user root)
[[ ${#commands[@]} -gt 0 ]] || commands=(run test)

"$TESTBED/host-packages.sh" "$TESTBED/config/host-packages-hosts"
mkdir -p "$dir"
dir=$(realpath "$dir")
tidy "${debians[@]}"
[[ -n $keep ]] || trap 'tidy "${debians[@]}"' EXIT
git -c safe.directory='*' -C "$REPO" bundle create -q "$dir/clone" HEAD ||
    die "$REPO is no clone of the project's repository, so that it cannot be cloned"
[[ -z $(git -c safe.directory='*' -C "$REPO" status --porcelain) ]] ||
    say "note: changes that are not committed are not tried"

for debian in "${debians[@]}"; do
    say "a bare Debian $debian (log: $dir/bare-$debian.log)"
    if ! bare "$debian" "$dir/bare-$debian" "$dir/bare-$debian.log"; then
        tail -n 20 "$dir/bare-$debian.log"
        check "Debian $debian can be had" false
        continue
    fi
    for user in "${users[@]}"; do
        try "$debian" "$user"
    done
    rm -rf --one-file-system "$dir/bare-$debian"
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
