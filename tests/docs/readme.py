#!/usr/bin/python3
"""Checks README and docs/: every command in them runs, the Python in them prints tags, and the files that they and the models'
cards name and link to exist.

Commands run in a folder that holds files of the names they use. Closes with `N passed, N failed, N skipped`.
"""
import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

TESTS = os.environ["CLIPMOE_TEST_SOURCES"]
ROOT = os.path.dirname(TESTS)
COMMAND = os.environ["CLIPMOE_COMMAND"]
PAGES = ["README.md", "CONTRIBUTING.md"] + sorted(os.path.relpath(p, ROOT) for p in glob.glob(ROOT + "/docs/*.md"))
CARDS = sorted(os.path.relpath(p, ROOT) for p in glob.glob(ROOT + "/models/*/README.md"))
sys.path.insert(0, os.path.join(TESTS, "model"))
sys.path.insert(0, os.path.join(TESTS, "dmu"))
import checkpoints as ck  # noqa: E402
import tiny  # noqa: E402

# What is not run here, and why.
ELSEWHERE = {
    r"pipelines/quickstart": "installs packages and fetches a video",
    r"pipelines/get-model": "tests/pipelines/get_model.py runs it against a server of its own",
    r"tests/run|tests/debian13": "would run this test",
    r"meson setup|meson devenv": "the build is there",
    r"sudo |export ": "tests/install/install.py installs",
    r"cc ": "tests/install/examples.py compiles",
    r"docs/make_elements": "the test elements.md runs it",
    r"clipmoe serve|openssl rand": "tests/serve does",
    r"clipmoe watch|gst-launch-1.0 .*clipmoesrc": "tests/live does, with cameras of its own",
    r"pipelines/camera": "installs packages and fetches a video",
    r"mosquitto_pub": "tests/publish/mqtt.py does, without that program",
}
# A camera that ends, and a window that no display is needed for.
STANDS_FOR = [("v4l2src", "videotestsrc is-live=true num-buffers=30"), ("autovideosink", "fakesink"),
              ("--arch ViT-B-32", "--seconds 0.1 --arch ViT-B-32"),
              ("run-1/ run-2/ run-3/", "run/"), ("clipmoe-dmu finetune", "clipmoe-dmu finetune --batch 8 --steps 2"), ("clipmoe-dmu route ", "clipmoe-dmu route --batch 8 --steps 2 ")]
passed = failed = skipped = 0


def check(name, ok, *why):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAILED:", name, *[str(w)[-1500:] for w in why])


def page(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def commands(text):
    """The lines of indented blocks, those that go on joined."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    blocks, inside, before = [], False, ""
    for line in text.split("\n"):
        if line.startswith("    ") and (inside or not before.strip()):
            if not inside:
                blocks.append([])
            if blocks[-1] and blocks[-1][-1].endswith("\\"):
                blocks[-1][-1] = blocks[-1][-1][:-1] + line.strip()
            else:
                blocks[-1].append(line.strip())
            inside = True
        else:
            inside = False
        before = line
    # the picture of a folder is no command
    lines = [l for b in blocks if not re.fullmatch(r"\S+/", b[0]) for l in b]
    return [l for l in lines if re.match(r"(sudo |export |[a-z.]*/?[a-z0-9._/-]+( |$))", l)]


def prepare(work):
    """Files of every name that the pages use."""
    run = lambda *c: subprocess.run(c, check=True, cwd=work, stdout=subprocess.DEVNULL, timeout=120)
    run("gst-launch-1.0", "-q", "videotestsrc", "num-buffers=30", "!", "video/x-raw,width=160,height=120,framerate=10/1", "!",
        "x264enc", "speed-preset=ultrafast", "!", "h264parse", "!", "mp4mux", "!", "filesink", "location=street.mp4")
    shutil.copy(work + "/street.mp4", work + "/video.mp4")
    for name in ("a.jpg", "b.jpg"):
        run("gst-launch-1.0", "-q", "videotestsrc", "num-buffers=1", "!", "jpegenc", "!", "filesink", "location=" + name)
    os.mkdir(work + "/photos")
    shutil.copy(work + "/a.jpg", work + "/photos")
    dense = os.path.join(ROOT, "models", "clip-tiny")
    shutil.copytree(dense, work + "/my-clip")
    # every block's layer twice, with a router: the same model as a mixture
    tensors, metadata, _ = ck.load(dense + "/model.safetensors")
    mixed = {}
    for name, value in tensors.items():
        if ".mlp." not in name:
            mixed[name] = value
        for e in range(2) if ".mlp." in name else ():
            mixed[name.replace(".mlp.", ".experts.%d." % e)] = value
        if name.endswith(".mlp.c_fc.weight"):
            mixed[name.replace("mlp.c_fc.weight", "gate.weight")] = value[:2]
    ck.save(work + "/clip-moe.safetensors", mixed, metadata)
    with open(dense + "/merges.txt", "rb") as f, gzip.open(work + "/bpe_simple_vocab_16e6.txt.gz", "wb") as g:
        g.write(f.read())
    # the elements must be the build's: nothing of an installed one
    os.mkdir(work + "/bin")
    os.symlink(COMMAND, work + "/bin/clipmoe")
    os.symlink(tiny.COMMAND, work + "/bin/clipmoe-dmu")
    tiny.setup(work)
    tiny.model(work + "/clip")
    os.mkdir(work + "/pairs")
    with open(work + "/door.labels", "w", encoding="utf-8") as f:
        f.write(re.search(r"^```\n(a person.*?)^```", page("docs/live.md"), re.M | re.S)[1])


    flap = re.search(r"^```\n(\[group flap\].*?)^```", page("docs/labels.md"), re.M | re.S)[1]
    with open(work + "/flap.labels", "w", encoding="utf-8") as f:
        f.write(flap)
    random = numpy.random.default_rng(1)
    for label, other, colour in ("open", "shut", (200, 60, 60)), ("shut", "open", (60, 60, 200)):
        places = ["%s%d.jpg" % (label, i) for i in (1, 2)] + ["%s/%s/%d.jpg" % (kind, name, i) for i in range(8)
                                                             for kind, name in (("yes", label), ("no", other))]
        for place in places:
            os.makedirs(os.path.dirname(os.path.join(work, place)), exist_ok=True)
            noise = random.normal(0, 30, (48, 64, 3)) + numpy.array(colour)
            Image.fromarray(numpy.clip(noise, 0, 255).astype(numpy.uint8)).save(os.path.join(work, place))


def run_commands(work):
    environment = dict(os.environ, PATH=work + "/bin:" + os.environ["PATH"])
    n = 0
    for name in PAGES:
        for line in commands(page(name)):
            if any(re.match(pattern, line) for pattern in ELSEWHERE):
                continue
            for a, b in STANDS_FOR:
                line = line.replace(a, b)
            for made in ("for-transformers", "my-clip.safetensors"):
                path = os.path.join(work, made)
                shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.unlink(path)
            r = subprocess.run(["bash", "-c", line], cwd=work, env=environment, stdin=subprocess.DEVNULL, timeout=120,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            n += 1
            check("%s: %s" % (name, line), r.returncode == 0 and "ERROR" not in r.stdout and "CRITICAL" not in r.stdout, r.stdout)
            if "post-messages" in line:
                kind = "clipmoe-event" if "post-messages=events" in line else "clipmoe-tags"
                check("%s: messages arrive: %s" % (name, line), kind in r.stdout, r.stdout)
    check("commands are found", n >= 15, n)
    for made in ("street.jsonl", "room.jsonl"):
        check("publish wrote " + made, os.path.getsize(os.path.join(work, made)) > 0)


def run_python(work, name, namespace):
    """The Python of page @name, which imports @namespace, prints tags."""
    blocks = re.findall(r"^```python\n(.*?)^```", page(name), re.M | re.S)
    check("%s has Python" % name, len(blocks) == 1)
    try:
        import gi  # noqa: F401
        gi.require_version(namespace, "1.0")
    except (ImportError, ValueError) as error:
        global skipped
        skipped += 1
        print("SKIPPED: Python of %s: %s" % (name, error))
        return
    for block in blocks:
        lines = [l for l in block.strip().split("\n")]
        r = subprocess.run([sys.executable, "-c", block], cwd=work, timeout=120, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        out = re.findall(r"^([\d.]+) \[\('", r.stdout, re.M)
        check("%s: its Python prints tags" % name, r.returncode == 0 and {"0.0", "1.0", "2.0"} <= set(out), r.stdout)
        check("it is about ten lines", len(lines) <= 13, len(lines))


def run_regions(work):
    """The Python of docs/live.md that hands regions to the tagger prints looks at them."""
    for block in re.findall(r"^```python\n(.*?)^```", page("docs/live.md"), re.M | re.S):
        if "roi-list" in block and "GstAnalytics" not in block:
            r = subprocess.run([sys.executable, "-c", block], cwd=work, timeout=120, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
            check("docs/live.md: its Python prints a look at a region", r.returncode == 0 and
                  '"region":[0.750000,0.750000,0.250000,0.250000],"object_id":7,' in r.stdout, r.stdout)
            return
    check("docs/live.md has Python with regions", False)


def run_analytics(work):
    """That one which hands objects of GstAnalytics to the tagger prints their classes: in a build that has it."""
    blocks = [b for b in re.findall(r"^```python\n(.*?)^```", page("docs/live.md"), re.M | re.S) if "GstAnalytics" in b]
    check("docs/live.md has Python with objects", len(blocks) == 1)
    for block in blocks if os.environ.get("CLIPMOE_ANALYTICS") else ():
        r = subprocess.run([sys.executable, "-c", block], cwd=work, timeout=120, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        lines = re.findall(r"^thing \[\('[a-z ]+', 0\.\d+\), \('[a-z ]+', 0\.\d+\), \('[a-z ]+', 0\.\d+\)\]$", r.stdout, re.M)
        check("docs/live.md: its Python prints an object's classes, of every buffer", r.returncode == 0 and len(lines) == 5, r.stdout)
def run_features(work):
    """The Python of docs/library.md projects the features that the commands above it have written."""
    blocks = re.findall(r"^```python\n(.*?)^```", page("docs/library.md"), re.M | re.S)
    check("docs/library.md has Python", len(blocks) == 1)
    r = subprocess.run([sys.executable, "-c", blocks[0]], cwd=work, timeout=120, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    check("docs/library.md: its Python projects features", re.fullmatch(r"\(2, [1-9]\d*, 2048\)\n", r.stdout), r.stdout)


def names():
    readme = page("README.md")
    for kind in ("labels", "templates"):
        have = {f[:-4] for f in os.listdir(os.path.join(ROOT, "models", kind))}
        sentence = re.search(r"ready-made %s.*?\(" % {"labels": "lists are", "templates": "sets of prompts"}[kind], readme, re.S)
        said = set(re.findall(r"`(\w+)`", sentence[0])) if sentence else None
        check("README names the installed %s" % kind, said == have, said, have)
    text = subprocess.run(["gst-inspect-1.0", "clipmoetag"], stdout=subprocess.PIPE, text=True, timeout=60).stdout
    properties = set(re.findall(r"^  ([a-z-]+) +: ", text, re.M)) - {"name", "parent", "qos"}
    said = set(re.findall(r"`([a-z-]+)`", "\n".join(l.split("|")[1] for l in readme.split("\n") if l.startswith("| `"))))
    check("README's table has all properties of clipmoetag", properties and said == properties, said ^ properties)
    for name in PAGES + CARDS:
        folder = os.path.dirname(os.path.join(ROOT, name))
        for link in re.findall(r"\]\(([^)#]+)", page(name)):
            if "://" not in link:
                check("%s: %s is there" % (name, link), os.path.exists(os.path.join(folder, link)))
        # files of the project that it names; "…" and capitals stand for others
        for path in re.findall(r"`((?:core|publish|gst|plugin|tools|models|pipelines|tests|docs)/[\w./-]+)`", page(name)):
            check("%s: %s is there" % (name, path), os.path.exists(os.path.join(ROOT, path)))


work = tempfile.mkdtemp()
prepare(work)
run_commands(work)
run_python(work, "README.md", "Gst")
run_python(work, "docs/metadata.md", "ClipmoeGst")
run_regions(work)
run_analytics(work)
run_features(work)
names()
shutil.rmtree(work)
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(failed != 0)
