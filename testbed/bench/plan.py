#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the plans that bench-drive follows in the emulated machine: plan.py FOLDER [quick]

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
BYTES = {"4k": 4096, "16k": 16384, "64k": 65536, "128k": 131072, "1m": 1048576}


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def block(rounds, milliseconds, workloads):
    """Lines for fio on the disks DEVICE-POLICY: ID, domains, seconds, command."""
    for number in range(1, rounds + 1):
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


def main():
    folder = pathlib.Path(sys.argv[1])
    quick = sys.argv[2:] == ["quick"]
    everything = [("ram", *rest) for rest in itertools.product(PATTERNS, SIZES, DEPTHS)]
    null = [("null", *rest) for rest in itertools.product(["randread", "randwrite"],
                                                          ["4k", "64k", "1m"], DEPTHS)]
    if quick:
        cells = [("ram", "randread", "4k", 32), ("ram", "write", "64k", 1), ("null", "randread", "4k", 32)]
        plans = {
            "block": block(1, 200, cells),
            "counts": counted(64, [("randread", "4k", 32)]),
        }
    else:
        plans = {
            "block": block(3, 600, everything + null),
            "counts": counted(800, itertools.product(["randread", "randwrite"], ["4k", "64k", "1m"],
                                                     DEPTHS)),
        }
    for name, lines in plans.items():
        (folder / name).write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
