#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes results.json and report.html of what the benchmarks left: report.py FOLDER SIZE

FOLDER has a folder per part (block, counts, ...) with its plan and a folder per boot, and
core.json. Whatever is missing, a report is made of what is there.
"""

import collections
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import scaling
from bounds import read_bounds
from cells import Part, block_value, make_cells, net_value
from counts import instructions_by_policy, read_counts
from crossover import crossover
from page import page
from records import boots_of, lines_of
from targets import evaluate

POLICIES = ["trusted", "grant", "copy", "hybrid", "swiotlb", "xen-grant-dma", "pv", "pv-persistent"]
HEADLINE = "null-randread-4k-qd32"
SMALL = [f"null-{pattern}-4k-qd{depth}" for pattern in ("randread", "randwrite") for depth in (1, 32)]


def xen_micro(boots):
    """What Xen's own micro-benchmark printed: medians over its runs."""
    values = collections.defaultdict(list)
    for record in (r for boot in boots for r in boot.records if r.workload == "micro"):
        for line in record.text("dom0").splitlines():
            if "virtio-shadow-bench: memcpy_4096=" in line:
                for word in line.split("virtio-shadow-bench:")[1].split():
                    key, value = word.split("=")
                    values[key].append(float(value))
    return {key: round(statistics.median(all_of), 3) for key, all_of in values.items()}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in lines_of(pathlib.Path("/proc/cpuinfo"))
                  if line.startswith("model name")), platform.machine())
    program = pathlib.Path(__file__).resolve().parents[3] / "out/build/qemu/run/qemu-system-aarch64"
    qemu = subprocess.run([program, "--version"], capture_output=True, text=True,
                          check=True).stdout.splitlines()[0]
    return {
        "host": f"{model}, {len(os.sched_getaffinity(0))} CPUs, Linux {platform.release().split('-')[0]}",
        "emulator": f"{qemu}, TCG (software emulation), Cortex-A57, 2 CPUs: a thread of the host's "
                    "each, for instructions one for both, which is the machine that repeats",
        "placing": "backend VM and dom0 on emulated CPU 0, guest on CPU 1",
        "guest": "1 vCPU, 384 MiB, Linux 6.12", "backend VM": "1 vCPU, 512 MiB, Linux 6.12",
        "device": "qemu-storage-daemon: RAM disk (O_DIRECT, Linux AIO), or null-co in null-*; "
                  "PV: blkback on the same RAM disk, or null_blk",
    }


def lines_of_core():
    core = pathlib.Path(__file__).resolve().parents[3] / "libvirtio-shadow"
    return sum(len(lines_of(path)) for path in core.rglob("*.[ch]"))


def read_parts(folder):
    """Everything that the boots recorded."""
    results = {"cells": [], "bounds": [], "known": [], "counts": [], "idle": None, "scaling": {}, "skipped": [], "failed": []}
    boots = {name: boots_of(folder / name) for name in ("block", "net", "counts", "scaling")}
    plans = {name: lines_of(folder / name / "plan") for name in boots}
    for name, value_of in (("block", block_value), ("net", net_value)):
        if boots[name]:
            part = Part(boots[name], value_of)
            cells, failed = make_cells(part, plans[name])
            results["cells"] += cells
            results["failed"] += failed
            results["skipped"] += [{"policy": f"{policy} ({name})", "why": why}
                                   for policy, why in part.skipped.items()]
    if boots["counts"]:
        results["counts"], failed, results["idle"] = read_counts(boots["counts"], plans["counts"])
        results["failed"] += [{**f, "workload": f"{f['workload']} (counted)"} for f in failed]
    if boots["scaling"]:
        results["scaling"], failed = scaling.read_scaling(boots["scaling"], plans["scaling"])
        results["failed"] += [{**f, "workload": f"{f['workload']} (scaling)"} for f in failed]
    results["bounds"], failed, results["known"] = read_bounds(folder)
    results["failed"] += failed
    xen = xen_micro(boots["block"])
    if plans["block"] and not xen:
        why = "; ".join(r.text("dom0")[-300:] for boot in boots["block"] for r in boot.records
                        if r.workload == "micro")
        results["failed"].append({"workload": "micro", "policy": "xen", "round": "1",
                                  "why": why or "it was not run"})
    return results, xen


def main():
    folder, size = pathlib.Path(sys.argv[1]), sys.argv[2]
    results, xen = read_parts(folder)
    cells, counts = results["cells"], results["counts"]
    micro = {"xen": xen}
    for key in ("grant_revoke_over_memcpy4k", "grant_revoke_flush256_over_memcpy4k"):
        micro[key] = xen.get(key)
    micro["xen_instructions_per_4k_request"] = instructions_by_policy(counts, HEADLINE)
    micro["xen_instructions_per_4k_request_by_workload"] = {
        w: instructions_by_policy(counts, w) for w in SMALL if instructions_by_policy(counts, w)}
    micro["flushes_per_request"] = {f"{c['workload']} {c['policy']}": c["per_request"]["flushes"]
                                    for c in cells if "per_request" in c}
    micro["crossover"] = crossover(xen, cells)
    if (folder / "core.json").exists():
        micro["core"] = json.loads((folder / "core.json").read_text())
    results = {"size": size, "quick": size == "quick", "policies": POLICIES, "machine": machine(),
               "micro": micro, **results}
    results["targets"] = evaluate(cells, results["bounds"], micro, results["scaling"],
                                  lines_of_core())
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "report.html").write_text(page(results, POLICIES))
    print_targets(results)


def print_targets(results):
    print()
    for t in results["targets"]:
        verdict = "met" if t["met"] else "MISSED" if t["measured"] else "no data"
        where = f" ({t['where']})" if t["where"] else ""
        missed = f", {t['missed']} of {t['measured']} miss" if t["missed"] else ""
        print(f"  {verdict:8} {t['name']}: {t['worst']}{where}, {t['target']}{missed}")
    for f in results["failed"]:
        print(f"  FAILED   {f['workload']}, {f['policy']}, round {f['round']}: {f['why'][-100:]}")
    print()


if __name__ == "__main__":
    main()
