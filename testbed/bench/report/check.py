#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the report complete? check.py FOLDER: prints "ok" or "not ok" lines, about what is there, not
about how good it is; fails if anything is missing."""

import json
import pathlib
import re
import sys

from cells import BYTES, planned
from records import lines_of

CELL_KEYS = {"workload": str, "policy": str, "median": float, "unit": str, "spread": float,
             "rounds": int, "ratio_to_trusted": float}
NUMBERS = ["grant_revoke_over_memcpy4k", "grant_revoke_flush256_over_memcpy4k"]
MEDIATED = ["grant", "copy", "hybrid"]


class Checks:
    """Counts what is in order."""

    def __init__(self):
        self.bad = 0

    def that(self, name, fine, why=""):
        print(f"{'ok' if fine else 'not ok'} bench: {name}" +
              ("" if fine or not why else f" ({why})"))
        self.bad += not fine


def plan_of(folder, name):
    return planned(lines_of(folder / name / "plan"))


def check_cells(checks, results, folder):
    table = {(c["workload"], c["policy"]): c for c in results["cells"]}
    without = {(f["workload"], f["policy"]) for f in results["failed"]}
    for name in ("block", "net"):
        left_out = {s["policy"].split(" ")[0] for s in results["skipped"]
                    if s["policy"].endswith(f"({name})")}
        wanted = {(w, p) for p, w, _ in plan_of(folder, name)
                  if w != "startup" and p not in left_out}
        checks.that(f"{name}: there is a plan", len(wanted) > 0)
        lost = sorted(wanted - set(table) - without)
        checks.that(f"{name}: each planned cell is there, or why it is not", not lost,
                    str(lost[:5]))
        gone = sorted(wanted - set(table))
        checks.that(f"{name}: each planned cell was measured", not gone, str(gone[:5]))
    wrong = [c for c in results["cells"]
             if any(not isinstance(c.get(k), (kind, int)) for k, kind in CELL_KEYS.items())
             or c["median"] <= 0]
    checks.that("cells have numbers for all keys", not wrong, str(wrong[:2]))
    checks.that("trusted is compared with itself",
                all(c["ratio_to_trusted"] == 1 for c in results["cells"]
                    if c["policy"] == "trusted"))


def check_micro(checks, results):
    micro = results["micro"]
    for key in NUMBERS:
        checks.that(f"micro: {key}", isinstance(micro.get(key), float) and micro[key] > 0)
    instructions = micro.get("xen_instructions_per_4k_request", {})
    checks.that("micro: xen_instructions_per_4k_request of all policies",
                set(results["policies"]) <= set(instructions), str(sorted(instructions)))
    flushes = micro.get("flushes_per_request", {})
    missing = [f"{c['workload']} {c['policy']}" for c in results["cells"]
               if c["policy"] in MEDIATED and f"{c['workload']} {c['policy']}" not in flushes]
    checks.that("micro: flushes_per_request of all mediated cells", not missing, str(missing[:5]))
    checks.that("micro: crossover, by its parts",
                bool(micro["crossover"]["bytes_by_requests_per_flush"]))
    checks.that("micro: the core, split and packed",
                {c["ring"] for c in micro.get("core", [])} == {"split", "packed"})


def check_counts(checks, results, folder):
    counted = {(c["policy"], c["workload"]) for c in results["counts"]}
    missing = sorted({(p, w) for p, w, _ in plan_of(folder, "counts")} - counted)
    checks.that("counts: all that was planned", not missing and counted, str(missing[:5]))
    points = {f"{what}-{point['at']}" for what, policies in results["scaling"].items()
              for curve in policies.values() for point in curve}
    missing = sorted({w for _, w, _ in plan_of(folder, "scaling")} - points)
    checks.that("scaling: all that was planned", not missing and points, str(missing[:5]))


def check_bounds(checks, results, folder):
    for k in results["known"]:
        checks.that(f"{k['boot']}: what bench-known did for {k['what']} in {k['domain']} was counted "
                    "there", not k["wrong"], str(k["wrong"]))
    domains = {(k["what"], k["domain"]) for k in results["known"]}
    checks.that("bounds: all that is known was counted, on both CPUs", len(domains) == 6,
                str(sorted(domains)))
    have = {(e["slice"], f"{e['workload']}-{e['layout']}", e["policy"]): e for e in results["bounds"]}
    plans = sorted(folder.glob("bounds-*-*"))
    wanted = {(path.name.split("-")[1], w, p) for path in plans
              for p, w, _ in plan_of(folder, path.name) if p != "known"}
    missing = sorted(wanted - set(have))
    checks.that("bounds: all that was planned", wanted and not missing, str(missing[:5]))
    frames, wrong = {}, []
    for (_, workload, policy), e in have.items():
        size = workload.split("-")[2]
        pages = BYTES[size] // 4096
        if e["runs_per_buffer"] != (1 if e["layout"] == "contiguous" else pages):
            wrong.append(f"{workload}, {policy}: {e['runs_per_buffer']} runs of {pages} pages")
        frames.setdefault((e["slice"], workload), set()).add(tuple(e["frames"]))
    checks.that("bounds: buffers are laid out as they should be", not wrong, str(wrong[:3]))
    wrong = [key for key, of in frames.items() if len(of) != 1]
    checks.that("bounds: all policies had the same pages", not wrong, str(wrong[:3]))


def check_page(checks, results, folder):
    path = folder / "report.html"
    text = path.read_text() if path.exists() else ""
    checks.that("report.html is whole", text.rstrip().endswith("</html>"))
    outside = re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)[^"']*|@import|url\((?!data:)""",
                         text)
    checks.that("report.html needs no other file", not outside, str(outside[:3]))
    checks.that("report.html has plots", text.count("data:image/svg+xml") >= 5
                and "gnuplot failed" not in text)
    missing = [p for p in results["policies"] if f"<td>{p}</td>" not in text]
    checks.that("report.html names all policies", not missing, str(missing))


def main():
    folder = pathlib.Path(sys.argv[1])
    checks = Checks()
    path = folder / "results.json"
    checks.that("results.json is there", path.exists())
    if path.exists():
        results = json.loads(path.read_text())
        check_cells(checks, results, folder)
        check_micro(checks, results)
        check_counts(checks, results, folder)
        check_bounds(checks, results, folder)
        check_page(checks, results, folder)
        for f in results["failed"]:
            checks.that(f"{f['workload']}, {f['policy']}, round {f['round']}", False,
                        f["why"][-200:])
    sys.exit(1 if checks.bad else 0)


if __name__ == "__main__":
    main()
