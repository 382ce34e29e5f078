#!/usr/bin/python3
"""Checks what `clipmoe search` prints and writes beside the table: every form says the same as --json, files are not replaced by
mistake, and --clips cuts the hits out of the files that were indexed, whatever these are called, and out of no others."""
import csv
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

import indexing
from indexing import COMMAND, SAMPLE, check, gst

sys.path.insert(0, os.environ["CLIPMOE_TEST_SOURCES"])
import slow  # noqa: E402

TOP = tempfile.mkdtemp(prefix="clipmoe-found-")
STORE, MEDIA, RATE, KEY = os.path.join(TOP, "store"), os.path.join(TOP, "media"), 25, 1.0
ODD = b"it's \"a\"\n$(x) \xff.mp4"
ASK = ["a ball", "--limit", "100"]
PROBE = shutil.which("ffprobe")


def search(*arguments, **more):
    return subprocess.run([COMMAND, "search", "--store", STORE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=slow.seconds(120), **more)


def hits(*arguments):
    lines = [json.loads(line) for line in search("--json", *arguments).stdout.decode().splitlines()]
    return lines[0], lines[1:]


def refused(name, status, *arguments, says=""):
    r = search(*arguments)
    check("refused: " + name, r.returncode == status and not r.stdout and says in r.stderr.decode() and r.stderr.count(b"\n") == 1,
          r.returncode, r.stdout, r.stderr)


def make_video(to, mux):
    """Nine seconds of three pictures with sound, frames that are stored in another order than they are shown, a key frame a second."""
    raw = os.path.join(TOP, "raw")
    with open(raw, "wb") as out:
        for pattern in "smpte", "ball", "checkers-8":
            gst("videotestsrc", "num-buffers=75", "pattern=" + pattern, "!", "video/x-raw,format=I420,width=160,height=90,framerate=25/1", "!",
                "filesink", "location=" + raw + ".one")
            with open(raw + ".one", "rb") as one:
                out.write(one.read())
    gst(mux, "name=m", "!", "filesink", "location=" + to,
        "filesrc", "location=" + raw, "!", "rawvideoparse", "format=i420", "width=160", "height=90", "framerate=25/1", "!",
        "x264enc", "bframes=2", "key-int-max=%d" % RATE, "option-string=scenecut=0:open-gop=0", "!", "h264parse", "!", "m.",
        "audiotestsrc", "num-buffers=388", "!", "audio/x-raw,rate=44100,channels=1", "!", "avenc_aac", "!", "aacparse", "!", "m.")
    os.unlink(raw)
    os.unlink(raw + ".one")


def make():
    os.makedirs(MEDIA)
    random = numpy.random.default_rng(7)
    for i in range(26):
        Image.fromarray(random.integers(0, 256, (4, 4, 3), numpy.uint8)).resize((160, 120), Image.BICUBIC).save(os.path.join(MEDIA, "p%02d.png" % i))
    make_video(os.path.join(MEDIA, "street.mp4"), "mp4mux")
    make_video(os.path.join(MEDIA, "street.mkv"), "matroskamux")
    make_video(os.path.join(MEDIA, "street.ts"), "mpegtsmux")
    shutil.copy(os.path.join(MEDIA, "street.mp4"), os.path.join(os.fsencode(MEDIA), ODD))
    if SAMPLE:
        shutil.copy(SAMPLE, os.path.join(MEDIA, "sample.avi"))
    r = indexing.run(STORE, MEDIA)
    check("indexed", r.returncode == 0, r.stderr)


# ---------------------------------------------------------------- forms

def table_forms(found, one):
    r = search("--csv", *ASK)
    lines = list(csv.DictReader(io.StringIO(r.stdout.decode("utf-8", "surrogateescape"), newline="")))
    check("csv: a line a hit", r.returncode == 0 and not r.stderr and len(lines) == len(found) > 30, r)
    timed = [bool(line["start"]) for line in lines]
    check("csv: pictures have no times", [not h["file"].endswith(".png") for h in found] == timed, lines)
    for line, h in zip(lines, found):
        figures = [(line[k], h[k]) for k in ("score", "cosine", "distance")] + [(line[k], h[k]) for k in ("start", "end", "time") if line["start"]]
        if not all(abs(float(a) - b) <= 2e-3 for a, b in figures) or line["label"] != "a ball" or line["at"] != (h["at"] or "") or \
                line["stands_out"] not in ("01"[h["stands_out"]], "false true".split()[h["stands_out"]]):
            check("csv: the figures of --json", False, line, h)
    names = {line["file"].encode("utf-8", "surrogateescape") for line in lines}
    check("csv: names byte for byte", os.path.join(os.fsencode(MEDIA), ODD) in names, names)
    r = search("--vtt", *ASK, "--path", "*/street.mp4")
    cues = re.findall(r"^(\d+):(\d+):(\d+)\.(\d+) --> ", r.stdout.decode(), re.M)
    check("vtt: a cue a hit, in order", r.stdout.startswith(b"WEBVTT\n") and
          [int(h) * 3600 + int(m) * 60 + int(s) + int(f) / 1000 for h, m, s, f in cues] == sorted(round(h["start"], 3) for h in one), r, one)
    for form in "--vtt", "--chapters":
        refused(form + " of several files", 1, form, *ASK, says="--path")
    r = search("--chapters", *ASK, "--path", "*/street.mp4")
    edges = {int(v) for v in re.findall(r"^(?:START|END)=(\d+)$", r.stdout.decode(), re.M)}
    check("chapters: between the hits' edges", r.stdout.startswith(b";FFMETADATA1\n") and edges and
          edges <= {round(h[k] * 1000) for h in one for k in ("start", "end")} and r.stdout.count(b"title=a ball") >= len(one), r, one)


def cut_lists(found):
    timed = [h for h in found if not h["file"].endswith(".png")]
    r = search("--edl", *ASK)
    events = re.findall(r"^\d{3}  .*?(\d\d:\d\d:\d\d:\d\d) (\d\d:\d\d:\d\d:\d\d) \S+ \S+$", r.stdout.decode(), re.M)
    frames = lambda code: sum(int(part) * n for part, n in zip(code.split(":"), (90000, 1500, 25, 1)))
    check("edl: an event a hit, at 25 frames a second, which is said", len(events) == len(timed) and b"25 frames a second are assumed" in r.stderr and
          b"pictures" in r.stderr and sorted(frames(a) for a, _ in events) == sorted(int(h["start"] * 25 + 0.5) for h in timed), r, timed)
    r = search("--edl", "--fps", "10", "--start-timecode", "10:00:00:00", *ASK, "--path", "*/street.mp4")
    check("edl: another rate and start", r.returncode == 0 and not r.stderr and b" 10:00:0" in r.stdout, r)
    r = search("--otio", "--fps", "25", *ASK, "--path", "*/street.mp4")
    clips = json.loads(r.stdout)["tracks"]["children"][0]["children"]
    one = hits(*ASK, "--path", "*/street.mp4")[1]
    check("otio: a clip a hit", sorted(c["source_range"]["start_time"]["value"] for c in clips) == sorted(int(h["start"] * 25 + 0.5) for h in one), clips)
    check("otio: the files", {c["media_references"]["DEFAULT_MEDIA"]["target_url"] for c in clips} == {"file://" + os.path.join(MEDIA, "street.mp4")})


def files(head, found):
    page, sheet = os.path.join(TOP, "out.html"), os.path.join(TOP, "out.png")
    plain = search(*ASK)
    r = search("--html", page, "--sheet", sheet, *ASK)
    with open(page, encoding="utf-8") as f:
        text = f.read()
    check("html: beside what is printed", r.returncode == 0 and r.stdout == plain.stdout and b"first 24 of" in r.stderr, r)
    check("html: a picture a hit, the query, how many", text.count("<img ") == len(found) and "a ball" in text and
          "%d hits of %d moments" % (len(found), head["moments"]) in text and ("Nothing stands out" in text) == (not head["stands_out"]), text[:3000])
    check("html: links lead to the times", 'street.mp4#t=' in text)
    check("sheet: 24 cells in rows of four", Image.open(sheet).format == "PNG" and Image.open(sheet).width > 4 * 320)
    before = open(page, "rb").read()
    again = search("--html", page, *ASK, "--limit", "1")
    check("html: the next run replaces it", again.returncode == 0 and open(page, "rb").read() != before)
    broken = os.path.join(TOP, "broken")
    shutil.copytree(STORE, broken)
    with sqlite3.connect(os.path.join(broken, "archive.sqlite")) as db:
        db.execute("UPDATE thumbnail SET jpeg = zeroblob (1048577) WHERE moment = ?", (found[0]["moment"],))
    db.close()
    r = search("--store", broken, "--html", page, "--sheet", sheet, *ASK)
    check("html, sheet: a picture that is too large is left out and counted", r.returncode == 0 and b"1 of %d hits have no picture" % len(found) in r.stderr and
          open(page, encoding="utf-8").read().count("<img ") == len(found) - 1, r)
    none = search("--html", page, "--sheet", sheet + ".none", *ASK, "--source", "none")
    check("nothing found: the page says so, and there is no sheet", none.returncode == 1 and "No moment passes" in open(page, encoding="utf-8").read() and
          not os.path.exists(sheet + ".none") and b"not written" in none.stderr, none)
    theirs = os.path.join(TOP, "theirs.html")
    with open(theirs, "w", encoding="utf-8") as f:
        f.write("Somebody's.\n")
    picture = os.path.join(MEDIA, "p00.png")
    refused("another's page", 1, "--html", theirs, *ASK)
    refused("the picture that is searched for", 1, "--sheet", picture, "--image", picture, says="looked at")
    refused("a folder that is not there", 1, "--html", "/nonexistent/r.html", *ASK)
    refused("one file for two", 2, "--html", "x", "--sheet", "x", *ASK)
    refused("two forms", 2, "--csv", "--json", *ASK)
    refused("a rate for nothing", 2, "--csv", "--fps", "25", *ASK)
    refused("exact for nothing", 2, "--exact", *ASK)
    refused("clips into a file", 1, "--clips", theirs, *ASK, says="folder")
    refused("clips below nothing", 1, "--clips", "/nonexistent/clips", *ASK)
    check("they are as they were", open(theirs, encoding="utf-8").read() == "Somebody's.\n" and Image.open(picture).size == (160, 120))


# ---------------------------------------------------------------- clips

def probe(path, *what):
    return json.loads(subprocess.run([PROBE, "-loglevel", "error", "-of", "json", *what, path], check=True, capture_output=True, timeout=slow.seconds(60)).stdout)


def digests(folder):
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            found[name] = hashlib.sha256(f.read()).hexdigest()
    return found


def length(path):
    return float(probe(path, "-show_entries", "format=duration")["format"]["duration"])


def expected_name(rank, h, ending):
    stem = os.path.splitext(os.path.basename(h["file"]))[0]
    stem = "it_s__a____x____" if stem.startswith("it") else stem
    s = int(h["start"])
    return "%02d-%s-%02dh%02dm%02ds.%s" % (rank, stem, s // 3600, s // 60 % 60, s % 60, ending)


def clips():
    ask = ["a ball", "--limit", "60", "--path", "*.[mt]*"]  # the videos that were made
    found = hits(*ask)[1]
    out = os.path.join(TOP, "clips")
    r = search("--clips", out, *ask)
    check("clips", r.returncode == 0 and ("%d of %d hits" % (len(found), len(found))).encode() in r.stderr and len(found) >= 8, r)
    names = sorted(os.listdir(out))
    endings = ["mkv" if h["file"].endswith("mkv") else "mp4" for h in found]
    stems = [re.sub(r"-it_s.*?-(?=\d\dh)", "-it-", n) for n in names]
    expected = [re.sub(r"-it_s.*?-(?=\d\dh)", "-it-", expected_name(i + 1, h, e)) for i, (h, e) in enumerate(zip(found, endings))]
    check("clips: names by rank, with file and time", stems == expected and all(re.fullmatch(r"[\w.-]+", n) for n in names), names, expected)
    if PROBE:
        for name, h in zip(names, found):
            path, want = os.path.join(out, name), h["end"] - h["start"]
            packets = probe(path, "-select_streams", "v", "-show_entries", "packet=flags,pts_time")["packets"]
            codecs = [s["codec_name"] for s in probe(path, "-show_entries", "stream=codec_name")["streams"]]
            took = max(float(p["pts_time"]) for p in packets) + 1 / RATE
            ok = packets[0]["flags"].startswith("K") and codecs == ["h264", "aac"]
            check("clips: %s begins with a key frame before the hit and ends behind it" % name, ok and want - 0.1 <= took <= want + KEY + 1.3, packets[:2], codecs, took, want)
        decoded = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", os.path.join(out, names[0]), "-f", "null", "-"], capture_output=True, timeout=slow.seconds(60))
        check("clips: decoded without a complaint", decoded.returncode == 0 and not decoded.stderr, decoded)
    before = digests(out)
    r = search("--clips", out, *ask, "--limit", "2")
    after = digests(out)
    new = sorted(set(after) - set(before))
    check("clips: a name that is taken gets a number", r.returncode == 0 and len(new) == 2 and all(n.rsplit(".", 1)[0].endswith("-2") for n in new) and
          all(after[n] == d for n, d in before.items()), new)


def exact():
    ask = ["a ball", "--limit", "3", "--path", "*/street.m*"]
    found, out = hits(*ask)[1], os.path.join(TOP, "exact")
    r = search("--clips", out, "--exact", *ask)
    names = sorted(os.listdir(out))
    check("exact", r.returncode == 0 and len(names) == len(found), r)
    for name, h in zip(names, found):
        if PROBE:
            check("exact: %s is as long as the hit" % name, abs(length(os.path.join(out, name)) - max(h["end"] - h["start"], 1)) < 0.15, length(os.path.join(out, name)), h)


def pictures():
    out = os.path.join(TOP, "pictures")
    r = search("--clips", out, "--image", os.path.join(MEDIA, "p03.png"), "--path", "*.png", "--limit", "2")
    first = os.path.join(out, "01-p03.png")
    check("pictures are copied", r.returncode == 0 and open(first, "rb").read() == open(os.path.join(MEDIA, "p03.png"), "rb").read() and len(os.listdir(out)) == 2, r)


def gone():
    ask = ["a ball", "--limit", "60", "--path", "*/street.*"]
    found, out = hits(*ask)[1], os.path.join(TOP, "gone")
    os.unlink(os.path.join(MEDIA, "street.ts"))
    with open(os.path.join(MEDIA, "street.mkv"), "ab") as f:
        f.write(b"more")
    r = search("--clips", out, *ask)
    left = [h for h in found if h["file"].endswith("mp4")]
    text = r.stderr.decode()
    check("gone and changed: a sentence each, and the others go on", r.returncode == 1 and len(os.listdir(out)) == len(left) > 0 and
          text.count("cannot be opened") == sum(h["file"].endswith("ts") for h in found) and text.count("changed or replaced") == sum(h["file"].endswith("mkv") for h in found), r)
    check("gone and changed: nothing else is left", all(n.endswith(".mp4") for n in os.listdir(out)), os.listdir(out))
    os.utime(os.path.join(MEDIA, "street.mp4"))
    r = search("--clips", out, *ask[:-1], "*/street.mp4", "--limit", "1")
    check("touched, but the same content", r.returncode == 0, r)


def waiting():
    """Who looks on is told why the first search takes longer."""
    said = []
    for _ in range(2):
        ours, theirs = os.openpty()
        subprocess.run([COMMAND, "search", "--store", STORE, *ASK], stdout=subprocess.DEVNULL, stderr=theirs, timeout=slow.seconds(120),
                       env=dict(os.environ, XDG_CACHE_HOME=os.path.join(TOP, "cache")), check=True)
        os.close(theirs)
        try:
            said.append(os.read(ours, 4096))
        except OSError:
            said.append(b"")
        os.close(ours)
    check("waiting is explained, once", b"everyday words" in said[0] and b"everyday words" not in said[1], said)


def main():
    make()
    head, found = hits(*ASK)
    one = hits(*ASK, "--path", "*/street.mp4")[1]
    check("there is something to write", len(found) > 30 and len(one) >= 2, one)
    table_forms(found, one)
    cut_lists(found)
    files(head, found)
    clips()
    exact()
    pictures()
    gone()
    waiting()
    shutil.rmtree(TOP)
    if not PROBE:
        print("SKIPPED: what is in the clips: ffprobe is not installed")
    indexing.finish()


main()
