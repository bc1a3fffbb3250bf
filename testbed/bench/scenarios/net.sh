# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The network under every policy, an interface each, in one guest. Behind each mediated interface is a
# stock passt in the backend VM.
. /testbed/dom0/lib.sh
. /testbed/dom0/mediated.sh
. /testbed/bench/lib.sh

GATEWAY=169.254.2.2

# mac_of N: of the guest's network device with that number.
mac_of() {
    xenstore-read "/libxl/$(domid guest)/device/virtio/$1/mac"
}

pin_dom0
check "backend VM is up" bench_backend 512 || exit 1
check "it serves PV devices" alt_backend_start backend
guest_run backend 10 "ip link set lo up; iperf3 -s >/run/iperf3.log 2>&1 & \
    /mnt/bench-rr server 5202 >/run/rr.log 2>&1 &"
policies=
devices=
# shellcheck disable=SC2153  # settings
for policy in $POLICIES; do
    if ! policy_known "$policy" net; then
        skip "$policy" "there are no networks of that kind here"
        continue
    fi
    policies="$policies $policy"
    case $policy in
        pv) ;;
        *)
            key=$policy
            [ "$policy" != swiotlb ] || key=pool
            devices="$devices${devices:+, }'backend=backend, type=virtio,device1, transport=mmio, \
shadow=on, shadow_queues=2, shadow_policy=$key'"
            ;;
    esac
done
config=$(write_config guest "$TRIMMED" "$GUEST_MIB" 1 "root=/dev/xvda1 rw" "$(pv_disk guest1 xvda rw)" \
    "$(pv_disk bench xvdb ro)")
echo "virtio = [ $devices ]
cpus = \"$PIN_GUEST\"" >>"$config"
check "guest is created" create "$config" || exit 1
check "guest is up" wait_up guest 60 || exit 1
check "programs are there" guest_run guest 20 "mount -t ext4 -o ro /dev/xvdb /mnt"
# The plan has MAC-POLICY and HOST-POLICY for what is known only now.
n=0
sed_script=
for policy in $policies; do
    case $policy in
        pv)
            check "PV interface" alt_net_attach backend guest || lose pv "it could not be attached"
            mac=00:16:3e:77:00:02
            host=$ALT_NET_HOST
            ;;
        *)
            mac=$(mac_of "$n")
            host=$GATEWAY
            n=$((n + 1))
            ;;
    esac
    sed_script="$sed_script;s/@MAC-$policy@/$mac/;s/@HOST-$policy@/$host/"
done
plan
check "backend VM is at rest" guest_run backend 90 /mnt/bench-rest
sed -i "${sed_script#;}" /run/testbed/plan
check "all workloads ran" drive guest backend
check "no device failed" [ "$(shadow_sum guest failures)" -eq 0 ]
check "Xen is alive" xen_alive
exit 0
