#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes results.json and report.html of what the benchmarks left: report.py FOLDER BUILD [quick]

FOLDER has a folder per boot (block, counts, ...) and core.json; BUILD has hypervisor-release.
Prints the targets. Fails if a cell did not work, not if a target was missed.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys

import scaling
from cells import block_value, make_cells, net_value
from counts import instructions_by_policy, read_counts
from page import page
from records import read_records
from targets import evaluate

POLICIES = ["trusted", "grant", "copy", "hybrid", "swiotlb", "xen-grant-dma", "pv", "pv-persistent"]
HEADLINE = "null-randread-4k-qd32"
SMALL = [f"null-{pattern}-4k-qd{depth}" for pattern in ("randread", "randwrite") for depth in (1, 32)]


def lines_of(path):
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def skipped(folder):
    result = {}
    for part in ("block", "net", "counts"):
        for line in lines_of(folder / part / "results/bench/skipped"):
            policy, why = line.split("\t", 1)
            result.setdefault(f"{policy} ({part})", why[:200])
    return [{"policy": p, "why": w} for p, w in result.items()]


def xen_micro(folder):
    """What Xen's own micro-benchmark printed."""
    for line in lines_of(folder / "block/results/bench/micro"):
        if "virtio-shadow-bench:" in line and "memcpy_4096=" in line:
            pairs = (word.split("=") for word in line.split("virtio-shadow-bench:")[1].split())
            return {key: float(value) if "." in value else int(value) for key, value in pairs}
    return {}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in lines_of(pathlib.Path("/proc/cpuinfo"))
                  if line.startswith("model name")), platform.machine())
    qemu = subprocess.run(["qemu-system-aarch64", "--version"], capture_output=True, text=True,
                          check=True).stdout.splitlines()[0]
    return {
        "host": f"{model}, {len(os.sched_getaffinity(0))} CPUs, Linux {platform.release()}",
        "emulator": f"{qemu}, TCG (software emulation), Cortex-A57, 2 CPUs",
        "placing": "backend VM and dom0 on emulated CPU 0, guest on CPU 1",
        "guest": "1 vCPU, 384 MiB, Linux 6.12", "backend VM": "1 vCPU, 512 MiB, Linux 6.12",
        "device": "qemu-storage-daemon: RAM disk (O_DIRECT, Linux AIO), or null-co in null-*; "
                  "PV: blkback on the same RAM disk, or null_blk",
    }


def main():
    folder, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    quick = sys.argv[3:] == ["quick"]
    cells, failed, counts, idle = [], [], [], None
    for part, value_of in (("block", block_value), ("net", net_value)):
        records = folder / part / "results/bench" / part
        if records.exists():
            more, bad = make_cells(read_records(records), value_of)
            cells += more
            failed += bad
    records = folder / "counts/results/bench/counts"
    xen_syms = build / "hypervisor-release/xen-syms"
    if records.exists():
        counts, idle = read_counts(read_records(records), folder / "counts/marks", xen_syms)
    micro = {"xen": xen_micro(folder)}
    micro["grant_revoke_over_memcpy4k"] = micro["xen"].get("grant_revoke_over_memcpy4k")
    micro["grant_revoke_flush256_over_memcpy4k"] = \
        micro["xen"].get("grant_revoke_flush256_over_memcpy4k")
    micro["xen_instructions_per_4k_request"] = instructions_by_policy(counts, HEADLINE)
    micro["xen_instructions_per_4k_request_by_workload"] = {
        w: instructions_by_policy(counts, w) for w in SMALL
        if instructions_by_policy(counts, w)}
    micro["flushes_per_request"] = {f"{c['workload']} {c['policy']}": c["per_request"]["flushes"]
                                    for c in cells if "per_request" in c}
    if (folder / "core.json").exists():
        micro["core"] = json.loads((folder / "core.json").read_text())
    curves = scaling.read_scaling(folder, xen_syms)
    results = {
        "quick": quick, "machine": machine(), "cells": cells, "micro": micro, "scaling": curves,
        "counts": counts, "idle": idle, "skipped": skipped(folder), "failed": failed,
        "targets": evaluate(cells, micro, curves),
    }
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "report.html").write_text(page(results, POLICIES))
    print_targets(results)
    sys.exit(1 if failed else 0)


def print_targets(results):
    print()
    for t in results["targets"]:
        verdict = "met" if t["met"] else "MISSED" if t["measured"] else "no data"
        where = f" ({t['where']})" if t["where"] else ""
        missed = f", {t['missed']} of {t['measured']} miss" if t["missed"] else ""
        print(f"  {verdict:8} {t['target']}: {t['worst']}{where}, {t['limit']}{missed}")
    for f in results["failed"]:
        print(f"  FAILED   {f['workload']}, {f['policy']}, round {f['round']}: {f['output'][-100:]}")
    print()


if __name__ == "__main__":
    main()
