#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of docs/benchmark-results.md from a results.json: markdown.py FILE"""

import json
import sys


def table(heads, rows):
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def targets(results):
    for t in results["targets"]:
        said = "not measured" if not t["measured"] else "met" if t["met"] else \
            f"**missed** in {t['missed']}"
        yield [t["target"], t["limit"], number(t["worst"]), t["where"] or "",
               f"{said} of {t['measured']}" if t["measured"] else said]


def cells(results):
    by = {(c["workload"], c["policy"]): c for c in results["cells"]}
    for workload in dict.fromkeys(c["workload"] for c in results["cells"]):
        base = by.get((workload, "trusted"))
        row = [workload, f"{number(base['median'])} {base['unit']}" if base else ""]
        for policy in results["policies"][1:]:
            cell = by.get((workload, policy))
            ratio = cell and cell["ratio_to_trusted"]
            row.append("" if ratio is None else f"{ratio:.2f} ±{(cell['ratio_spread'] or 0) / 2:.2f}")
        yield row


def instructions(results):
    by = results["micro"]["xen_instructions_per_4k_request_by_workload"]
    for workload, of in by.items():
        yield [workload] + [number(of.get(policy)) for policy in results["policies"]]


def flushes(results):
    for where, value in results["micro"]["flushes_per_request"].items():
        yield [where, f"{value:.3f}"]


def profile(results, workload, policy):
    base = {}
    for c in results["counts"]:
        if c["workload"] == workload and c["policy"] == "trusted":
            base = {p["function"]: p["instructions"] for p in c["profile"]}
    for c in results["counts"]:
        if c["workload"] == workload and c["policy"] == policy:
            for p in c["profile"]:
                yield [f"`{p['function']}`", number(p["instructions"]),
                       number(base.get(p["function"], 0))]


def scaling(results):
    for what, of in results["scaling"].items():
        for policy, points in of.items():
            yield [what, policy, ", ".join(f"{p['at']}: {p['xen_instructions']:.0f}" for p in points)]


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        results = json.load(f)
    policies = results["policies"]
    parts = [
        ("The machine", table(["", ""], [[k, v] for k, v in results["machine"].items()])),
        ("Targets", table(["target", "limit", "worst", "where", ""], targets(results))),
        ("Against `trusted`, by cell",
         table(["workload", "`trusted`"] + [f"`{p}`" for p in policies[1:]], cells(results))),
        ("Instructions in Xen per request of 4 KiB",
         table(["workload"] + [f"`{p}`" for p in policies], instructions(results))),
        ("Flushes per request", table(["cell", "flushes"], flushes(results))),
        ("Where they are executed: `null-randread-4k-qd32`, `hybrid`",
         table(["function", "per request", "of `trusted`"],
               profile(results, "null-randread-4k-qd32", "hybrid"))),
        ("Instructions in Xen per request, by how much there is",
         table(["of what", "policy", "number: instructions"], scaling(results))),
    ]
    for title, lines in parts:
        print(f"## {title}\n")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
