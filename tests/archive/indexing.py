"""What the tests of `clipmoe index` share: clips joined into one file with known borders, runs of the command, and what stands in
a store."""
import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.environ["CLIPMOE_TEST_SOURCES"])
import slow  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
CLIPS = os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "..", "shared", "data", "video")
SAMPLE = os.environ.get("CLIPMOE_SAMPLE_VIDEO", "")
WIDTH, HEIGHT, RATE = 320, 180, 10
FRAME = WIDTH * HEIGHT * 3 // 2
failed = 0


def check(name, holds, *why):
    global failed
    failed += not holds
    print("%s %s" % ("ok" if holds else "FAIL", name), *([] if holds else [str(w)[-1500:] for w in why]), flush=True)


def finish():
    print("%d failed" % failed)
    sys.exit(failed > 0)


def run(store, *arguments, **more):
    more.setdefault("timeout", slow.seconds(120))
    return subprocess.run([COMMAND, "index", "--store", store, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def start(store, *arguments, **more):
    return subprocess.Popen([COMMAND, "index", "--store", store, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


with open(os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "docs", "index.schema.json"), encoding="utf-8") as f:
    SCHEMAS = {s["properties"]["schema"]["const"]: s for s in json.load(f)["oneOf"]}
TYPES = {"string": str, "null": type(None), "integer": int, "number": (int, float)}


def conforms(line):
    """Whether a line is as docs/index.schema.json says."""
    schema = SCHEMAS.get(line.get("schema"))
    if not schema or set(line) != set(schema["required"]) or set(line) != set(schema["properties"]):
        return False
    for name, rule in schema["properties"].items():
        kinds = rule.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(isinstance(line[name], TYPES[k]) for k in kinds) or line[name] not in rule.get("enum", [line[name]]) or \
                "minimum" in rule and line[name] < rule["minimum"]:
            return False
    return True


def lines(done):
    """({path: line}, sums) of --json."""
    all_lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    for line in all_lines:
        if not conforms(line):
            check("a line is as the schema says", False, line)
    return {o["file"]: o for o in all_lines[:-1]}, all_lines[-1]


def moments(store):
    """{path: [(start, end, frame, why, looks, thumbnail)]} in time order, of finished files; times in ms."""
    found = {}
    db = sqlite3.connect("file:%s/archive.sqlite?mode=ro" % store, uri=True)
    for path, begins, ends, frame, why, looks, jpeg in db.execute(
            "SELECT f.path, m.begins, m.ends, m.frame, m.why, m.looks, h.jpeg FROM file f JOIN take t ON t.file = f.file AND "
            "t.finished = 1 JOIN run r ON r.take = t.take JOIN moment m ON m.moment BETWEEN r.first_moment AND r.first_moment + r.n - 1 "
            "LEFT JOIN thumbnail h ON h.moment = m.moment ORDER BY f.path, m.begins"):
        found.setdefault(bytes(path), []).append((begins // 10**6, ends // 10**6, frame // 10**6, why, looks,
                                                  jpeg and hashlib.md5(jpeg).hexdigest()))
    db.close()
    return found


def files(store):
    """{path: (state, recorded, recorded_by, duration)}"""
    db = sqlite3.connect("file:%s/archive.sqlite?mode=ro" % store, uri=True)
    found = {bytes(p): rest for p, *rest in db.execute("SELECT path, state, recorded, recorded_by, duration FROM file")}
    db.close()
    return found


def gst(*words):
    for again in range(3):  # gst-launch-1.0 sometimes misses the end of a short file
        try:
            done = subprocess.run(["gst-launch-1.0", "-q", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=slow.seconds(15))
            break
        except subprocess.TimeoutExpired:
            print("gst-launch-1.0 %s: once more" % " ".join(words))
    else:
        raise RuntimeError("gst-launch-1.0 %s does not end" % " ".join(words))
    if done.returncode:
        raise RuntimeError("gst-launch-1.0 %s: %s" % (" ".join(words), done.stdout.decode()[-400:]))


def raw(path, to, seconds):
    """The first seconds of a video as frames of one size and rate. Returns how many."""
    gst("filesrc", "location=" + path, "!", "decodebin", "!", "videoconvert", "!", "videoscale", "!", "videorate", "!",
        "video/x-raw,format=I420,width=%d,height=%d,framerate=%d/1,pixel-aspect-ratio=1/1" % (WIDTH, HEIGHT, RATE), "!",
        "identity", "eos-after=%d" % (seconds * RATE + 1), "!", "filesink", "location=" + to)
    return os.path.getsize(to) // FRAME


def encode(raws, to):
    """Frames as H.264 with a key frame every two seconds; a name in .ts has no creation date in it."""
    both = to + ".i420"
    with open(both, "wb") as out:
        for path in raws:
            with open(path, "rb") as f:
                out.write(f.read())
    gst("filesrc", "location=" + both, "!", "rawvideoparse", "format=i420", "width=%d" % WIDTH, "height=%d" % HEIGHT,
        "framerate=%d/1" % RATE, "!", "x264enc", "speed-preset=ultrafast", "key-int-max=%d" % (2 * RATE), "option-string=scenecut=0", "!",
        "h264parse", "!", "mpegtsmux" if to.endswith(".ts") else "mp4mux", "!", "filesink", "location=" + to)
    os.unlink(both)


def clips():
    """The videos there are, by name; without the shared folder the sample alone."""
    if os.path.isdir(CLIPS):
        return {n: os.path.join(CLIPS, n) for n in sorted(os.listdir(CLIPS)) if not n.endswith(".md")}
    return {}


def joined(folder, seed, most=6):
    """All clips in a random order in one file. Returns (path, [(seconds of the border, clip before, clip behind)])."""
    named = list(clips().items())
    random.Random(seed).shuffle(named)
    raws, borders, at = [], [], 0
    for i, (name, path) in enumerate(named):
        to = os.path.join(folder, "%d.i420" % i)
        n = raw(path, to, most)
        if i:
            borders.append((at / RATE, named[i - 1][0], name))
        at += n
        raws.append(to)
    out = os.path.join(folder, "joined.mp4")
    encode(raws, out)
    for path in raws:
        os.unlink(path)
    return out, borders


def drawn(to, seconds, patterns=("smpte", "ball", "circular", "snow", "checkers-8", "colors", "zone-plate")):
    """A video without clips: test pictures of two to five seconds each."""
    raws, n = [], 0
    while n < seconds * RATE:
        part = min(20 + 10 * (len(raws) % 4), seconds * RATE - n)
        path = "%s.%d" % (to, len(raws))
        gst("videotestsrc", "num-buffers=%d" % part, "pattern=" + patterns[len(raws) % len(patterns)], "!",
            "video/x-raw,format=I420,width=%d,height=%d,framerate=%d/1" % (WIDTH, HEIGHT, RATE), "!", "filesink", "location=" + path)
        raws.append(path)
        n += part
    encode(raws, to)
    for path in raws:
        os.unlink(path)
