# SPDX-License-Identifier: MIT
"""Counted, not timed: what Xen executes per request, from the boot with the emulator's counter."""

from cells import counters_of, per_request
from records import Symbols, parse_pairs, read_marks

PROFILE_LINES = 12


def marked(records, intervals):
    """Pairs of a record and what was counted while it ran.

    A program that marks does so twice. Programs that run at the same time do not: for those, one that
    does nothing else has marked before ("begin") and afterwards ("end").
    """
    at, pairs, begun, between = 0, [], 0, None
    for record in records:
        if record.number in ("before", "after"):
            continue
        if record.number == "between":
            between = record
            continue
        if any(record.status.values()):
            raise SystemExit(f"{record.policy} {record.workload}: {record.text('guest')[-300:]}")
        if at + 2 > len(intervals):
            raise SystemExit(f"{len(intervals)} marks are too few: there is none of {record.workload}")
        if record.number == "begin":
            begun = at + 2
        elif record.number == "end":
            pairs.append((between, intervals[begun]))
        else:
            pairs.append((record, intervals[at + 1]))
        at += 2
    if at != len(intervals):
        raise SystemExit(f"{len(intervals)} marks, where {at} were to be made")
    return pairs


def requests_of(record):
    """How many requests the domains have made that ran this."""
    return sum(parse_pairs(record.text(domain), "io")["requests"] for domain in record.lines)


def read_counts(records, marks, xen_syms):
    """Per workload and policy: instructions and events per request, and where they went."""
    symbols = Symbols(xen_syms)
    counters = counters_of(records)
    results = []
    idle = None
    for run, interval in marked(records, read_marks(marks)):
        work, waiting = symbols.profile(interval)
        events = {k: v for k, v in interval.counts.items() if k not in ("xen", "other")}
        total = interval.counts["xen"] - waiting
        if run.policy == "idle":
            idle = {"per_second": total, "events_per_second": events}
            continue
        requests = requests_of(run)
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
