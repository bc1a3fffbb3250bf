#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The testbed's search for Xen, with a small tree in the place of Xen's, and what it writes for
# scripts. Ends with one line: N passed, N failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
real=$(cd "$here/../.." && pwd)
source "$real/tests/lib/count.sh"

work=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; rm -rf "$work"' EXIT
unset XEN XEN_SOURCE XEN_MODIFIED VIRTIO_SHADOW_XEN_CHOSEN VIRTIO_SHADOW_XEN_PLACES
export GIT_CONFIG_GLOBAL=$work/gitconfig VIRTIO_SHADOW_CACHE=$work/cache
# What a user may have set, and what must not change what a tree is called.
cat > "$GIT_CONFIG_GLOBAL" <<'END'
[core]
	autocrlf = true
[user]
	name = Nobody
	email = nobody@localhost
END

passed=0
failed=0
good()
{
    printf '  ok    %s\n' "$1"
    passed=$((passed + 1))
}
bad()
{
    printf '  FAIL  %s\n' "$1"
    sed 's/^/    /' "$work/log"
    failed=$((failed + 1))
}

# make_xen DIR VERSION: a repository with what makes Xen's tree hard to call by one name.
make_xen()
{
    mkdir -p "$1"/xen/common "$1"/tools/libs
    git -C "$1" init -q
    printf 'export XEN_VERSION       = %s\nexport XEN_SUBVERSION    = %s\n' \
        "$(cut -d. -f1 <<< "$2")" "$(cut -d. -f2 <<< "$2")" > "$1/xen/Makefile"
    # shellcheck disable=SC2016 # for make
    printf 'export XEN_EXTRAVERSION ?= .%s$(XEN_VENDORVERSION)\n' \
        "$(cut -d. -f3 <<< "$2")" >> "$1/xen/Makefile"
    printf 'one\ntwo\nthree\n' > "$1/xen/common/x.c"
    printf 'lines\r\nof dos\r\n' > "$1/xen/common/dos"
    printf '#!/bin/sh\n' > "$1/tools/libs/run me"
    chmod +x "$1/tools/libs/run me"
    ln -s ../xen/common/x.c "$1/tools/link"
    echo ignored > "$1/tools/ignored"
    echo 'tools/ignored' > "$1/.gitignore"
    echo '.gitarchive-info export-subst' > "$1/.gitattributes"
    # shellcheck disable=SC2016 # for git
    printf 'Changeset: $Format:%%H$\nCommit date: $Format:%%cD$\n' > "$1/.gitarchive-info"
    git -C "$1" -c core.autocrlf=false add -A -f
    git -C "$1" commit -qm "$2"
    git -C "$1" tag "RELEASE-$2"
}

id_of()
{
    git -C "$1" rev-parse "HEAD$2"
}

mkdir -p "$work"/repo/{testbed/config,xen-patches}
make_xen "$work/xen" 9.8.7
make_xen "$work/other" 9.6.1
make_xen "$work/newer" 9.8.9
make_xen "$work/far" 9.9.0
echo one > "$work/far/xen/common/x.c"
git -C "$work/far" commit -qam far
git clone -q --bare "$work/xen" "$work/xen.git"
{
    echo "default 9.8"
    echo "9.8.7 $(id_of "$work/xen" '') $(id_of "$work/xen" '^{tree}')"
    echo "9.6.1 $(id_of "$work/other" '') $(id_of "$work/other" '^{tree}')"
} > "$work/repo/testbed/config/xen-releases"
: > "$work/repo/testbed/config/xen-places"
echo one.patch > "$work/repo/xen-patches/series"
printf -- '--- a/xen/common/x.c\n+++ b/xen/common/x.c\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n' \
    > "$work/repo/xen-patches/one.patch"
tree=$(id_of "$work/xen" '^{tree}')
mkdir -p "$work/cache/log"

# choose VARIABLE=VALUE...: what the testbed would do; its result is in $out, what it says in $work/log.
choose()
{
    status=0
    # shellcheck disable=SC2016 # for the inner shell
    out=$(env "$@" bash -c '
        set -euo pipefail
        XEN_WANTED=${XEN:-}
        unset XEN
        source "$1/testbed/lib/common.sh" 3>&2
        exec 3>&2
        TESTBED=$2/repo/testbed
        REPO=$2/repo
        xen_select "$XEN_WANTED"
        source "$1/testbed/lib/xen-content.sh"
        source "$1/testbed/lib/xen-places.sh"
        choose_xen' choose "$real" "$work" 2> "$work/log") || status=$?
}

# finds NAME VARIABLE=VALUE...: the release is found, from nothing, and its files are kept unchanged.
finds()
{
    local name=$1 copy=$work/copy
    shift
    rm -rf "$work/cache/xen-sources" "$copy"
    mkdir "$copy"
    choose "$@"
    if [[ $status -eq 0 && $out == "$tree" ]] &&
        tar -C "$copy" -xf "$work/cache/xen-sources/$tree.tar.gz" &&
        diff -r --no-dereference -x .git "$work/xen" "$copy" >> "$work/log" 2>&1 &&
        [[ -x "$copy/tools/libs/run me" ]]; then
        good "$name"
    else
        echo "status $status, tree '$out', not $tree" >> "$work/log"
        bad "$name"
    fi
}

# refuses NAME STATUS WORDS VARIABLE=VALUE...: fails with this status, says so, and keeps nothing.
refuses()
{
    local name=$1 want=$2 words=$3
    shift 3
    rm -rf "$work/cache/xen-sources"
    choose "$@"
    if [[ $status -eq $want ]] && grep -qF -- "$words" "$work/log" &&
        ! compgen -G "$work/cache/xen-sources/*.tar.gz" > /dev/null; then
        good "$name"
    else
        echo "status $status, not $want; wanted are the words: $words" >> "$work/log"
        bad "$name"
    fi
}

# A server that takes connections and never answers, and one that has the files of a folder.
serve()
{
    python3 -u - "$@" > "$work/port" << 'END' &
import functools, http.server, socket, sys, time
if len(sys.argv) == 1:
    s = socket.create_server(("127.0.0.1", 0))
    print(s.getsockname()[1])
    time.sleep(300)
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=sys.argv[1]))
print(s.server_address[1])
s.serve_forever()
END
    servers+=($!)
    until [[ -s $work/port ]]; do sleep 0.05; done
    port=$(< "$work/port")
    : > "$work/port"
}

mkdir "$work/plain" "$work/tampered" "$work/nothing" "$work/files"
git -C "$work/xen" -c core.autocrlf=false archive HEAD | tar -C "$work/plain" -xf -
cp -a "$work/plain/." "$work/tampered/"
echo four >> "$work/tampered/xen/common/x.c"
for kind in gz xz bz2 zst; do
    tar -C "$work" --transform 's,^plain,xen-9.8.7,' -caf "$work/files/xen-9.8.7.tar.$kind" plain
done
tar -C "$work/plain" -czf "$work/files/bare.tar.gz" .
tar -C "$work" -czf "$work/files/tampered.tar.gz" tampered
head -c 500 "$work/files/xen-9.8.7.tar.xz" > "$work/files/short.tar.xz"

finds "a folder, as an archive of git leaves it" XEN_SOURCE="$work/plain"
for kind in gz xz bz2 zst; do
    finds "a tarball, $kind" XEN_SOURCE="$work/files/xen-9.8.7.tar.$kind"
done
finds "a tarball without a folder around it" XEN_SOURCE="$work/files/bare.tar.gz"
finds "a clone" XEN_SOURCE="$work/xen"
git clone -q "$work/xen" "$work/dirty"
echo four >> "$work/dirty/xen/common/x.c"
finds "a clone whose files were changed: its commit counts" XEN_SOURCE="$work/dirty"
finds "a bare repository" XEN_SOURCE="$work/xen.git"
finds "a repository by the URL of a file" XEN_SOURCE="file://$work/xen.git"
finds "a tag of it" XEN_SOURCE="$work/xen.git#RELEASE-9.8.7"
finds "a full point release" XEN_SOURCE="$work/xen.git" XEN=9.8.7
serve "$work/files"
finds "a tarball by its URL" XEN_SOURCE="http://127.0.0.1:$port/xen-9.8.7.tar.xz"
printf 'git %s\n' "$work/nothing" "file://$work/xen.git" > "$work/places"
finds "the list: a repository, asked for one commit" VIRTIO_SHADOW_XEN_PLACES="$work/places"
echo "tarball http://127.0.0.1:$port/xen-RELEASE.tar.gz" > "$work/places"
finds "the list: a tarball" VIRTIO_SHADOW_XEN_PLACES="$work/places"
if [[ $(id -u) -eq 0 ]]; then
    cp -a "$work/xen.git" "$work/theirs.git"
    chown -R nobody "$work/theirs.git"
    finds "a repository of another user" XEN_SOURCE="$work/theirs.git"
fi

# What was found once is there without a variable, and no place is asked.
choose XEN_SOURCE="$work/xen"
choose VIRTIO_SHADOW_XEN_PLACES="$work/nowhere"
if [[ $status -eq 0 && $out == "$tree" && ! -s $work/log ]]; then
    good "the second time, nothing is asked"
else
    bad "the second time, nothing is asked"
fi

refuses "a path where nothing is" 1 "there is no such file or folder" XEN_SOURCE="$work/nowhere"
refuses "a folder that is not Xen" 1 "it is not a Xen source tree" XEN_SOURCE="$work/nothing"
refuses "a tarball cut short" 1 "it is no whole tar archive" XEN_SOURCE="$work/files/short.tar.xz"
refuses "a changed folder" 1 "it calls itself Xen 9.8.7, but is not" XEN_SOURCE="$work/tampered"
refuses "a changed tarball" 1 "it calls itself Xen 9.8.7, but is not" \
    XEN_SOURCE="$work/files/tampered.tar.gz"
refuses "another release than the one asked for" 1 "say XEN=9.6" XEN_SOURCE="$work/other"
refuses "a commit that is not there" 1 "it has no commit nothing" XEN_SOURCE="$work/xen.git#nothing"
refuses "a wrong XEN names the right ones" 1 "there are: 9.8 (9.8.7), 9.6 (9.6.1)" XEN=9.7
refuses "a tree to which the series does not apply" 1 "xen-patches/one.patch does not apply" \
    XEN_SOURCE="$work/far"
echo "tarball http://127.0.0.1:$port/tampered.tar.gz" > "$work/places"
refuses "the list: a changed tarball" 3 "its content is not that of Xen 9.8.7" \
    VIRTIO_SHADOW_XEN_PLACES="$work/places"

# Another tree, to which the series applies: taken, said, recorded, and there the next time.
rm -rf "$work/cache/xen-sources"
choose XEN_SOURCE="$work/newer"
cp "$work/log" "$work/said"
newer=$(id_of "$work/newer" '^{tree}')
choose VIRTIO_SHADOW_XEN_PLACES="$work/nowhere"
if [[ $status -eq 0 && $out == "$newer" ]] && grep -q "nobody has tested" "$work/said" &&
    grep -qx pinned=no "$work/cache/xen-sources/$newer.info"; then
    good "an untested tree to which the series applies"
else
    bad "an untested tree to which the series applies"
fi

# No place has it, and one does not even answer.
serve
printf '%s\n' "git http://127.0.0.1:$port/xen.git" "tarball http://127.0.0.1:1/xen.tar.gz" > "$work/places"
begin=$SECONDS
refuses "no place has it: status 3, and what each answered" 3 "no answer within 2 s" \
    VIRTIO_SHADOW_XEN_PLACES="$work/places" VIRTIO_SHADOW_ANSWER_SECONDS=2
if [[ $((SECONDS - begin)) -le 30 && $(wc -l < "$work/log") -le 24 ]] &&
    grep -qF "http://127.0.0.1:1/xen.tar.gz" "$work/log" &&
    grep -qF "make run XEN_SOURCE=" "$work/log"; then
    good "in one screen, in time, with the command that helps"
else
    bad "in one screen, in time, with the command that helps"
fi

# A kept tree that was damaged is not used.
choose XEN_SOURCE="$work/xen"
store=$work/cache/xen-sources/$tree.tar.gz
cp "$work/files/tampered.tar.gz" "$store"
rm -rf "$work/copy"
mkdir "$work/copy"
if ! VIRTIO_SHADOW_CACHE=$work/cache bash -c 'source "$1/testbed/lib/common.sh"
    source "$1/testbed/lib/xen-content.sh"
    unpack_kept "$2" "$3"' unpack "$real" "$tree" "$work/copy" > "$work/log" 2>&1 && [[ ! -e $store ]]; then
    good "a kept tree that was damaged"
else
    bad "a kept tree that was damaged"
fi

# What scripts read: the last line of a suite, and the summary of a run.
printf '%s\n' "1 passed, 2 failed" "30 passed, 4 failed, 5 skipped" "done" > "$work/log"
if read_count "$work/log" && [[ "$PASSED $FAILED $SKIPPED" == "30 4 5" ]]; then
    good "a count with what was skipped"
else
    bad "a count with what was skipped"
fi
mkdir -p "$work/run/results"
echo "ok a: b" > "$work/run/results/checks"
printf '%s\n' requests=12 'name=a "b"' > "$work/run/results/values"
printf '%s\n' xen_release=4.20 > "$work/run/about"
printf '{\n    "qemu": "7.2"\n  }\n' > "$work/run/versions.json"
if "$real/testbed/summary.sh" "$work/run" > "$work/log" 2>&1 && python3 - "$work/run/summary.json" \
    >> "$work/log" 2>&1 << 'END'; then
import json, sys
assert json.load(open(sys.argv[1])) == {
    "xen_release": "4.20", "requests": 12, "name": 'a "b"', "versions": {"qemu": "7.2"},
    "checks_passed": 1, "checks_failed": 0}
END
    good "the summary of a run"
else
    bad "the summary of a run"
fi

# The report of the benchmarks, a test each.
python3 "$here/bench_test.py" > "$work/log" 2>&1 || true
passed=$((passed + $(grep -c '^test_.* \.\.\. ok$' "$work/log" || true)))
if [[ $(tail -n 1 "$work/log") == OK ]]; then
    sed -n 's/^\(test_[a-z0-9_]*\) .* ok$/  ok    \1/p' "$work/log"
else
    bad "the report of the benchmarks (tests/testbed/bench_test.py)"
fi

print_count "$passed" "$failed" 0
[[ $failed -eq 0 && $passed -gt 0 ]]
