#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes settings, and the plans that bench-drive follows in the emulated machine:
plan.py FOLDER SIZE

SIZE is full, brief (all that a full run does, once and for next to no time) or quick (a little of
it).

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

# How long each part may take, in seconds, whatever happens.
LIMITS = {"full": {"block": 1300, "net": 240, "counts": 400, "scaling": 440, "bounds": 900},
          "brief": {"block": 900, "net": 300, "counts": 420, "scaling": 480, "bounds": 600},
          "quick": {"block": 400, "net": 300, "counts": 300, "scaling": 400, "bounds": 200}}


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def in_domain(policy, workload, number, domain, seconds, command):
    """A line for a program in a domain, which is stopped there: dom0 could only give it up."""
    return "\t".join([f"{policy} {workload} {number}", domain, str(seconds + 15),
                      f"timeout -s KILL {seconds} {command}"])


def in_dom0(policy, workload, number, command):
    return "\t".join([f"{policy} {workload} {number}", "dom0", "10", command])


def counters(workload, when):
    return in_dom0("all", workload, when, "xl virtio-shadow-list -j guest")


def micro():
    """Xen measures its own parts, on a device that is at rest."""
    for number in (1, 2, 3):
        yield in_dom0("xen", "micro", number, "sh /testbed/bench/micro.sh")


def one_workload(workload, number, policies, command_of):
    """A run under each policy; in the first round between readings of Xen's counters."""
    if number == 1:
        yield counters(workload, "before")
    for policy in policies:
        yield in_domain(policy, workload, number, "guest", 30, command_of(policy))
    if number == 1:
        yield counters(workload, "after")


def block(rounds, milliseconds, ramp, workloads):
    """Lines for fio on the disks DEVICE-POLICY: ID, domains, seconds, command."""
    yield from micro()
    for number in range(1, rounds + 1):
        # What a run of the program costs that does next to nothing.
        for policy in POLICIES:
            command = f"/mnt/bench-fio ram-{policy} randread 4k 1 1 1"
            yield in_domain(policy, "startup", number, "guest", 30, command)
        for index, (device, pattern, size, depth) in enumerate(workloads):
            prefix = "" if device == "ram" else f"{device}-"
            options = f"{pattern} {size} {depth} {milliseconds} {ramp}"
            yield from one_workload(f"{prefix}{pattern}-{size}-qd{depth}", number,
                                    rotated(POLICIES, number + index),
                                    lambda p, d=device, o=options: f"/mnt/bench-fio {d}-{p} {o}")


def net(rounds, milliseconds):
    """Lines for the network: a stream each way, and requests and responses of 64 bytes."""
    for number in range(1, rounds + 1):
        for index, what in enumerate(["send", "receive", "rr"]):
            yield from one_workload(
                f"net-{what}", number, rotated(POLICIES, number + index),
                lambda p, w=what: f"/mnt/bench-net @MAC-{p}@ @HOST-{p}@ {w} {milliseconds}")


def counted(requests, workloads):
    """Lines for bench-io on the null devices."""
    yield in_domain("idle", "idle", 1, "guest", 30, "/mnt/bench-io -m -s 1000 none")
    for pattern, size, depth in workloads:
        number = max(requests // (16 if size == "1m" else 1), depth)
        options = (f"-m -r {'-w ' if 'write' in pattern else ''}-b {BYTES[size]} -q {depth} "
                   f"-n {number}")
        yield from one_workload(f"null-{pattern}-{size}-qd{depth}", 1, POLICIES,
                                lambda p, o=options: f"/mnt/bench-io {o} /dev/bench/null-{p}")


# What bench-known executes, between marks, in the guest and in the backend VM.
KNOWN = [("user", 4000000), ("kernel", 20000), ("xen", 2000)]
LAYOUTS = ["contiguous", "scattered"]
# Boots for the bounds: with long time slices of the emulator's, and with short ones; two of each.
BOUND_BOOTS = [f"bounds-{slice}-{boot}" for boot in (1, 2) for slice in ("coarse", "fine")]


def known():
    """Lines for what is known, to see that it is counted."""
    for domain in ("guest", "backend"):
        for what, number in KNOWN:
            yield in_domain("known", f"{what}-{domain}", 1, domain, 30,
                            f"/run/ram/bench-known {what} {number}")


def bounded(requests, policies, cells):
    """Lines for bench-io with buffers whose pages are known."""
    yield from known()
    for device, pattern, size, depth in cells:
        number = max(requests // {"4k": 1, "64k": 4, "1m": 16}[size], 2 * depth)
        for layout in LAYOUTS:
            options = (f"-m -r {'-w ' if 'write' in pattern else ''}-b {BYTES[size]} -q {depth} "
                       f"-n {number} -l {layout} -f /run/ram/buffers")
            yield from one_workload(
                f"{device}-{pattern}-{size}-qd{depth}-{layout}", 1, policies,
                lambda p, o=options, d=device: f"/run/ram/bench-io {o} /dev/bench/{d}-{p}")


def scaled(rounds, requests, sizes):
    """Lines for bench-io in the guests of the scaling scenario, with the default policy."""
    for number in range(1, rounds + 1):
        yield from scaled_once(number, requests, *sizes)


def scaled_once(turn, requests, memory, devices, queues, guests, pages):
    def line(what, number, guest, options, disks="/dev/bench/1", depth=1, marks="-m "):
        return in_domain("hybrid", f"{what}-{number}", turn, guest, 60,
                         f"/mnt/bench-io {marks}-r -q {depth} {options} {disks}")

    first = f"m{memory[0]}"
    for number in memory:
        yield line("memory", number, f"m{number}", f"-n {requests}")
    for number in pages:
        yield line("table", number, first, f"-b {number * 4096} -n {requests // 2}")
    for number in guests:
        # Programs that run at the same time do not mark: what they are counted by are the lines.
        names = ",".join(f"m{mib}" for mib in memory[:number])
        yield line("guests", number, names, f"-n {requests}", depth=4, marks="")
    # One request at a time, of the devices in turn: what more devices share is less for each.
    for number in devices:
        disks = " ".join(f"/dev/bench/{i + 1}" for i in range(number))
        yield line("devices", number, "many", f"-n {requests}", disks)
    for number in queues:
        yield line("queues", number, "queues", f"-t {number} -n {requests}", depth=4)


def plans_of(size):
    """Plans by name, and what the scenarios have to know."""
    everything = [("ram", *rest) for rest in itertools.product(PATTERNS, SIZES, DEPTHS)]
    null = [("null", *rest) for rest in itertools.product(["randread", "randwrite"],
                                                          ["4k", "64k"], DEPTHS)]
    # The small ones first: they are what most targets are about.
    counts = [(pattern, size, depth) for size in ["4k", "64k", "1m"]
              for pattern in ["randread", "randwrite"] for depth in DEPTHS]
    bounds = [(device, pattern, size, depth) for size in ["4k", "64k", "1m"]
              for device in ["ram", "null"] for pattern in ["randread", "randwrite"]
              for depth in DEPTHS]
    bounds_policies = POLICIES
    if size == "quick":
        bounds, bounds_policies = [("ram", "randread", "4k", 32)], ["trusted", "hybrid"]
        cells = [("ram", "randread", "4k", 32), ("ram", "write", "64k", 1),
                 ("null", "randread", "4k", 32)]
        memory, devices, queues = [256, 512], [1, 2], [1, 2]
        plans = {
            "block": block(1, 200, 100, cells),
            "net": net(1, 0),
            "counts": counted(64, [("randread", "4k", 32)]),
            "scaling": scaled(1, 64, [memory, devices, queues, [1, 2], [1, 16]]),
        }
    else:
        full = size == "full"
        memory, devices, queues = [256, 512, 1024, 2048], [1, 2, 4, 8, 16, 32], [1, 2, 4, 8]
        plans = {
            "block": block(3, 400, 100, everything + null) if full else
                     block(1, 50, 10, everything + null),
            "net": net(6, 1000) if full else net(1, 0),
            "counts": counted(1600 if full else 64, counts),
            "scaling": scaled(2 if full else 1, 800 if full else 64,
                              [memory, devices, queues, [1, 2, 3, 4],
                               [1, 2, 4, 8, 16, 32, 64, 120]]),
        }
    few = {"full": 800, "brief": 64, "quick": 128}[size]
    for name in ["bounds-fine-1"] if size == "quick" else BOUND_BOOTS:
        plans[name] = bounded(few, bounds_policies, bounds)
    # Each boot fills one with random numbers, which takes longer than a quick run's requests.
    ram_disk = RAM_DISK_MIB // 4 if size == "quick" else RAM_DISK_MIB
    settings = {"POLICIES": " ".join(POLICIES), "RAM_DISK_MIB": ram_disk,
                "SCALING_MEMORY": " ".join(map(str, memory)), "SCALING_DEVICES": devices[-1],
                "SCALING_QUEUES": queues[-1],
                "BOUNDS_POLICIES": " ".join(bounds_policies),
                "BOUNDS_DEVICES": " ".join(dict.fromkeys(cell[0] for cell in bounds))}
    return {name: list(lines) for name, lines in plans.items()}, settings


def main():
    folder, size = pathlib.Path(sys.argv[1]), sys.argv[2]
    plans, settings = plans_of(size)
    for name, lines in plans.items():
        (folder / name).write_text("".join(line + "\n" for line in lines))
        (folder / f"{name}.limit").write_text(f"{LIMITS[size][name.split('-')[0]]}\n")
    (folder / "settings").write_text("".join(f'{k}="{v}"\n' for k, v in settings.items()))


if __name__ == "__main__":
    main()
