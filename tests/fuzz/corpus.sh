#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A corpus is kept as one archive for each fuzzer, corpus/NAME.tar.gz. The same inputs always make the
# same archive: their names are sorted, and it holds no time and no owner.
#
#   corpus.sh pack DIR ARCHIVE       makes ARCHIVE of the files in DIR
#   corpus.sh unpack ARCHIVE DIR     makes DIR anew, with the files in ARCHIVE and nothing else
#   corpus.sh check ARCHIVE...       fails, and says why, unless pack would make each as it is
set -euo pipefail

# tar_of DIR: to the standard output.
tar_of()
{
    find "$1" -mindepth 1 -maxdepth 1 -type f -printf '%f\n' | LC_ALL=C sort |
        tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=644 --mtime=@0 \
            --no-recursion --verbatim-files-from -C "$1" -cf - -T -
}

# The archive appears whole, or not at all: so does the folder.
pack()
{
    tar_of "$1" | gzip -9 -n > "$2.new"
    mv "$2.new" "$2"
}

unpack()
{
    rm -rf "$2" "$2.new"
    mkdir -p "$2.new"
    tar -xzf "$1" -C "$2.new"
    mv "$2.new" "$2"
}

# Compares what gzip has packed, as another gzip may pack it otherwise.
check()
{
    local archive dir bad=0
    dir=$(mktemp -d)
    for archive; do
        unpack "$archive" "$dir/inputs"
        if [ -z "$(ls -A "$dir/inputs")" ]; then
            echo "$archive has no inputs: make -C tests/fuzz merge"
            bad=1
        elif ! cmp -s <(tar_of "$dir/inputs") <(gzip -dc "$archive"); then
            echo "$archive is not as corpus.sh packs it: make -C tests/fuzz merge"
            bad=1
        fi
    done
    rm -rf "$dir"
    return "$bad"
}

case ${1:-} in
pack | unpack | check) "$@" ;;
*)
    echo "usage: $0 pack DIR ARCHIVE | unpack ARCHIVE DIR | check ARCHIVE..." >&2
    exit 2
    ;;
esac
