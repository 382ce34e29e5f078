"""Checks what scripts rely on: the output formats of `clipmoe`, its exit status, the files that it leaves.

Runs alone: CLIPMOE_COMMAND names the command. Closes with `N passed, N failed, N skipped`.
"""
import base64
import csv
import io
import json
import os
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

COMMAND = os.environ["CLIPMOE_COMMAND"]
SANITIZED = b"__asan_init" in open(COMMAND, "rb").read()  # which takes terabytes of addresses
passed = failed = skipped = 0


def run(*arguments, **more):
    return subprocess.run([COMMAND, *arguments], capture_output=True, timeout=120, **more)


def check(name, ok, *why):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED:", name, *[str(w)[:800] for w in why])


def skip(name, why):
    global skipped
    skipped += 1
    print("SKIPPED:", name + ":", why)


def refused(name, status, *arguments, **more):
    """Wrong usage or bad input: the status, one sentence, nothing on standard output."""
    r = run(*arguments, **more)
    lines = [l for l in r.stderr.decode().splitlines() if l and not l.startswith("clipmoe: no labels given")]
    check(name, r.returncode == status and r.stdout == b"" and len(lines) == 1, r)


def vector(line):
    e = line["embedding"]
    v = numpy.frombuffer(base64.b64decode(e["base64"]), "<f4")
    assert e["dtype"] == "f32" and e["shape"] == [len(v)]
    return v


def options_of_tag(png):
    """Every property of clipmoebin, which has those of clipmoetag, that can be written is an option of tag, and those of a look of embed."""
    text = subprocess.run(["gst-inspect-1.0", "clipmoebin"], capture_output=True, timeout=120).stdout.decode()
    if "clipmoebin" not in text:  # gst-inspect-1.0 has no sanitizer to load ours into
        return skip("options of tag", "gst-inspect-1.0 cannot load the element")
    properties = re.findall(r"^  ([a-z-]+) +: .*\n +flags: (?:.*)writable", text, re.M)
    properties = [p for p in properties if p not in
                  ("name", "parent", "qos", "async-handling", "message-forward")]  # of GStreamer's own classes
    check("properties of clipmoebin are found", len(properties) >= 24, properties)
    for command, some in (("tag", properties),
                          ("embed", ["model", "vocab", "prefix", "side", "activation", "experts", "heads", "text-heads", "decode", "rate", "inference-interval",
                                     "geometry", "video-direction", "precision", "threads", "source"])):
        have = re.findall(r"^  --([a-z-]+)", run(command, "--help").stdout.decode(), re.M)
        check("options of %s" % command, set(some) <= set(have), set(some) - set(have))
    for option, value in (("geometry", "squash"), ("video-direction", "90r")):
        plain, other = (json.loads(run("embed", *more, png).stdout) for more in ([], ["--" + option, value]))
        tagged = json.loads(run("tag", "--json", "--labels", "a,b", "--attach-embedding", "true", "--" + option,
                                value, png).stdout)
        check("embed --%s: another vector, the one of tag" % option,
              (vector(plain) != vector(other)).any() and (vector(tagged) == vector(other)).all())


def version_and_bench(work):
    r = run("--version", env=dict(os.environ, CLIPMOE_CPU=""))
    check("version and tier", re.fullmatch(rb"clipmoe [\d.]+\nruns on this processor as [a-z0-9]+(\+[a-z0-9]+)*\n", r.stdout), r)
    r = run("--version", env=dict(os.environ, CLIPMOE_CPU="generic"))
    check("version says what is forced", r.stdout.endswith(b"as generic, forced by CLIPMOE_CPU=generic\n"), r)
    r = run("--version", env=dict(os.environ, CLIPMOE_CPU="z80"))
    check("a tier that is none", r.returncode == 1 and r.stdout == b"" and b"z80" in r.stderr, r)

    before = sorted(os.listdir(work))
    bench = lambda *more: run("bench", "--seconds", "0.05", "--threads", "1", *more, cwd=work)
    line = json.loads(bench("--json", "--batch", "2").stdout)
    numbers = ["ms_per_image", "images_per_second", "gflop_per_image", "gflop_per_second", "ms_per_prompt",
               "open_ms", "ready_ms", "first_embedding_ms", "peak_mib", "products_gflop_per_second"]
    low, high = line["ms_per_image_p10_p90"]
    check("bench: what it says holds together",
          all(line[n] > 0 for n in numbers) and line["threads"] == 1 and line["batch"] == 2 and
          line["calls"] >= 5 and low <= line["ms_per_image"] <= high and
          abs(line["ms_per_image"] * line["images_per_second"] - 1000) < 1 and
          abs(line["gflop_per_image"] * line["images_per_second"] - line["gflop_per_second"]) <
          0.01 * line["gflop_per_second"], line)
    check("bench: shares of limits, where the tier's are known", line["tier"] == "generic" or
          0 < line["share_of_limit"] and 0 < line["products_share_of_limit"] < 1.1, line)
    check("bench: the first embedding comes last", line["first_embedding_ms"] > line["open_ms"] + line["ready_ms"], line)
    frames = {(f["format"], f["width"], f["height"]): f["ms"] for f in line["preprocess"]}
    check("bench: frames by format and size", len(frames) == len(line["preprocess"]) and
          {("NV12", 1920, 1080), ("I420", 1280, 720), ("RGB", 3840, 2160)} <= set(frames) and
          all(ms > 0 for ms in frames.values()), line)
    check("bench: the id is the one of inspect",
          line["model"] == json.loads(run("model", "inspect", "--json").stdout)["id"], line)
    table = bench().stdout.decode()
    check("bench: a table", line["model"] in table and "ms (" in table and "GFLOP/s" in table, table)
    # the work of a picture of ViT-B/32, of which 8.82 GFLOP are known; weights from a seed are the same everywhere
    one, two = (json.loads(bench("--json", "--arch", name).stdout) for name in ("ViT-B-32", "vit-b/32"))
    check("bench: an architecture", one["model"] == two["model"] == "ViT-B-32@8e4ccab3a029" and
          round(one["gflop_per_image"], 2) == 8.82 and one["open_ms"] is None, one, two)
    check("bench: no file is left", sorted(os.listdir(work)) == before, os.listdir(work))


def limits():
    """Every limit of the header is shown."""
    with open(os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "core", "base", "limits.h")) as f:
        header = f.read()
    there = [eval(v.replace("u", "")) for v in re.findall(r"#define CLIPMOE_MAX_\w+ (\(.*?\)|\d+)", header)]
    shown = [int(l[34:46]) for l in run("limits").stdout.decode().splitlines()]
    check("limits", len(there) >= 27 and there == shown, there, shown)


def list_of_models(work):
    """The list names every model and reads none: one larger than the memory that it may have is no matter."""
    models = os.path.join(work, "models")
    os.mkdir(models)
    for to in ("clipmoe", "hf"):
        r = run("model", "convert", "clip-tiny", os.path.join(models, to), "--to", to)
        check("a model to list: " + to, r.returncode == 0, r)
    os.mkdir(os.path.join(models, "broken"))
    with open(os.path.join(models, "broken", "model.safetensors"), "wb") as f:
        f.write(b"no model at all")
    os.mkdir(os.path.join(models, "huge"))
    with open(os.path.join(models, "clipmoe", "model.safetensors"), "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    at = 0
    header["token_embedding.weight"]["shape"][0] = 2000000
    for name in header:
        if name != "__metadata__":
            t = header[name]
            size = {"F16": 2, "F32": 4}[t["dtype"]]
            for n in t["shape"]:
                size *= n
            t["data_offsets"] = [at, at + size]
            at += size
    text = json.dumps(header).encode()
    with open(os.path.join(models, "huge", "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + at)  # holes: nothing of it lies on the disk
    small = (lambda: None) if SANITIZED else (lambda: resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20)))
    r = run("model", "list", env=dict(os.environ, CLIPMOE_MODEL_PATH=models), preexec_fn=small)
    lines = {l.split("\t")[0]: l.split("\t") for l in r.stdout.decode().splitlines()}
    plain = json.loads(run("model", "inspect", "clip-tiny", "--json").stdout)
    check("model list", r.returncode == 0 and {"clipmoe", "hf", "broken", "huge"} <= set(lines) and
          lines["clipmoe"][1] == lines["hf"][1] and "%.1f M" % (plain["parameters"] / 1e6) in lines["hf"][1] and
          lines["clipmoe"][2] == plain["licence"] and
          lines["broken"][1] == "cannot be opened" and "M" in lines["huge"][1], r)
    check("the use of the default model is shown", "research" in run("model", "inspect").stdout.decode())
    shutil.rmtree(models)


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

    for command in ([], ["tag"], ["embed"], ["tokenize"], ["bench"], ["limits"], ["model"], ["model", "inspect"],
                    ["model", "list"], ["model", "convert"], ["model", "verify"]):
        r = run(*command, "--help")
        check("help of %s has an example" % command, r.returncode == 0 and b"xample" in r.stdout and not r.stderr, r)
    refused("no such command", 2, "tagg")
    refused("no file", 2, "tag")
    refused("unknown option", 2, "tag", "--nope", video)
    refused("value out of range", 2, "tag", "--top-k", "-3", video)
    refused("not a value", 2, "tag", "--geometry", "round", video)
    refused("two forms at once", 2, "tag", "--json", "--csv", video)
    refused("two sources of labels", 2, "tag", "--labels", "a,b", "--labels-file", "animals", png)
    refused("no such list", 1, "tag", "--labels-file", "no-such-list", png)
    refused("no such prompts", 1, "tag", "--labels", "a", "--templates", "@no-such-prompts", png)
    os.mkdir(os.path.join(work, "people"))
    named = run("tag", "--labels-file", "people", "--threshold", "0", png, cwd=work)
    check("a folder does not hide a list's name", named.returncode == 0 and named.stdout, named)
    os.rmdir(os.path.join(work, "people"))
    headers = os.path.join(work, "headers.mkv")
    with open(video, "rb") as whole, open(headers, "wb") as f:
        f.write(whole.read(200))
    r = run("tag", "--labels", "a,b", headers)
    check("a video that breaks off in its headers", r.returncode == 1 and b"cut off" in r.stderr and r.stderr.count(b"\n") == 1, r)
    os.unlink(headers)
    refused("subtitles of two files", 2, "tag", "--vtt", video, video)
    for other in os.path.join(work, "new.html"), os.path.join(work, ".", "new.html"), os.path.join(work, "..", os.path.basename(work), "new.html"):
        refused("a sheet and a video of one name", 2, "tag", "--labels", "a,b", "--html", os.path.join(work, "new.html"), "--sheet", other, video)
    for number in "4294967296", "4294967297", "-4294967295", "0x100000001", "99999999999999999999", "1e3", "":
        refused("a number that does not fit: %s" % number, 2, "tag", "--labels", "a,b", "--top-k", number, png)
    refused("missing file", 1, "tag", "--labels", "a,b", os.path.join(work, "none.mkv"))
    two = run("tag", "--json", "--labels", "a,b", os.path.join(work, "none"), video)
    check("one bad file of several does not spoil the answer", two.returncode == 1 and two.stdout.count(b"\n") == 4 and
          two.stderr.count(b"\n") == 2 and b"1 of 2 files failed" in two.stderr, two)
    refused("a sheet that cannot be written", 1, "tag", "--labels", "a,b", "--sheet", "/nonexistent/s.png", png)
    refused("embed: nothing to do", 2, "embed")
    refused("embed: no such geometry", 2, "embed", "--geometry", "round", png)
    refused("embed: folder without pictures", 1, "embed", "/proc/self/task")
    for name in os.listdir(work):  # what is looked at is never replaced, under whatever name
        theirs = os.path.join(work, name)
        with open(theirs, "rb") as f:
            before = f.read()
        for command in (["tag", "--labels", "a", "--sheet"], ["tag", "--labels", "a", "--overlay"], ["embed", "--npy"],
                        ["embed", "--npy", os.path.join(work, "never.npy"), "--rows"]):
            link = os.path.join(work, "link")
            os.link(theirs, link)
            for out in theirs, link:
                refused("%s over %s" % (command[-1], name), 1, *command, out, theirs)
            with open(theirs, "rb") as f:
                refused("%s over standard input" % command[-1], 1, *command, theirs, "-", stdin=f)
            os.unlink(link)
            # `--npy *.jpg` names the first of them as the file to write
            if not (name.endswith("png") and command[-1] == "--sheet"):
                refused("%s over %s, of another kind" % (command[-1], name), 1, *command, theirs, jpg if theirs == png else png)
        with open(theirs, "rb") as f:
            check("%s is as it was" % name, f.read() == before)
    refused("one file for two", 2, "tag", "--labels", "a", "--sheet", "x.mp4", "--overlay", "x.mp4", video)
    refused("embed: one file for two", 2, "embed", "--npy", "x", "--rows", "x", png)
    refused("embed: rows of what", 2, "embed", "--rows", os.path.join(work, "r.jsonl"), png)
    for command in (["embed", png], ["bench"], ["tokenize", "a"], ["model", "inspect"], ["model", "verify"],
                    ["model", "convert", "a", "b.safetensors", "--to", "clipmoe"]):
        refused("%s: experts out of range" % command[0], 2, *command, "--experts", "-1")
        refused("%s: no such activation" % command[0], 2, *command, "--activation", "relu")
    refused("bench: a model or an architecture", 2, "bench", "--arch", "ViT-B-32", "--model", "default")
    refused("bench: no such architecture", 1, "bench", "--arch", "ViT-Z-9")
    refused("no such model", 1, "model", "inspect", "no-such-model")
    refused("bench: no such precision", 2, "bench", "--precision", "int3")
    refused("bench: batch out of range", 2, "bench", "--batch", "0")
    for option, value, said in ("--precision", "int3", "expected auto, f32, half or int8"), ("--threshold", "low", "expected a number"), ("--rate", "-1", "from 0 to 1000"):
        r = run("tag", "--labels", "a,b", option, value, png)
        check("tag %s %s: what it takes" % (option, value), r.returncode == 2 and said in r.stderr.decode() and "e+" not in r.stderr.decode(), r)
    refused("a table of the changes alone would be wrong", 2, "tag", "--post-messages", "changes", png)
    for command in ["tag", "--labels", "a,b", "-"], ["embed", "-"]:
        refused("standard input that is a folder, %s" % command[0], 1, *command, stdin=os.open("/", os.O_RDONLY))
    refused("standard input that is no picture", 1, "tag", "--labels", "a,b", "-", stdin=subprocess.DEVNULL)

    options_of_tag(png)
    version_and_bench(work)
    list_of_models(work)
    limits()

    labels = ["--labels", 'color bars;a "dog", or cat', "--threshold", "0"]
    looks = [json.loads(l) for l in run("tag", "--json", *labels, video).stdout.splitlines()]
    check("one look a second", [l["time"] for l in looks] == [0, 1, 2, 3], looks)
    check("source as given", {l["source"] for l in looks} == {video})
    grouped = os.path.join(work, "grouped.labels")
    with open(grouped, "w", encoding="utf-8") as f:
        f.write("[group picture]\ncolor bars @ 0\na dog @ 0\na cat @ 0\n[]\na bus @ 0\n")
    seen = [json.loads(l) for l in run("tag", "--json", "--labels-file", grouped, video).stdout.splitlines()]
    check("of labels that exclude each other one is there", len(seen) == 4 and
          all(len(l["tags"]) == 2 and any(t["label"] == "a bus" for t in l["tags"]) for l in seen), seen)
    seen = [json.loads(l) for l in run("tag", "--json", "--settle", "2", "--labels-file", grouped, video).stdout.splitlines()]
    check("--settle: not before it lasted", [len(l["tags"]) for l in seen] == [0, 0, 2, 2], seen)
    check("a picture does not wait for that", len(json.loads(run("tag", "--json", "--settle", "2", "--labels-file", grouped, png).stdout)["tags"]) == 2)
    with open(grouped, "w", encoding="utf-8") as f:
        f.write("a\n[group picture]\nb\n")
    alone = b'clipmoe: one label alone always scores 1: add others ("person,empty street"), negative-labels, or score=sigmoid\n'
    for more, said in ([], True), (["--negative-labels", "c"], False), (["--score", "sigmoid"], False), (["--score", "cosine"], False):
        r = run("tag", "--json", "--labels", "a", *more, png, png)
        check("one label alone: %s" % " ".join(more), r.returncode == 0 and r.stderr == alone * said, r)
    refused("a group of one label", 1, "tag", "--labels-file", grouped, png)
    check("it says which one", b"grouped.labels:2: group" in run("tag", "--labels-file", grouped, png).stderr)
    os.unlink(grouped)
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

    for command in (["tag", "--csv", *labels], ["embed"]):
        named, piped = run(*command, video).stdout, run(*command, "-", stdin=open(video, "rb")).stdout
        check("%s: - is standard input" % command[0], piped and
              piped.replace(b'"-"', json.dumps(video).encode()).replace(b"\n-,", b"\n" + video.encode() + b",") ==
              named, named, piped)
    words = run("embed", "--text", "-", input=b"a dog\na cat\n").stdout.splitlines()
    check("embed: words from standard input", [json.loads(l)["text"] for l in words] == ["a dog", "a cat"], words)
    changes = run("tag", "--json", "--post-messages", "changes", *labels, "--top-k", "5", video).stdout
    check("tag: only looks at which tags change", len(changes.splitlines()) == 1, changes)

    sheet = os.path.join(work, "sheet.png")
    r = run("tag", *labels, "--sheet", sheet, video)
    size = Image.open(sheet).size if os.path.exists(sheet) else None
    check("sheet: four looks side by side", size is not None and size[0] == 4 * 336 + 16, r, size)
    again = run("tag", *labels, "--sheet", sheet, video)
    check("sheet: a run's own is replaced by the next", again.returncode == 0 and again.stdout == r.stdout, again)
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
    for command in (["tokenize", "-"], ["embed", "--text", "-"]):
        r = run(*command, input=b"plain\ncaf\xe9\n")
        check("%s: a text that is not UTF-8 is said" % command[0], r.returncode == 0 and len(r.stdout.splitlines()) == 2 and
              b"text 2 is not UTF-8" in r.stderr and b"text 1 " not in r.stderr, r)
    r = run("embed", "--text", "-", input=b"a\0b\n")
    check("embed: a NUL byte is refused", r.returncode == 1 and not r.stdout and b"NUL" in r.stderr, r)
    r = run("tokenize", "short", "a dog " * 500)
    check("tokenize: a cut text is said", r.returncode == 0 and b"text 2 is longer" in r.stderr and b"text 1 " not in r.stderr, r)
    for command in (["tokenize", "a"], ["--version"], ["--help"], ["limits"], ["tag", "--help"], ["model", "inspect"],
                    ["model", "list"], ["model", "verify"], ["tag", png], ["embed", png]):
        full = subprocess.run([COMMAND, *command], stdout=open("/dev/full", "wb"), stderr=subprocess.PIPE)
        check("%s: a full standard output is a failure" % command, full.returncode == 1 and
              b"standard output" in full.stderr, full)

    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return failed != 0


sys.exit(main())
