"""What scripts rely on: the forms in which `clipmoe` answers, its exit status, what it leaves behind.

Runs alone: CLIPMOE_COMMAND names the command. Closes with `N passed, N failed, N skipped`.
"""
import base64
import csv
import io
import json
import os
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

COMMAND = os.environ["CLIPMOE_COMMAND"]
passed = failed = 0


def run(*arguments, **more):
    return subprocess.run([COMMAND, *arguments], capture_output=True, timeout=120, **more)


def check(name, ok, *why):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED:", name, *[str(w)[:800] for w in why])


def refused(name, status, *arguments):
    """Wrong usage or bad input: the status, one sentence, nothing on standard output."""
    r = run(*arguments)
    lines = [l for l in r.stderr.decode().splitlines() if l and not l.startswith("clipmoe: no labels given")]
    check(name, r.returncode == status and r.stdout == b"" and len(lines) == 1, r)


def vector(line):
    e = line["embedding"]
    v = numpy.frombuffer(base64.b64decode(e["base64"]), "<f4")
    assert e["dtype"] == "f32" and e["shape"] == [len(v)]
    return v


def main():
    work = tempfile.mkdtemp()
    video, png, jpg, turned = (os.path.join(work, n) for n in ("bars.mkv", "a.png", "a.jpg", "turned.jpg"))
    subprocess.run(["gst-launch-1.0", "-q", "videotestsrc", "num-buffers=40", "!",
                    "video/x-raw,width=160,height=120,framerate=10/1", "!", "jpegenc", "!", "matroskamux", "!",
                    "filesink", "location=" + video], check=True,
                   # not ours to load: in a sanitizer build gst-launch-1.0 could not
                   env=dict(os.environ, GST_PLUGIN_PATH="", GST_REGISTRY=os.path.join(work, "registry")))
    os.unlink(os.path.join(work, "registry"))
    pixels = numpy.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=numpy.uint8)
    pixels = numpy.array(Image.fromarray(pixels[::10, ::10]).resize((120, 90), Image.BICUBIC))
    Image.fromarray(pixels).save(png)
    Image.fromarray(pixels).save(jpg, quality=95)
    exif = Image.Exif()
    exif[0x112] = 6  # shown after a quarter turn
    Image.fromarray(pixels).transpose(Image.ROTATE_90).save(turned, exif=exif, quality=95)

    for command in ([], ["tag"], ["embed"], ["tokenize"], ["model"], ["model", "inspect"]):
        r = run(*command, "--help")
        check("help of %s has an example" % command, r.returncode == 0 and b"xample" in r.stdout and not r.stderr, r)
    refused("no such command", 2, "tagg")
    refused("no file", 2, "tag")
    refused("unknown option", 2, "tag", "--nope", video)
    refused("value out of range", 2, "tag", "--top-k", "-3", video)
    refused("not a value", 2, "tag", "--geometry", "round", video)
    refused("two forms at once", 2, "tag", "--json", "--csv", video)
    refused("subtitles of two files", 2, "tag", "--vtt", video, video)
    refused("missing file", 1, "tag", "--labels", "a,b", os.path.join(work, "none.mkv"))
    refused("one bad file spoils the answer", 1, "tag", "--json", "--labels", "a,b", video, os.path.join(work, "none"))
    refused("a sheet that cannot be written", 1, "tag", "--labels", "a,b", "--sheet", "/nonexistent/s.png", png)
    refused("embed: nothing to do", 2, "embed")
    refused("embed: no such geometry", 2, "embed", "--geometry", "round", png)
    refused("embed: folder", 1, "embed", work)

    labels = ["--labels", 'color bars;a "dog", or cat', "--threshold", "0"]
    looks = [json.loads(l) for l in run("tag", "--json", *labels, video).stdout.splitlines()]
    check("one look a second", [l["time"] for l in looks] == [0, 1, 2, 3], looks)
    check("source as given", {l["source"] for l in looks} == {video})
    rows = list(csv.reader(io.StringIO(run("tag", "--csv", *labels, video).stdout.decode(), newline="")))
    check("csv: header and one interval a label",
          rows[0] == ["source", "start", "end", "label", "peak", "peak_time", "mean"] and len(rows) == 3 and
          {r[3] for r in rows[1:]} == {"color bars", 'a "dog", or cat'} and
          all((r[1], r[2]) == ("0.000", "4.000") for r in rows[1:]), rows)
    best = {t["label"]: t["score"] for t in looks[0]["tags"]}
    check("csv: the peak is the highest score",
          all(abs(float(r[4]) - max(t["score"] for l in looks for t in l["tags"] if t["label"] == r[3])) < 1e-6
              for r in rows[1:]), rows, best)
    vtt = run("tag", "--vtt", "--labels", "a<b;c", "--threshold", "0", video).stdout.decode()
    check("vtt: cues, markup escaped",
          vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:04.000\n") and "a&lt;b (" in vtt, vtt)
    table = run("tag", *labels, video).stdout.decode()
    check("table", "0:00:00.00  0:00:04.00" in table and "color bars" in table, table)
    esc = run("tag", "--labels", "a\x1b[31m,b", "--threshold", "0", png).stdout
    check("table: no terminal codes", b"\x1b" not in esc and b"b" in esc, esc)
    no_label = run("tag", png)
    check("without labels the list is named", no_label.returncode == 0 and b"everyday" in no_label.stderr, no_label)

    sheet = os.path.join(work, "sheet.png")
    r = run("tag", *labels, "--sheet", sheet, video)
    size = Image.open(sheet).size if os.path.exists(sheet) else None
    check("sheet: four looks side by side", size is not None and size[0] == 4 * 336 + 16, r, size)
    check("sheet: nothing else is left", sorted(os.listdir(work)) == sorted(
        ["bars.mkv", "a.png", "a.jpg", "turned.jpg", "sheet.png"]), os.listdir(work))

    one = [json.loads(l) for l in run("embed", png, "--text", "a dog").stdout.splitlines()]
    check("embed: schema", [set(l) for l in one] == [{"schema", "source", "time", "model", "embedding"},
                                                   {"schema", "text", "time", "model", "embedding"}], one)
    check("embed: unit vectors", all(abs(numpy.linalg.norm(vector(l)) - 1) < 1e-5 for l in one))
    tagged = json.loads(run("tag", "--json", "--labels", "a,b", "--attach-embedding", "true", png).stdout)
    check("tag and embed see the same picture", (vector(tagged) == vector(one[0])).all())
    npy = os.path.join(work, "v.npy")
    r = run("embed", "--npy", npy, png, jpg, turned, video, "--text", "a dog")
    array = numpy.load(npy) if r.returncode == 0 else numpy.zeros((0, 0))
    check("npy: files first, then words", array.shape == (8, len(vector(one[0]))) and r.stdout == b"" and
          (array[0] == vector(one[0])).all() and (array[-1] == vector(one[1])).all(), r, array.shape)
    check("EXIF orientation is applied", array.shape[0] == 8 and array[1] @ array[2] > 0.99, array[1:3])
    ids = json.loads(run("tokenize", "a dog").stdout)
    check("tokenize", ids["text"] == "a dog" and len(ids["ids"]) >= 4, ids)
    full = subprocess.run(
        [COMMAND, "tokenize", "a"], stdout=open("/dev/full", "wb"), stderr=subprocess.PIPE)
    check("a full standard output is a failure", full.returncode == 1, full)

    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return failed != 0


sys.exit(main())
