# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# seconds: 480
# The ways in which buffers reach the backend, one guest after the other: data is right, what was
# taken was given back, and the backend saw as much of the guest as the policy says.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh

MIB=32

# blocks GUEST: requests of all sizes, past the page cache.
blocks() {
    guest_run "$1" 60 "mount /dev/vda2 /mnt && dd if=/dev/urandom of=/tmp/a bs=64k count=64" &&
        guest_run "$1" 60 "dd if=/tmp/a of=/mnt/a bs=4k count=256 oflag=direct" &&
        guest_run "$1" 60 "dd if=/tmp/a of=/mnt/a bs=512k skip=2 seek=2 oflag=direct" &&
        guest_run "$1" 60 "dd if=/mnt/a of=/tmp/b bs=16k count=64 iflag=direct" &&
        guest_run "$1" 60 "dd if=/mnt/a of=/tmp/b bs=1M skip=1 seek=1 count=3 iflag=direct" &&
        guest_run "$1" 60 "sha256sum /tmp/a /tmp/b | cut -d' ' -f1 | uniq | wc -l | grep -qx 1" &&
        guest_run "$1" 60 "rm /mnt/a && umount /mnt"
}

# odd_memory GUEST: requests of 256 KiB from memory that begins in the middle of a page.
odd_memory() {
    guest_run "$1" 20 "mount /dev/vda2 /mnt" || return
    guest_run "$1" 120 "fio --name=odd --filename=/mnt/odd --size=16m --rw=randwrite --bs=256k \
--direct=1 --ioengine=psync --mem=malloc --iomem_align=512 --verify=crc32c --output=/tmp/fio.out"
    _rc=$?
    guest_run "$1" 20 "rm -f /mnt/odd; umount /mnt"
    return "$_rc"
}

# exposure GUEST: bytes that the backend could see per 1000 bytes of requests.
exposure() {
    echo $(($(shadow_sum "$1" bytes_exposed) * 1000 / $(shadow_sum "$1" bytes_requested)))
}

check "backend VM is up" start_backend backend "$(pv_disk guest1 xvdb rw)" || exit 1

for policy in hybrid copy grant trusted; do
    check "$policy: guest is created" create "$(write_config guest "$TRIMMED" 256 1 \
        "root=/dev/vda1 rw" "$(mediated_disk backend xvda /dev/xvdb "shadow_policy=$policy")")" ||
        exit 1
    check "$policy: guest is up" wait_up guest 60 || exit 1
    check "$policy: its root is the virtio disk" \
        guest_run guest 20 '[ "$(root-device)" = /dev/vda1 ]'
    job_start guest "$MIB"
    if [ "$policy" != trusted ]; then
        busy=$(probe backend guest 1)
        echo "$busy"
    fi
    check "$policy: $MIB MiB are equal after unmounting and mounting again" job_finish guest "$MIB"
    check "$policy: blocks of all sizes are equal" blocks guest
    requests=$(shadow_sum guest requests)
    bounces=$(shadow_sum guest bounces)
    check "$policy: blocks from odd memory are equal" odd_memory guest
    guest_run guest 30 sync
    requests=$(($(shadow_sum guest requests) - requests))
    bounces=$(($(shadow_sum guest bounces) - bounces))

    if [ "$policy" = trusted ]; then
        # 256 MiB but for what Xen has put there for itself.
        mapped=$(shadow_sum guest pages_mapped)
        check "$policy: all of the guest is mapped ($mapped pages)" [ "$mapped" -gt 65000 ]
        check "$policy: Xen knows of no requests" [ "$(shadow_sum guest requests)" -eq 0 ]
        check "$policy: nothing was copied" [ "$(shadow_sum guest bytes_copied)" -eq 0 ]
    else
        check "$policy: no page is mapped at rest" wait_until 20 shadow_idle guest
        check_probe_covered "$busy" "$policy"
        check "$policy: as many requests returned as made" \
            [ "$(shadow_sum guest requests)" -eq "$(shadow_sum guest returned)" ]
        check "$policy: as many revokes as grants" \
            [ "$(shadow_sum guest grants)" -eq "$(shadow_sum guest revokes)" ]
        value "exposure_$policy" "$(exposure guest)"
    fi
    case $policy in
        hybrid)
            check "$policy: pages were granted" [ "$(shadow_sum guest grants)" -gt 0 ]
            # Header and status, and both ends.
            check "$policy: ends of odd memory were copied ($bounces copies, $requests requests)" \
                [ $((bounces * 10)) -gt $((requests * 33)) ]
            check "$policy: and something was copied" [ "$(shadow_sum guest bytes_copied)" -gt 0 ]
            ;;
        copy)
            check "$policy: probe read nothing" [ "$(json_number "$busy" readable)" -eq 0 ]
            check "$policy: no page was granted" [ "$(shadow_sum guest grants)" -eq 0 ]
            check "$policy: there was nothing to flush" [ "$(shadow_sum guest flushes)" -eq 0 ]
            check "$policy: all was copied" [ "$(shadow_sum guest bytes_copied)" -gt 0 ]
            ;;
        grant)
            check "$policy: nothing was copied" [ "$(shadow_sum guest bytes_copied)" -eq 0 ]
            # Headers and status bytes, at least, have something next to them.
            check "$policy: the backend saw more than was requested" \
                [ "$(shadow_sum guest bytes_exposed)" -gt "$(shadow_sum guest bytes_requested)" ]
            ;;
    esac
    case $policy in
        hybrid | copy)
            check "$policy: the backend saw the bytes of requests and no others" \
                [ "$(shadow_sum guest bytes_exposed)" -eq "$(shadow_sum guest bytes_requested)" ]
            ;;
    esac
    check "$policy: nothing was rejected" [ "$(shadow_sum guest rejected)" -eq 0 ]
    xl virtio-shadow-list guest
    xl virtio-shadow-list -j guest >"$RESULTS/policy-$policy.json"

    # The next one has to find everything as it was.
    check "$policy: guest shuts down" shut_down guest
done

check "Xen is alive" xen_alive
exit 0
