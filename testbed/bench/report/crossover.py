# SPDX-License-Identifier: MIT
"""From how many bytes on granting a request costs less than copying it, measured in two ways."""

from cells import BYTES


def by_parts(xen):
    """By what the parts cost in Xen: copied, a page costs its bytes; granted, its entries, and a
    flush that it shares with all that return at the same time. Bytes, by how many share a flush."""
    try:
        copied = xen["memcpy_4096"]
        granted = (xen["grant_256"] + xen["revoke_256"]) / 256
        flush = xen["flush_256"]
    except KeyError:
        return {}
    if copied <= granted:
        return {}
    return {str(sharing): round(flush / sharing / (copied - granted) * 4096)
            for sharing in (1, 2, 4, 8)}


def by_cells(cells):
    """By the times of requests under the policies copy and grant: bytes, by pattern and depth; None
    where one of them is faster with all sizes, of which "always" tells."""
    times = {}
    for cell in cells:
        parts = cell["workload"].rsplit("-", 2)
        if len(parts) == 3 and parts[1] in BYTES and cell["policy"] in ("copy", "grant"):
            size = BYTES[parts[1]]
            rate = cell["median"] * (1048576 / size if cell["unit"] == "MiB/s" else 1)
            sizes = times.setdefault(f"{parts[0]}-{parts[2]}", {})
            sizes.setdefault(size, {})[cell["policy"]] = 1 / rate
    result = {}
    for name, sizes in times.items():
        # What copying takes longer than granting.
        points = sorted((size, t["copy"] - t["grant"]) for size, t in sizes.items() if len(t) == 2)
        if len(points) > 1:
            result[name] = crossing(points)
    return result


def crossing(points):
    if points[0][1] > 0:
        return {"bytes": None, "always": "grant"}
    for (size, more), (next_size, next_more) in zip(points, points[1:]):
        if more <= 0 < next_more:
            return {"bytes": round(size + (next_size - size) * -more / (next_more - more)),
                    "always": None}
    return {"bytes": None, "always": "copy"}


def crossover(xen, cells):
    return {"bytes_by_requests_per_flush": by_parts(xen), "bytes_by_workload": by_cells(cells)}
