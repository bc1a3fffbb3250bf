#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What of a plan a boot has yet to do, after others that came to an early end:
left.py PLAN RECORDS... > NEW-PLAN

A workload is done again as a whole, in a round of which anything is missing: what is compared comes
from the same boot. What was not heard of any more is not tried again.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "report"))
from records import identity, read_records, turn  # pylint: disable=wrong-import-position


def left(lines, boots):
    """Those lines that have to be done in another boot."""
    hung = {(r.policy, r.workload) for records in boots for r in records if r.hung}
    wanted = [line for line in lines if identity(line)[:2] not in hung]
    done = set()
    for records in boots:
        recorded = {(r.policy, r.workload, r.number) for r in records if r.status}
        # A policy that a boot could not have has no other chance.
        skipped = {r.policy for r in records if r.number == "skipped"}
        missing = {turn(*identity(line)) for line in wanted
                   if identity(line) not in recorded and identity(line)[0] not in skipped}
        done |= {turn(*identity(line)) for line in wanted} - missing
    return [line for line in wanted if turn(*identity(line)) not in done]


def main():
    lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
    boots = [read_records(pathlib.Path(name)) for name in sys.argv[2:]]
    for line in left(lines, boots):
        print(line)


if __name__ == "__main__":
    main()
