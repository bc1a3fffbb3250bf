# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Tests that run beside each other.

# run_jobs NR FUNCTION ARGUMENT...: the function with each of the arguments, NR at a time, then one
# line: N passed, N failed. Fails unless all of them, and at least one, have passed.
run_jobs()
{
    local nr=$1 function=$2 argument passed=0 failed=0 running=0
    shift 2

    for argument in "$@"; do
        [ "$running" -lt "$nr" ] || reap_job
        "$function" "$argument" &
        running=$((running + 1))
    done
    while [ "$running" -gt 0 ]; do
        reap_job
    done

    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# Counts for run_jobs.
reap_job()
{
    if wait -n; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    running=$((running - 1))
}
