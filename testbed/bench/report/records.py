# SPDX-License-Identifier: MIT
"""What bench-drive and the emulator's counter wrote, as Python objects."""

import bisect
import collections
import json


class Record:
    """One line of a plan: who ran what, and what came out."""

    def __init__(self, words):
        self.policy, self.workload, self.number = words.split(" ")
        self.hung = False
        self.wall_ns = 0
        self.cpu_ns = {}
        self.status = {}
        self.lines = {}

    def text(self, domain):
        return "\n".join(self.lines.get(domain, []))

    def last_words(self):
        """What came out of whatever did not do what it was to do."""
        for domain, status in self.status.items():
            if status:
                said = self.text(domain)[-300:].strip() or "no output"
                return f"{domain}: status {status}: {said}"
        return "; ".join(f"{domain}: {self.text(domain)[-300:].strip() or 'no output'}"
                         for domain in self.status)


class Boot:
    """What came of one boot for a plan."""

    def __init__(self, folder):
        self.folder = folder
        self.records = read_records(folder / "records")
        self.late = "@late" in lines_of(folder / "records")
        why = lines_of(folder / "why")
        self.why = why[-1] if why else ""


def lines_of(path):
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def boots_of(folder):
    """The boots of one part, in their order."""
    return [Boot(path) for path in sorted(folder.glob("boot-*"))]


def identity(line):
    """Policy, workload and round of a line of a plan."""
    return tuple(line.split("\t", 1)[0].split(" "))


def turn(_policy, workload, number):
    """What a boot does wholly, or another does again: the counters' readings belong to a round."""
    return workload, "1" if number in ("before", "after") else number


def read_records(path):
    """All whole records of one boot, in the order in which they were made."""
    records = []
    lines = None
    for line in lines_of(path):
        if line.startswith("@cell "):
            records.append(Record(line[6:]))
        elif line.startswith("@time "):
            records[-1].wall_ns = int(line[6:])
        elif line.startswith("@cpu "):
            pairs = (word.split("=") for word in line[5:].split())
            records[-1].cpu_ns = {name: int(value) for name, value in pairs}
        elif line.startswith("@out "):
            _, domain, status = line.split(" ")
            records[-1].status[domain] = int(status)
            lines = records[-1].lines.setdefault(domain, [])
        elif line.startswith("| "):
            lines.append(line[2:])
        elif line == "@hung":
            records[-1].hung = True
    # The machine may have died while one was written.
    return [record for record in records if record.status]


# Fields of fio's terse output, version 3 (fio's HOWTO, "Terse output"), counted from those of reads.
READ_FIELDS = 5
WRITE_FIELDS = 46
BANDWIDTH, IOPS, CLAT_MEAN, PERCENTILES, PERCENTILE_FIELDS = 1, 2, 10, 12, 20


def parse_fio(text):
    """Throughput and completion latencies of a fio job: KiB/s, requests/s, us."""
    line = next((line for line in text.splitlines() if line.startswith("3;fio-")), None)
    if line is None:
        return None
    fields = line.split(";")
    if fields[4] != "0":
        return None
    base = READ_FIELDS if int(fields[READ_FIELDS]) else WRITE_FIELDS
    latency = {"mean": float(fields[base + CLAT_MEAN])}
    for field in fields[base + PERCENTILES:base + PERCENTILES + PERCENTILE_FIELDS]:
        percentile, value = field.split("%=")
        if float(percentile):
            latency[f"p{float(percentile):g}"] = int(value)
    return {"kib_per_s": int(fields[base + BANDWIDTH]), "iops": int(fields[base + IOPS]),
            "latency_us": latency}


def parse_pairs(text, word):
    """A program's line "word key=value key=value": its numbers."""
    for line in text.splitlines():
        if line.startswith(word + " "):
            try:
                return {key: int(value) for key, value in
                        (pair.split("=") for pair in line.split()[1:])}
            except ValueError:
                return None
    return None


def parse_counters(text):
    """Per policy: counters of all queues of all devices, added up."""
    total = collections.defaultdict(collections.Counter)
    try:
        devices = json.loads(text)
    except ValueError:
        return total
    for device in devices:
        for queue in device["queues"]:
            for key, value in queue.items():
                total[device["policy"]][key] += value
    return total


MODES = ("xen", "kernel", "user")


class Interval:
    """What the emulator counted up to a mark, since the one before."""

    def __init__(self, kind, fields):
        pairs = (pair.split("=") for pair in fields)
        self.kind = kind
        self.counts = {key: int(value) for key, value in pairs}
        self.blocks = []    # address, instructions, executions, executions by CPU
        self.cpus = []      # instructions by mode, for each CPU


def read_marks(path):
    """For each line of a plan that was about domains: the intervals that ended while it ran."""
    lines = []
    interval = Interval("line", [])
    within = False
    text = path.read_text() if path.exists() else ""
    # The last line may be half of one.
    for fields in map(str.split, text.rpartition("\n")[0].splitlines()):
        if fields[0] == "b":
            interval.blocks.append((int(fields[1], 16), int(fields[2]), int(fields[3]),
                                    tuple(map(int, fields[4:]))))
            continue
        if fields[0] == "cpu":
            interval.cpus.append(dict(zip(MODES, map(int, fields[2:]))))
            continue
        interval = Interval(fields[0], fields[1:])
        if interval.kind == "line":
            # One at a line's begin, one at its end.
            within = not within
            if within:
                lines.append([])
            else:
                lines[-1].append(interval)
        elif within:
            lines[-1].append(interval)
    return lines


class Symbols:
    """Xen's functions by address, of what nm says of the Xen that was booted."""

    def __init__(self, path):
        self.entries = []
        for line in lines_of(path):
            address, kind, name = line.split(" ", 2)
            if kind in "tT" and not name.startswith("$"):
                self.entries.append((int(address, 16), name))
        self.addresses = [address for address, _ in self.entries]

    def find(self, address):
        index = bisect.bisect_right(self.addresses, address) - 1
        return self.entries[index] if index >= 0 else (0, "?")

    def profile(self, interval, cpu=None):
        """Instructions by function, and how many of them only waited for a lock; of one CPU, or all.

        How long one CPU waits for another depends on the computer that emulates both. So what a lock
        function executes more often than it is entered is not work, and is kept apart.
        """
        work = collections.Counter()
        entered = collections.Counter()
        waiting = 0
        blocks = [(address, instructions, total if cpu is None else by_cpu[cpu])
                  for address, instructions, total, by_cpu in interval.blocks
                  if cpu is None or cpu < len(by_cpu)]
        for address, _, executions in blocks:
            begin, name = self.find(address)
            if address == begin:
                entered[name] += executions
        for address, instructions, executions in blocks:
            _, name = self.find(address)
            if "spin_lock" in name or name.endswith(("_lock", "lock_slowpath")):
                once = min(executions, entered[name])
                waiting += instructions * (executions - once)
                executions = once
            work[name] += instructions * executions
        return work, waiting
