#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the benchmarks' report makes of the emulator's counts, with boots that were made up here."""

import pathlib
import sys
import tempfile
import unittest

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "testbed/bench/report"))
sys.path.insert(0, str(REPO / "testbed/bench"))
# pylint: disable=wrong-import-position
import plan
from bounds import bound_of, read_bounds, wrong_with
from records import Interval, Symbols, read_marks
from targets import evaluate

SYMBOLS = "00000a0000000000 T do_work\n00000a0000001000 T _spin_lock\n00000a0000002000 T other\n"
CELL = "ram-randread-4k-qd32-contiguous"


def interval_text(kind, by_cpu, blocks=(), misplaced=0):
    xen = sum(modes[0] for modes in by_cpu)
    other = sum(sum(modes[1:]) for modes in by_cpu)
    lines = [f"{kind} xen={xen} other={other} eret=7 switches=3 misplaced={misplaced}"]
    lines += [f"cpu {cpu} " + " ".join(map(str, modes)) for cpu, modes in enumerate(by_cpu)]
    lines += [f"b {address:x} {length} {sum(counts)} " + " ".join(map(str, counts))
              for address, length, counts in blocks]
    return "\n".join(lines) + "\n"


NOTHING = [(0, 0, 0), (0, 0, 0)]


def line_of_plan(by_cpu, blocks=(), misplaced=0):
    """What the counter writes for a line whose program marks its begin and its end."""
    return interval_text("line", NOTHING) + interval_text("mark", NOTHING) + \
        interval_text("mark", by_cpu, blocks, misplaced) + interval_text("line", NOTHING)


class Boots:
    """A folder as run.sh leaves it."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def add(self, name, lines):
        """lines: (policy, workload, output, marks)."""
        boot = self.folder / name / "boot-1"
        boot.mkdir(parents=True)
        (boot.parent / "plan").write_text("".join(
            f"{policy} {workload} 1\tguest\t45\tcommand\n" for policy, workload, _, _ in lines))
        (boot / "records").write_text("".join(
            f"@cell {policy} {workload} 1\n@time 5\n@cpu guest=5\n@out guest 0\n" +
            "".join(f"| {line}\n" for line in output) for policy, workload, output, _ in lines))
        (boot / "marks").write_text("".join(marks for _, _, _, marks in lines))
        (boot / "symbols").write_text(SYMBOLS)


def cell(policy, by_cpu, workload=CELL, blocks=(), misplaced=0):
    output = ["layout runs=1 pages=1 frames=99", "io requests=10 ns=1"]
    return policy, workload, output, line_of_plan(by_cpu, blocks, misplaced)


class Reading(unittest.TestCase):
    def test_counts_are_read_by_cpu_and_mode(self):
        with tempfile.TemporaryDirectory() as folder:
            marks = pathlib.Path(folder) / "marks"
            marks.write_text(line_of_plan([(1, 2, 3), (4, 5, 6)], [(0xa0000000000, 4, (10, 1))]))
            (intervals,) = read_marks(marks)
        self.assertEqual([i.kind for i in intervals], ["mark", "mark", "line"])
        self.assertEqual(intervals[1].cpus, [{"xen": 1, "kernel": 2, "user": 3},
                                             {"xen": 4, "kernel": 5, "user": 6}])
        self.assertEqual(intervals[1].blocks, [(0xa0000000000, 4, 11, (10, 1))])

    def test_waiting_for_a_lock_is_apart_for_each_cpu(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "symbols"
            path.write_text(SYMBOLS)
            symbols = Symbols(path)
        interval = Interval("mark", [])
        interval.blocks = [(0xa0000001000, 4, 3, (1, 2)), (0xa0000001010, 2, 502, (500, 2))]
        # CPU 0 came into the function once, and went round 500 times; CPU 1 did not wait.
        self.assertEqual(symbols.profile(interval, 0)[1], 2 * 499)
        self.assertEqual(symbols.profile(interval, 1)[1], 0)


class Bounds(unittest.TestCase):
    BY_CPU = [{"xen": 1, "kernel": 20, "user": 300}, {"xen": 2, "kernel": 30, "user": 100}]

    def test_a_bound_is_the_busier_cpu_or_both(self):
        self.assertEqual(bound_of(self.BY_CPU, 32), 321)
        self.assertEqual(bound_of(self.BY_CPU, 1), 453)

    def read(self, *boots):
        made = Boots()
        with made.temporary:
            for name, lines in boots:
                made.add(name, lines)
            return read_bounds(made.folder)

    def test_an_entry_has_counts_per_request_and_is_compared_with_trusted(self):
        bounds, failed, _ = self.read(("bounds-fine-1", [
            cell("trusted", [(100, 200, 300), (10, 20, 30)]),
            cell("hybrid", [(100, 200, 300), (200, 300, 700)])]))
        self.assertEqual(failed, [])
        trusted, hybrid = bounds
        self.assertEqual((trusted["bound"], trusted["ratio_to_trusted"]), (60, 1))
        self.assertEqual((hybrid["cpu0"], hybrid["cpu1"], hybrid["bound"]), (60, 120, 120))
        self.assertEqual((hybrid["xen"], hybrid["kernel"], hybrid["user"]), (30, 50, 100))
        self.assertEqual(hybrid["ratio_to_trusted"], 0.5)
        self.assertEqual((hybrid["workload"], hybrid["layout"], hybrid["slice"]),
                         ("ram-randread-4k-qd32", "contiguous", "fine"))
        self.assertIsNone(hybrid["spread"])

    def test_depth_1_adds_the_cpus(self):
        (entry,), _, _ = self.read(("bounds-coarse-1", [
            cell("trusted", [(100, 200, 300), (10, 20, 30)], CELL.replace("qd32", "qd1"))]))
        self.assertEqual(entry["bound"], 66)

    def test_spread_is_between_boots_of_the_same_slices(self):
        (fine, coarse), _, _ = sorted_by_slice(self.read(
            ("bounds-fine-1", [cell("trusted", [(0, 0, 1000), (0, 0, 0)])]),
            ("bounds-fine-2", [cell("trusted", [(0, 0, 1030), (0, 0, 0)])]),
            ("bounds-coarse-1", [cell("trusted", [(0, 0, 9000), (0, 0, 0)])])))
        self.assertEqual((fine["spread"], fine["boots"]), (0.03, 2))
        self.assertEqual((coarse["spread"], coarse["boots"]), (None, 1))

    def test_waiting_is_no_work(self):
        blocks = [(0xa0000001000, 1, (1, 0)), (0xa0000001004, 1, (501, 0))]
        (entry,), _, _ = self.read(("bounds-fine-1", [
            cell("trusted", [(1502, 0, 0), (10, 0, 0)], blocks=blocks)]))
        self.assertEqual(entry["cpu0"], 100)

    def test_blocks_at_a_wrong_address_are_no_result(self):
        bounds, failed, _ = self.read(("bounds-fine-1", [
            cell("trusted", [(100, 200, 300), (10, 20, 30)], misplaced=1)]))
        self.assertEqual((bounds, len(failed)), ([], 1))

    def test_one_cpu_is_no_result(self):
        bounds, failed, _ = self.read(("bounds-fine-1", [cell("trusted", [(100, 200, 300)])]))
        self.assertEqual((bounds, len(failed)), ([], 1))


def sorted_by_slice(result):
    bounds, failed, known = result
    return sorted(bounds, key=lambda e: e["slice"], reverse=True), failed, known


class Known(unittest.TestCase):
    """What was counted for bench-known on CPU 1, in the guest."""

    MINE = {"user": {"xen": 5000, "kernel": 12000, "user": 4000078},
            "kernel": {"xen": 1330377, "kernel": 4777320, "user": 80097},
            "xen": {"xen": 1830992, "kernel": 2998472, "user": 82110}}
    NUMBER = {"user": 4000000, "kernel": 20000, "xen": 2000}
    IDLE = {"xen": 9649, "kernel": 40137, "user": 0}

    def wrong(self, what, cpus, more=0):
        interval = Interval("mark", [])
        interval.cpus = cpus
        total = sum(sum(modes.values()) for modes in cpus)
        return wrong_with(what, 1, self.NUMBER[what], (total + more) // 4, interval)

    def test_what_was_counted_where_it_was_done_is_fine(self):
        for what, mine in self.MINE.items():
            self.assertIsNone(self.wrong(what, [self.IDLE, mine]), what)

    def test_the_other_cpu_is_wrong(self):
        for what, mine in self.MINE.items():
            self.assertIsNotNone(self.wrong(what, [mine, self.IDLE]), what)

    def test_xen_on_the_cpu_that_its_code_was_translated_for_is_wrong(self):
        mine = {**self.MINE["xen"], "xen": 0}
        other = {**self.IDLE, "xen": self.IDLE["xen"] + self.MINE["xen"]["xen"]}
        self.assertIn("hypercalls", self.wrong("xen", [other, mine]))

    def test_the_clock_knows_of_each_instruction(self):
        for what, mine in self.MINE.items():
            self.assertIn("by the clock", self.wrong(what, [self.IDLE, mine], 1000), what)

    def test_a_mode_that_is_taken_for_another_is_wrong(self):
        mine = self.MINE["user"]
        swapped = {"xen": mine["xen"], "kernel": mine["user"], "user": mine["kernel"]}
        self.assertIsNotNone(self.wrong("user", [self.IDLE, swapped]))
        mine = self.MINE["kernel"]
        swapped = {"xen": mine["kernel"], "kernel": mine["xen"] // 10, "user": mine["user"]}
        self.assertIsNotNone(self.wrong("kernel", [self.IDLE, swapped]))


def entry(policy, bound, workload="ram-randread-4k-qd32", **more):
    return {"workload": workload, "layout": "scattered", "slice": "fine", "policy": policy,
            "bound": bound, "xen": bound, "ratio_to_trusted": None, "spread": None, **more}


class Targets(unittest.TestCase):
    def target(self, name, bounds):
        (found,) = [t for t in evaluate([], bounds, {}, {}, 7000) if t["name"].startswith(name)]
        return found

    def test_each_has_what_scripts_look_for(self):
        for target in evaluate([], [], {}, {}, 7000):
            self.assertLessEqual({"name", "target", "worst", "where", "met"}, set(target))
            self.assertFalse(target["met"])

    def test_95_of_100_cells_have_to_repeat(self):
        for bad, met in ((5, True), (6, False)):
            bounds = [entry("hybrid", 1, spread=0.021 if i < bad else 0.02) for i in range(100)]
            self.assertEqual(self.target("cells whose bound", bounds)["met"], met)

    def test_hybrid_is_compared_with_trusted(self):
        bounds = [entry("trusted", 90), entry("hybrid", 100, ratio_to_trusted=0.9),
                  entry("hybrid", 100, "null-randread-1m-qd32", ratio_to_trusted=0.1)]
        target = self.target("bound of trusted", bounds)
        self.assertEqual((target["worst"], target["met"], target["measured"]), (0.9, True, 1))

    def test_hybrid_is_compared_with_the_others(self):
        bounds = [entry("hybrid", 100), entry("pv", 99), entry("swiotlb", 200),
                  entry("pv-persistent", 10)]
        target = self.target("bound of swiotlb", bounds)
        self.assertEqual((target["worst"], target["met"]), (0.99, False))
        self.assertIn("pv", target["where"])

    def test_a_page_is_what_15_more_take(self):
        bounds = [entry("trusted", 1000), entry("grant", 3000),
                  entry("trusted", 2000, "ram-randread-64k-qd32"),
                  entry("grant", 7000, "ram-randread-64k-qd32")]
        target = self.target("Xen instructions per granted page, in and out, scattered", bounds)
        self.assertEqual((target["worst"], target["met"]), (200, True))


class Plans(unittest.TestCase):
    def test_all_boots_for_bounds_do_the_same(self):
        for size in ("full", "brief"):
            plans, _ = plan.plans_of(size)
            ours = [lines for name, lines in plans.items() if name.startswith("bounds-")]
            self.assertEqual(len(ours), 4)
            self.assertTrue(all(lines == ours[0] for lines in ours))

    def test_a_quick_run_has_one_boot_for_bounds(self):
        plans, _ = plan.plans_of("quick")
        self.assertEqual([name for name in plans if name.startswith("bounds-")], ["bounds-fine-1"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
