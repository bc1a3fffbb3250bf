# SPDX-License-Identifier: MIT
"""The page: tables and plots of one run, in one file."""

import html

import model
import plots

STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0 }
th, td { border: 1px solid #ccc; padding: 2px 8px; text-align: right }
th:first-child, td:first-child { text-align: left }
.met { background: #d9f2d9 } .missed { background: #f9d7d7 } .none { background: #eee }
img { max-width: 100%; display: block; margin: 1em 0 }
.model { border: 2px dashed #b80; padding: 0 1em; background: #fffaf0 }
.quick { border: 2px solid #b00; padding: 0 1em }
details { margin: 1em 0 }
"""


def esc(value):
    return html.escape("" if value is None else f"{value:g}" if isinstance(value, float) else str(value))


def table(header, rows, classes=None):
    out = ["<table><tr>" + "".join(f"<th>{esc(h)}</th>" for h in header) + "</tr>"]
    for index, row in enumerate(rows):
        mark = f' class="{classes[index]}"' if classes else ""
        out.append(f"<tr{mark}>" + "".join(f"<td>{esc(v)}</td>" for v in row) + "</tr>")
    return "\n".join(out) + "</table>"


def targets_part(results):
    rows, classes = [], []
    for t in results["targets"]:
        verdict = "met" if t["met"] else "missed" if t["measured"] else "not measured"
        rows.append([t["name"], t["target"], t["worst"], t["where"], f"{t['missed']} of {t['measured']}",
                     verdict])
        classes.append({"met": "met", "missed": "missed"}.get(verdict, "none"))
    out = ["<h2>Targets</h2>", table(["figure", "target", "worst", "where", "missed", ""], rows, classes)]
    for t in results["targets"]:
        if t["misses"]:
            out.append(f"<details><summary>Misses: {esc(t['name'])}</summary>" +
                       table(["where", "value"], [[m["where"], m["value"]] for m in t["misses"]]) +
                       "</details>")
    return out


def ratio_plots(cells, policies):
    groups = {}
    for cell in cells:
        parts = cell["workload"].rsplit("-", 2)
        if len(parts) == 3 and parts[2].startswith("qd"):
            groups.setdefault((parts[0], parts[2]), {}).setdefault(parts[1], {})[cell["policy"]] = cell
    out = []
    for (pattern, depth), sizes in groups.items():
        series = {p: [sizes[s].get(p, {}).get("ratio_to_trusted") for s in sizes] for p in policies}
        series = {p: v for p, v in series.items() if any(x is not None for x in v)}
        if series:
            out.append(plots.bars(f"{pattern}, {depth}: throughput against trusted", "ratio",
                                  list(sizes), series, line=1))
        series = {p: [sizes[s].get(p, {}).get("latency_us", {}).get("p50") for s in sizes]
                  for p in policies}
        series = {p: v for p, v in series.items() if any(x is not None for x in v)}
        if depth == "qd1" and series:
            out.append(plots.bars(f"{pattern}, {depth}: median completion latency", "us",
                                  list(sizes), series))
    return out


def net_plots(cells, policies):
    net = {}
    for cell in cells:
        if cell["workload"].startswith("net-"):
            net.setdefault(cell["workload"], {})[cell["policy"]] = cell
    if not net:
        return []
    series = {p: [net[w].get(p, {}).get("ratio_to_trusted") for w in net] for p in policies}
    series = {p: v for p, v in series.items() if any(x is not None for x in v)}
    return [plots.bars("network: throughput against trusted", "ratio", list(net), series, line=1)] \
        if series else []


def cells_part(results, policies):
    cells = results["cells"]
    if not cells:
        return []
    rows = []
    for c in cells:
        latency = c.get("latency_us", {})
        cpu = c.get("cpu", {})
        rows.append([c["workload"], c["policy"], c["median"], c["unit"], c["spread"], c["rounds"],
                     c["ratio_to_trusted"], latency.get("p50"), latency.get("p99"),
                     cpu.get("guest"), cpu.get("backend"), cpu.get("dom0"),
                     c.get("per_request", {}).get("flushes")])
    return (["<h2>Throughput and latency</h2>",
             "<p>Policies take turns within each workload; a ratio is between runs of the same round. "
             "Spread is the distance between the slowest and the fastest round, in parts of the median. "
             "CPU is the time a domain had of one emulated CPU, what Xen did on its behalf included.</p>"]
            + ratio_plots(cells, policies) + net_plots(cells, policies)
            + ["<details><summary>All cells</summary>",
               table(["workload", "policy", "median", "unit", "spread", "rounds", "to trusted", "p50 us",
                      "p99 us", "CPU guest", "CPU backend", "CPU dom0", "flushes/request"], rows),
               "</details>"])


def counts_part(results, policies):
    counts = results["counts"]
    if not counts:
        return []
    workloads = list(dict.fromkeys(c["workload"] for c in counts))
    by = {(c["workload"], c["policy"]): c for c in counts}
    series = {p: [by.get((w, p), {}).get("xen_instructions") for w in workloads] for p in policies}
    series = {p: v for p, v in series.items() if any(x is not None for x in v)}
    rows = []
    for c in counts:
        events, per = c["events_per_request"], c["per_request"]
        rows.append([c["workload"], c["policy"], c["xen_instructions"], c["waiting_for_locks"],
                     f"{c['xen_share_of_instructions']:.1%}", events["eret"],
                     round(sum(events[e] for e in model.FLUSHES), 3), per.get("grants"), per.get("flushes"),
                     per.get("bytes_copied"), per.get("notifications"), per.get("interrupts")])
    out = ["<h2>Counted per request</h2>",
           "<p>Instructions that Xen executes, by the emulator's count, for a fixed number of requests to "
           "a device that does nothing. What is executed while waiting for a lock is apart: it depends on "
           "the computer that emulates. The rest repeats within a few percent. Scales are logarithmic.</p>"]
    out += [plots.bars(f"{kind}: instructions in Xen per request", "instructions",
                       [w.removeprefix("null-").removesuffix(f"-{kind}") for w in workloads
                        if w.endswith(kind)],
                       {p: [v[i] for i, w in enumerate(workloads) if w.endswith(kind)]
                        for p, v in series.items()}, orders=True)
            for kind in ("qd1", "qd32") if any(w.endswith(kind) for w in workloads)]
    out += ["<details><summary>All counts</summary>",
            table(["workload", "policy", "instructions", "waiting", "share of Xen", "returns to guests",
                   "TLBIs", "pages granted", "flushes", "bytes copied", "notifications", "interrupts"],
                  rows), "</details>"]
    for c in counts:
        if "-4k-" in c["workload"] or "-64k-" in c["workload"]:
            out.append(f"<details><summary>Profile: {esc(c['workload'])}, {esc(c['policy'])}</summary>" +
                       table(["function", "instructions per request"],
                             [[p["function"], p["instructions"]] for p in c["profile"]]) + "</details>")
    return out


def bounds_part(results, policies):
    bounds = results["bounds"]
    if not bounds:
        return []
    lengths = {name: [e["instructions_per_slice"] for e in bounds if e["slice"] == name]
               for name in dict.fromkeys(e["slice"] for e in bounds)}
    said = ", ".join(f"{name}: {min(all_of)} to {max(all_of)}" for name, all_of in lengths.items())
    out = ["<h2>Bounds</h2>",
           "<p>Instructions of a request, by the emulated CPU that executes them, in Xen, in kernels "
           "and in programs. The backend VM and dom0 are on CPU 0, the guest is on CPU 1. The bound is "
           "the larger sum where 32 requests are under way, and both sums where it is one. All "
           "policies have the same pages of the guest for their buffers, contiguous or scattered. "
           f"Instructions until the emulator went on with the other CPU, in the mean of a cell: {said}."
           "</p>"]
    groups = {}
    for e in bounds:
        groups.setdefault((e["slice"], e["workload"], e["layout"]), {})[e["policy"]] = e
    for (name, workload, layout), by in groups.items():
        plot = plots.bounds(f"{workload}, {layout}, {name} time slices",
                            [(p, by[p]["by_cpu"]) for p in policies if p in by])
        out.append(plot if name == "fine" else
                   f"<details><summary>{esc(workload)}, {esc(layout)}, {esc(name)} time slices"
                   f"</summary>{plot}</details>")
    keys = ["workload", "layout", "slice", "policy", "cpu0", "cpu1", "xen", "kernel", "user", "bound",
            "ratio_to_trusted", "spread", "boots", "runs_per_buffer"]
    return out + ["<details><summary>All bounds</summary>",
                  table(keys, [[e[k] for k in keys] for e in bounds]), "</details>"]


def micro_part(results):
    rows = [[k, v] for k, v in results["micro"].get("xen", {}).items()]
    out = []
    if rows:
        out += ["<h2>Micro-benchmark in Xen</h2>", table(["what", "ns, or ratio"], rows)]
    out += crossover_part(results["micro"].get("crossover", {}))
    core = results["micro"].get("core", [])
    if core:
        out += ["<h2>The core on this computer</h2>",
                "<p>The core built for the host, in an environment that costs next to nothing: time for a "
                "chain on its way to the backend and back, alone or with others.</p>",
                table(["ring", "descriptors", "policy", "ns per chain, alone", "chains at a time",
                       "ns per chain"],
                      [[c["ring"], c["descriptors"], c["policy"], c["ns_per_chain"], c["batch"],
                        c["ns_per_chain_in_batch"]] for c in core])]
    return out


def crossover_part(crossover):
    parts = crossover.get("bytes_by_requests_per_flush")
    cells = crossover.get("bytes_by_workload")
    out = []
    if parts or cells:
        out += ["<h2>From which size on granting is less than copying</h2>"]
    if parts:
        out += ["<p>By what the parts cost in Xen, above: bytes of a request, by the number of requests "
                "that share a flush.</p>",
                table(["requests per flush", "bytes"], [[n, size] for n, size in parts.items()])]
    if cells:
        out += ["<p>By the times of requests under the policies copy and grant, between sizes by "
                "interpolation.</p>",
                table(["workload", "bytes"], [[w, c["bytes"] or f"always {c['always']}"]
                                              for w, c in cells.items()])]
    return out


AXES = {"queues": "queues in use", "devices": "devices in use", "guests": "guests in use",
        "memory": "memory of the guest, MiB", "table": "descriptors of a request"}


def scaling_part(results):
    out = []
    for what, policies in results["scaling"].items():
        for figure, label in (("xen_instructions", "instructions in Xen per request"),):
            series = {p: [(q["at"], q[figure]) for q in points if q.get(figure)]
                      for p, points in policies.items()}
            series = {p: v for p, v in series.items() if v}
            if series:
                out.append(plots.lines(f"scaling: {what}", AXES.get(what, what), label, series))
    return ["<h2>Scaling</h2>", "<p>Random reads of 4 KiB from devices that do nothing, counted. One at a "
            "time, the devices taking turns; of queues and guests, each has 4 in flight.</p>"] + out if out else []


def model_part(results):
    counts = [c for c in results["counts"] if c["workload"].endswith("-4k-qd32")
              and "read" in c["workload"]]
    if not counts:
        return []
    entries = model.model(counts)
    names = list(entries[0]["ns"])
    out = ['<div class="model"><h2>A model of real hardware</h2>',
           "<p><b>Nothing in this section was measured on hardware.</b> It multiplies events that were "
           "counted here with costs that others have published, and with two assumptions, to show what "
           "would weigh how much. Not in it: caches, contention, the wait for other CPUs.</p>",
           table(["event", "ns", "source"], [[per, ns, source] for _, ns, per, source in model.PARAMETERS]),
           plots.stacked("model: Xen's time per random read of 4 KiB, depth 32", "ns",
                         [e["policy"] for e in entries],
                         {n: [e["ns"][n] for e in entries] for n in names}),
           table(["policy"] + names + ["sum"],
                 [[e["policy"]] + [e["ns"][n] for n in names] + [round(sum(e["ns"].values()), 1)]
                  for e in entries]), "</div>"]
    return out


def page(results, policies):
    machine = results["machine"]
    out = ["<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
           "<title>virtio-shadow: benchmarks</title>", f"<style>{STYLE}</style></head><body>",
           "<h1>virtio-shadow: benchmarks</h1>"]
    if results["size"] != "full":
        out.append('<p class="quick"><b>A short run: it shows that the benchmarks work. Its times mean '
                   "nothing.</b></p>")
    out.append(table(["machine", ""], [[k, v] for k, v in machine.items()]))
    if results["skipped"]:
        out += ["<h2>Not measured</h2>", table(["policy", "why"],
                                               [[s["policy"], s["why"]] for s in results["skipped"]])]
    if results["failed"]:
        out += ["<h2>Failed</h2>", table(["workload", "policy", "round", "why"],
                                         [[f["workload"], f["policy"], f["round"], f["why"]]
                                          for f in results["failed"]])]
    out += targets_part(results)
    out += cells_part(results, policies)
    out += bounds_part(results, policies)
    out += counts_part(results, policies)
    out += micro_part(results)
    out += scaling_part(results)
    out += model_part(results)
    out.append("</body></html>")
    return "\n".join(out) + "\n"
