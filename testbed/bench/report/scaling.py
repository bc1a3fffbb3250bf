# SPDX-License-Identifier: MIT
"""Cost per request against the size of things."""

from counts import read_counts


def read_scaling(boots, lines):
    """What -> policy -> points, and what is missing. A workload is called WHAT-NUMBER.

    Of several rounds the one with the fewest instructions counts: what comes on top are timers and
    whatever else there is to do meanwhile, which is more the slower the computer is that emulates.
    """
    counts, failed, _ = read_counts(boots, lines)
    least = {}
    for count in counts:
        key = tuple(count["workload"].split("-")) + (count["policy"],)
        if key not in least or count["xen_instructions"] < least[key]["xen_instructions"]:
            least[key] = count
    curves = {}
    for (what, number, policy), count in least.items():
        curves.setdefault(what, {}).setdefault(policy, []).append({
            "at": int(number), "xen_instructions": count["xen_instructions"],
            "events_per_request": count["events_per_request"],
        })
    for policies in curves.values():
        for points in policies.values():
            points.sort(key=lambda point: point["at"])
    return curves, failed
