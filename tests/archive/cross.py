#!/usr/bin/python3
"""Checks the products of searching on processors that this machine does not have: NEON, with and without dotprod, from a cross build under
qemu-aarch64; under qemu-x86_64 AVX2 on a Haswell, and on a Nehalem plain C without an illegal instruction.

    cross.py TEST SOURCES   the built test of the kernels, and the folder core/kernels
"""
import os
import platform
import shutil
import subprocess
import sys
import tempfile

test, core = sys.argv[1], sys.argv[2]
failed, ran, missing = 0, 0, []


def check(name, command, code, text):
    global failed, ran
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    good = done.returncode == code and text in done.stdout
    ran += 1
    failed += not good
    why = "" if good else ": exit status %d: %s" % (done.returncode, done.stdout[-500:])
    print("%s %s%s" % ("ok" if good else "FAIL", name, why))


if platform.machine() == "x86_64" and shutil.which("qemu-x86_64"):
    check("Haswell", ["qemu-x86_64", "-cpu", "Haswell", test], 0, "avx2: equals plain C\n")
    check("Nehalem", ["qemu-x86_64", "-cpu", "Nehalem", test], 77, "skipped")
else:
    missing.append("qemu-x86_64")

gcc = "aarch64-linux-gnu-gcc"
if shutil.which(gcc) and shutil.which("qemu-aarch64"):
    with tempfile.TemporaryDirectory() as top:
        here = os.path.dirname(os.path.abspath(__file__))
        flags = ("-O3 -Wall -Wextra -Werror -Wno-unused-parameter -std=gnu11 -D_GNU_SOURCE -ffp-contract=off "
                 "-DCM_HAVE_SEARCH_NEON").split() + ["-I", os.path.dirname(core)]
        objects = []
        for name, march in ("neon", "armv8-a"), ("neon_dotprod", "armv8.2-a+dotprod"):
            objects.append(os.path.join(top, name + ".o"))
            subprocess.run([gcc, *flags, "-march=" + march, "-c", "-o", objects[-1], os.path.join(core, "arm", "search_neon.c")],
                           check=True)
        built = os.path.join(top, "test")
        files = [os.path.join(core, f) for f in ("search-choose.c", "cpu.c", "generic/search_generic.c")]
        subprocess.run([gcc, *flags, "-static", "-o", built, os.path.join(here, "test_kernels.c"), *files, *objects, "-lm"], check=True)
        check("Cortex-A72", ["qemu-aarch64", "-cpu", "cortex-a72", built], 0, "neon: equals plain C\n")
        check("Neoverse N1", ["qemu-aarch64", "-cpu", "neoverse-n1", built], 0, "neon+dotprod: equals plain C\n")
else:
    missing.append("gcc-aarch64-linux-gnu with qemu-user")
if missing:
    print("skipped: not at hand: " + ", ".join(missing))
sys.exit(1 if failed else 0 if ran else 77)
