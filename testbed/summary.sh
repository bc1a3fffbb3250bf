#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Turns what a scenario recorded (results/values: KEY=VALUE, results/checks) and what is known of the
# run (about: KEY=VALUE, versions.json; either may be missing) into OUTDIR/summary.json and a printed
# summary. Fails when a check failed or none was made: summary.sh OUTDIR
set -euo pipefail

out=$1
values=$out/results/values
checks=$out/results/checks
for file in "$values" "$checks"; do
    [[ -f $file ]] || : >"$file" 2>/dev/null ||
        { echo "summary.sh: $out/results is missing: the machine wrote no results" >&2; exit 1; }
done
about=()
[[ ! -f $out/about ]] || about=("$out/about")
passed=$(grep -c '^ok ' "$checks" || true)
failed=$(grep -c '^not ok ' "$checks" || true)

awk -v passed="$passed" -v failed="$failed" -v versions="$out/versions.json" '
    function json(v, key) {
        if (key !~ /^(xen_release|xen_tree)$/ && v ~ /^(-?[0-9]+(\.[0-9]+)?|true|false)$/)
            return v
        gsub(/\\/, "\\\\", v)
        gsub(/"/, "\\\"", v)
        gsub(/[\001-\037]/, " ", v)
        return "\"" v "\""
    }
    {
        key = substr($0, 1, index($0, "=") - 1)
        if (!(key in value))
            order[n++] = key
        value[key] = substr($0, index($0, "=") + 1)
    }
    END {
        print "{"
        for (i = 0; i < n; i++)
            printf "  \"%s\": %s,\n", order[i], json(value[order[i]], order[i])
        if ((getline line <versions) > 0) {
            printf "  \"versions\": %s", line
            while ((getline line <versions) > 0)
                printf "\n%s", line
            print ","
        }
        printf "  \"checks_passed\": %d,\n  \"checks_failed\": %d\n}\n", passed, failed
    }' "${about[@]}" "$values" >"$out/summary.json"

echo
sed -n 's/^  "\([^"]*\)": \(.*[^,{]\),\{0,1\}$/\1 \2/p' "$out/summary.json" |
    awk '{ printf "  %-22s %s\n", $1, substr($0, length($1) + 2) }'
grep '^not ok ' "$checks" || true
echo
[[ $failed -eq 0 && $passed -gt 0 ]]
