#!/usr/bin/python3
"""Checks that the sums of the products' inner loops stay in registers: a vector stored to the stack within a tile's loop costs
more than other optimisations gain, and another compiler version may do it.

    spills.py LIBRARY...                        the static libraries of the tiers
    spills.py --with CC CORE NAME=FLAGS...      core/kernels/x86/NAME.c compiled by CC

Innermost loops alone.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from loops import innermost, spilled

compiler, files = None, sys.argv[1:]
if files[0] == "--with":
    compiler, core, files = files[1], files[2], files[3:]
for tool in ["objdump"] + [compiler] * bool(compiler):
    if not shutil.which(tool):
        print("skipped: %s is missing" % tool)
        sys.exit(77)
tiles = loops = 0
bad = []
with tempfile.TemporaryDirectory() as top:
    if compiler:
        pairs, files = [f.split("=", 1) for f in files], []
        for name, flags in pairs:
            files.append(os.path.join(top, name + ".o"))
            subprocess.run([compiler, "-O3", "-std=gnu11", "-fPIC", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-I", core,
                            *("-DCM_HAVE_" + n.upper() for n, _ in pairs), *flags.split(), "-c", "-o", files[-1],
                            os.path.join(core, "kernels", "x86", name + ".c")], check=True)
    for file in files:
        for name, inner in innermost("objdump", file):
            tiles += 1
            loops += len(inner)
            bad += ["%s: %s: %s" % (os.path.basename(file), name, what) for loop in inner for what in spilled(loop)]
print("%d tiles, %d loops, %d vectors stored to the stack" % (tiles, loops, len(bad)))
print("\n".join(bad[:20]))
sys.exit(bool(bad) or tiles < 6 or loops < tiles)
