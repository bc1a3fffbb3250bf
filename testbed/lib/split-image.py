# SPDX-License-Identifier: MIT
"""Writes what an image holds besides zeros into files, each called by the number of its first block
of 64 KiB: split-image.py IMAGE FOLDER"""
import pathlib
import sys

BLOCK = 65536


def main():
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True)
    zeros = bytes(BLOCK)
    part = None
    with open(sys.argv[1], "rb") as image:
        number = 0
        while block := image.read(BLOCK):
            if len(block) < BLOCK:
                sys.exit(f"{sys.argv[1]}: its size is not a multiple of {BLOCK} bytes")
            if block == zeros:
                part = None
            else:
                # In an order that a shell's pattern keeps.
                part = part or open(folder / f"{number:06}", "wb")
                part.write(block)
            number += 1


main()
