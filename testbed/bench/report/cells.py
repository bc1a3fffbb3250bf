# SPDX-License-Identifier: MIT
"""The table: a workload under a policy, over all rounds."""

import statistics

from records import identity, parse_counters, parse_fio, parse_pairs

# What the table calls otherwise than Xen's tools.
NAMES = {"pool": "swiotlb"}
BYTES = {"4k": 4096, "16k": 16384, "64k": 65536, "128k": 131072, "1m": 1048576}
STARTUP = "startup"


def block_value(record):
    """Throughput of a block workload: requests/s for small requests, MiB/s for large ones."""
    result = parse_fio(record.text("guest"))
    if result and record.workload == STARTUP:
        return 1, "program", None
    if result is None or not result["kib_per_s"]:
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


def counters_of(boot):
    """What the mediator counted for each workload: (policy, workload) -> counters."""
    before, result = {}, {}
    for record in boot.records:
        if record.number == "before":
            before[record.workload] = parse_counters(record.text("dom0"))
        elif record.number == "after" and record.workload in before:
            for policy, counters in parse_counters(record.text("dom0")).items():
                was = before[record.workload].get(policy, {})
                result[NAMES.get(policy, policy), record.workload] = {
                    name: value - was.get(name, 0) for name, value in counters.items()}
    return result


class Part:
    """The runs of one part of the benchmark, over all of its boots."""

    def __init__(self, boots, value_of):
        self.runs = {}      # (policy, workload, round) -> record
        self.values = {}    # the same -> value, unit, latencies
        self.why = {}       # the same -> why there is none
        self.skipped = {}   # policy -> why there is nothing of it
        self.counters = {}  # (policy, workload) -> counters
        self.ends = [f"the boot's time was up (boot {n})" if boot.late else boot.why
                     for n, boot in enumerate(boots, 1)]
        for boot in boots:
            for record in boot.records:
                self.take(record, value_of)
            self.counters.update(counters_of(boot))

    def take(self, record, value_of):
        key = (record.policy, record.workload, record.number)
        if record.number == "skipped":
            self.skipped[record.policy] = record.text("dom0")
        elif record.number.isdigit() and record.policy not in ("idle", "xen"):
            measured = None if any(record.status.values()) else value_of(record)
            if measured is None:
                self.why[key] = ("no answer: " if record.hung else "") + record.last_words()
            else:
                self.runs[key] = record
                self.values[key] = measured
                self.why.pop(key, None)

    def reason(self, key):
        """Why a run that was planned is not there."""
        ends = [end for end in self.ends if end]
        return (self.why.get(key) or self.skipped.get(key[0]) or
                (ends[-1] if ends else "it was not run"))


def planned(lines):
    """The runs of a plan: policy, workload, round."""
    keys = [identity(line) for line in lines]
    return [key for key in keys if key[2].isdigit() and key[0] not in ("idle", "xen")]


def make_cells(part, lines):
    """The objects of results.json, and what was planned but could not be measured."""
    keys = planned(lines)
    failed = [{"workload": w, "policy": p, "round": n, "why": part.reason((p, w, n))}
              for p, w, n in keys if (p, w, n) not in part.values and p not in part.skipped]
    startup = {}
    for (policy, workload, _), record in part.runs.items():
        if workload == STARTUP:
            startup.setdefault(policy, []).append(record)
    cells = []
    for workload, policy in dict.fromkeys((w, p) for p, w, _ in keys if w != STARTUP):
        rounds = [n for p, w, n in keys
                  if (p, w) == (policy, workload) and (p, w, n) in part.values]
        if rounds:
            cells.append(one_cell(part, workload, policy, rounds, startup.get(policy)))
    return cells, failed


def one_cell(part, workload, policy, rounds, startup):
    mine = [part.values[policy, workload, n] for n in rounds]
    values = [value for value, _, _ in mine]
    baseline = {n: part.values["trusted", workload, n][0] for n in rounds
                if ("trusted", workload, n) in part.values}
    ratios = [part.values[policy, workload, n][0] / baseline[n] for n in baseline]
    cell = {
        "workload": workload, "policy": policy,
        "median": round(statistics.median(values), 2), "unit": mine[0][1],
        "spread": round(spread(values), 3), "rounds": len(rounds),
        "values": [round(v, 2) for v in values],
        "ratio_to_trusted": round(statistics.median(ratios), 3) if ratios else None,
        "ratio_spread": round(spread(ratios), 3) if ratios else None,
        "cpu": cpu_shares([part.runs[policy, workload, n] for n in rounds], startup),
    }
    latencies = [latency for _, _, latency in mine if latency]
    if latencies:
        cell["latency_us"] = {name: round(statistics.median(l[name] for l in latencies), 1)
                              for name in latencies[0]}
    counters = part.counters.get((policy, workload))
    if counters and counters.get("returned"):
        cell["per_request"] = per_request(counters)
    return cell


COUNTED = ["kicks", "notifications", "interrupts", "grants", "revokes", "flushes", "bounces",
           "bytes_copied", "bytes_requested", "bytes_exposed", "tables_copied"]


def per_request(counters):
    return {name: round(counters[name] / counters["returned"], 4)
            for name in COUNTED if name in counters}
