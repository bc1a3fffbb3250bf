# SPDX-License-Identifier: MIT
"""Cost per request against the size of things."""

from counts import read_counts


def read_scaling(boots, lines, xen_syms):
    """What -> policy -> points, and what is missing. A workload is called WHAT-NUMBER."""
    curves = {}
    counts, failed, _ = read_counts(boots, lines, xen_syms)
    for count in counts:
        what, number = count["workload"].split("-")
        curves.setdefault(what, {}).setdefault(count["policy"], []).append({
            "at": int(number), "xen_instructions": count["xen_instructions"],
            "events_per_request": count["events_per_request"],
        })
    for policies in curves.values():
        for points in policies.values():
            points.sort(key=lambda point: point["at"])
    return curves, failed
