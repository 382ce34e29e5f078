#!/usr/bin/python3
"""Protects the products' inner loops: their sums stay in registers. A vector stored to the stack within a loop of a
tile costs more than all that is won elsewhere, and the next compiler may do it.

    spills.py LIBRARY...   the static libraries of the tiers

Innermost loops alone.
"""
import re
import shutil
import subprocess
import sys

if not shutil.which("objdump"):
    print("skipped: objdump is missing")
    sys.exit(77)
tiles = loops = 0
bad = []
for library in sys.argv[1:]:
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", library], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    for name, body in re.findall(r"^[0-9a-f]+ <(tile\w*_\d+)>:\n(.*?)(?:\n\n|\Z)", text, re.M | re.S):
        tiles += 1
        code = [(int(at, 16), what) for at, what in re.findall(r"^\s*([0-9a-f]+):\s+(.*)$", body, re.M)]
        ranges = []
        for at, what in code:
            jump = re.match(r"j\w+\s+([0-9a-f]+) ", what)
            if jump and int(jump.group(1), 16) <= at:
                loops += 1
                ranges.append((int(jump.group(1), 16), at))
        innermost = [r for r in ranges if not any(o != r and r[0] <= o[0] and o[1] <= r[1] for o in ranges)]
        inside = {a for a, _ in code if any(low <= a <= high for low, high in innermost)}
        for at, what in code:
            if at in inside and re.search(r"[xyz]mm\d+,\s*(-?0x[0-9a-f]+)?\(%r[sb]p", what):
                bad.append("%s: %s: %x: %s" % (library, name, at, what))
print("%d tiles, %d loops, %d vectors stored to the stack" % (tiles, loops, len(bad)))
print("\n".join(bad[:20]))
sys.exit(bool(bad) or tiles < 6 or loops < tiles)
