#!/usr/bin/python3
"""Checks `calibrate`: the threshold that it writes is the best for the scores that `tag` gives, all else in the file stays, the
same pictures give the same answer, and folders of every unfortunate kind are refused or counted."""
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

COMMAND = os.environ["CLIPMOE_COMMAND"]
TOP = tempfile.mkdtemp(prefix="clipmoe-calibrate-")
LIST = "# doors\r\n\r\nred = a red picture @ 0.50\r\nblue\t=\ta blue picture  \r\n[group lamp]\r\non = a white picture\r\noff = a black picture\r\n"
failed = 0


def check(name, holds, *why):
    global failed
    failed += not holds
    print("%s %s" % ("ok" if holds else "FAIL", name), *([] if holds else [str(w)[-1200:] for w in why]))


def run(*arguments):
    return subprocess.run([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, cwd=TOP)


def calibrate(*arguments):
    return run("calibrate", "--labels-file", "door.labels", *arguments)


def path(name):
    return os.path.join(TOP, name)


def write(name, text):
    with open(path(name), "w", newline="") as f:
        f.write(text)


def read(name):
    with open(path(name), newline="") as f:
        return f.read()


def paint(folder, colour, n, seed):
    os.makedirs(path(folder), exist_ok=True)
    random = numpy.random.default_rng(seed)
    for i in range(n):
        pixels = random.normal(0, 40, (48, 64, 3)) + numpy.array(colour) + random.normal(0, 50, 3)
        Image.fromarray(numpy.clip(pixels, 0, 255).astype(numpy.uint8)).save(path("%s/%d.png" % (folder, i)))


def scores(*options):
    """{(label, folder): scores}, as `tag` gives them."""
    files = ["%s/%s/%s" % (kind, label, f) for label in ("red", "on") for kind in ("yes", "no") for f in sorted(os.listdir(path(kind + "/" + label)))]
    write("plain.labels", "".join(l.split(" @ ")[0].rstrip() + "\n" for l in LIST.splitlines()))
    r = run("tag", "--json", "--threshold", "-1", "--top-k", "99", "--labels-file", "plain.labels", *options, *files)
    found = {}
    for line in map(json.loads, r.stdout.splitlines()):
        kind, label, _ = line["source"].split("/")
        found.setdefault((label, kind), []).append(max([t["score"] for t in line["tags"] if t["label"] == label], default=-9))
    return found


def f1(with_it, without, threshold):
    hits, alarms = sum(s >= threshold for s in with_it), sum(s >= threshold for s in without)
    return 2 * hits / (len(with_it) + hits + alarms)


def results(r):
    return {x["label"]: x for x in map(json.loads, r.stdout.splitlines())}


def finds():
    paint("yes/red", (220, 60, 60), 16, 1)
    paint("no/red", (130, 100, 100), 24, 2)
    paint("yes/on", (230, 230, 230), 12, 3)
    paint("no/on", (40, 40, 40), 12, 4)
    for options in [], ["--score", "cosine", "--geometry", "squash"], ["--score", "sigmoid", "--negative-labels", "green;grey", "--templates", "a {}."]:
        name = " ".join(options) or "as it comes"
        write("door.labels", LIST)
        os.chmod(path("door.labels"), 0o640)
        r = calibrate("--json", "--yes", "yes/red/", "--no", "no/red", "--yes", "yes/on", "--no", "no/on", *options)
        found = results(r)
        check("the labels with folders, in the list's order: " + name, list(found) == ["red", "on"] and r.returncode == 0, r)
        text, expected, given = read("door.labels"), LIST, scores(*options)
        for label, before, line in ("red", "red = a red picture @ 0.50", "red = a red picture @ "), ("on", "on = a white picture", "on = a white picture @ "):
            x = found[label]
            if x["result"] != "found":
                check("%s, %s: kept" % (label, name), x["threshold"] is None)
                continue
            t = x["threshold"]["value"]
            a, b = given[label, "yes"], given[label, "no"]
            best = max(f1(a, b, s) for s in a + b)
            check("%s, %s: no cut is better for the scores of tag" % (label, name), abs(f1(a, b, t) - best) < 1e-9, f1(a, b, t), best, x)
            check("%s, %s: what is expected is no better than that" % (label, name), x["f1"]["value"] <= best + 1e-6 and
                  x["f1"]["low"] <= x["f1"]["value"] <= x["f1"]["high"] and x["threshold"]["low"] <= x["threshold"]["high"], x)
            digits = [w for w in text.splitlines() if w.startswith(line)][0][len(line):]
            check("%s, %s: that is what is written" % (label, name), float(digits) == t, digits, t)
            expected = expected.replace(before, line + digits)
        check("all else is as it was: " + name, text == expected and stat.S_IMODE(os.stat(path("door.labels")).st_mode) == 0o640, text)
        check("found: " + name, found["on"]["result"] == "found", found)
    write("door.labels", LIST)
    os.symlink("door.labels", path("link.labels"))
    a, b = (run("calibrate", "--labels-file", "link.labels", "--yes", "yes", "--no", "no") for _ in range(2))
    check("again the same, by folders of folders, through a link", a.returncode == 0 and a.stdout == b.stdout and os.path.islink(path("link.labels")) and
          " @ " in read("door.labels"), a, b)
    write("door.labels", LIST)
    r = calibrate("--yes", "yes", "--no", "no", "--dry-run")
    check("a dry run writes nothing", r.stdout == a.stdout and read("door.labels") == LIST and not r.stderr, r)
    r = calibrate("--yes", "yes", "--no", "no", "--output", "new.labels")
    check("a new file", r.returncode == 0 and read("door.labels") == LIST and read("new.labels").count(" @ ") >= 2, r)
    r = calibrate("--yes", "yes", "--no", "no", "--output", "new.labels")
    check("nothing is replaced", r.returncode == 1 and b"new.labels: it is there already" in r.stderr and not r.stdout, r)
    a, b = (results(calibrate("--yes", "yes/red", "--no", "no/red", "--dry-run", "--json", "--seed", s))["red"] for s in "12")
    check("another seed: the same threshold, other draws", a["threshold"]["value"] == b["threshold"]["value"] and a["auc"] != b["auc"] or a["f1"] != b["f1"], a, b)


def cannot_tell():
    paint("alike/yes/blue", (90, 90, 90), 20, 5)
    paint("alike/no/blue", (90, 90, 90), 20, 6)
    write("door.labels", LIST)
    r = calibrate("--yes", "alike/yes/blue", "--no", "alike/no/blue")
    check("it says that it cannot tell, and writes nothing", r.returncode == 1 and b"the model cannot tell" in r.stdout and r.stderr.count(b"\n") == 1 and
          read("door.labels") == LIST, r)
    r = calibrate("--yes", "alike/yes/blue", "--no", "alike/no/blue", "--yes", "yes/red", "--no", "no/red")
    check("the others go on", r.returncode == 0 and b"cannot tell" in r.stdout and "blue\t=\ta blue picture  \r\n" in read("door.labels") and
          read("door.labels") != LIST, r)


def unfortunate():
    def refused(name, status, says, *arguments):
        write("door.labels", LIST)
        r = calibrate(*arguments)
        check("refused: " + name, r.returncode == status and says in r.stderr and not r.stdout and read("door.labels") == LIST, r)

    def counted(name, says, *arguments):
        r = calibrate("--dry-run", "--json", *arguments)
        x = results(r).get("red", {})
        check("counted: " + name, all(x.get(k) == v for k, v in says.items()), r)
        return r

    red = ["--yes", "yes/red", "--no", "no/red"]
    os.makedirs(path("empty/red"))
    refused("empty folder", 1, b"empty/red", "--yes", "yes/red", "--no", "empty/red")
    refused("no folder", 1, b"gone/red: no folder", "--yes", "gone/red", "--no", "no/red")
    shutil.copytree(path("yes/red"), path("yes2/green"))
    refused("label not in the file", 1, b"yes2/green: no label", "--yes", "yes2/green", "--no", "no/red")
    refused("nor in a folder of folders", 1, b"yes2/green: no label", "--yes", "yes2", "--no", "no/red")
    refused("yes alone", 2, b"--no", "--yes", "yes/red")
    refused("no list", 1, b"gone.labels", *red, "--labels-file", "gone.labels")
    refused("an installed list", 1, b"an installed list", *red, "--labels-file", "everyday")
    refused("a word", 2, b"yes/red", "yes/red", *red)
    refused("a folder that is not there", 1, b"nowhere", *red, "--output", "nowhere/x.labels")
    shutil.copy(path("yes/red/3.png"), path("no/red/other.png"))
    refused("the same picture in both", 1, b"yes/red/3.png and no/red/other.png are the same picture", *red)
    os.remove(path("no/red/other.png"))
    os.makedirs(path("one/red"))
    shutil.copy(path("yes/red/3.png"), path("one/red/3.png"))
    r = calibrate("--yes", "one/red", "--no", "no/red")
    check("one picture is too few", r.returncode == 1 and b"too few pictures" in r.stdout and read("door.labels") == LIST, r)
    shutil.copytree(path("yes/red"), path("odd/red"))
    write("odd/red/broken.png", "\x89PNG\r\n\x1a\n")
    write("odd/red/page.jpg", "<html>404</html>")
    shutil.copy(os.environ["CLIPMOE_SAMPLE_VIDEO"], path("odd/red/v.mkv")) if os.environ.get("CLIPMOE_SAMPLE_VIDEO") else write("odd/red/v.mkv", "x")
    shutil.copy(path("yes/red/5.png"), path("odd/red/copy.png"))
    r = counted("what cannot be read, and what is there twice", {"unreadable": 3, "twice": 1, "with": 16}, "--yes", "odd/red", "--no", "no/red")
    check("they are named", r.returncode == 0 and all(n in r.stderr for n in (b"broken.png", b"page.jpg", b"v.mkv")), r)
    write("door.labels", LIST.replace("a red picture @ 0.50", "@yes/red/3.png;yes/red/4.png"))
    counted("its own examples", {"examples": 2, "with": 14}, *red, "--score", "cosine")
    r = calibrate(*red, "--score", "cosine", "--output", "odd/x.labels")
    check("pictures are not lost by another folder", r.returncode == 1 and b"in the folder of the list" in r.stderr, r)


finds()
cannot_tell()
unfortunate()
shutil.rmtree(TOP)
sys.exit(failed != 0)
