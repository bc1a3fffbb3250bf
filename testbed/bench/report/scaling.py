# SPDX-License-Identifier: MIT
"""Cost per request against the size of things."""

from counts import read_counts
from records import read_records


def read_scaling(folder, xen_syms):
    """What -> policy -> points. A workload is called WHAT-NUMBER."""
    records = folder / "scaling/results/bench/scaling"
    if not records.exists():
        return {}
    curves = {}
    counts, _ = read_counts(read_records(records), folder / "scaling/marks", xen_syms)
    for count in counts:
        what, number = count["workload"].split("-")
        curves.setdefault(what, {}).setdefault(count["policy"], []).append({
            "at": int(number), "xen_instructions": count["xen_instructions"],
            "events_per_request": count["events_per_request"],
        })
    return curves
