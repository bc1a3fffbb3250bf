#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every source says its licence in its first line (after #!), and the right one.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# Lists, texts and data have nowhere to say it.
is_source()
{
    case $1 in
    *.patch) return 1 ;;
    *.c | *.h | *.sh | *.awk | *.py | *.pl | Makefile | */Makefile | */Kbuild | *.S | *.dts) ;;
    *.init | *.service | *.[1-9]) ;;
    *) interpreted_by "$1" '.*' ;;
    esac
}

licence_of()
{
    case $1 in
    mediator/* | guest-feature/* | xen-patches/*) echo 'GPL-2.0-only' ;;
    backend-vm/module/*_uapi.h) echo '.*' ;;
    backend-vm/module/*) echo 'GPL-2.0-only' ;;
    *) echo 'MIT' ;;
    esac
}

found=""
while IFS= read -r file; do
    is_source "$file" || continue
    nr=1
    ! interpreted_by "$file" '.*' || nr=2
    line=$(sed -n "${nr}p" "$file")
    [[ $line =~ SPDX-License-Identifier:\ $(licence_of "$file")( |$) ]] ||
        found+="$file:$nr: no SPDX-License-Identifier: $(licence_of "$file")"$'\n'
done < <(files .)

# Files that patches add.
while IFS= read -r patch; do
    found+=$(awk -v patch="$patch" '
        /^--- / { new = $2 == "/dev/null"; first = 0 }
        /^\+\+\+ / { file = $2 }
        /^@@ / { first = 1; next }
        new && first && /^\+/ {
            if (file ~ /\.([ch]|sh|py)$/ && $0 !~ /SPDX-License-Identifier: / && $0 !~ /^\+#!/)
                printf "%s: adds %s without SPDX-License-Identifier\n", patch, file
            first = 0
        }' "$patch")
    [ -z "$found" ] || [ "${found: -1}" = $'\n' ] || found+=$'\n'
done < <(files '*.patch')
verdict "$found"
