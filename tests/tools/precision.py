#!/usr/bin/python3
"""Checks precision=auto: f32 until there is a verdict, then what the verdict says and why; one of another processor, a damaged
or a foreign one is ignored; the environment can set it."""
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

from PIL import Image, ImageDraw

COMMAND = os.environ["CLIPMOE_COMMAND"]
TOP = tempfile.mkdtemp(prefix="clipmoe-precision-")
PICTURE = os.path.join(TOP, "picture.png")
passed = failed = 0


def check(name, holds, more=""):
    global passed, failed
    print("%s %s %s" % ("ok" if holds else "FAIL", name, "" if holds else more))
    passed, failed = passed + bool(holds), failed + (not holds)


def words(path, text):
    """As the library writes them."""
    with open(path, "w") as f:
        f.write("clipmoe-words %s\n%s" % (hashlib.sha256(text.encode()).hexdigest(), text))


def run(*arguments, forced=None, cpu=None, cache=TOP):
    environment = dict(os.environ, XDG_CACHE_HOME=cache, **({"CLIPMOE_CPU": cpu} if cpu else {}))
    environment.pop("CLIPMOE_PRECISION", None)
    if forced is not None:
        environment["CLIPMOE_PRECISION"] = forced
    done = subprocess.run([COMMAND] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200, env=environment)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def embed(precision=None, **options):
    return run("embed", PICTURE, *(["--precision", precision] if precision else []), **options)[1]


def main():
    picture = Image.new("RGB", (90, 70), (200, 120, 40))
    ImageDraw.Draw(picture).ellipse((10, 10, 60, 50), fill=(20, 60, 200))
    picture.save(PICTURE)
    known = {p: embed(p) for p in ("f32", "half", "int8")}
    check("three precisions, three answers", len(set(known.values())) == 3 and all(known.values()))
    check("auto is f32 at first", embed("auto") == known["f32"] == embed())
    status, out, error = run("model", "verify", "--precision")
    verdict = out.partition("precision=auto is ")[2].partition(" ")[0]
    check("model verify --precision says which", status == 0 and verdict in known, out + error)
    files = glob.glob(os.path.join(TOP, "clipmoe", "verdict-*"))
    check("it is kept", len(files) == 1)
    check("auto follows it", embed() == known[verdict])
    check("what is asked for is not changed by it", embed("f32") == known["f32"])
    check("the environment settles it", all(embed(forced=p) == known[p] for p in known))
    status, out, error = run("embed", PICTURE, forced="fp4")
    check("nonsense in the environment is refused", status == 1 and not out and "fp4" in error, error)
    with open(files[0]) as f:
        lines = f.read().split("\n")[1:]
    other = "half" if verdict != "half" else "int8"
    # the key says model, processor and tier
    for name, line, text in (("another model's", 1, "0" * 64), ("a nonsensical", 2, "fp4"), ("an older", 0, "clipmoe-verdict 0")):
        changed = list(lines)
        changed[2] = other
        changed[line] = text
        words(files[0], "\n".join(changed))
        check("%s verdict is none" % name, embed() == known["f32"])
    changed = list(lines)
    changed[2] = other
    words(files[0], "\n".join(changed))
    check("a verdict is what the file says", embed() == known[other])
    with open(files[0], "r+") as f:
        f.write("clipmoe-words " + "0" * 64)
    check("a damaged verdict is none", embed() == known["f32"])
    words(files[0], "\n".join(changed))
    check("nor does it count for another activation", run("embed", PICTURE, "--activation", "gelu")[1] ==
          run("embed", PICTURE, "--activation", "gelu", "--precision", "f32")[1])
    check("nor for another tier", run("embed", PICTURE, cpu="generic")[1] == run("embed", PICTURE, "--precision", "f32", cpu="generic")[1])
    status, out, error = run("model", "verify", "--precision", cache=PICTURE)
    check("a verdict that cannot be kept is said not to be", status == 1 and "from now on" not in out and "could not be kept" in out, out + error)
    shutil.rmtree(TOP, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
