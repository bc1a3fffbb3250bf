#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes settings, and the plans that bench-drive follows in the emulated machine: plan.py FOLDER [quick]

Policies take turns within a workload, so that the ratio of two is between neighbours in time, and
the order turns from round to round, so that none is always the first after a change of workload.
"""

import itertools
import pathlib
import sys

POLICIES = ["trusted", "grant", "copy", "hybrid", "swiotlb", "xen-grant-dma", "pv", "pv-persistent"]
SIZES = ["4k", "16k", "64k", "128k", "1m"]
PATTERNS = ["randread", "randwrite", "read", "write"]
DEPTHS = [1, 32]
RAM_DISK_MIB = 64
BYTES = {"4k": 4096, "16k": 16384, "64k": 65536, "128k": 131072, "1m": 1048576}


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def block(rounds, milliseconds, workloads):
    """Lines for fio on the disks DEVICE-POLICY: ID, domains, seconds, command."""
    for number in range(1, rounds + 1):
        # What a run of the program costs that does next to nothing.
        for policy in POLICIES:
            command = f"/mnt/bench-fio ram-{policy} randread 4k 1 1 1"
            yield "\t".join([f"{policy} startup {number}", "guest", "30", command])
        for index, (device, pattern, size, depth) in enumerate(workloads):
            prefix = "" if device == "ram" else f"{device}-"
            name = f"{prefix}{pattern}-{size}-qd{depth}"
            for policy in rotated(POLICIES, number + index):
                command = f"/mnt/bench-fio {device}-{policy} {pattern} {size} {depth} {milliseconds}"
                if number == 1:
                    yield counters(policy, name, "before")
                yield "\t".join([f"{policy} {name} {number}", "guest", "30", command])
                if number == 1:
                    yield counters(policy, name, "after")


def counters(policy, name, when):
    return "\t".join([f"{policy} {name} {when}", "dom0", "10", "xl virtio-shadow-list -j guest"])


def net(rounds, milliseconds):
    """Lines for the network: a stream each way, and requests and responses of 64 bytes."""
    for number in range(1, rounds + 1):
        for index, what in enumerate(["send", "receive", "rr"]):
            for policy in rotated(POLICIES, number + index):
                name = f"net-{what}"
                if number == 1:
                    yield counters(policy, name, "before")
                command = f"/mnt/bench-net @MAC-{policy}@ @HOST-{policy}@ {what} {milliseconds}"
                yield "\t".join([f"{policy} {name} {number}", "guest", "30", command])
                if number == 1:
                    yield counters(policy, name, "after")


def counted(requests, workloads):
    """Lines for bench-io on the null devices, each between counters."""
    yield "\t".join(["idle idle 1", "guest", "30", "/mnt/bench-io -m -s 1000 none"])
    for pattern, size, depth in workloads:
        name = f"null-{pattern}-{size}-qd{depth}"
        options = "-r " + ("-w " if "write" in pattern else "")
        number = max(requests // (16 if size == "1m" else 1), depth)
        for policy in POLICIES:
            command = (f"/mnt/bench-io -m {options}-b {BYTES[size]} -q {depth} -n {number} "
                       f"/dev/bench/null-{policy}")
            yield counters(policy, name, "before")
            yield "\t".join([f"{policy} {name} 1", "guest", "60", command])
            yield counters(policy, name, "after")


def scaled(requests, memory, devices, queues, guests, pages):
    """Lines for bench-io in the guests of the scaling scenario: the size is in the ID."""
    def line(what, number, guest, options, disks="/dev/bench/1", marks=True, when="1"):
        command = f"/mnt/bench-io {'-m ' if marks else ''}-r -q 4 {options} {disks}"
        return "\t".join([f"@POLICY@ {what}-{number} {when}", guest, "60", command])

    def mark(what, number, when):
        return "\t".join([f"@POLICY@ {what}-{number} {when}", f"m{memory[0]}", "60",
                          "/mnt/bench-io -m -s 1 none"])

    for number in memory:
        yield line("memory", number, f"m{number}", f"-n {requests}")
    for number in devices:
        disks = " ".join(f"/dev/bench/{i + 1}" for i in range(number))
        yield line("devices", number, "many", f"-n {requests}", disks)
    for number in queues:
        yield line("queues", number, "queues", f"-t {number} -n {requests}")
    for number in pages:
        yield line("table", number, f"m{memory[0]}", f"-b {number * 4096} -n {requests // 2}")
    for number in guests:
        yield mark("guests", number, "begin")
        names = ",".join(f"m{mib}" for mib in memory[:number])
        yield line("guests", number, names, f"-n {requests}", marks=False, when="between")
        yield mark("guests", number, "end")


def main():
    folder = pathlib.Path(sys.argv[1])
    quick = sys.argv[2:] == ["quick"]
    everything = [("ram", *rest) for rest in itertools.product(PATTERNS, SIZES, DEPTHS)]
    null = [("null", *rest) for rest in itertools.product(["randread", "randwrite"],
                                                          ["4k", "64k", "1m"], DEPTHS)]
    if quick:
        cells = [("ram", "randread", "4k", 32), ("ram", "write", "64k", 1),
                 ("null", "randread", "4k", 32)]
        memory, devices, queues = [256, 512], [1, 2], [1, 2]
        plans = {
            "block": block(1, 200, cells),
            "net": net(1, 0),
            "counts": counted(64, [("randread", "4k", 32)]),
            "scaling": scaled(64, memory, devices, queues, [1, 2], [1, 16]),
        }
    else:
        memory, devices, queues = [256, 512, 1024, 2048], [1, 2, 4, 8, 16, 32], [1, 2, 4, 8]
        plans = {
            "block": block(3, 400, everything + null),
            "net": net(3, 1000),
            "counts": counted(800, itertools.product(["randread", "randwrite"],
                                                     ["4k", "64k", "1m"], DEPTHS)),
            "scaling": scaled(800, memory, devices, queues, [1, 2, 3, 4],
                              [1, 2, 4, 8, 16, 32, 64, 120]),
        }
    for name, lines in plans.items():
        (folder / name).write_text("".join(line + "\n" for line in lines))
    settings = {"POLICIES": " ".join(POLICIES), "RAM_DISK_MIB": RAM_DISK_MIB,
                "SCALING_MEMORY": " ".join(map(str, memory)), "SCALING_DEVICES": devices[-1],
                "SCALING_QUEUES": queues[-1]}
    (folder / "settings").write_text("".join(f'{k}="{v}"\n' for k, v in settings.items()))


if __name__ == "__main__":
    main()
