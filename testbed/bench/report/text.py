#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A report as text for docs/, from results.json of a run: text.py FOLDER >FILE"""

import json
import pathlib
import sys

PROFILED = ["null-randread-4k-qd1", "null-randread-4k-qd32", "null-randread-1m-qd32"]


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join("-" if v is None else str(v) for v in row) + " |" for row in rows]
    return lines + [""]


def targets(results):
    rows = []
    for t in results["targets"]:
        verdict = "met" if t["met"] else f"missed by {t['missed']} of {t['measured']}" \
            if t["measured"] else "not measured"
        rows.append([t["name"], t["target"], t["worst"], t["where"], verdict])
    return ["## Targets", ""] + table(["figure", "target", "worst", "where", ""], rows)


def ratios(results):
    """Throughput against trusted, and trusted itself in its unit."""
    cells = {}
    for c in results["cells"]:
        cells.setdefault(c["workload"], {})[c["policy"]] = c
    if not cells:
        return []
    policies = [p for p in results["policies"] if p != "trusted"]
    rows = []
    for workload, by in cells.items():
        base = by.get("trusted")
        rows.append([workload, base and f"{base['median']:g} {base['unit']}",
                     base and base["spread"]] +
                    [by[p]["ratio_to_trusted"] if p in by else None for p in policies])
    return ["## Throughput against `trusted`", "",
            "Medians over the rounds; spread is between extremes, in parts of the median.", ""] + \
        table(["workload", "`trusted`", "spread"] + policies, rows)


def bounds(results):
    by = {}
    for e in results["bounds"]:
        by.setdefault((e["workload"], e["layout"], e["slice"]), {})[e["policy"]] = e
    if not by:
        return []
    policies = [p for p in results["policies"] if any(p in of for of in by.values())]
    out = ["## Bounds", "", "Instructions per request: of the CPU that has more at depth 32, of both "
           "at depth 1. In brackets: `trusted` over it.", ""]
    out += table(["workload", "layout", "slices"] + policies,
                 [[*key] + [f"{of[p]['bound']} ({of[p]['ratio_to_trusted']})" if p in of else None
                            for p in policies] for key, of in by.items()])
    out += ["Of `trusted` and `hybrid`, by CPU (0: backend VM, 1: guest) and mode:", ""]
    rows = []
    for key, of in by.items():
        for policy in ("trusted", "hybrid"):
            if policy in of:
                modes = [m for cpu in of[policy]["by_cpu"] for m in cpu.values()]
                spread = of[policy]["spread"]
                rows.append([*key, f"`{policy}`", *modes, spread and f"{spread:.1%}"])
    return out + table(["workload", "layout", "slices", "policy", "0 Xen", "0 kernel", "0 user", "1 Xen",
                        "1 kernel", "1 user", "spread"], rows)


def counts(results):
    by = {}
    for c in results["counts"]:
        by.setdefault(c["workload"], {})[c["policy"]] = c
    if not by:
        return []
    out = ["## Instructions in Xen per request", ""]
    out += table(["workload"] + results["policies"],
                 [[w] + [round(c[p]["xen_instructions"]) if p in c else None
                         for p in results["policies"]] for w, c in by.items()])
    for workload in PROFILED:
        if {"trusted", "hybrid"} <= set(by.get(workload, {})):
            out += [f"Where they are, `{workload}`, of the functions with the most of them:", ""]
            base = {p["function"]: p["instructions"] for p in by[workload]["trusted"]["profile"]}
            out += table(["function", "`hybrid`", "`trusted`"],
                         [[f"`{p['function']}`", p["instructions"], base.get(p["function"])]
                          for p in by[workload]["hybrid"]["profile"]])
    return out


def curves(results):
    out = ["## Scaling", "", "Instructions in Xen per request, with the default policy.", ""]
    for what, policies in results["scaling"].items():
        for points in policies.values():
            out += table([what] + [str(p["at"]) for p in points],
                         [["instructions"] + [round(p["xen_instructions"]) for p in points]])
    return out if results["scaling"] else []


def micro(results):
    xen = results["micro"].get("xen")
    crossover = results["micro"].get("crossover", {})
    out = []
    if xen:
        out += ["## Parts, measured in Xen", ""] + table(["what", "ns, or ratio"], xen.items())
    if crossover.get("bytes_by_requests_per_flush"):
        out += ["From so many bytes on granting costs less than copying, by requests per flush:", ""]
        sizes = crossover["bytes_by_requests_per_flush"]
        out += table(["requests"] + list(sizes), [["bytes"] + list(sizes.values())])
    return out


def missing(results):
    rows = [["all", s["policy"], s["why"]] for s in results["skipped"]]
    failed = {}
    for f in results["failed"]:
        what = f"{f['workload']}, round {f['round']}"
        failed.setdefault((what, f["why"][-100:]), []).append(f["policy"])
    rows += [[what, ", ".join(policies), why] for (what, why), policies in failed.items()]
    return ["## Not measured", ""] + table(["workload", "policy", "why"], rows) if rows else []


def main():
    results = json.loads((pathlib.Path(sys.argv[1]) / "results.json").read_text())
    lines = ["# Results of the benchmarks", "",
             "What is measured, and how: [benchmarks.md](benchmarks.md). This text is made by "
             "`testbed/bench/report/text.py out/bench`.", ""]
    if results["size"] != "full":
        lines += ["**A short run: its times mean nothing.**", ""]
    lines += table(["machine", ""], results["machine"].items())
    for part in (targets, bounds, ratios, counts, curves, micro, missing):
        lines += part(results)
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
