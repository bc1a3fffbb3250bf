# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What xl refuses, with a line that says what and where; nothing stays behind.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1
domains=$(xl list | wc -l)
nodes=$(xenstore-ls / | wc -l)

nothing_left() {
    [ "$(xl list | wc -l)" -eq "$domains" ] && [ "$(xenstore-ls / | wc -l)" -le "$nodes" ]
}

# refused NAME PATTERN DISK...: creation fails, says something that matches, and leaves nothing.
refused() {
    _what=$1
    _pattern=$2
    shift 2
    if create "$(write_config refused "$TRIMMED" 128 1 "root=/dev/vda1" "$@")"; then
        not_ok "$_what is refused" "it was created"
        destroy refused
        return
    fi
    check "$_what is refused with a reason" grep -qE -- "$_pattern" /run/testbed/xl.out
    check "$_what leaves nothing behind" wait_until 20 nothing_left
}

good=$(mediated_disk backend xvda /dev/xvdb)
with() {
    echo "$good" | sed "s|shadow=on|shadow=on,$1|"
}

refused "a wrong value of shadow" "shadow" "$(echo "$good" | sed 's/shadow=on/shadow=maybe/')"
refused "shadow with grant_usage" "grant_usage" "$(with grant_usage=1)"
refused "a policy that does not exist" "shadow_policy" "$(with shadow_policy=nonsense)"
refused "tables in place where buffers are copied" "shadow_policy=grant" \
    "$(with shadow_indirect=remap)"
refused "a threshold for a policy without" "shadow_threshold" \
    "$(with shadow_policy=copy,shadow_threshold=4096)"
refused "zeroing where Xen knows of no buffers" "shadow_scrub=on is not possible" \
    "$(with shadow_policy=trusted,shadow_scrub=on)"
refused "zeroing of a disk that is not mediated" "shadow_scrub needs shadow=on" \
    "$(echo "$good" | sed 's/shadow=on/shadow_scrub=on/')"
refused "a threshold that is too large" "shadow_threshold" "$(with shadow_threshold=1048577)"
refused "a pool without its policy" "shadow_pool_size" "$(with shadow_pool_size=8)"
refused "a pool that the guest has no memory for" "shadow_pool_size" \
    "$(with shadow_policy=pool,shadow_pool_size=512)"
refused "no queues" "shadow_queues" "$(with shadow_queues=0)"
refused "too many queues" "shadow_queues" "$(with shadow_queues=9)"
refused "a queue size that is no power of two" "shadow_queue_size" "$(with shadow_queue_size=100)"
refused "a backend that does not exist" "nowhere" "$(mediated_disk nowhere xvda /dev/xvdb)"
refused "shadow without virtio" "shadow" \
    "'format=raw,vdev=xvda,access=rw,backend=backend,shadow=on,target=/dev/xvdb'"

config=$(write_config plain "$TRIMMED" 128 1 "root=/dev/vda1 ro" "$good")
check "a guest with a mediated disk is created" create "$config" || exit 1
# Xen on Arm cannot save any domain; xl says so before libxl could.
check "saving it is refused" sh -c "! xl save plain /run/plain.save"
check "the guest is still there" xl list plain
check "a program without a device gets a reason" \
    sh -c "! xl virtio-shadow-revoke plain 7 2>/run/testbed/revoke.out && [ -s /run/testbed/revoke.out ]"
check "Xen is alive" xen_alive
exit 0
