#!/usr/bin/python3
"""Checks that files of the user in a run folder are safe: no name, no moment and no leftover makes clipmoe-dmu delete or replace
a file, folder or link of the user's; a name that is taken is reported in one sentence before anything is changed. Leftovers
of killed runs with our own mark are deleted, and a run that was killed between making a file and listing it can continue.
"""
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

try:
    import tiny
except ImportError as e:
    print("missing: %s" % e)
    sys.exit(77)

RECIPE = tiny.RECIPE.replace("experts = 3", "experts = 2")
passed = failed = 0


def check(what, ok, *why):
    global passed, failed
    passed += bool(ok)
    if not ok:
        failed += 1
        print("FAILED:", what, *[str(w)[:1500] for w in why])


def state(folder):
    """Everything below @folder: kind, and bytes, target or nothing."""
    found = {}
    for where, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(where, name)
            key = os.path.relpath(path, folder)
            if os.path.islink(path):
                found[key] = "link", os.readlink(path)
            elif os.path.isdir(path):
                found[key] = "folder", None
            elif os.path.isfile(path):
                with open(path, "rb") as f:
                    found[key] = "file", f.read()
            else:
                found[key] = "other", None
    return found


def write(path, data="mine"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(data)
    return path


def run(out, *more):
    return subprocess.run([*ARGUMENTS, "--out", out, *more], capture_output=True, text=True, timeout=120)


def refused(what, out, words):
    """One sentence, and everything as it was."""
    before = state(out)
    r = run(out)
    lines = r.stderr.strip().splitlines()
    check(what, r.returncode == 1 and len(lines) == 1 and words in lines[0] and not r.stdout, r)
    check(what + ": nothing was touched", state(out) == before, set(state(out)) ^ set(before))


def put_folder(out, name):
    write(os.path.join(out, name, "notes.txt"))


def put_model(out, name):
    tiny.model(os.path.join(out, name))


def put_link(out, name):
    put_folder(out + "-elsewhere", "of-mine")
    os.makedirs(out, exist_ok=True)
    os.symlink(out + "-elsewhere/of-mine", os.path.join(out, name))


def put_nothing(out, name):
    os.makedirs(out, exist_ok=True)
    os.symlink("/nonexistent/place", os.path.join(out, name))


def put_empty(out, name):
    os.makedirs(os.path.join(out, name))


def put_file(out, name):
    write(os.path.join(out, name))


def put_pipe(out, name):
    os.makedirs(out, exist_ok=True)
    os.mkfifo(os.path.join(out, name))


def before_the_run(top):
    """In the way before anything began."""
    ways = [("dense", put_folder), ("dense", put_model), ("dense", put_link), ("dense", put_nothing), ("dense", put_empty),
            ("moe", put_file), ("moe", put_folder), ("finetune-1", put_model), ("sparse-start", put_folder), ("route", put_pipe),
            ("cluster-1.txt", put_file), ("cluster-1.txt", put_folder), ("evaluate-base.json", put_file), ("compare.json", put_link),
            ("report.html", put_file), ("report.html", put_nothing), ("curves.jsonl", put_file), ("curves.jsonl", put_pipe),
            ("timing.jsonl", put_file), ("timing.jsonl", put_pipe), ("dense.state.safetensors", put_file),
            ("tune.state.safetensors", put_nothing)]
    for name, put in ways:
        out = os.path.join(top, "%s-%s" % (name, put.__name__))
        put(out, name)
        refused("%s: %s" % (name, put.__name__), out, "/%s: is there" % name)
    for i, (data, words) in enumerate((('{"schema":"other.tool/1","stages":[]}', "no manifest"), ("{", "not valid JSON"), ("[1]", "no JSON object"),
                                       ('{"schema":"clipmoe.run/1"}', "no manifest"), ("", "JSON"), ("[" * 100000, "nested"),
                                       ('{"schema":"clipmoe.run/1","stages":[],"recipe":"other"}', '"recipe" has changed'))):
        out = os.path.join(top, "manifest-%d" % i)
        write(os.path.join(out, "run.json"), data)
        write(os.path.join(out, "dense.251129"))
        refused("run.json is %s" % data[:40], out, words)
    for put in (put_folder, put_pipe, put_nothing, put_link):
        out = os.path.join(top, "manifest-" + put.__name__)
        put(out, "run.json")
        refused("run.json: " + put.__name__, out, "run.json")
    for put in (put_folder, put_pipe, put_nothing):
        out = os.path.join(top, "lock-" + put.__name__)
        put(out, "lock")
        refused("lock: " + put.__name__, out, "/lock: ")
    out = os.path.join(top, "lock-link")
    os.makedirs(out)
    os.symlink(write(os.path.join(top, "lock-of-mine")), os.path.join(out, "lock"))
    refused("lock: a link", out, "/lock: is a link")
    out = write(os.path.join(top, "a-file"))
    r = run(out)
    check("OUT is a file", r.returncode == 1 and out in r.stderr and open(out).read() == "mine", r)


def likenesses(out):
    """Names that former versions swept, and others like them."""
    for name in ("run.json.251129", "report.html.Backup", "dense.Old123", "cluster-1.txt.abc123", "pictures.2025AB", "evaluate-base.json.XXXXXX",
                 ".clipmoe-tmp", ".clipmoe-tmp-notes.txt", "clipmoe-tmp-abc123", "moe.251129", "compare.json.123456"):
        write(os.path.join(out, name))
    for name in ("route.251129", "dense.20A129", "finetune-1.251129", ".clipmoe-tmp-20251129"):
        write(os.path.join(out, name, "model.safetensors"))
    os.symlink("/etc/hostname", os.path.join(out, ".clipmoe-tmp-link00"))


def beside_the_run(top):
    """A run among files that look like its own: all are there afterwards, and the run ends as one that was left alone."""
    alone, out = os.path.join(top, "alone"), os.path.join(top, "out")
    r = run(alone)
    check("a run", r.returncode == 0, r)
    likenesses(out)
    held = open(write(os.path.join(out, ".clipmoe-tmp-Held00"), "what another program is writing"))
    fcntl.flock(held, fcntl.LOCK_EX)
    mine = state(out)
    write(os.path.join(out, ".clipmoe-tmp-Ab12cd"), "half a file")
    write(os.path.join(out, ".clipmoe-tmp-00zZ9x", "model.safetensors"), "half a model")
    real = os.path.join(top, "real")
    os.rename(out, real)
    os.symlink(real, out)
    r = run(out)
    check("a run among others' files, through a link", r.returncode == 0, r)
    now = state(out)
    check("they are as they were", all(now.get(k) == v for k, v in mine.items()), {k for k in mine if now.get(k) != mine[k]})
    check("leftovers of our mark are gone", not any(k.startswith((".clipmoe-tmp-Ab12cd", ".clipmoe-tmp-00zZ9x")) for k in now))
    made = {k: v for k, v in now.items() if k not in mine and k not in ("timing.jsonl", "lock")}
    wanted = {k: v for k, v in state(alone).items() if k not in ("timing.jsonl", "lock")}
    check("the run is the same", made == wanted, set(made) ^ set(wanted))
    check("nothing is announced any more", "making" not in json.loads(now["run.json"][1]))
    r = run(out)
    check("a finished run begun again", r.returncode == 0 and {k: v for k, v in state(out).items() if k != "timing.jsonl"} ==
          {k: v for k, v in now.items() if k != "timing.jsonl"}, r)
    held.close()
    return alone


def entry(run_json, name):
    return next(s for s in run_json["stages"] if s["name"] == name)


def cut_back(folder, out, keep):
    """A copy of the finished run in which the stages up to @keep alone are done."""
    shutil.copytree(folder, out)
    path = os.path.join(out, "run.json")
    with open(path) as f:
        run_json = json.load(f)
    names = [s["name"] for s in run_json["stages"]]
    cut = names[names.index(keep) + 1:]
    gone = [entry(run_json, n) for n in cut]
    run_json["stages"] = run_json["stages"][:names.index(keep) + 1]
    del run_json["report"]
    for n in cut:
        for name in (n, n + ".txt", n + ".json", n + ".state.safetensors"):
            at = os.path.join(out, name)
            if os.path.isdir(at):
                shutil.rmtree(at)
            elif os.path.exists(at):
                os.unlink(at)
    os.unlink(os.path.join(out, "report.html"))
    os.truncate(os.path.join(out, "curves.jsonl"), gone[0]["curves"])
    return path, run_json, gone


def save(path, run_json):
    with open(path, "w") as f:
        json.dump(run_json, f)


def half_a_run(top, alone):
    """Stopped in the middle: what came there since is not the run's, what it announced is."""
    whole = {k: v for k, v in state(alone).items() if k not in ("timing.jsonl", "lock")}
    for name, put in (("finetune-1", put_folder), ("finetune-1", put_model), ("cluster-1.txt", put_file), ("moe", put_link),
                      ("compare.json", put_file), ("evaluate-route.json", put_nothing), ("evaluate-base.json", put_folder), ("report.html", put_file), ("sparse", put_empty)):
        out = os.path.join(top, "half-%s-%s" % (name, put.__name__))
        path, run_json, _ = cut_back(alone, out, "dense")
        save(path, run_json)
        put(out, name)
        refused("half a run with %s: %s" % (name, put.__name__), out, "/%s: is there" % name)
    out = os.path.join(top, "half-answers")
    path, run_json, _ = cut_back(alone, out, "evaluate-dense")
    save(path, run_json)
    for text in ('{"my":"answers"}', whole["evaluate-finetuned.json"][1].decode()):
        write(os.path.join(out, "evaluate-finetuned.json"), text)
        r = run(out)
        check("answers that are there already", (r.returncode == 0) == ("my" not in text) and
              state(out)["evaluate-finetuned.json"][1].decode() == text, r)
    check("and the run ends the same", {k: v for k, v in state(out).items() if k not in ("timing.jsonl", "lock")} == whole)
    # killed between the name and the entry: the file or model is the one that was announced …
    for keep, name, file in (("dense", "cluster-1", "cluster-1.txt"), ("cluster-1", "finetune-1", "finetune-1"), ("tune", "moe", "moe")):
        for there in (True, False):
            out = os.path.join(top, "announced-%s-%s" % (name, there))
            path, run_json, gone = cut_back(alone, out, keep)
            run_json["making"] = {"entry": gone[0], "file": file}
            if "." in file:
                run_json["making"]["sha256"] = hashlib.sha256(whole[file][1]).hexdigest()
            save(path, run_json)
            if there and "." in file:
                shutil.copy(os.path.join(alone, file), out)
            elif there:
                shutil.copytree(os.path.join(alone, file), os.path.join(out, file))
            if name + ".state.safetensors" in whole:
                shutil.copy(os.path.join(alone, name + ".state.safetensors"), out)
            r = run(out)
            now = {k: v for k, v in state(out).items() if k not in ("timing.jsonl", "lock")}
            check("killed after %s was announced, there: %s" % (name, there), r.returncode == 0 and now == whole, r,
                  [k for k in set(now) | set(whole) if now.get(k) != whole.get(k)])
        # … or not
        out = os.path.join(top, "announced-%s-other" % name)
        path, run_json, gone = cut_back(alone, out, keep)
        run_json["making"] = {"entry": gone[0], "file": file}
        if "." in file:
            run_json["making"]["sha256"] = hashlib.sha256(whole[file][1]).hexdigest()
        save(path, run_json)
        (put_file if "." in file else put_folder)(out, file)
        refused("something else than what was announced: " + name, out, "/%s: is there" % file)
    # the report is replaced when it is the run's, and not when somebody wrote into it
    out = os.path.join(top, "report")
    shutil.copytree(alone, out)
    write(os.path.join(out, "report.html"), "my notes")
    refused("a report that was written into", out, "report.html: is there")
    out = os.path.join(top, "older")
    shutil.copytree(alone, out)
    with open(os.path.join(out, "run.json")) as f:
        run_json = json.load(f)
    write(os.path.join(out, "report.html"), "an older version's")
    run_json["report"] = hashlib.sha256(b"an older version's").hexdigest()
    save(os.path.join(out, "run.json"), run_json)
    r = run(out)
    check("the report that run.json lists", r.returncode == 0 and state(out)["report.html"] == whole["report.html"], r)
    # answers and curves that somebody damaged: a sentence or an emptier page, no crash and no terabytes
    answers = json.loads(whole["evaluate-tune.json"][1])
    for name, text, status in (("evaluate-tune.json", "{", 1), ("evaluate-tune.json", "[" * 100000, 1), ("compare.json", "[]", 1),
                               ("evaluate-tune.json", json.dumps(dict(answers, image_experts=[[0] * 100000] + [[]] * 100000)), 0),
                               ("evaluate-tune.json", json.dumps({"sets": [{"name": None, "experts": {"a": [[1]], "b": 3}}], "image_experts": [[1]]}), 0),
                               ("curves.jsonl", '{"stage":"dense","loss":' + "[" * 100000 + '\n{"stage":7,"contrastive":1}\n[1]\n', 0)):
        damaged = os.path.join(top, "damaged")
        shutil.copytree(alone, damaged)
        write(os.path.join(damaged, name), text)
        r = run(damaged)
        check("damaged: %s %s" % (name, text[:30]), r.returncode == status and (not status or name in r.stderr and r.stderr.count("\n") == 1), r)
        check("and it stays", state(damaged)[name][1].decode() == text)
        shutil.rmtree(damaged)
    # lines are cut and written in place: not through a link, nor in a file that another folder has too
    for name in ("curves.jsonl", "timing.jsonl"):
        for how in ("link", "to nowhere", "hard link"):
            shared = os.path.join(top, "shared")
            path, run_json, gone = cut_back(alone, shared, "finetune-1")
            save(path, run_json)
            os.unlink(os.path.join(shared, name))
            mine = os.path.join(top, "elsewhere", name)
            os.makedirs(os.path.dirname(mine))
            if how != "to nowhere":
                shutil.copy(os.path.join(alone, name), mine)
            (os.link if how == "hard link" else os.symlink)(mine, os.path.join(shared, name))
            before = state(os.path.dirname(mine))
            refused("%s: a %s" % (name, how), shared, "would be changed elsewhere too")
            check("%s: a %s: the other is as it was" % (name, how), state(os.path.dirname(mine)) == before)
            shutil.rmtree(shared)
            shutil.rmtree(os.path.dirname(mine))
    os.unlink(os.path.join(out, "timing.jsonl"))
    put_pipe(out, "timing.jsonl")
    r = run(out)
    check("a pipe as timing.jsonl", r.returncode == 1 and "timing.jsonl: not a regular file" in r.stderr, r)


def inside_the_data(top):
    """A run folder among what is read as data would change the data: refused before anything is made."""
    tiny.model(os.path.join(top, "base"))
    tiny.pairs(os.path.join(top, "heldout", "colours-0000.tar"), 24, 2)
    tiny.pairs(os.path.join(top, "shards", "colours-0000.tar"), 64, 1)
    with tarfile.open(os.path.join(top, "shards", "colours-0000.tar")) as tar:
        tar.extractall(os.path.join(top, "folder", "00000"))
    os.symlink("folder", os.path.join(top, "link"))
    os.mkdir(os.path.join(top, "elsewhere"))
    os.symlink(os.path.join(top, "elsewhere"), os.path.join(top, "folder", "out"))
    small = RECIPE.replace("[dense]\nsteps = 5\nbatch = 8\nwarmup = 2\nrate = 1e-3\naverage = 0.9\nsave-every = 2\ntrain-scale = true\n", "")

    def go(train, out):
        path = write(os.path.join(top, "recipe.ini"), small.replace("train = train", "train = " + train))
        return subprocess.run([tiny.COMMAND, "run", path, "--quiet", "--out", out], capture_output=True, text=True, timeout=120, cwd=top)
    for train, out in (("folder", "folder"), ("folder", "folder/run"), ("folder", "folder/00000/run"), ("folder", "link/a/b/run"), ("link", "./folder/run"),
                       ("shards", "shards"), ("shards;folder", "folder/run"), ("folder", "heldout"), (".", "run"), (top + "/folder/00000/..", top + "/folder/run/")):
        before = state(top)
        before.pop("recipe.ini", None)
        r = go(train, out)
        after = state(top)
        after.pop("recipe.ini", None)
        check("%s in %s" % (out, train), r.returncode == 1 and "would be read as data" in r.stderr and r.stderr.count("\n") == 1, r)
        check("%s in %s: nothing was made" % (out, train), before == after, set(before) ^ set(after))
    # what lies there and is not read
    for train, out in (("shards", "shards/run"), ("folder", "folder/out/run"), ("folder", "folderrun")):
        for _ in range(2):
            r = go(train, out)
            check("%s beside %s" % (out, train), r.returncode == 0, r)
    # what is no pair may come and go beside them; a pair may not
    write(os.path.join(top, "shards", "notes.log"))
    write(os.path.join(top, "folder", "00000", "notes.log"))
    shutil.copy(os.path.join(top, "folder", "00000", "0000.png"), os.path.join(top, "folder", "00000", "picture.png"))
    for train, out in (("shards", "shards/run"), ("folder", "folderrun")):
        was = state(os.path.join(top, out))
        r = go(train, out)
        check("files came into " + train, r.returncode == 0 and state(os.path.join(top, out)) == was, r)
    write(os.path.join(top, "folder", "00000", "picture.txt"), "one more pair")
    r = go("folder", "folderrun")
    check("a pair came", r.returncode == 1 and '"train" has changed' in r.stderr, r)


def commands(top):
    """Stages by themselves, with names that are taken."""
    base, data = os.path.join(TOP, "base"), os.path.join(TOP, "train")

    def dmu(*more):
        return subprocess.run([tiny.COMMAND, *more], capture_output=True, text=True, timeout=120)
    quick = ("--steps", "2", "--batch", "8", "--quiet")
    for name, put in (("notes.txt", put_file), ("pipe", put_pipe), ("folder", put_folder), ("link", put_nothing)):
        put(top, name)
        path = os.path.join(top, name)
        for what, arguments in (("cluster", ("--out", path)), ("train", ("--out", os.path.join(top, "t"), "--curves", path, *quick))):
            before = state(top)
            if what == "train" and name == "link":
                continue  # the user names a link: it is followed
            r = dmu(what, "--model", base, "--data", data, *arguments)
            check("%s onto %s" % (what, name), r.returncode == 1 and path in r.stderr, r)
            check("%s onto %s: nothing was touched" % (what, name), state(top) == before, r)
    for name, put in (("notes", put_file), ("pipe.state", put_pipe), ("link.state", put_nothing), ("folder.state", put_folder)):
        put(top, name)
        before = state(top)
        r = dmu("train", "--model", base, "--data", data, "--out", os.path.join(top, "t"), "--checkpoint", os.path.join(top, name), *quick)
        check("a checkpoint at " + name, r.returncode == 1 and name in r.stderr, r)
        check("a checkpoint at %s: nothing was touched" % name, state(top) == before, r)
    os.mkdir(os.path.join(top, "places"))
    x, y = (os.path.join(top, "places", n) for n in "xy")
    for arguments, words in ((("--out", ""), '--out ""'), (("--out", x, "--checkpoint", ""), '--checkpoint ""'), (("--out", x, "--curves", ""), '--curves ""'),
                             (("--out", x, "--checkpoint", x), "is --out and --checkpoint"), (("--out", x, "--curves", x + "/../x"), "is --out and --curves"),
                             (("--out", x, "--checkpoint", y, "--curves", y), "is --checkpoint and --curves"), (("--out", x, "--checkpoint", x + "/state"), "in a folder that is there"),
                             (("--out", x, "--curves", y + "/curves"), "in a folder that is there"), (("--out", x + "/y/z", "--seed", "1"), "in a folder that is there")):
        r = dmu("train", "--model", base, "--data", data, *arguments, *quick)
        check("places: " + words, r.returncode == 1 and words in r.stderr and r.stderr.count("\n") == 1 and not os.listdir(os.path.dirname(x)), r)
    r = dmu("cluster", "--model", base, "--data", data, "--out", "")
    check("cluster without a name", r.returncode == 2 and "--out" in r.stderr, r)
    # a model is no checkpoint that one could be told to delete, and not replaced by what is made of it
    put_model(top, "source")
    source = os.path.join(top, "source")
    before = state(source)
    r = dmu("train", "--model", base, "--data", data, "--out", x, "--checkpoint", os.path.join(source, "model.safetensors"), *quick)
    check("a model as a checkpoint", r.returncode == 1 and "no checkpoint of a stage" in r.stderr and "delete" not in r.stderr, r)
    os.symlink(source, os.path.join(top, "source-link"))
    for command in (("upcycle", source, "--out", source), ("upcycle", base, source, "--out", source + "/", "--take-first"), ("stretch", source, source),
                    ("upcycle", source, "--out", source + "/model.safetensors"), ("upcycle", source, "--out", os.path.join(top, "source-link"))):
        r = dmu(*command, "--force")
        check("%s onto its source" % command[0], r.returncode == 1 and "holds the model that is to be written" in r.stderr, r)
    check("sources are as they were", state(source) == before)
    codes = os.path.join(top, "codes.txt")
    for i in range(2):
        r = dmu("cluster", "--model", base, "--data", data, "--out", codes, "--text-clusters", "2", "--image-clusters", "2")
        check("cluster onto its own file", r.returncode == 0, r)
    put_folder(top, "theirs")
    put_model(top, "ours")
    for command in (("upcycle", base, "--out", "%s"), ("stretch", base, "%s")):
        r = dmu(*[w.replace("%s", os.path.join(top, "theirs")) for w in command], "--force")
        check(command[0] + " --force onto a folder of the user's", r.returncode == 1 and
              os.path.exists(os.path.join(top, "theirs", "notes.txt")), r)


with tempfile.TemporaryDirectory() as TOP:
    ARGUMENTS = tiny.setup(TOP, RECIPE)
    for part in (before_the_run, inside_the_data, beside_the_run, half_a_run, commands):
        folder = os.path.join(TOP, part.__name__)
        os.makedirs(folder)
        if part is beside_the_run:
            finished = part(folder)
        elif part is half_a_run:
            part(folder, finished)
        else:
            part(folder)
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed > 0)
