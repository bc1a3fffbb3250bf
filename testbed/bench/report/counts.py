# SPDX-License-Identifier: MIT
"""Counted, not timed: what Xen executes per request, from the boot with the emulator's counter."""

from cells import counters_of, per_request
from records import Symbols, parse_pairs, read_marks

PROFILE_LINES = 12


def counted_records(records):
    """The records that made two marks each, in the order in which they made them."""
    return [r for r in records if r.number.isdigit() and not any(r.status.values())]


def read_counts(records, marks, xen_syms):
    """Per workload and policy: instructions and events per request, and where they went."""
    symbols = Symbols(xen_syms)
    runs = counted_records(records)
    intervals = read_marks(marks)
    if len(intervals) != 2 * len(runs):
        raise SystemExit(f"{marks}: {len(intervals)} marks of {len(runs)} programs: each makes two")
    counters = counters_of(records)
    results = []
    idle = None
    for run, interval in zip(runs, intervals[1::2]):
        work, waiting = symbols.profile(interval)
        events = {k: v for k, v in interval.counts.items() if k not in ("xen", "other")}
        total = interval.counts["xen"] - waiting
        if run.policy == "idle":
            idle = {"per_second": total, "events_per_second": events}
            continue
        io = parse_pairs(run.text("guest"), "io")
        requests = io["requests"]
        per = {name: round(value / requests, 3) for name, value in events.items()}
        counted = counters.get((run.policy, run.workload))
        results.append({
            "workload": run.workload, "policy": run.policy, "requests": requests,
            "xen_instructions": round(total / requests, 1),
            "waiting_for_locks": round(waiting / requests, 1),
            "xen_share_of_instructions":
                round(total / (total + interval.counts["other"]), 4),
            "events_per_request": per,
            "per_request": per_request(counted) if counted and counted.get("returned") else {},
            "profile": [{"function": name, "instructions": round(value / requests, 1)}
                        for name, value in work.most_common(PROFILE_LINES)],
        })
    return results, idle


def instructions_by_policy(counts, workload):
    return {c["policy"]: c["xen_instructions"] for c in counts if c["workload"] == workload}
