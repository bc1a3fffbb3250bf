# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the header of a scenario says, for the host:
#   # xen: ARGUMENTS       more arguments for Xen
#   # seconds: N           how long it may take on an idle host (default 180)
#   # machine: multi|both  where it runs (default: repeat, see boot.sh)
#   # unsettled: WHY       it fails, or has not been seen to pass

# A boot ends by itself, or hangs: the limit is for that. A busy host takes several times longer.
PATIENCE=${VIRTIO_SHADOW_PATIENCE:-4}

# scenario_header FILE KEY
scenario_header() {
    sed -n "s/^# $2: //p" "$1" | head -n 1
}

# scenario_seconds FILE
scenario_seconds() {
    local seconds
    seconds=$(scenario_header "$1" seconds)
    echo "${seconds:-180}"
}

# scenario_limit FILE...: after so many seconds a boot that runs these hangs.
scenario_limit() {
    local file limit=60
    for file; do
        limit=$((limit + $(scenario_seconds "$file")))
    done
    echo $((limit * PATIENCE))
}
