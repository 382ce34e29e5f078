#!/usr/bin/python3
"""clang-tidy, with the checks of .clang-tidy, finds nothing in any C file of the library, elements and commands that BUILD
compiles. Tests are left out: they compare floats bit by bit and multiply small numbers as they like.

    tidy.py BUILD [PART OF A PATH]...

CLANG_TIDY names another program than clang-tidy. Exit status 77 where there is none.
"""
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PRODUCT = ("core", "publish", "archive", "gst", "plugin", "tools")
TOOL = shutil.which(os.environ.get("CLANG_TIDY") or "clang-tidy")
# clang does not know all that gcc is told
KEPT = re.compile(r"-(I|D|U|isystem|std=|m[a-z]|f(PIC|visibility)|pthread)")


def sources(build):
    """{file: how it is compiled}, each once."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    found = {}
    for c in commands:
        path = os.path.realpath(os.path.join(c["directory"], c["file"]))
        if path.endswith(".c") and path.startswith(os.path.realpath(ROOT) + "/") and path not in found:
            words = [w for w in shlex.split(c["command"]) if KEPT.match(w)]
            # GLib's headers and others' are not ours to judge
            words = ["-isystem" + w[2:] if w.startswith("-I/usr/") else w for w in words]
            found[path] = {"directory": c["directory"], "file": path, "arguments": ["clang"] + words + ["-c", path]}
    return found


def main():
    if not TOOL:
        print("no clang-tidy here")
        return 77
    build, parts = os.path.abspath(sys.argv[1]), sys.argv[2:]
    found = sources(build)
    files = [p for p in sorted(found) if os.path.relpath(p, os.path.realpath(ROOT)).split("/")[0] in PRODUCT and (not parts or any(part in p for part in parts))]
    faults, lock = set(), threading.Lock()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as f:
            json.dump(list(found.values()), f)

        def one(path):
            r = subprocess.run([TOOL, "-p", folder, "--quiet", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            lines = [x for x in r.stdout.splitlines() if re.search(r": (error|warning): ", x)]
            if r.returncode and not lines:
                lines = [path + ": clang-tidy failed: " + r.stderr.strip()[-300:]]
            with lock:
                for line in lines if r.returncode else []:
                    line = re.sub(r"^\S*?\.\./", "", line.replace(ROOT + "/", "")).replace("../", "")
                    if line not in faults:  # of a header once
                        faults.add(line)
                        print(line, flush=True)

        # the longest first, so that the last one does not go on alone
        files.sort(key=os.path.getsize, reverse=True)
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            list(pool.map(one, files))
    print("%d files, %d faults" % (len(files), len(faults)))
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main())
