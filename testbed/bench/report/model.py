# SPDX-License-Identifier: MIT
"""What the counted events would cost on hardware, by figures that others have published. A model."""

PARAMETERS = [
    # name, ns, per, source
    ("trap", 306, "return from Xen to a guest", "HVC, KVM on Ampere Altra, Linux 6.12-rc1: "
     "kvm-unit-tests figures posted on lore.kernel.org"),
    ("flush", 1200, "TLB invalidation of a VM", "per-page EL2 maintenance, mostly TLBI, on a Pixel 6: "
     "derived from Linux c353fde17d8f"),
    ("instruction", 0.4, "instruction in Xen", "assumed: 2.5 GHz, one instruction per cycle"),
    ("byte", 0.1, "byte that Xen copies", "assumed: 10 GB/s"),
]
COST = {name: ns for name, ns, _, _ in PARAMETERS}
FLUSHES = ("tlbi_vmalls12_is", "tlbi_vmalls12", "tlbi_ipa")


def modelled(count):
    """Nanoseconds of Xen's time per request, by part. Copies are counted as bytes alone."""
    events = count["events_per_request"]
    copied = count["per_request"].get("bytes_copied", 0)
    copying = sum(p["instructions"] for p in count["profile"] if p["function"] == "memcpy")
    parts = {
        "traps": events.get("eret", 0) * COST["trap"],
        "flushes": sum(events.get(name, 0) for name in FLUSHES) * COST["flush"],
        "instructions": max(count["xen_instructions"] - (copying if copied else 0), 0)
        * COST["instruction"],
        "copies": copied * COST["byte"],
    }
    return {name: round(value, 1) for name, value in parts.items()}


def model(counts):
    return [{"workload": c["workload"], "policy": c["policy"], "ns": modelled(c)} for c in counts]
