"""The cases of tests/recorded/record. Each runs one program and returns what it printed and wrote."""
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading

import numpy
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, os.path.join(TESTS, "model"))
sys.path.insert(0, os.path.join(TESTS, "golden"))
sys.path.insert(0, os.path.join(TESTS, "dmu"))
import checkpoints  # noqa: E402
import inputs  # noqa: E402

# Cases whose answers depend on this project alone: neither on the processor nor on versions of other projects.
EVERYWHERE = r"^(numbers/(generic|avx2,-vnni)|tokens)/"
# What the processor has of these is recorded. Refinements are forced or left out, for the probe that chooses
# them measures time.
TIERS = ["generic", "avx2,-vnni", "avx512,-fp16,-bf16,-vnni", "avx512,-fp16,-bf16,+vnni", "avx512,-fp16,+bf16,+vnni"]
SECONDS = 600


class Place:
    """Where @build is and what its programs are given, in the folder @work. @few: what the cases of EVERYWHERE need."""

    def __init__(self, build, work, few=False):
        self.build, self.work = build, work
        self.source = os.path.dirname(build)
        self.clipmoe = os.path.join(build, "tools", "clipmoe", "clipmoe")
        self.dmu = os.path.join(build, "tools", "dmu", "clipmoe-dmu")
        self.inputs = os.path.join(work, "inputs")
        self.sample = False
        for needed in self.clipmoe, self.dmu:
            if not os.path.exists(needed):
                sys.exit("record: %s: expected a build folder with %s" % (build, os.path.relpath(needed, build)))
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("CLIPMOE_", "GST_", "XDG_", "G_", "LC_", "OPENBLAS_", "OMP_"))}
        self.env.update(
            PATH="/usr/bin:/bin", LC_ALL="C.UTF-8", TZ="UTC", HOME=self.folder("home"), XDG_CACHE_HOME=self.folder("cache"),
            XDG_DATA_HOME=self.folder("data"), XDG_DATA_DIRS=self.folder("datas") + ":/usr/share", CLIPMOE_MODEL_PATH=os.path.join(work, "models"), CLIPMOE_PRECISION="f32",
            CLIPMOE_CPU="generic", GST_PLUGIN_PATH=os.path.join(build, "plugin"), GST_REGISTRY=os.path.join(work, "registry.bin"),
            GST_REGISTRY_FORK="no", OPENBLAS_CORETYPE="Haswell", OPENBLAS_NUM_THREADS="1", G_SLICE="always-malloc",
            NO_AT_BRIDGE="1")
        for name in "default", "clip-tiny", "labels", "templates":
            shutil.copytree(os.path.join(ROOT, "models", name), os.path.join(work, "models", name))
        inputs.make(self, few)
        if few:
            return
        # so that not every process scans GStreamer's plugins at the same time
        subprocess.run(["gst-inspect-1.0", "clipmoetag"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def folder(self, *names):
        path = os.path.join(self.work, *names)
        os.makedirs(path, exist_ok=True)
        return path

    def tiers(self):
        """Those of TIERS that this processor has."""
        return [t for t in TIERS if subprocess.run([self.clipmoe, "--version"], env=dict(self.env, CLIPMOE_CPU=t),
                                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0]

    def plain(self, data, out):
        """@data without what varies from run to run, if it is text."""
        try:
            if b"\0" in data or not data.decode():
                return data
        except UnicodeDecodeError:
            return data
        for path, word in ((out, b"OUT"), (self.work, b"WORK"), (self.build, b"BUILD"), (self.source, b"SOURCE"), (ROOT, b"SOURCE")):
            data = data.replace(path.encode(), word)
        data = re.sub(rb"\b[0-9]+(\.[0-9]+)? ms\b", b"N ms", data)
        data = re.sub(rb"\b[0-9.]+/s\b", b"N/s", data)
        data = re.sub(rb"0x[0-9a-f]{6,}", b"0xPOINTER", data)
        data = re.sub(rb"([( ])(process:|:)[0-9]+\)", rb"\1PID)", data)
        data = re.sub(rb"\n?\*\* \(PID\): [A-Z]+ \*\*: [0-9:.]+:", b"** (PID):", data)
        return data


_numbers = iter(range(1 << 30))
_lock = threading.Lock()


class Case:
    """@argv: `clipmoe` and its arguments, or another program's path; OUT in them is a folder that is empty at the
    beginning and whose files are part of the answer. @tier, @cache: of its own or shared. @shape: a function from
    {part: bytes} to the same, for answers that vary."""

    def __init__(self, name, *argv, stdin=b"", env=None, cache=False, shape=None):
        self.name, self.argv, self.stdin, self.shape, self.cache = name, argv, stdin, shape, cache
        self.env = env or {}

    def run(self, place):
        with _lock:
            n = next(_numbers)
        out, cache = place.folder("out", "%04d" % n), None
        env = dict(place.env, **self.env)
        if self.cache:
            cache = env["XDG_CACHE_HOME"] = place.folder("caches", "%04d" % n)
        argv = [a.replace("OUT", out) for a in self.argv]
        argv[0] = {"clipmoe": place.clipmoe, "clipmoe-dmu": place.dmu}.get(argv[0], argv[0])
        found = {}
        try:
            done = subprocess.run(argv, input=self.stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=place.inputs,
                                  timeout=SECONDS)
            said = b"%d\n" % done.returncode + b"".join(sorted_warnings(done.stderr))
            found["exit status and stderr"] = place.plain(said, out)
            found["stdout"] = place.plain(done.stdout, out)
        except subprocess.TimeoutExpired:
            found["exit status and stderr"] = b"hangs"
        for where, folders, names in os.walk(out):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(where, name)
                with open(path, "rb") as f:
                    found[os.path.relpath(path, out)] = place.plain(f.read(), out)
        if cache:
            found.update(cached(cache))
        shutil.rmtree(out)
        found = self.shape(found) if self.shape else found
        return {part: data if len(data) < 1 << 16 else b"SHA-256 %s of %d bytes\n" % (hashlib.sha256(data).hexdigest().encode(), len(data))
                for part, data in found.items()}


def sorted_warnings(stderr):
    return [line for line in stderr.splitlines(True) if b"dconf" not in line]


def cached(cache):
    """The kinds of entries of a cache folder, and what packed weights hold behind their header. Names hold a key, which
    may change: forms are told apart by their sizes."""
    folder = os.path.join(cache, "clipmoe")
    kinds, forms = [], []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        kinds.append(re.sub(r"[0-9a-f]{16,}", "HASH", name))
        if name.startswith("packed-"):
            with open(os.path.join(folder, name), "rb") as f:
                whole = f.read()
            header, _, image, text = struct.unpack_from("<4Q", whole, 24)
            forms.append(b"image %d bytes, text %d bytes, SHA-256 %s\n" %
                         (image, text, hashlib.sha256(whole[-(image + text):]).hexdigest().encode()))
    return {"packed weights": b"".join(sorted(forms)), "cache folder": "\n".join(kinds).encode()}


def without(names):
    """Leaves files out that hold times."""
    return lambda found: {k: v for k, v in found.items() if os.path.basename(k) not in names}


def numbers(place):
    """Vectors and packed weights: every model, precision and tier."""
    words = ["--text", "a dog", "--text", "two red cars", "--text", "a photo of a very long street " * 20]
    small = [os.path.splitext(n)[0] for n in inputs.GOLDEN]
    for tier in place.tiers():
        for model in ["default", "clip-tiny"] + small:
            if model in small and tier.startswith("avx512") and "+bf16" not in tier:
                continue
            for precision in "f32", "half", "int8":
                if precision != "f32" and tier == "generic":  # which has f32 alone
                    continue
                more = ["--vocab", "golden.vocab.txt"] if model in small else []
                yield Case("numbers/%s/%s/%s" % (tier, model, precision), "clipmoe", "embed", "--npy", "OUT/vectors.npy", "--rows", "OUT/rows.jsonl",
                           "--model", model + ".safetensors" if model in small else model, "--precision", precision, "--threads", "1",
                           *more, *words, "a.png", "b.png", "wide.png", env={"CLIPMOE_CPU": tier}, cache=True)


def tokens(place):
    """Untidy words, by every vocabulary."""
    texts = inputs.untidy()
    lines = "\n".join(t for t in texts if "\0" not in t and "\n" not in t).encode("utf-8", "surrogatepass")
    for model in "default", "clip-tiny":
        yield Case("tokens/%s" % model, "clipmoe", "tokenize", "--model", model, *texts)
    yield Case("tokens/long", "clipmoe", "tokenize", "--model", "long248.safetensors", "--vocab", "golden.vocab.txt", *texts)
    yield Case("tokens/pipe", "clipmoe", "tokenize", "-", stdin=lines + b"\n\xff\xfe a\n")


def answers(place):
    """The commands' answers."""
    def c(name, *argv, **more):
        return Case("answers/" + name, "clipmoe", *argv, **more)

    labels = ["--labels", "red wall;a dog;stripes;sky"]
    best = {"CLIPMOE_CPU": place.tiers()[-1]}
    for form in [], ["--json"], ["--csv"], ["--vtt"]:
        name = (form or ["table"])[0].strip("-")
        yield c("tag/%s/picture" % name, "tag", *form, *labels, "a.png")
        yield c("tag/%s/video" % name, "tag", *form, *labels, "bars.mkv")
        yield c("tag/%s/default labels" % name, "tag", *form, "--rate", "2", "frames.mkv")
        if name != "vtt":
            yield c("tag/%s/several" % name, "tag", *form, *labels, "a.png", "missing.png", "bars.mkv", "turned.jpg")
            yield c("tag/%s/folder" % name, "tag", *form, *labels, "pictures")
    for name, more in (("sigmoid", ["--score", "sigmoid", "--threshold", "0"]), ("cosine", ["--score", "cosine"]),
                       ("negatives", ["--negative-labels", "a wall,noise"]), ("threshold", ["--threshold", "0.4"]),
                       ("top", ["--top-k", "1", "--threshold", "0"]), ("smoothing", ["--smoothing", "1.5", "--rate", "0"]),
                       ("hold", ["--hold", "1", "--rate", "0"]), ("squash", ["--geometry", "squash"]),
                       ("letterbox", ["--geometry", "letterbox"]), ("turned", ["--video-direction", "90r"]),
                       ("interval", ["--inference-interval", "3", "--rate", "0"]), ("key", ["--decode", "key"]),
                       ("all", ["--decode", "all"]), ("changes", ["--post-messages", "changes", "--rate", "0"]),
                       ("embedding", ["--attach-embedding", "true"]), ("source", ["--source", "rtsp://me:word@h/"]),
                       ("templates", ["--templates", "@imagenet"]), ("no templates", ["--templates", "none"]),
                       ("int8", ["--precision", "int8"]), ("half", ["--precision", "half"]),
                       ("clip-tiny", ["--model", "clip-tiny"]), ("experts", ["--experts", "1"])):
        yield c("tag/json/" + name, "tag", "--json", *labels, *more, "frames.mkv", env=best if name in ("int8", "half") else None)
    yield c("tag/list", "tag", "--json", "--labels-file", "labels.txt", "frames.mkv")
    yield c("tag/installed list", "tag", "--csv", "--labels-file", "animals", "--templates", "@simple", "a.png")
    yield c("tag/only embedding", "tag", "--json", "--labels", "", "--attach-embedding", "true", "a.png")
    yield c("tag/pipe", "tag", "--json", *labels, "-", stdin=inputs.read(place, "a.png"))
    yield c("tag/cut off", "tag", "--json", *labels, "cut.mkv")
    yield c("tag/sheet and overlay", "tag", *labels, "--sheet", "OUT/sheet.png", "frames.mkv")
    yield c("tag/still overlay", "tag", *labels, "--overlay", "OUT/overlay.mp4", "frames.mkv", shape=without({"overlay.mp4"}))
    for name in "turned.jpg", "a.gif", "a.webp", "a.bmp", "grey.png", "deep.png", "palette.png", "alpha.png", "one.png":
        yield c("embed/" + name, "embed", name)
    yield c("embed/several", "embed", "a.png", "bars.mkv", "missing.png", "--text", "a dog")
    yield c("embed/video", "embed", "--rate", "0", "--npy", "OUT/v.npy", "--rows", "OUT/r.jsonl", "frames.mkv", "a.png", "--text", "x")
    yield c("embed/geometry", "embed", "--geometry", "letterbox", "--video-direction", "ul-lr", "wide.png")
    yield c("embed/activation", "embed", "--activation", "gelu", "--text", "a dog")
    yield c("embed/pipe", "embed", "-", stdin=inputs.read(place, "b.png"))
    yield c("embed/long context", "embed", "--model", "long248.safetensors", "--vocab", "golden.vocab.txt", "--text", "a " * 200)
    yield c("embed/untidy", "embed", *[x for t in inputs.untidy()[:40] for x in ("--text", t)])
    if place.sample:
        yield c("sample video/tag", "tag", "--json", "--rate", "0.2", "--labels", "person,car,empty street", "sample.avi")
        yield c("sample video/table", "tag", "--rate", "0.5", "--decode", "key", "--labels", "person,car,empty street", "sample.avi")
        yield c("sample video/embed", "embed", "--rate", "0.05", "--decode", "key", "sample.avi")
    models = ["default", "clip-tiny"] + inputs.GOLDEN + ["hf", "openclip.safetensors", "torch.pt", "trainer.pt", "folder", "bf16.safetensors"]
    for model in models:
        yield c("model/inspect/" + model, "model", "inspect", model)
        yield c("model/inspect json/" + model, "model", "inspect", "--json", model)
    yield c("model/list", "model", "list")
    for to, form in (("out.safetensors", "clipmoe"), ("folder", "clipmoe"), ("folder", "hf")):
        for dtype in "keep", "f16", "bf16", "f32":
            yield c("model/convert/%s %s %s" % (form, to, dtype), "model", "convert", "clip-tiny" if dtype == "keep" else "folder", "OUT/" + to, "--to", form, "--dtype", dtype)
    for model in "moe-e4k2.safetensors", "long248.safetensors", "folder", "torch.pt":
        yield c("model/convert/" + model, "model", "convert", model, "OUT/m.safetensors", "--to", "clipmoe")
    yield c("model/convert/hf back", "model", "convert", "hf", "OUT/m", "--to", "clipmoe")
    yield c("model/verify", "model", "verify")
    yield c("model/verify clip-tiny", "model", "verify", "clip-tiny", env=best)
    yield c("model/verify precision", "model", "verify", "--precision", env=best, cache=True, shape=verdict)
    yield c("bench", "bench", "--json", "--seconds", "0.05", "--threads", "1", shape=keys)
    yield c("limits", "limits")
    yield c("version", "--version")
    for command in ([], ["tag"], ["embed"], ["tokenize"], ["bench"], ["limits"], ["model"], ["model", "inspect"], ["model", "list"],
                    ["model", "convert"], ["model", "verify"]):
        yield c("help/" + " ".join(command), *command, "--help")


def verdict(found):
    """Cosines of a measured verdict; which arithmetic won is a matter of time."""
    lines = re.sub(rb"(?m)^(f32|half|int8)( +)[0-9.]+( +)", rb"\1 MS ", found["stdout"])
    lines = re.sub(rb"(?m)^verdict .*$", b"verdict", lines)
    return {"stdout": lines, "cache folder": found["cache folder"], "exit status": found["exit status and stderr"][:2]}


def keys(found):
    line = json.loads(found["stdout"] or b"{}")
    return dict(found, stdout=("\n".join(sorted(line)) + "\n%s" % line.get("model")).encode())


def refusals(place):
    """Wrong usage and bad files: status, one sentence, nothing else."""
    def c(*argv, **more):
        return Case("refusals/" + " ".join(a if len(a) < 40 else a[:40] for a in argv), "clipmoe", *argv, **more)

    for argv in ([], ["tagg"], ["tag"], ["tag", "--nope", "a.png"], ["tag", "--top-k", "-3", "a.png"], ["tag", "--top-k", "x", "a.png"],
                 ["tag", "--geometry", "round", "a.png"], ["tag", "--json", "--csv", "a.png"], ["tag", "--labels", "a", "--labels-file", "animals", "a.png"],
                 ["tag", "--labels-file", "no-such-list", "a.png"], ["tag", "--labels-file", "bad-labels.txt", "a.png"], ["tag", "--labels", "a", "--templates", "@none-such", "a.png"],
                 ["tag", "--labels", "a", "--templates", "no braces", "a.png"], ["tag", "--labels", "a,a", "a.png"], ["tag", "--labels", " , ", "a.png"],
                 ["tag", "--vtt", "bars.mkv", "a.png"], ["tag", "--labels", "a,b", "missing.mkv"], ["tag", "--labels", "a,b", "headers.mkv"],
                 ["tag", "--labels", "a", "--sheet", "/nonexistent/s.png", "a.png"], ["tag", "--labels", "a", "--sheet", "a.png", "a.png"],
                 ["tag", "--labels", "a", "--sheet", "x.mp4", "--overlay", "x.mp4", "bars.mkv"], ["tag", "--post-messages", "changes", "a.png"],
                 ["tag", "--labels", "a,b", "-"], ["tag", "--labels", "a,b", "text.png"], ["tag", "--labels", "a,b", "cut.png"], ["tag", "--labels", "a,b", "empty"],
                 ["tag", "--labels", "a,b", "lfs.safetensors"], ["tag", "--rate", "-1", "a.png"], ["tag", "--threads", "5000", "a.png"],
                 ["tag", "--model", "missing", "a.png"], ["tag", "--labels", "a,b", "--precision", "fp4", "a.png"], ["tag", "--experts", "99", "--labels", "a,b", "a.png"],
                 ["tag", "--labels", "a,b", "--model", "dense77.safetensors", "a.png"], ["embed"], ["embed", "--geometry", "round", "a.png"], ["embed", "/proc/self/task"],
                 ["embed", "--npy", "x", "--rows", "x", "a.png"], ["embed", "--rows", "r.jsonl", "a.png"], ["embed", "--npy", "a.png", "b.png"], ["embed", "--npy", "/nonexistent/v", "a.png"],
                 ["embed", "--experts", "-1", "a.png"], ["embed", "--activation", "relu", "a.png"], ["embed", "--vocab", "missing", "--text", "a"],
                 ["embed", "--vocab", "labels.txt", "--text", "a"], ["embed", "nothing-here"], ["embed", "cut.jpg"], ["tokenize"], ["tokenize", "--model", "dense77.safetensors", "a"], ["tokenize", "--experts", "-1", "a"],
                 ["bench", "--arch", "ViT-Z-9"], ["bench", "--arch", "ViT-B-32", "--model", "default"], ["bench", "--precision", "int3"], ["bench", "--batch", "0"],
                 ["bench", "--seconds", "0"], ["limits", "x"], ["model"], ["model", "x"], ["model", "inspect", "no-such-model"], ["model", "inspect", "a", "b"], ["model", "convert", "clip-tiny"],
                 ["model", "convert", "clip-tiny", "OUT/x", "--to", "onnx"], ["model", "convert", "clip-tiny", "OUT/x", "--to", "hf", "--dtype", "f8"],
                 ["model", "convert", "default", "OUT/x", "--to", "hf"], ["model", "convert", "clip-tiny", "folder", "--to", "clipmoe"], ["model", "verify", "missing"], ["model", "list", "x"]):
        yield c(*argv)
    for name in sorted(inputs.BROKEN):
        yield c("model", "inspect", name)
        if name.startswith("config"):
            yield c("embed", "--model", name, "--text", "a")
    for cpu in "z80", "avx2,-nope", "neon":
        yield c("embed", "--text", "a", env={"CLIPMOE_CPU": cpu}, shape=lambda f, cpu=cpu: {cpu + " " + k: v for k, v in f.items()})
    yield c("embed", "--text", "b", env={"CLIPMOE_PRECISION": "fp4"})
    for argv in ([], ["x"], ["run"], ["run", "missing.ini"], ["run", "labels.txt"], ["train"], ["cluster"], ["upcycle"], ["upcycle", "missing", "--out", "OUT/x"],
                 ["evaluate", "--model", "clip-tiny"], ["inspect", "clip-tiny"], ["stretch", "clip-tiny", "folder"], ["stretch", "clip-tiny"], ["compare"], ["route", "--model", "clip-tiny", "--data", "pictures", "--out", "OUT/x"]):
        yield Case("refusals/clipmoe-dmu " + " ".join(argv), "clipmoe-dmu", *argv)


def elements(place):
    """The elements: messages, metadata, lines, statistics, what they refuse."""
    best = {"CLIPMOE_CPU": place.tiers()[-1]}
    for name, line in inputs.pipelines():
        yield Case("elements/" + name, sys.executable, os.path.join(HERE, "play.py"), line, env=best if "precision=" in line else None)
    for element in "clipmoetag", "clipmoebin", "clipmoeoverlay", "clipmoepublish":
        yield Case("elements/inspect/" + element, "gst-inspect-1.0", "--no-colors", element)


def dmu(place):
    """A whole small run, and stages by themselves."""
    one = {"OPENBLAS_CORETYPE": "Haswell"}
    # the page's place of the data and the run's own log say where and how fast it ran
    shape = without({"timing.jsonl", "lock"})
    yield Case("dmu/run", "clipmoe-dmu", "run", "dmu/recipe.ini", "--quiet", "--out", "OUT/run", env=one, shape=shape)
    yield Case("dmu/stretch", "clipmoe-dmu", "stretch", "clip-tiny", "OUT/long", env=one)
    yield Case("dmu/upcycle", "clipmoe-dmu", "upcycle", "clip-tiny", "--experts", "2", "--out", "OUT/moe", env=one)
    yield Case("dmu/inspect", "clipmoe-dmu", "inspect", "moe-e4k2.safetensors", env=one)
    yield Case("dmu/cluster", "clipmoe-dmu", "cluster", "--model", "dmu/base", "--data", "dmu/train", "--out", "OUT/cluster.txt", env=one)
    yield Case("dmu/evaluate", "clipmoe-dmu", "evaluate", "--model", "dmu/base", "--data", "dmu/heldout", "--templates", "@simple", env=one)
    yield Case("dmu/train", "clipmoe-dmu", "train", "--model", "dmu/base", "--data", "dmu/train", "--out", "OUT/t", "--steps", "3", "--batch", "8", "--threads", "1", "--quiet", env=one, shape=shape)
    for command in "run", "train", "cluster", "finetune", "upcycle", "route", "evaluate", "compare", "inspect", "stretch":
        yield Case("dmu/help " + command, "clipmoe-dmu", command, "--help")


def all_cases(place):
    return [c for group in (dmu, numbers, tokens, answers, refusals, elements) for c in group(place)]
