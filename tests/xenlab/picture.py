#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A picture of who had a host's memory, made from what a story's watch wrote.

usage: picture.py FILE [LINES]   (build/xenlab/reservation.txt)
One line for each moment at which something had changed: seconds, then a
letter for each 16 MiB of each guest, "." for free memory, "#" for those last
72 MiB of it that nobody is given.
"""
import sys

import dom0

CELL_PAGES = 16 * dom0.MIB // dom0.PAGE
POOL_PAGES = 72 * dom0.MIB // dom0.PAGE


def bar(row):
    """One moment as a string; cells are rounded to the nearest."""
    text = ""
    for i, domid in enumerate(sorted(int(k) for k in row if k.isdigit())):
        cells = round(row[str(domid)] / CELL_PAGES)
        text += "abcdefgh"[i % 8] * cells
    spare = max(0, row["free"] - POOL_PAGES)
    text += "." * round(spare / CELL_PAGES)
    return text + "#" * round(min(row["free"], POOL_PAGES) / CELL_PAGES)


def main():
    with open(sys.argv[1]) as f:
        rows = [dom0.words(line) for line in f]
    shown = []
    for row in rows:
        if not shown or bar(row) != shown[-1][1]:
            shown.append((row["ms"] - rows[0]["ms"], bar(row)))
    most = int(sys.argv[2]) if len(sys.argv) > 2 else len(shown)
    step = max(1, -(-len(shown) // most))
    for ms, text in shown[::step] + ([shown[-1]] if step > 1 else []):
        print("%6.2f s |%s|" % (ms / 1000, text))


if __name__ == "__main__":
    main()
