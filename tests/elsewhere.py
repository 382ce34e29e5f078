"""Runs a test of kernels on processors that this machine does not have: under qemu-x86_64 AVX2 on a Haswell, and on a Nehalem plain C
without an illegal instruction; a cross build of it under qemu-aarch64."""
import os
import platform
import shutil
import subprocess
import sys
import tempfile

FLAGS = "-O3 -Wall -Wextra -Werror -Wno-unused-parameter -std=gnu11 -D_GNU_SOURCE -ffp-contract=off".split()
GCC = "aarch64-linux-gnu-gcc"


def run(test, sources, arm):
    """Ends the process. @test: the one built for this machine. @sources: the folder core/kernels. arm(compile) makes one for ARM by
    compile(OUTPUT, WORD...), which runs in @sources, and gives its path and a list of (name, words for qemu, text expected)."""
    failed, ran, missing = 0, 0, []

    def check(name, command, code, text):
        nonlocal failed, ran
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

    if shutil.which(GCC) and shutil.which("qemu-aarch64"):
        with tempfile.TemporaryDirectory() as top:
            def compile_to(name, *words):
                built = os.path.join(top, name)
                subprocess.run([GCC, *FLAGS, "-I", os.path.dirname(sources), "-o", built, *words], check=True, cwd=sources)
                return built
            built, processors = arm(compile_to)
            for name, words, text in processors:
                check(name, ["qemu-aarch64", *words, built], 0, text)
    else:
        missing.append("gcc-aarch64-linux-gnu with qemu-user")
    if missing:
        print("skipped: not at hand: " + ", ".join(missing))
    sys.exit(1 if failed else 0 if ran else 77)
