# SPDX-License-Identifier: MIT
"""The targets, and whether a run met them."""

ISOLATING = ["swiotlb", "xen-grant-dma", "pv", "pv-persistent"]
LARGE = ("64k", "128k", "1m")


class Target:
    """One line of the summary: the figure that decides, and all that miss."""

    def __init__(self, name, limit, at_least):
        self.name, self.limit, self.at_least = name, limit, at_least
        self.values = []

    def add(self, where, value):
        if value is not None:
            self.values.append((value, where))

    def good(self, value):
        return value >= self.limit if self.at_least else value <= self.limit

    def result(self):
        worst = None
        if self.values:
            worst = (min if self.at_least else max)(self.values)
        missed = sorted(((v, w) for v, w in self.values if not self.good(v)),
                        reverse=not self.at_least)
        return {
            "target": self.name,
            "limit": ("at least " if self.at_least else "at most ") + f"{self.limit:g}",
            "measured": len(self.values), "missed": len(missed),
            "worst": worst and round(worst[0], 4), "where": worst and worst[1],
            "met": bool(self.values) and not missed,
            "misses": [{"where": w, "value": round(v, 4)} for v, w in missed],
        }


def cells_against(cells):
    """Targets about the table."""
    table = {(c["workload"], c["policy"]): c for c in cells}
    trusted = Target("hybrid against trusted, every cell", 0.90, True)
    best = Target("hybrid against the best isolating alternative, every cell", 1.0, True)
    grant = Target("grant against trusted, 64 KiB and larger, depth 32", 0.85, True)
    flushes = Target("flushes per completed request, depth 32", 0.125, False)
    copied = Target("flushes per copied request", 0, False)
    for (workload, policy), cell in table.items():
        name = f"{workload}, {policy}"
        if policy == "hybrid":
            trusted.add(workload, cell["ratio_to_trusted"])
            others = [(table[workload, p]["median"], p) for p in ISOLATING if (workload, p) in table]
            if others:
                value, other = max(others)
                best.add(f"{workload}, against {other}", cell["median"] / value)
        if policy == "grant" and workload.endswith("qd32") and workload.split("-")[-2] in LARGE:
            grant.add(workload, cell["ratio_to_trusted"])
        counted = cell.get("per_request")
        if counted and policy in ("grant", "hybrid") and workload.endswith("qd32"):
            flushes.add(name, counted["flushes"])
        if counted and not counted["grants"]:
            copied.add(name, counted["flushes"])
    return [trusted, best, grant, flushes, copied]


def others(micro, scaling):
    page = Target("grant and revoke of a page, flush excluded, against memcpy of 4 KiB", 0.15, False)
    page.add("micro-benchmark in Xen", micro.get("grant_revoke_over_memcpy4k"))
    batch = Target("the same per page, 256 pages and their flush", 0.25, False)
    batch.add("micro-benchmark in Xen", micro.get("grant_revoke_flush256_over_memcpy4k"))
    instructions = Target("Xen instructions per mediated 4 KiB request beyond those of trusted",
                          2500, False)
    by_workload = micro.get("xen_instructions_per_4k_request_by_workload", {})
    for workload, per_policy in by_workload.items():
        for policy in ("grant", "copy", "hybrid"):
            if policy in per_policy and "trusted" in per_policy:
                instructions.add(f"{workload}, {policy}",
                                 per_policy[policy] - per_policy["trusted"])
    flat = Target("cost per request, 1 to 32 devices, 256 MiB to 2 GiB: most over least", 1.10, False)
    for what in ("devices", "memory"):
        for policy, points in scaling.get(what, {}).items():
            costs = [p["xen_instructions"] for p in points if p.get("xen_instructions")]
            if len(costs) > 1:
                flat.add(f"{what}, {policy}", max(costs) / min(costs))
    return [page, batch, instructions, flat]


def evaluate(cells, micro, scaling):
    return [t.result() for t in cells_against(cells) + others(micro, scaling)]
