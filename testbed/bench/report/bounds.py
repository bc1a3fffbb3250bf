# SPDX-License-Identifier: MIT
"""What a request costs at least: instructions by CPU and mode, from boots whose counter tells them
apart (bounds.sh).

The guest has CPU 1, the backend VM has CPU 0. With many requests under way the CPU that has more to
do is the limit, the other goes on beside it; with one at a time all of it comes one after the other.
"""

import collections
import statistics

from cells import Part, per_request, planned
from counts import counted, requests_of
from records import MODES, boots_of, lines_of, parse_pairs

SLICES = ("coarse", "fine")
LAYOUTS = ("contiguous", "scattered")
# Where bench-known runs, and what of it the CPU has to have been counted for.
CPU_OF = {"backend": 0, "guest": 1}
INSTRUCTIONS_PER_TICK = 4   # -icount shift=2, a counter of 62.5 MHz
CALL_IN_USER = 4            # bench-known.c, in_kernel
REPEATS = 0.02


def depth_of(workload):
    return int(workload.rsplit("-qd", 1)[1])


def bound_of(by_cpu, depth):
    """Of the sums of both CPUs."""
    sums = [sum(modes.values()) for modes in by_cpu]
    return max(sums) if depth > 1 else sum(sums)


def work_by_cpu(interval, symbols):
    """Instructions by mode for each CPU, without Xen's waiting for locks: how long that is depends on
    where the emulator has one CPU stop, and the other go on."""
    result = []
    for cpu, modes in enumerate(interval.cpus):
        _, waiting = symbols.profile(interval, cpu)
        result.append({**modes, "xen": modes["xen"] - waiting})
    return result


class Sample:
    """One cell in one boot."""

    def __init__(self, run, interval, symbols):
        requests = requests_of(run)
        self.requests = requests
        self.by_cpu = [{mode: modes[mode] / requests for mode in MODES}
                       for modes in work_by_cpu(interval, symbols)]
        self.bound = bound_of(self.by_cpu, depth_of(run.workload.rsplit("-", 1)[0]))
        total = sum(sum(modes.values()) for modes in interval.cpus)
        self.slice = total / (interval.counts["switches"] + 1)
        self.layout = parse_pairs(run.text("guest"), "layout") or {}


def sound(interval):
    """Both CPUs were told apart, and nothing was at an address that is another's."""
    return len(interval.cpus) == 2 and not interval.counts.get("misplaced")


def read_bounds(folder):
    """The list for results.json, what is missing, and how what is known was counted."""
    samples = collections.defaultdict(list)
    counters, failed, known = {}, [], []
    for path in sorted(folder.glob("bounds-*-*")):
        slice_name = path.name.split("-")[1]
        boots = boots_of(path)
        part = Part(boots, lambda r: parse_pairs(r.text(next(iter(r.status))), "known")
                    if r.policy == "known" else requests_of(r) or None)
        intervals = counted(boots)
        for key in planned(lines_of(path / "plan")):
            policy, workload, number = key
            interval, symbols = intervals.get(key, (None, None))
            if policy == "known":
                known.append(known_of(path.name, workload, part.values.get(key), interval))
            elif interval and key in part.values and sound(interval):
                name, layout = workload.rsplit("-", 1)
                samples[name, layout, slice_name, policy].append(
                    Sample(part.runs[key], interval, symbols))
                if (policy, workload) in part.counters:
                    counters[name, layout, slice_name, policy] = part.counters[policy, workload]
            elif policy not in part.skipped:
                why = "its marks are not there" if key in part.values else part.reason(key)
                failed.append({"workload": f"{workload} ({path.name})", "policy": policy,
                               "round": number, "why": why})
    return entries(samples, counters), failed, known


def entries(samples, counters):
    result = []
    for key, boots in samples.items():
        workload, layout, slice_name, policy = key
        by_cpu = [{mode: statistics.mean(s.by_cpu[cpu][mode] for s in boots) for mode in MODES}
                  for cpu in (0, 1)]
        bounds = [s.bound for s in boots]
        bound = bound_of(by_cpu, depth_of(workload))
        entry = {
            "workload": workload, "layout": layout, "slice": slice_name, "policy": policy,
            "cpu0": round(sum(by_cpu[0].values())), "cpu1": round(sum(by_cpu[1].values())),
            **{mode: round(sum(modes[mode] for modes in by_cpu)) for mode in MODES},
            "bound": round(bound), "ratio_to_trusted": None,
            "spread": round((max(bounds) - min(bounds)) / min(bounds), 4) if len(boots) > 1 else None,
            "boots": len(boots), "requests": boots[0].requests,
            "by_cpu": [{mode: round(modes[mode]) for mode in MODES} for modes in by_cpu],
            "instructions_per_slice": round(statistics.mean(s.slice for s in boots)),
            "runs_per_buffer": boots[0].layout.get("runs"),
            "frames": sorted({s.layout.get("frames") for s in boots}),
        }
        if key in counters and counters[key].get("returned"):
            entry["per_request"] = per_request(counters[key])
        result.append(entry)
    trusted = {(e["workload"], e["layout"], e["slice"]): e["bound"] for e in result
               if e["policy"] == "trusted"}
    for e in result:
        base = trusted.get((e["workload"], e["layout"], e["slice"]))
        e["ratio_to_trusted"] = round(base / e["bound"], 3) if base else None
    return result


def known_of(boot, workload, said, interval):
    """Whether what bench-known did was counted, all of it, where it was done, and as what."""
    what, domain = workload.split("-")
    wrong = "it did not run, or has no marks" if not said or not interval or not sound(interval) \
        else wrong_with(what, CPU_OF[domain], said["number"], said["ticks"], interval)
    return {"boot": boot, "what": what, "domain": domain, "wrong": wrong,
            "number": said and said["number"],
            "by_cpu": interval.cpus if interval else []}


def wrong_with(what, cpu, number, ticks, interval):
    mine, other = interval.cpus[cpu], interval.cpus[1 - cpu]
    total = sum(mine.values()) + sum(other.values())
    # The marks are a few instructions away from the readings of the clock.
    if abs(total - ticks * INSTRUCTIONS_PER_TICK) > 200:
        return f"{total} instructions were counted, and by the clock it is " \
               f"{ticks * INSTRUCTIONS_PER_TICK}"
    in_user = {"user": number, "kernel": number * CALL_IN_USER}.get(what, 0)
    if in_user and not in_user <= mine["user"] <= in_user * 1.05 + 2000:
        return f"{mine['user']} instructions of programs on CPU {cpu}, of {in_user}"
    if what == "kernel" and not 20 * number <= mine["kernel"] <= 1000 * number:
        return f"{mine['kernel']} instructions of the kernel on CPU {cpu} for {number} calls"
    # Xen's code is the same for both CPUs; a counter that mixes them up shows it here.
    if what == "xen" and mine["xen"] < 200 * number:
        return f"{mine['xen']} instructions of Xen on CPU {cpu} for {number} hypercalls"
    if sum(other.values()) > sum(mine.values()) / 4:
        return f"{sum(other.values())} instructions on CPU {1 - cpu}, which had nothing to do"
    return None
