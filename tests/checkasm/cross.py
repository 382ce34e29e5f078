#!/usr/bin/python3
"""Checks the kernels on processors that this machine does not have, by the same checkasm: NEON with its refinements from a cross
build under qemu-aarch64, on processors that have all, some and none of them; under qemu-x86_64 AVX2 on a Haswell, and on a
Nehalem plain C without an illegal instruction. Also what can be said of NEON's speed without hardware: the inner loops get no
more instructions, and no sum leaves its register.

    cross.py CHECKASM SOURCES   the built checkasm, and the folder core
"""
import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from loops import innermost, spilled

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import slow  # noqa: E402

ARM = (("neon", "armv8-a"), ("neon_dotprod", "armv8.2-a+dotprod"), ("neon_i8mm", "armv8.2-a+i8mm"),
       ("neon_bf16", "armv8.2-a+bf16"), ("neon_fp16", "armv8.2-a+fp16"))
# Instructions of the inner loops of six rows (int8 of NEON alone: two): four, for fp16 eight units of k; i8mm two.
MOST = (("neon tile_f32_6", 132), ("neon tile_f16_6", 148), ("neon tile_i8_2", 76), ("neon_dotprod tile_6", 132),
        ("neon_i8mm tile_6", 94), ("neon_bf16 tile_6", 132), ("neon_fp16 tile_6", 247))
MULTIPLY_ADD = r"fmla|sdot|smmla|bfdot|smull|smlal"
checkasm, core = sys.argv[1], sys.argv[2]
here = os.path.dirname(os.path.abspath(__file__))
failed, ran, missing = 0, 0, []


def check(name, command, *texts):
    global failed, ran
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=slow.seconds(300))
    good = done.returncode == 0 and all(t + "\n" in done.stdout for t in texts + ("0 failures",))
    ran += 1
    failed += not good
    print("%s %s%s" % ("ok" if good else "FAIL", name, "" if good else ": %d: %s" % (done.returncode, done.stdout[-800:])))


if platform.machine() == "x86_64" and shutil.which("qemu-x86_64"):
    check("Haswell", ["qemu-x86_64", "-cpu", "Haswell", checkasm], "avx2,-vnni: avx2")
    check("Nehalem", ["qemu-x86_64", "-cpu", "Nehalem", checkasm],
          "left out avx2,-vnni: this processor or system lacks avx2")
else:
    missing.append("qemu-x86_64")

gcc = "aarch64-linux-gnu-gcc"
if shutil.which(gcc) and shutil.which("qemu-aarch64"):
    with tempfile.TemporaryDirectory() as top:
        # -O2: gcc 12 for aarch64 dies of a loop in rows.c at -O3
        flags = ("-O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter -ffp-contract=off".split() +
                 ["-DCM_HAVE_" + name.upper() for name, _ in ARM] + ["-I", core])
        objects = []
        for name, march in ARM:
            objects.append(os.path.join(top, name + ".o"))
            subprocess.run([gcc, *flags, "-O3", "-fno-schedule-insns", "-march=" + march, "-c", "-o", objects[-1],
                            os.path.join(core, "kernels", "arm", name + ".c")], check=True)
        for name, most in MOST:
            file, tile = name.split()
            loop = next(inner for n, inner in innermost("aarch64-linux-gnu-objdump", os.path.join(top, file + ".o")) if n == tile)[0]
            adds, loads = (sum(bool(re.match(what, i)) for i in loop) for what in (MULTIPLY_ADD, "ld"))
            good = len(loop) <= most and not spilled(loop)
            ran += 1
            failed += not good
            print("%s %-23s %3d multiply-adds, %2d loads, %3d instructions of at most %3d" %
                  ("ok" if good else "FAIL", name, adds, loads, len(loop), most), *spilled(loop))
        files = [os.path.join(core, "kernels", f + ".c") for f in
                 ("choose", "cpu", "peak", "pool", "pack", "product", "attention", "generic/generic")]
        built = os.path.join(top, "checkasm")
        subprocess.run([gcc, *flags, "-static", "-o", built, *glob.glob(os.path.join(here, "*.c")), *files, *objects,
                        "-lm", "-lpthread"], check=True)
        # Each of these processors has more than the one before.
        names = {"": "neon,-dotprod,-i8mm,-bf16,-fp16: neon"}
        for r in ("dotprod", "i8mm", "bf16", "fp16"):
            names[r] = "%s: neon+%s" % (names[""][:-6].replace("-" + r, "+" + r), r)
        for name, has in (("cortex-a72", ()), ("neoverse-n1", ("dotprod", "fp16")), ("max", ("dotprod", "i8mm", "bf16", "fp16"))):
            check(name, ["qemu-aarch64", "-cpu", name, built], names[""], *(
                names[r] if r in has else "left out %s: this processor or system lacks %s" % (names[r].split(":")[0], r)
                for r in ("dotprod", "i8mm", "bf16", "fp16")))
else:
    missing.append("gcc-aarch64-linux-gnu with qemu-user")
if missing:
    print("skipped: not at hand: " + ", ".join(missing))
sys.exit(1 if failed else 0 if ran else 77)
