#!/usr/bin/python3
"""Protects: products and all that works on their lines are right on processors that this machine is not, by the same
checkasm: NEON with dotprod and bf16 from a cross build under qemu-aarch64; under qemu-x86_64 AVX2 on a Haswell, and on
a Nehalem plain C without an illegal instruction.

    cross.py CHECKASM SOURCES   the built checkasm, and the folder core
"""
import glob
import os
import platform
import shutil
import subprocess
import sys
import tempfile

checkasm, core = sys.argv[1], sys.argv[2]
here = os.path.dirname(os.path.abspath(__file__))
failed, ran, missing = 0, 0, []


def check(name, command, *texts):
    global failed, ran
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=300)
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
        flags = ("-O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter -ffp-contract=off -DCM_HAVE_NEON "
                 "-DCM_HAVE_NEON_DOTPROD -DCM_HAVE_NEON_BF16").split() + ["-I", core]
        objects = []
        for name, march in (("neon", "armv8-a"), ("neon_dotprod", "armv8.2-a+dotprod"), ("neon_bf16", "armv8.2-a+bf16")):
            objects.append(os.path.join(top, name + ".o"))
            subprocess.run([gcc, *flags, "-O3", "-march=" + march, "-c", "-o", objects[-1],
                            os.path.join(core, "kernels", "arm", name + ".c")], check=True)
        files = [os.path.join(core, "kernels", f + ".c") for f in
                 ("kernels", "cpu", "limits", "pool", "pack", "product", "attention", "generic/generic")]
        built = os.path.join(top, "checkasm")
        subprocess.run([gcc, *flags, "-static", "-o", built, *glob.glob(os.path.join(here, "*.c")), *files, *objects,
                        "-lm", "-lpthread"], check=True)
        check("NEON", ["qemu-aarch64", "-cpu", "max", built], "neon,-dotprod,-bf16: neon",
              "neon,+dotprod,-bf16: neon+dotprod", "neon,+bf16: neon+dotprod+bf16")
else:
    missing.append("gcc-aarch64-linux-gnu with qemu-user")
if missing:
    print("skipped: not at hand: " + ", ".join(missing))
sys.exit(1 if failed else 0 if ran else 77)
