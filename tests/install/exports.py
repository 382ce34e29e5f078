"""A library exports what its headers declare, and nothing else.

Arguments: the library, its headers. Closes with `N passed, N failed, N skipped`.
"""
import re
import subprocess
import sys

LIBRARY, HEADERS = sys.argv[1], sys.argv[2:]


def declared(path):
    """Names of the functions that a header declares: comments, preprocessor lines and inline bodies are left out."""
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", f.read(), flags=re.S)
    text = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    previous = None
    while previous != text:  # bodies and structs, the innermost first
        previous, text = text, re.sub(r"\{[^{}]*\}", ";", text)
    found = set()
    for statement in text.split(";"):
        name = re.search(r"\b(clipmoe_\w+)\s*\(", statement)
        if name and not re.search(r"\b(?:inline|typedef)\b", statement):
            found.add(name.group(1))
    return found


wanted = set().union(*(declared(h) for h in HEADERS))
lines = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout.splitlines()
exported = {line.split()[-1] for line in lines}

missing, more = sorted(wanted - exported), sorted(exported - wanted)
if not wanted:
    print("FAILED: no header declares anything")
if missing:
    print("FAILED: declared in a header and not exported:", *missing)
if more:
    print("FAILED: exported, but in no header:", *more)
failed = (not wanted) + bool(missing) + bool(more)
print("%d passed, %d failed, 0 skipped" % (3 - failed, failed))
sys.exit(failed != 0)
