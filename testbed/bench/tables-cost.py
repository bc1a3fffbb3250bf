#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What indirect tables cost, from a boot of testbed/scenarios/tables-cost.sh with the plugin that
counts (docs/indirect-tables.md):

    tables-cost.py XEN-SYMS MARKS RESULTS/tables-cost

Prints a line for each line of measurements: instructions in Xen per request, in the mediator and
in what it has done to page tables and pages, and how often tables were protected, and TLBs flushed
to revoke and in all.
"""
import bisect
import re
import subprocess
import sys

ROUNDS = 64  # measure.c

MEDIATOR = re.compile(r"(svq|vsh)_")
# What else works for it.  Not: references by their counts, which hypercalls take as well, and
# memcpy(), for the same reason; both ways read a table as a whole, once.
HELPERS = re.compile(
    r"(.*p2m_.*|get_page|get_page_nr|put_page|_write_(un)?lock|.*guest_tlb.*|radix_tree.*)$"
)
# The guest looks at registers while it waits.
NOISE = re.compile(r".*mmio.*|virtio_shadow_is_(backend|aperture)|vsh_usable|find_device|mark$")


class Symbols:
    def __init__(self, xen_syms):
        listing = subprocess.run(
            ["aarch64-linux-gnu-nm", "-n", xen_syms], capture_output=True, text=True, check=True
        )
        self.symbols = []
        for line in listing.stdout.splitlines():
            address, kind, name = line.split()[:3]
            if kind in "tTwW" and not name.startswith("$"):
                self.symbols.append((int(address, 16), name))
        self.addresses = [address for address, _ in self.symbols]
        self.by_name = {name: address for address, name in self.symbols}
        ours = [address for address, name in self.symbols if MEDIATOR.match(name)]
        # Objects of one folder are neighbours, so static functions are in between.
        self.first, self.last = min(ours), max(ours)

    def is_counted(self, address):
        i = bisect.bisect_right(self.addresses, address) - 1
        begin, name = self.symbols[i]
        if NOISE.match(name):
            return False
        return self.first <= begin <= self.last or bool(HELPERS.match(name))


def read_marks(path):
    """For each mark: (events, [(address, instructions, executions)])."""
    marks = []
    with open(path) as f:
        for line in f:
            word = line.split()
            if word[0] == "mark":
                events = dict(e.split("=") for e in word[1:])
                marks.append(({k: int(v) for k, v in events.items()}, []))
            else:
                marks[-1][1].append((int(word[1], 16), int(word[2]), int(word[3])))
    return marks


def main():
    symbols = Symbols(sys.argv[1])
    marks = read_marks(sys.argv[2])
    with open(sys.argv[3]) as f:
        lines = [line.split() for line in f if line.startswith("measured")]
    if len(marks) != 2 * len(lines):
        sys.exit(f"{len(marks)} marks for {len(lines)} measurements")
    for i, line in enumerate(lines):
        events, blocks = marks[2 * i + 1]
        requests = ROUNDS * int(line[3].split("=")[1])
        instructions = sum(n * times for address, n, times in blocks if symbols.is_counted(address))
        called = {}
        for address, _, times in blocks:
            called[address] = called.get(address, 0) + times

        def per_request(name):
            return called.get(symbols.by_name[name], 0) / requests

        flushes = (events["tlbi_vmalls12"] + events["tlbi_vmalls12_is"]) / requests
        print(
            f"{line[1]:9} {line[2]:13} {line[3]:9} instructions={instructions / requests:.0f} "
            f"protect={per_request('p2m_ram_protect'):.2f} "
            f"revoke={per_request('svq_env_flush'):.2f} flushes={flushes:.2f}"
        )


if __name__ == "__main__":
    main()
