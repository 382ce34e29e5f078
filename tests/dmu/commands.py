#!/usr/bin/python3
"""Checks what people and scripts rely on in clipmoe-dmu: exit status and one sentence on failure, recipes of which every key is
checked, checkpoints that survive a full disk, mixtures under the official names and shapes, and the recipe of the default
model.

Closes with `N passed, N failed, N skipped`.
"""
import configparser
import html.parser
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

try:
    import tiny
    import checkpoints
    from PIL import Image
except ImportError as e:
    print("missing: %s" % e)
    sys.exit(77)

GOLDEN = os.environ["CLIPMOE_TEST_MODELS"]
passed = failed = 0


def check(what, ok, *why):
    global passed, failed
    passed += bool(ok)
    if not ok:
        failed += 1
        print("FAILED:", what, *[str(w)[:1500] for w in why])


def dmu(*arguments, **more):
    return subprocess.run([tiny.COMMAND, *arguments], capture_output=True, text=True, timeout=120, **more)


def refused(what, status, words, *arguments, **more):
    r = dmu(*arguments, **more)
    last = r.stderr.strip().splitlines()[-1:] or [""]
    check(what, r.returncode == status and words in last[0] and "clipmoe-dmu" in last[0] and not r.stdout, r)
    check(what + ": short and plain", len(r.stderr) < 4000 and not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", r.stderr), r.stderr)


def usage():
    r = dmu("--help")
    check("help", r.returncode == 0 and "upcycle" in r.stdout)
    for name in ("run", "train", "finetune", "route", "cluster", "upcycle", "evaluate", "compare", "inspect", "stretch"):
        r = dmu(name, "--help")
        check(name + " --help", r.returncode == 0 and "Example:" in r.stdout and not r.stderr, r)
        refused(name + " with an unknown option", 2, "--help", name, "--nonsense")
    r = dmu("--version")
    check("version says which kernels", r.returncode == 0 and "OpenBLAS kernels for" in r.stdout, r)
    # told wrongly, OpenBLAS dies of an illegal instruction: what the user says stays, what we choose must run
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    r = dmu("--version", env=env)
    check("chosen kernels", r.returncode == 0, r)
    r = dmu("--version", env=dict(env, OPENBLAS_CORETYPE="Nehalem"))
    check("the user's kernels", r.returncode == 0 and "Nehalem (as OPENBLAS_CORETYPE says)" in r.stdout, r)
    refused("no command", 2, "no command", "nonsense")


def mixtures(top):
    source, _, _ = checkpoints.load(os.path.join(GOLDEN, "long248.weights.safetensors"))
    out = os.path.join(top, "moe.safetensors")
    r = dmu("upcycle", os.path.join(GOLDEN, "long248.weights.safetensors"), "--out", out, "--experts", "4")
    check("upcycle", r.returncode == 0, r)
    got, meta, types = checkpoints.load(out)
    wanted = {}
    for name, w in source.items():
        head, mlp, rest = name.partition(".mlp.")
        if not mlp:
            wanted[name] = w.shape
            continue
        for e in range(4):
            wanted["%s.experts.%d.%s" % (head, e, rest)] = w.shape
        wanted[head + ".gate.weight"] = (4, source[head + ".ln_1.weight"].shape[0])
    check("official names and shapes", {k: v.shape for k, v in got.items()} == wanted, set(got) ^ set(wanted))
    check("types and k", set(types.values()) == {"F32"} and meta["clip.top_k"] == "2", meta)
    for name, w in source.items():
        if ".mlp." not in name and "positional_embedding" != name[:20]:
            check(name + " is the same", (got[name] == w).all())
    r = dmu("upcycle", os.path.join(GOLDEN, "long248.weights.safetensors"), "--out", out)
    check("not overwritten", r.returncode == 1 and "is there already" in r.stderr, r)
    r = dmu("inspect", out)
    check("inspect", r.returncode == 0 and "4 experts, from the first: 0.0000 0.0000 0.0000" in r.stdout, r)
    refused("a mixture of mixtures", 1, "mixture of experts already", "upcycle", out, "--out", os.path.join(top, "x"))
    refused("other shapes", 1, "tensor", "upcycle", os.path.join(GOLDEN, "long248.weights.safetensors"),
            os.path.join(GOLDEN, "dense77.weights.safetensors"), "--out", os.path.join(top, "x"))
    refused("k above experts", 1, "expected at least 2, and 1 to all", "upcycle", os.path.join(GOLDEN, "long248.weights.safetensors"),
            "--top-k", "5", "--out", os.path.join(top, "x"))
    sd = tiny.weights(1)
    tiny.model(os.path.join(top, "a"), sd)
    sd = dict(sd, text_projection=sd["text_projection"] + 1)
    tiny.model(os.path.join(top, "b"), sd)
    refused("shared weights that differ", 1, '"text_projection" differs by up to 1', "upcycle", os.path.join(top, "a"),
            os.path.join(top, "b"), "--out", os.path.join(top, "x"))
    r = dmu("upcycle", os.path.join(top, "a"), os.path.join(top, "b"), "--out", os.path.join(top, "x"), "--take-first", "--dtype", "f16")
    check("--take-first", r.returncode == 0 and os.path.exists(os.path.join(top, "x", "vocab.json")), r)
    clipmoe = os.environ["CLIPMOE_COMMAND"]
    one, two = (subprocess.run([clipmoe, "embed", "--model", os.path.join(top, m), "--text", "a red wall"], capture_output=True,
                               text=True) for m in ("a", "x"))
    check("clipmoe reads it", two.returncode == 0, two)
    r = dmu("stretch", os.path.join(GOLDEN, "dense77.weights.safetensors"), os.path.join(top, "long.safetensors"))
    got, _, _ = checkpoints.load(os.path.join(top, "long.safetensors"))
    check("stretch", r.returncode == 0 and got["positional_embedding"].shape[0] == 248 and "positional_embedding_res" in got, r)


def plugin(top):
    """A model that became a mixture of its copies scores in clipmoetag as it did, with any number of experts, and under other names
    and types."""
    dense, moe = os.path.join(os.path.dirname(tiny.VOCAB), "clip-tiny"), os.path.join(top, "moe")
    clipmoe = os.environ["CLIPMOE_COMMAND"]
    picture = os.path.join(top, "picture.png")
    Image.effect_mandelbrot((160, 120), (-2, -1.2, 1, 1.2), 90).convert("RGB").save(picture)

    def tag(model, *more):
        r = subprocess.run([clipmoe, "tag", "--json", "--score", "cosine", "--threshold", "-1", "--labels", "a dog;a spiral;a red car",
                            "--attach-embedding", "true", "--model", model, *more, picture], capture_output=True, text=True, timeout=120)
        check("tag with " + model, r.returncode == 0, r)
        looks = [json.loads(line) for line in r.stdout.splitlines()]
        return {t["label"]: t["score"] for look in looks for t in look.get("tags", [])}

    want = tag(dense)
    check("three labels", len(want) == 3 and len(set(want.values())) == 3, want)
    r = dmu("upcycle", dense, "--out", moe, "--experts", "4", "--top-k", "2")
    check("upcycle clip-tiny", r.returncode == 0, r)
    r = subprocess.run([clipmoe, "model", "inspect", moe], capture_output=True, text=True)
    check("a mixture", r.returncode == 0 and "4 experts" in r.stdout, r)
    for k in ("1", "2", "4"):
        got = tag(moe, "--experts", k)
        check("scores with %s experts" % k, set(got) == set(want) and all(abs(got[x] - want[x]) < 2e-6 for x in want), got, want)
    official, back = os.path.join(top, "official.safetensors"), os.path.join(top, "half")
    for source, to, more in ((moe, official, ("--dtype", "f32")), (official, back, ("--dtype", "f16", "--vocab", os.path.join(dense, "vocab.json")))):
        r = subprocess.run([clipmoe, "model", "convert", source, to, "--to", "clipmoe", *more], capture_output=True, text=True)
        check("convert to " + to, r.returncode == 0, r)
    got = tag(back)
    check("scores after a round trip", set(got) == set(want) and all(abs(got[x] - want[x]) < 1e-3 for x in want), got, want)


def recipes(top):
    tiny.setup(top)
    path = os.path.join(top, "bad.ini")
    cases = [("[run]\nbase = base\nseed = 1\n# more\n seed= 2\n", "line 5: [run] seed: stands in line 3 already"),
             ("[run]\nbase = base\n[data]\n[run] \nseed = 2\n", "line 4: [run]: stands in line 1 already"),
             ("[run]\nbase[de] = base\n", "line 2: [run] base[de]: no such key"), ("[run]\r\nbase = base\r\n[fine]\r\n", "line 3: [fine]: no such group"),
             ("[run]\nbase = base\n[Run]\n", "line 3: [Run]: no such group"), ("\n[run]\nseed = \t7x\n", "line 3: [run] seed"),
             ("[run]\nseed = " + "9" * 900000 + "\n", "[run] seed"), ("[run]\n" + "k" * 900000 + " = 1\n", "no such key"),
             ("[" + "g" * 900000 + "]\n", "no such group"), ("x" * 900000, "bad.ini"), ("[run]\nbase = " + "b" * 900000 + "\n", "longer than any path"),
             ("[run]\nname = a\x1b[31m\n", "[run] name"), ("[run]\nname = " + "\u202ea".encode().decode("latin-1") + "\n", "[run] name"), ("[finetune]\nrate = " + "1" * 900000 + "\n", "[finetune] rate"),
             ("[data]\ntrain = " + "t" * 900000 + "\n", "is neither"), ("[run]\nbase = b\0ase\n", "zero byte"), ("[data]\nimage-key = ;\n", "[data] image-key"),
             ("[run]\nbas = base\n", "[run] bas: no such key"), ("[runn]\nbase = base\n", "no such group"),
             ("[run]\nbase = base\n", "[data] train: is missing"), ("[data]\ntrain = train\n", "[run] base: is missing"),
             ("[run]\nbase = base\n[data]\ntrain = nowhere\n", '"nowhere" is neither'),
             ("[finetune]\nlearning-rate = 1\n", "[finetune] learning-rate: no such setting"),
             ("[route]\ntrain = all\n", "[route] train: no such setting"), ("[finetune]\nrate = -1\n", "[finetune] rate: "), ("[finetune]\nbatch = 2.5\n", "[finetune] batch: "),
             ("[upcycle]\nexperts = 1\n", "[upcycle] experts: "), ("[upcycle]\nexperts = 99999999999999999999\n", "experts: "),
             ("[run]\nseed = -1\n", "[run] seed: "), ("[run]\nthreads = many\n", "[run] threads: "),
             ("[run]\nname = a/b\n", "[run] name: "), ("[run]\nname = route\n", "[run] name: "), ("[run]\ndtype = f8\n", "line 2: [run] dtype: expected f32"),
             ("[data]\ntemplates = no braces\n", "line 2: [data] templates: "), ("[data]\ncontext = -1\n", "[data] context: "),
             (tiny.RECIPE.replace("[data]", "[data]\ncontext = 25"), "3 to its 24 tokens"), ("not a key file", "bad.ini"), ("[run]\nbase = \xff\n", "UTF-8"),
             ("[run]\nbase = base\n[data]\ntrain = train\n[finetune]\nimage-blocks = 1\n", "follow from [upcycle]"), ("[route]\nbalance = even\n", "balance"),
             (tiny.RECIPE.replace("last:1", "last:9"), "last:9"),
             (tiny.RECIPE.replace("[tune]\n", "[tune]\ntrain = mlp\n"), "[tune] train: expected moe"),
             (tiny.RECIPE.replace("[finetune]\nsteps = 5\nbatch = 8", "[finetune]\nsteps = 5\nbatch = 60000"), "smaller batches"),
             ("[upcycle]\nexperts = 3\ntop-k = 4\n[run]\nbase = base\n[data]\ntrain = train\n", "larger than experts")]
    for text, words in cases:
        with open(path, "w", encoding="latin-1") as f:
            f.write(text)
        refused("recipe: " + words, 1, words, "run", path, "--quiet", "--out", os.path.join(top, "bad.run"))
        shutil.rmtree(os.path.join(top, "bad.run"), ignore_errors=True)
    with open(os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "docs", "dmu.md")) as f:
        written = f.read().split("```ini\n")[1].split("```")[0].replace("clip/", "base").replace("train;more-pairs", "train")
    with open(path, "w") as f:
        f.write(written)
    refused("the recipe in the docs is read to its end", 1, "expected smaller batches", "run", path, "--quiet", "--out", os.path.join(top, "docs.run"))
    foreseen(top)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\ufeff[run]\nbase = base\n[runn]\n")
    refused("a recipe that begins with a mark", 1, "line 3: [runn]: no such group", "run", path, "--quiet")
    refused("--data that is nowhere", 1, "--data %s/nowhere: expected a folder" % top, "run", os.path.join(top, "recipe.ini"), "--data", top, "--data", top + "/nowhere", "--quiet")
    refused("--data that is a file", 1, "expected a folder", "run", os.path.join(top, "recipe.ini"), "--data", path, "--quiet")
    refused("--out without a name", 2, "--out that is not empty", "run", path, "--out", "")
    r = dmu("evaluate", "--data", os.path.join(top, "heldout"), env=dict(os.environ, CLIPMOE_MODEL_PATH=os.path.dirname(tiny.VOCAB)))
    check("a model that nobody named is said", r.returncode == 0 and "no --model: the default one" in r.stderr, r)
    refused("threads below 0", 1, "--threads -1", "cluster", "--model", os.path.join(top, "base"), "--data", os.path.join(top, "train"), "--out", path + ".txt", "--threads", "-1")
    refused("no recipe", 1, "cannot open", "run", os.path.join(top, "none.ini"))


def foreseen(top):
    """What would end a run after hours is said before its first stage, and a run that cannot end makes nothing."""
    tiny.pairs(os.path.join(top, "few", "x.tar"), 2, 3)                    # one with captions, one with a class
    path, out = os.path.join(top, "foreseen.ini"), os.path.join(top, "foreseen")
    for old, new, words in (("[finetune]\nsteps = 5\nbatch = 8", "[finetune]\nsteps = 5\nbatch = 65", "[finetune] batches of 65 pairs from 64"),
                            ("[route]\nsteps = 4\nbatch = 8", "[route]\nsteps = 4\nbatch = 65", "[route] batches of 65"),
                            ("[tune]\nsteps = 3\nbatch = 8", "[tune]\nsteps = 3\nbatch = 65", "[tune] batches of 65"),
                            ("[route]\n", "[route]\nkeep-patches = 5\n", "[route] keep-patches 5: expected at most the 4"),
                            ("[route]\n", "[route]\nimage-blocks = last:9\n", '[route] image-blocks "last:9"'), ("[tune]\n", "[tune]\ntext-blocks = 3-9\n", '[tune] text-blocks "3-9"'),
                            ("[route]\n", "[route]\nrepeat = x\n", '[route] repeat "x"'), ("last:1", "none\ntext-blocks = none", "[finetune] nothing would be trained"),
                            ("[cluster]\ntext = 2", "[cluster]\ntext = 65", "[cluster] text = 65, image = 2: expected no more clusters than the 64 pairs"),
                            ("image = 2", "image = 1000", "image = 1000: expected no more"), ("heldout = heldout", "heldout = few", "[data] heldout: expected two pictures")):
        with open(path, "w") as f:
            f.write(tiny.RECIPE.replace(old, new))
        refused("foreseen: " + words, 1, words, "run", path, "--quiet", "--out", out)
        check("foreseen, nothing made: " + words, os.listdir(out) == ["lock"], os.listdir(out))


def default_recipe(top):
    """The default model's recipe is read to its end, and the model beside it is what it makes, no larger than a clone should be."""
    tiny.setup(top)
    source = os.path.join(os.environ["CLIPMOE_TEST_SOURCES"], "..", "models", "default", "recipe.ini")
    recipe = configparser.ConfigParser(interpolation=None)
    recipe.read(source)
    path, folder = os.path.join(top, "default.ini"), os.path.join(top, "upcycled")
    with open(source) as f, open(path, "w") as g:
        g.write(f.read().replace(recipe["data"]["train"], "train").replace(recipe["data"]["heldout"], "heldout"))
    refused("read to its end", 1, "expected smaller batches", "run", path, "--quiet", "--out", os.path.join(top, "default.run"))
    u = recipe["upcycle"]
    r = dmu("upcycle", recipe["run"]["base"], "--out", folder, "--experts", u["experts"], "--top-k", u["top-k"], "--image-blocks",
            u["image-blocks"], "--text-blocks", u["text-blocks"], "--dtype", recipe["run"]["dtype"])
    check("upcycled", r.returncode == 0, r)
    got, meta, types = checkpoints.load(os.path.join(folder, "model.safetensors"))
    here, its, kinds = checkpoints.load(os.path.join(os.path.dirname(source), "model.safetensors"))
    check("the default model has its shape", {k: v.shape for k, v in got.items()} == {k: v.shape for k, v in here.items()} and
          types == kinds and meta["clip.top_k"] == its["clip.top_k"] and its["clip.name"] == recipe["run"]["name"], set(got) ^ set(here), meta, its)
    check("in 40 MB", all(os.path.getsize(os.path.join(f, "model.safetensors")) < 40e6 for f in (folder, os.path.dirname(source))))


def full_disk(top):
    arguments = tiny.setup(top)
    out = os.path.join(top, "run")
    r = subprocess.run(arguments + ["--out", os.path.join(top, "alone")], capture_output=True, text=True)
    check("a run", r.returncode == 0, r)
    with open(os.path.join(top, "leak.ini"), "w") as f:
        f.write(tiny.RECIPE.replace("heldout = heldout", "heldout = train").replace("steps = 5", "steps = 1").replace("steps = 4", "steps = 1"))
    r = dmu("run", os.path.join(top, "leak.ini"), "--out", os.path.join(top, "leak.run"))
    check("pictures that are trained on and measured with are said", r.returncode == 0 and "64 of the pictures are trained on too" in r.stderr, r)

    def small(limit):
        def f():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return f
    # each limit stops the run at another file, until the last one does not stop it
    for limit in (0, 300, 2000, 60000, 300000, 900000, 2500000, 4000000):
        r = subprocess.run(arguments + ["--out", out], capture_output=True, text=True, preexec_fn=small(limit))
        said = r.stderr.strip().splitlines()
        check("no room: %d" % limit, r.returncode == 1 and len(said) == 1 and "large" in said[0].lower(), r)
        left = [f for f in os.listdir(out) if f.startswith(".")]
        check("nothing half written: %d" % limit, not left, left)
    r = subprocess.run(arguments + ["--out", out], capture_output=True, text=True)
    check("goes on when there is room", r.returncode == 0, r)
    a, b = tiny.files(os.path.join(top, "alone")), tiny.files(out)
    check("and ends with the same bytes", a == b, [k for k in set(a) | set(b) if a.get(k) != b.get(k)])

    with open(os.path.join(top, "recipe.ini"), "a") as f:
        f.write("clip = 2\n")
    refused("another recipe in the same folder", 1, '"recipe" has changed', *arguments[1:], "--out", out)
    with open(os.path.join(top, "recipe.ini"), "w") as f:
        f.write(tiny.RECIPE)
    with open(os.path.join(out, "run.json")) as f:
        run = json.load(f)
    run["stages"] = [s for s in run["stages"] if s["name"] not in ("evaluate-route", "compare")]
    with open(os.path.join(out, "run.json"), "w") as f:
        json.dump(run, f)
    shutil.copy(os.path.join(out, "finetune-1", "model.safetensors"), os.path.join(out, "route", "model.safetensors"))
    refused("a model that was exchanged", 1, "is not the model that run.json knows", *arguments[1:], "--out", out)
    with open(os.path.join(out, "run.json"), "w") as f:
        f.write("{}")
    refused("a broken manifest", 1, "run.json", *arguments[1:], "--out", out)
    names = ("route.backup", "route.Ab12Cd", ".clipmoe-tmp-Ab12Cd")
    for name in names:
        shutil.copytree(os.path.join(out, "upcycle"), os.path.join(out, name))
    refused("a broken manifest", 1, "run.json", *arguments[1:], "--out", out)
    check("nothing is swept from a folder that is not known to be ours",
          all(os.path.exists(os.path.join(out, name, "model.safetensors")) for name in names))
    holder = subprocess.Popen(["flock", os.path.join(out, "lock"), "sleep", "30"])
    for _ in range(100):
        if subprocess.run(["flock", "-n", os.path.join(out, "lock"), "true"]).returncode:
            break
    refused("two at a time", 1, "another process works", *arguments[1:], "--out", out)
    holder.kill()


def stages(top):
    tiny.setup(top)
    base, data, held = (os.path.join(top, n) for n in ("base", "train", "heldout"))
    r = dmu("evaluate", "--model", base, "--data", held, "--threads", "1")
    check("evaluate", r.returncode == 0 and "12 pictures" in r.stdout and "3 classes" in r.stdout and "24 captions" in r.stdout, r)
    r = dmu("evaluate", "--model", base, "--data", held, "--json")
    found = json.loads(r.stdout)
    check("evaluate --json", found["schema"] == "clipmoe.evaluation/1" and len(found["sets"]) == 2, found)
    codes = os.path.join(top, "codes.txt")
    r = dmu("cluster", "--model", base, "--data", data, "--out", codes, "--text-clusters", "2", "--image-clusters", "2")
    lines = open(codes).read().splitlines()
    check("cluster", r.returncode == 0 and len(lines) == 65 and set(lines[1:]) <= set("0123"), r, lines[:3])
    more = ("--steps", "4", "--batch", "8", "--warmup", "1", "--rate", "1e-3", "--quiet", "--threads", "1")
    r = dmu("finetune", "--model", base, "--data", data, "--clusters", codes, "--codes", "4", "--out", os.path.join(top, "ft"),
            "--curves", os.path.join(top, "ft.jsonl"), *more)
    check("finetune", r.returncode == 0 and len(open(os.path.join(top, "ft.jsonl")).readlines()) == 4, r)
    for n in range(2):
        r = dmu("train", "--model", base, "--data", data, "--out", os.path.join(top, "curved%d" % n), "--checkpoint", os.path.join(top, "c.state"),
                "--curves", os.path.join(top, "c.jsonl"), *more)
        check("curves begin anew where there is no checkpoint", r.returncode == 0 and len(open(os.path.join(top, "c.jsonl")).readlines()) == 4, r)
        os.unlink(os.path.join(top, "c.state"))
    a, _, _ = checkpoints.load(os.path.join(base, "model.safetensors"))
    b, _, _ = checkpoints.load(os.path.join(top, "ft", "model.safetensors"))
    changed = {k for k in a if not (a[k] == b[k]).all()}
    check("finetune changes feed-forward layers alone", changed and all(".mlp." in k for k in changed), changed)
    r = dmu("cluster", "--model", base, "--data", data, "--out", os.path.join(top, "short.txt"), "--text-clusters", "2",
            "--image-clusters", "2", "--context", "5")
    # 32 pairs have captions of 5 and of more tokens; 3 classes a template
    check("--context cuts longer captions", r.returncode == 0 and "35 texts cut" in r.stderr, r)
    refused("clusters of captions of another length", 1, "of these very pairs", "finetune", "--model", base, "--data", data,
            "--clusters", os.path.join(top, "short.txt"), "--codes", "4", "--out", os.path.join(top, "x"), *more)
    for n in ("-1", "2", "25"):
        refused("--context " + n, 1, "context", "train", "--model", base, "--data", data, "--out", os.path.join(top, "x"),
                "--context", n, *more)
    refused("--memory -1", 1, "--memory -1: expected 0 or more", "train", "--model", base, "--data", data, "--out",
            os.path.join(top, "x"), "--memory", "-1", *more)
    refused("another data set's clusters", 1, "of these very pairs", "finetune", "--model", base, "--data", held, "--clusters", codes,
            "--codes", "4", "--out", os.path.join(top, "x"), *more)
    dmu("upcycle", base, os.path.join(top, "ft"), "--out", os.path.join(top, "moe"))
    r = dmu("route", "--model", os.path.join(top, "moe"), "--data", data, "--out", os.path.join(top, "routed"), *more)
    a, _, _ = checkpoints.load(os.path.join(top, "moe", "model.safetensors"))
    b, _, _ = checkpoints.load(os.path.join(top, "routed", "model.safetensors"))
    changed = {k for k in a if not (a[k] == b[k]).all()}
    check("route changes routers alone", r.returncode == 0 and changed and all("gate" in k for k in changed), changed, r)
    for j in range(2):
        r = dmu("evaluate", "--model", os.path.join(top, "routed"), "--data", held, "--force-expert", str(j), "--json")
        use = json.loads(r.stdout)["image_experts"]
        check("--force-expert", all(abs(row[j] - 1) < 1e-6 for row in use), use)
    refused("an expert that is not there", 1, "2 experts", "evaluate", "--model", os.path.join(top, "routed"), "--data", held,
            "--force-expert", "2")
    refused("routers of a dense model", 1, "nothing of it would be trained", "route", "--model", base, "--data", data, "--out",
            os.path.join(top, "x"), *more)
    refused("a wrong setting", 2, "expected a number", "train", "--rate", "fast", "--model", base)
    r = dmu("train", "--model", base, "--data", data, "--out", os.path.join(top, "ft"), *more, "--steps", "1000000")
    check("a name that is taken is said before training", r.returncode == 1 and "is there already" in r.stderr, r)
    sd = tiny.weights(1)
    sd["visual.proj"] *= 3e38
    tiny.model(os.path.join(top, "huge"), sd)
    refused("weights that overflow", 1, "not finite", "train", "--model", os.path.join(top, "huge"), "--data", data, "--out",
            os.path.join(top, "x"), *more)
    r = dmu("train", "--model", os.path.join(top, "huge"), "--data", data, "--out", os.path.join(top, "x"), *more)
    check("the stage is named once", r.stderr.count("train: ") == 1, r)
    check("and nothing is left", not os.path.exists(os.path.join(top, "x")))
    r = dmu("train", "--model", base, "--data", data, "--out", os.path.join(top, "all"), "--train-scale", "true", "--average", "0.9",
            "--keep-patches", "3", "--micro-batch", "3", "--recompute", "true", *more)
    check("train", r.returncode == 0, r)
    r = dmu("train", "--model", base, "--data", data, "--out", os.path.join(top, "text"), "--image-blocks", "none", *more)
    b, _, _ = checkpoints.load(os.path.join(top, "text", "model.safetensors"))
    a, _, _ = checkpoints.load(os.path.join(base, "model.safetensors"))
    check("a locked tower", all((a[k] == b[k]).all() for k in a if k.startswith("visual.")), r)


class Page(html.parser.HTMLParser):
    """What an HTML page holds, and whether its tags fit together."""
    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.found, self.words = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))

    def handle_data(self, data):
        self.words.append(data)


def report(folder):
    """A page that needs nothing else, with a table beside each plot, and nothing that is no number."""
    with open(os.path.join(folder, "report.html"), encoding="utf-8") as f:
        text = f.read()
    page = Page(text)
    check("tags fit together", not page.wrong and not page.open, page.wrong, page.open)
    tags = [t for t, _ in page.found]
    plots = [a["aria-label"] for t, a in page.found if t == "svg"]
    for words in ("Contrastive loss", "cluster-1: pairs", "cluster-2: pairs", "Image tower: share", "Text tower: share", "in the classes of classes"):
        check("a plot of " + words, any(words in p for p in plots), plots)
    check("a table beside each plot", sum(a.get("class") == "numbers" for _, a in page.found) == len(plots), len(plots))
    check("nothing from elsewhere, no script", "script" not in tags and "link" not in tags and "http" not in text and
          all(a["src"].startswith("data:image/") for t, a in page.found if t == "img"))
    check("no number is missing", not re.search(r"\b(nan|inf|null)\b", " ".join(page.words) + " ".join(
        str(v) for t, a in page.found if t in ("path", "rect", "text") for v in a.values())))
    check("pictures that changed", "img" in tags and "✓" in text and "✗" in text)
    for words in ("base", "dense", "direct fine-tuning", "sparse upcycling", "CLIP-MoE, tuned"):
        check("a column of " + words, words in page.words, page.words[:80])


def comparisons(top):
    """The figures of a model card: computed here once more from the evaluations."""
    folders, found = [], []
    for seed in (7, 8, 9):
        arguments = tiny.setup(top, tiny.RECIPE.replace("seed = 7", "seed = %d" % seed))
        folders.append(os.path.join(top, "run-%d" % seed))
        r = subprocess.run(arguments + ["--out", folders[-1]], capture_output=True, text=True)
        check("a run with seed %d" % seed, r.returncode == 0, r)
        found.append({m: json.load(open(os.path.join(folders[-1], "evaluate-%s.json" % m)))
                      for m in ("base", "dense", "finetuned", "sparse", "route", "tune")})
    report(folders[0])
    r = dmu("compare", *folders, "--json")
    check("compare", r.returncode == 0 and not r.stderr, r)
    said = json.loads(r.stdout)
    check("every model", [m["name"] for m in said["models"]] == list(found[0]), r.stdout)
    check("every seed", [x["seed"] for x in said["runs"]] == [7, 8, 9], said["runs"])

    def score(s):
        return s["top1"] if "top1" in s else (s["picture_to_text"][0] + s["text_to_picture"][0]) / 2

    def near(x, *wanted):
        return abs(x - sum(wanted) / len(wanted)) < 2e-6
    for m in said["models"]:
        runs, bases = [f[m["name"]] for f in found], [f["base"] for f in found]
        check("mean of " + m["name"], near(m["mean"]["score"], *[v["mean"] for v in runs]), m["mean"])
        check("spread of " + m["name"], near(m["mean"]["spread"], statistics.stdev(v["mean"] for v in runs)), m["mean"])
        for i, s in enumerate(m["sets"]):
            x, y = [score(v["sets"][i]) for v in runs], [score(v["sets"][i]) for v in bases]
            check("%s of %s" % (s["name"], m["name"]), near(s["score"], *x) and near(s["spread"], statistics.stdev(x)), s, x)
            if m["name"] == "base":
                check("no gain over itself", "low" not in s, s)
                continue
            check("gain of %s in %s" % (m["name"], s["name"]), near(s["difference"], *[a - b for a, b in zip(x, y)]) and
                  s["low"] <= s["difference"] <= s["high"], s, x, y)
    for form in ((), ("--markdown",)):
        r = dmu("compare", *folders, "--against", "dense", *form)
        check("as text", r.returncode == 0 and "3 runs, seeds 7, 8, 9" in r.stdout and "sparse upcycling" in r.stdout and
              "Gain over dense" in r.stdout and ("|---|" in r.stdout) == bool(form), r)
    r = dmu("compare", folders[0])
    check("one run has no deviation", r.returncode == 0 and "±" not in r.stdout, r)
    r = dmu("compare", folders[0], folders[0])
    check("one seed twice is said", r.returncode == 0 and "seed is there twice" in r.stderr, r)
    refused("another model", 1, "was not evaluated in every run", "compare", folders[0], "--against", "teacher")
    refused("no run folder", 1, "run.json", "compare", os.path.join(top, "base"))
    refused("both forms", 2, "not both", "compare", folders[0], "--json", "--markdown")
    for key, words in (("heldout", "other held-out pairs"), ("base", "another base")):
        with open(os.path.join(folders[1], "run.json")) as f:
            run = json.load(f)
        run[key] = {"digest": "0"} if key == "heldout" else "0"
        other = os.path.join(top, "other-" + key)
        os.makedirs(other)
        for m in found[0]:
            shutil.copy(os.path.join(folders[1], "evaluate-%s.json" % m), other)
        with open(os.path.join(other, "run.json"), "w") as f:
            json.dump(run, f)
        refused("runs that mean other things", 1, words, "compare", folders[0], other)
    shutil.copy(os.path.join(folders[1], "run.json"), other)
    with open(os.path.join(other, "evaluate-route.json"), "w") as f:
        json.dump({"mean": 0, "sets": [{"name": "x", "pictures": 2, "right": "1", "top1": 0}]}, f)
    refused("an evaluation of something else", 1, "evaluate-route.json of the runs: two evaluations are not of the same pairs", "compare", folders[0], other)
    untidy(folders[0], os.path.join(top, "untidy"))


def untidy(folder, copy):
    """Figures that are none are refused with the file's name, never shown as 0 or as they are."""
    def with_(name, change):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        path = os.path.join(copy, name)
        with open(path) as f:
            root = json.load(f)
        change(root)
        with open(path, "w") as f:
            json.dump(root, f)
    for what, change in (("no mean", lambda v: v.pop("mean")), ("mean null", lambda v: v.update(mean=None)), ("mean large", lambda v: v.update(mean=1e308)),
                         ("mean below 0", lambda v: v.update(mean=-1)), ("mean words", lambda v: v.update(mean="1")), ("no sets", lambda v: v.pop("sets")),
                         ("sets an object", lambda v: v.update(sets={})), ("a set that is none", lambda v: v["sets"].append(7)),
                         ("top1 words", lambda v: v["sets"][1].update(top1="all")), ("top1 above 1", lambda v: v["sets"][1].update(top1=1.5)),
                         ("no figures", lambda v: v["sets"][0].pop("picture_to_text")), ("figures that are none", lambda v: v["sets"][0].update(text_to_picture=[])),
                         ("answers neither right nor wrong", lambda v: v["sets"][0].update(right="z" * len(v["sets"][0]["right"]))), ("no answers", lambda v: v["sets"][0].pop("right"))):
        with_("evaluate-tune.json", change)
        refused("compare: " + what, 1, "evaluate-tune.json: holds no answers", "compare", copy)
    for what, words, change in (("no seed", "no manifest", lambda v: v.pop("seed")), ("a seed in words", "no manifest", lambda v: v.update(seed="7")),
                                ("stages that are none", "no manifest", lambda v: v.update(stages=7)), ("no held-out pairs", "no held-out pairs", lambda v: v.pop("heldout")),
                                ("held-out pairs without a digest", "no held-out pairs", lambda v: v.update(heldout={}))):
        with_("run.json", change)
        refused("compare: " + what, 1, "run.json: ", "compare", copy)
        refused("compare: " + what, 1, words, "compare", copy)


def baselines(top):
    """They take the course of [tune]: its settings, and what it trains."""
    def changed(a, b):
        old, new = (checkpoints.load(os.path.join(out, n, "model.safetensors"))[0] for n in (a, b))
        return {k for k in new if k in old and not (old[k] == new[k]).all()}

    def other(names):
        return {k for k in names if not any(w in k for w in (".mlp", ".experts.", ".gate."))}
    for train, mlp in (("moe", "mlp"), ("all", "all")):
        out = os.path.join(top, train + ".run")
        arguments = tiny.setup(top, tiny.RECIPE.replace("[tune]\n", "[tune]\ntrain = %s\n" % train))
        r = subprocess.run(arguments + ["--out", out], capture_output=True, text=True)
        check("a run that tunes " + train, r.returncode == 0, r)
        with open(os.path.join(out, "run.json")) as f:
            how = {s["name"]: s for s in json.load(f)["stages"]}
        for name, what in (("tune", train), ("finetuned", mlp), ("sparse", train)):
            settings = how[name]["settings"].split()
            check("%s trains %s" % (name, what), "train=" + what in settings and "rate=0.001" in settings and "micro-batch=0" in settings, settings)
        for name in ("finetuned", "sparse"):
            check("steps of " + name, how[name]["steps"] == 5 + 5 + 4 + 3, how[name])
        for a, b in (("route", "tune"), ("dense", "finetuned"), ("sparse-start", "sparse")):
            found = changed(a, b)
            check("%s: %s to %s" % (train, a, b), found - other(found) and bool(other(found)) == (train == "all"), found)


def redrawings(top):
    """A picture is redrawn with its captions, and once for all sets that it is in: intervals are not too narrow."""
    def gain(name, sets):
        folder = os.path.join(top, name)
        os.makedirs(folder)
        with open(os.path.join(folder, "run.json"), "w") as f:
            json.dump({"base": "b", "seed": 1, "heldout": {"digest": "d"},
                       "stages": [{"kind": "evaluation", "from": m} for m in ("base", "route")]}, f)
        for m, first, captions in (("base", "0", "0"), ("route", "0", "1")):
            with open(os.path.join(folder, "evaluate-%s.json" % m), "w") as f:
                json.dump({"mean": 0, "sets": [dict(s, top1=0, pictures=40, samples=list(range(40)), right=first * 40 + captions * 100 + "0" * 100)
                                               for s in sets]}, f)
        r = dmu("compare", folder, "--json")
        check("redrawings " + name, r.returncode == 0, r)
        return json.loads(r.stdout)["models"][1] if not r.returncode else None
    # 5 captions of each of 20 pictures are right, of 20 wrong: 95 % of 0.5 +- 0.155 of the captions, half of that of both
    # directions; +- 0.069 if captions were drawn alone
    wide = lambda x: x["high"] - x["low"]  # noqa: E731
    m = gain("captions", [{"name": "a", "captions_each": [5] * 40}])
    check("captions go with their pictures", abs(m["sets"][0]["difference"] - 0.25) < 1e-6 and 0.13 < wide(m["sets"][0]) < 0.18, m)
    m = gain("older", [{"name": "a"}])
    check("evaluations that do not say whose captions are", 0.05 < wide(m["sets"][0]) < 0.085, m)
    m = gain("twice", [{"name": "a", "captions_each": [5] * 40}, {"name": "all", "captions_each": [5] * 40}])
    check("a picture in two sets is one picture", m["sets"][0]["low"] == m["sets"][1]["low"] == m["mean"]["low"], m)
    # a set inside another one: some redrawings draw none of its pictures
    for size in (1, 2, 3):
        folder = os.path.join(top, "inside%d" % size)
        shutil.copytree(os.path.join(top, "captions"), folder)
        for model, right in (("base", "0"), ("route", "1")):
            with open(os.path.join(folder, "evaluate-%s.json" % model), "w") as f:
                json.dump({"mean": 0, "sets": [{"name": "all", "top1": 0, "pictures": 40, "samples": list(range(40)), "right": "0" * 40},
                                               {"name": "few", "top1": 0, "pictures": size, "samples": list(range(size)), "right": right * size},
                                               {"name": "few with captions", "top1": 0, "pictures": size, "samples": list(range(size)),
                                                "captions_each": [2] * size, "right": right * 3 * size}]}, f)
        r = dmu("compare", folder, "--json")
        check("a set of %d pictures inside another" % size, r.returncode == 0, r)
        for s in json.loads(r.stdout)["models"][1]["sets"][1:] if r.returncode == 0 else ():
            check("its gain", s["difference"] == s["low"] == s["high"] == 1, s)
    for name, sets in (("short", [{"name": "a", "captions_each": [5] * 39}]), ("negative", [{"name": "a", "captions_each": [-5] * 40}]),
                       ("none", [])):
        folder = os.path.join(top, "captions")
        with open(os.path.join(folder, "evaluate-base.json"), "w") as f:
            json.dump({"mean": 0, "sets": [dict(s, top1=0, pictures=40, samples=list(range(40)), right="0" * 240) for s in sets]}, f)
        refused("counts that are none: " + name, 1, "not of the same pairs", "compare", folder)


with tempfile.TemporaryDirectory() as top:
    usage()
    for part in (mixtures, plugin, recipes, default_recipe, full_disk, stages, comparisons, baselines, redrawings):
        folder = os.path.join(top, part.__name__)
        os.makedirs(folder)
        part(folder)
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed > 0)
