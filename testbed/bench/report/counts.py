# SPDX-License-Identifier: MIT
"""Counted, not timed: what Xen executes per request, from the boot with the emulator's counter."""

from cells import Part, per_request, planned
from records import Symbols, parse_pairs, read_marks

PROFILE_LINES = 16


def requests_of(record):
    """How many requests the domains have made that ran this."""
    results = [parse_pairs(record.text(domain), "io") for domain in record.status]
    return sum(result["requests"] for result in results) if all(results) else 0


def interval_of(record, intervals):
    """What was counted while a line of the plan ran.

    A program marks its begin and its end. Those that run at the same time do not: then it is all
    that happened while the line was run.
    """
    if any(record.status.values()):
        return None
    if len(record.status) > 1 or not any(i.kind == "mark" for i in intervals):
        return intervals[0] if [i.kind for i in intervals] == ["line"] else None
    return intervals[1] if [i.kind for i in intervals] == ["mark", "mark", "line"] else None


def counted(boots):
    """Per (policy, workload, round) what was counted, with Xen's symbols."""
    result = {}
    for boot in boots:
        symbols = Symbols(boot.folder / "symbols")
        records = [r for r in boot.records if "dom0" not in r.status]
        for record, intervals in zip(records, read_marks(boot.folder / "marks")):
            interval = interval_of(record, intervals)
            if interval:
                result[record.policy, record.workload, record.number] = interval, symbols
    return result


NO_EVENTS = ("xen", "other", "switches", "misplaced")


def events_of(interval):
    return {k: v for k, v in interval.counts.items() if k not in NO_EVENTS}


def one_count(run, interval, symbols, counters):
    work, waiting = symbols.profile(interval)
    total = interval.counts["xen"] - waiting
    requests = requests_of(run)
    return {
        "workload": run.workload, "policy": run.policy, "requests": requests,
        "xen_instructions": round(total / requests, 1),
        "waiting_for_locks": round(waiting / requests, 1),
        "xen_share_of_instructions": round(total / (total + interval.counts["other"]), 4),
        "events_per_request":
            {name: round(value / requests, 3) for name, value in events_of(interval).items()},
        "per_request": per_request(counters) if counters and counters.get("returned") else {},
        "profile": [{"function": name, "instructions": round(value / requests, 1)}
                    for name, value in work.most_common(PROFILE_LINES)],
    }


def idle_of(intervals):
    """What Xen executes in a second in which nobody does anything."""
    interval, symbols = intervals.get(("idle", "idle", "1"), (None, None))
    if not interval:
        return None
    _, waiting = symbols.profile(interval)
    return {"per_second": interval.counts["xen"] - waiting,
            "events_per_second": events_of(interval)}


def read_counts(boots, lines):
    """Per workload and policy: instructions and events per request, and where they went; what was
    planned but could not be counted; and what happens without any request."""
    part = Part(boots, lambda record: requests_of(record) or None)
    intervals = counted(boots)
    counts, failed = [], []
    for key in planned(lines):
        policy, workload, number = key
        if key in part.values and key in intervals:
            counts.append(one_count(part.runs[key], *intervals[key],
                                    part.counters.get((policy, workload))))
        elif policy not in part.skipped:
            why = "its marks are not there" if key in part.values else part.reason(key)
            failed.append({"workload": workload, "policy": policy, "round": number, "why": why})
    return counts, failed, idle_of(intervals)


def instructions_by_policy(counts, workload):
    return {c["policy"]: c["xen_instructions"] for c in counts if c["workload"] == workload}
