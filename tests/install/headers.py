"""Checks that each public header can be included alone, with all warnings, by programs in C and C++, and all together in any
order.

Used by install.py for the installed ones. Alone: arguments are the folders that programs name with -I, and it closes
with `N passed, N failed, N skipped`.
"""
import glob
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import slow  # noqa: E402

COMPILERS = [("cc", "c", "c99"), ("cc", "c", "c11"), ("clang", "c", "c11"), ("g++", "c++", "c++11"),
             ("g++", "c++", "c++20"), ("clang++", "c++", "c++17")]
# GLib's own macros are no ISO C; what stands in its headers is not looked at.
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Wundef", "-Wshadow", "-Wconversion", "-Werror"]
ONLY = {"c": ["-Wstrict-prototypes", "-Wmissing-prototypes"], "c++": ["-Wold-style-cast"]}


def check(folders, flags, report, skip):
    """Each header of FOLDER/clipmoe, by every compiler that is there. report (name, ok, why), skip (name, why)."""
    headers = sorted(os.path.basename(p) for f in folders for p in glob.glob(f + "/clipmoe/*.h"))
    report("headers are found", {"clipmoe.h", "version.h"} <= set(headers), headers)
    for compiler, language, standard in COMPILERS:
        if not shutil.which(compiler):
            skip("headers by %s" % compiler, "it is not installed")
            continue
        for header in headers + ["all of them"]:
            names = headers[::-1] if header == "all of them" else [header]
            source = "".join("#include <clipmoe/%s>\n" % n for n in names) + "int main (void);\nint main (void) { return 0; }\n"
            r = subprocess.run([compiler, "-std=" + standard, *WARNINGS, *ONLY[language], "-fsyntax-only", "-x", language,
                                "-", *flags], input=source, capture_output=True, text=True, timeout=slow.seconds(30))
            report("%s as %s by %s" % (header, standard, compiler), r.returncode == 0, r.stderr)


def glib():
    flags = subprocess.run(["pkg-config", "--cflags", "glib-2.0"], capture_output=True, text=True, check=True).stdout
    return [f.replace("-I", "-isystem", 1) for f in flags.split()]


if __name__ == "__main__":
    count = {"passed": 0, "failed": 0, "skipped": 0}

    def report(name, ok, why):
        count["passed" if ok else "failed"] += 1
        if not ok:
            print("FAILED:", name, str(why)[:1500])

    def skip(name, why):
        count["skipped"] += 1
        print("SKIPPED: %s: %s" % (name, why))

    includes = ["-I" + f for f in sys.argv[1:]] + glib()
    check(sys.argv[1:], includes, report, skip)
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % count)
    sys.exit(count["failed"] != 0)
