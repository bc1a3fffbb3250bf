# SPDX-License-Identifier: MIT
"""The table: a workload under a policy, over all rounds."""

import collections
import statistics

from records import parse_counters, parse_fio, parse_pairs

# The names that Xen's tools have for what the table calls otherwise.
TOOL_NAMES = {"swiotlb": "pool"}
BYTES = {"4k": 4096, "16k": 16384, "64k": 65536, "128k": 131072, "1m": 1048576}
STARTUP = "startup"


def block_value(record):
    """Throughput of a block workload: requests/s for small requests, MiB/s for large ones."""
    result = parse_fio(record.text("guest"))
    if result is None:
        return None
    size = record.workload.split("-")[-2]
    if BYTES[size] < 65536:
        value, unit = result["kib_per_s"] * 1024 / BYTES[size], "requests/s"
    else:
        value, unit = result["kib_per_s"] / 1024, "MiB/s"
    return value, unit, result["latency_us"]


def net_value(record):
    """Throughput of a network workload."""
    text = record.text("guest")
    result = parse_pairs(text, "rr")
    if result:
        latency = {key: result[key] / 1000 for key in ("p50", "p90", "p99")}
        return result["transactions"] * 1e9 / result["ns"], "transactions/s", latency
    result = parse_pairs(text, "stream")
    if result and result["bytes"]:
        return result["bytes"] * 1e3 / result["ms"] / 1048576, "MiB/s", None
    return None


def cpu_shares(records, startup):
    """What each domain had of one CPU while the workload ran, without the start of the program."""
    wall = statistics.median(r.wall_ns for r in records)
    times = {name: statistics.median(r.cpu_ns.get(name, 0) for r in records)
             for name in records[0].cpu_ns}
    if startup:
        wall -= statistics.median(r.wall_ns for r in startup)
        for name in times:
            times[name] -= statistics.median(r.cpu_ns.get(name, 0) for r in startup)
    if wall <= 0:
        return {}
    return {name: round(max(value, 0) / wall, 3) for name, value in times.items()}


def spread(values):
    """Largest distance between two rounds, relative to the median."""
    return (max(values) - min(values)) / statistics.median(values)


def counters_of(records):
    """What the mediator counted for a workload: (policy, workload) -> counters."""
    before, result = {}, {}
    for record in records:
        if record.number not in ("before", "after"):
            continue
        key = (record.policy, record.workload)
        counters = parse_counters(record.text("dom0"),
                                  TOOL_NAMES.get(record.policy, record.policy))
        if record.number == "before":
            before[key] = counters
        elif key in before:
            result[key] = {name: value - before[key][name] for name, value in counters.items()}
    return result


def make_cells(records, value_of):
    """The objects of results.json, and what did not work."""
    rounds = collections.defaultdict(dict)
    by_cell = collections.defaultdict(list)
    startup = collections.defaultdict(list)
    units, latencies, failed = {}, collections.defaultdict(list), []
    for record in records:
        if not record.number.isdigit() or record.policy == "idle":
            continue
        if record.workload == STARTUP:
            startup[record.policy].append(record)
            continue
        key = (record.workload, record.policy)
        measured = value_of(record)
        if measured is None or any(record.status.values()):
            failed.append({"workload": record.workload, "policy": record.policy,
                           "round": record.number, "output": record.text("guest")[-300:]})
            continue
        rounds[key][record.number], units[key], latency = measured
        by_cell[key].append(record)
        if latency:
            latencies[key].append(latency)
    counted = counters_of(records)
    cells = []
    for (workload, policy), values in rounds.items():
        key = (workload, policy)
        baseline = rounds.get((workload, "trusted"), {})
        ratios = [values[n] / baseline[n] for n in values if baseline.get(n)]
        cell = {
            "workload": workload, "policy": policy,
            "median": round(statistics.median(values.values()), 2), "unit": units[key],
            "spread": round(spread(list(values.values())), 3), "rounds": len(values),
            "values": [round(v, 2) for v in values.values()],
            "ratio_to_trusted": round(statistics.median(ratios), 3) if ratios else None,
            "ratio_spread": round(spread(ratios), 3) if ratios else None,
            "cpu": cpu_shares(by_cell[key], startup.get(policy)),
        }
        if latencies[key]:
            cell["latency_us"] = {name: round(statistics.median(l[name] for l in latencies[key]), 1)
                                  for name in latencies[key][0]}
        counters = counted.get((policy, workload))
        if counters and counters.get("returned"):
            cell["per_request"] = per_request(counters)
        cells.append(cell)
    return cells, failed


COUNTED = ["kicks", "notifications", "interrupts", "grants", "revokes", "flushes", "bounces",
           "bytes_copied", "bytes_requested", "bytes_exposed", "tables_copied"]


def per_request(counters):
    return {name: round(counters[name] / counters["returned"], 4)
            for name in COUNTED if name in counters}
