"""Checks `clipmoe embed --features`: its numbers against the reference's, which rows and layers, tiles, videos, 16-bit numbers,
what is refused, and that the array appears whole or not at all.

Runs alone: CLIPMOE_COMMAND names the command. Closes with `N passed, N failed, N skipped`.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

TESTS = os.environ["CLIPMOE_TEST_SOURCES"]
MODELS = os.environ["CLIPMOE_TEST_MODELS"]
COMMAND = os.environ["CLIPMOE_COMMAND"]
SANITIZED = b"__asan_init" in open(COMMAND, "rb").read()  # which writes more than one file
sys.path.insert(0, os.path.join(TESTS, "model"))
import checkpoints as ck  # noqa: E402

CASE, SIDE = "moe-last2-e3k1", 32
passed = failed = 0
work = tempfile.mkdtemp()
inputs = ck.load(os.path.join(TESTS, "golden", "inputs.safetensors"))[0]
golden = ck.load(os.path.join(TESTS, "golden", CASE + ".golden.safetensors"))[0]
weights = ck.load(os.path.join(MODELS, CASE + ".weights.safetensors"))[0]


def check(name, ok, *why):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAILED:", name, *[str(w)[:800] for w in why])


def path(name):
    return os.path.join(work, name)


def run(*arguments, **more):
    return subprocess.run([COMMAND, "embed", "--model", os.path.join(MODELS, CASE + ".weights.safetensors"), "--vocab",
                           os.path.join(MODELS, "golden.vocab.txt"), "--precision", "f32", *arguments],
                          capture_output=True, timeout=120, **more)


def features(*arguments, status=0, **more):
    out = path("out.npy")
    if os.path.exists(out):
        os.unlink(out)
    r = run("--npy", out, *arguments, **more)
    check("%s: status and silence" % " ".join(arguments)[:200], r.returncode == status and r.stdout == b"", r)
    return numpy.load(out) if os.path.exists(out) else None


def refused(name, status, says, *arguments):
    r = run(*arguments)
    lines = r.stderr.decode().splitlines()
    check(name, r.returncode == status and not r.stdout and len(lines) == 1 and says in lines[0], r)


def near(a, b, most=2e-5):
    """Rows within so much of their length."""
    return a.shape == b.shape and (abs(a - b).max(-1) <= most * numpy.linalg.norm(b, axis=-1)).all()


def values(pictures):
    pair = [p for p in pictures]
    expected = {0: [golden["image%d.ln_pre" % i] for i in (0, 1)], 3: [golden["features%d.last" % i] for i in (0, 1)]}
    for layer in (1, 2):
        expected[layer] = [golden["image%d.block%d.block" % (i, layer - 1)] for i in (0, 1)]
    for layer, rows in expected.items():
        rows = numpy.stack(rows)
        for number in layer, layer - 4:
            got = features("--features", "all", "--layer", str(number), *pair)
            check("layer %d is hidden_states[%d]" % (number, number), near(got, rows), got.shape)
    last, normed = numpy.stack(expected[2]), numpy.stack([golden["features%d.norm" % i] for i in (0, 1)])
    check("patches of the last but one block, if nothing else is said", near(features("--features", "patches", *pair), last[:, 1:]))
    check("the class token", near(features("--features", "class", *pair), last[:, :1]))
    check("behind the last norm", near(features("--features", "all", "--layer", "-1", "--norm", *pair), normed))
    check("half", near(features("--features", "all", "--precision", "half", *pair), last, 1e-3))
    check("int8", near(features("--features", "all", "--precision", "int8", *pair), last, 5e-2))
    exact, short = (features("--features", "all", "--dtype", d, *pair) for d in ("f32", "f16"))
    check("16-bit numbers are the others, rounded", short.dtype == "<f2" and (short == exact.astype("<f2")).all())
    vectors, short = (features("--dtype", d, *pair) for d in ("f32", "f16"))
    check("also vectors", vectors.shape == (2, 32) and short.dtype == "<f2" and (short == vectors.astype("<f2")).all(), vectors.shape)
    half, auto = (features("--features", "all", "--precision", p, pair[0], env=dict(os.environ, CLIPMOE_PRECISION="int8"))
                  for p in ("half", "auto"))
    check("auto is never int8", (half == auto).all())


def tiles(picture):
    """The picture and its tiles are what these are as pictures of their own."""
    for n in 2, 3:
        with Image.open(picture) as whole:
            large = whole.resize((n * SIDE, n * SIDE), Image.BICUBIC)
        names = [path("tile%d.png" % i) for i in range(n * n)]
        for i, name in enumerate(names):
            x, y = i % n * SIDE, i // n * SIDE
            large.crop((x, y, x + SIDE, y + SIDE)).save(name)
        got = features("--features", "patches", "--geometry", "squash", "--grid", "%dx%d" % (n, n), picture, picture)
        alone = features("--features", "patches", "--geometry", "squash", picture, *names)
        check("%d x %d tiles" % (n, n), got.shape == (2,) + alone.shape and (got[0] == alone).all() and (got[1] == alone).all(),
              got.shape, alone.shape)


def videos(picture):
    video, rows = path("v.mkv"), path("rows.jsonl")
    subprocess.run(["gst-launch-1.0", "-q", "videotestsrc", "pattern=ball", "num-buffers=8", "!", "video/x-raw,width=96,height=64,framerate=2/1",
                    "!", "x264enc", "speed-preset=ultrafast", "!", "matroskamux", "!", "filesink", "location=" + video],
                   check=True, timeout=60, env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"})
    vectors = features(video, picture)
    got = features("--features", "class", "--layer", "-1", "--norm", "--rows", rows, video, picture)
    projected = got[:, 0] @ weights["visual.proj"]
    check("a look of a video is its vector's", got.shape[0] == 5 and len(set(map(bytes, got))) == 5 and
          near(projected / numpy.linalg.norm(projected, axis=-1, keepdims=True), vectors, 5e-5), got.shape, vectors.shape)
    with open(rows, encoding="utf-8") as f:
        lines = [json.loads(l) for l in f]
    check("times are in the rows", [(l["row"], l["source"], l["time"]) for l in lines] ==
          [(i, video, i) for i in range(4)] + [(4, picture, None)], lines)
    check("tiles of a video", features("--features", "patches", "--grid", "2x2", video).shape == (4, 5, 16, 64))
    turned = [features("--features", "patches", "--video-direction", d, video) for d in ("identity", "180")]
    check("a direction is followed", turned[0].shape == turned[1].shape and not near(turned[0], turned[1]))
    with open(video, "rb") as f:
        piped = run("--features", "patches", "--npy", path("piped.npy"), "-", stdin=f)
    check("standard input", piped.returncode == 0 and (numpy.load(path("piped.npy")) == turned[0]).all(), piped)


def files(picture):
    broken = path("broken.png")
    with open(broken, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n broken")
    got = features("--features", "class", picture, broken, picture, status=1)
    check("a file that fails has no row", got is not None and got.shape == (2, 1, 64))
    check("when all fail there is no array", features("--features", "class", broken, status=1) is None)
    old = path("old.npy")
    numpy.save(old, numpy.zeros(3))
    with open(old, "rb") as f:
        before = f.read()
    if not SANITIZED:
        r = run("--features", "all", "--npy", old, *[picture] * 20, restore_signals=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)))
        check("without room it says so", r.returncode == 1 and r.stderr.count(b"old.npy: cannot write") == 1, r.stderr)
    r = run("--features", "all", "--layer", "9", "--npy", old, picture)
    check("no such layer: the range", r.returncode == 1 and b"expected 0 to 3, or -1 to -4" in r.stderr, r)
    with open(old, "rb") as f:
        check("and the file of before stays", f.read() == before)
    os.chmod(old, 0o444)
    r = run("--npy", old, picture)
    check("an array that is read-only is not replaced", r.returncode == 1 and b"may not be written to" in r.stderr, r)
    os.chmod(old, 0o644)
    gone = path("gone")
    os.mkdir(gone)
    with subprocess.Popen([COMMAND, "embed", "--model", os.path.join(MODELS, CASE + ".weights.safetensors"), "--vocab", os.path.join(MODELS, "golden.vocab.txt"),
                           "--npy", old, "--rows", os.path.join(gone, "rows.jsonl"), "--text", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        while p.poll() is None and not [n for n in os.listdir(work) if n.startswith(".")]:
            time.sleep(0.01)  # until the array is begun
        os.rmdir(gone)
        said = p.communicate(b"a dog\n")[1]
    with open(old, "rb") as f:
        check("without its rows no array", p.returncode == 1 and b"rows.jsonl: cannot create" in said and f.read() == before, said)
    check("nothing is left", not [n for n in os.listdir(work) if n.startswith(".")], os.listdir(work))


def refusals(picture):
    npy = ["--npy", path("never.npy")]
    refused("without --npy", 2, "--features goes with --npy", "--features", "all", picture)
    refused("no such rows", 2, "patches, class or all", "--features", "cls", *npy, picture)
    refused("words", 2, "words have vectors alone", "--features", "all", *npy, "--text", "a dog")
    refused("words beside pictures", 2, "words have vectors alone", "--features", "all", *npy, picture, "--text", "a dog")
    for more in ["--layer", "1"], ["--norm"], ["--grid", "2x2"]:
        refused("%s alone" % more[0], 2, "%s goes with --features" % more[0], *more, *npy, picture)
    for grid in "2x3", "1x1", "9x9", "2", "x2", "-2x-2", "2x2x2", "99999999999999999999x2", "":
        refused("grid %s" % grid, 2, "2x2 to 8x8", "--features", "all", "--grid", grid, *npy, picture)
    for layer in "x", "1.5", "", "99999999999999999999":
        refused("layer %s" % layer, 2, "expected a whole number", "--features", "all", "--layer", layer, *npy, picture)
    refused("no such numbers", 2, "expected f32 or f16", "--dtype", "f64", *npy, picture)
    refused("numbers of lines", 2, "--dtype goes with --npy", "--dtype", "f16", picture)
    for stream in ["--npy", "-"], [*npy, "--rows", "-"]:
        refused("a stream: %s" % stream[-2], 1, "not written to standard output", *stream, picture)
    for other in "./never.npy", "../%s/never.npy" % os.path.basename(work):
        refused("one file under two names, %s" % other, 2, "need two files", *npy, "--rows", path(other), picture)
    wide = run("--features", "class", "--side", "2048", "--grid", "8x8", *npy, picture)
    check("tiles of a square that is too large", wide.returncode == 1 and b"cut from a square of 16384, expected 8192 at most" in wide.stderr, wide)
    check("nothing was written", not os.path.exists(npy[1]))


pictures = []
for number in 0, 1:
    pictures.append(path("p%d.png" % number))
    Image.fromarray(inputs["image%d.rgb" % number]).save(pictures[-1])
values(pictures)
tiles(pictures[0])
videos(pictures[0])
files(pictures[0])
refusals(pictures[0])
shutil.rmtree(work)
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed != 0)
