#!/usr/bin/python3
"""Checks packed weights on disk: the same results with them as without, whatever happens to the files before, while and after
they are read, and whatever ran before; damaged, foreign, truncated or half-written ones are found and replaced; no folder, no
space or a kill only cost time."""
import glob
import hashlib
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

COMMAND = os.environ["CLIPMOE_COMMAND"]
MODEL = os.path.join(os.environ["CLIPMOE_MODEL_PATH"], "clip-tiny")
SMALL = os.environ["CLIPMOE_TEST_MODELS"]  # made when building
TOP = tempfile.mkdtemp(prefix="clipmoe-packed-")
passed = failed = 0


def check(name, holds, more=""):
    global passed, failed
    print("%s %s %s" % ("ok" if holds else "FAIL", name, "" if holds else more))
    passed, failed = passed + bool(holds), failed + (not holds)


def run(cache, *arguments, model=MODEL, before=None, **environment):
    """Status, standard output, standard error."""
    done = subprocess.run([COMMAND] + list(arguments) + (["--model", model] if arguments[0] == "embed" else []),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, preexec_fn=before,
                          env=dict(os.environ, XDG_CACHE_HOME=cache, **environment))
    return done.returncode, done.stdout, done.stderr.decode()


def embed(cache, **options):
    return run(cache, "embed", "--text", "a dog", "--text", "two red cars", **options)


def folder(name):
    return os.path.join(TOP, name)


def packed(cache):
    return sorted(glob.glob(os.path.join(cache, "clipmoe", "packed-*")))


def left(cache):
    """What is not whole."""
    return sorted(glob.glob(os.path.join(cache, "clipmoe", ".clipmoe-tmp-*")))


def fresh(name):
    """A cache folder in which the model was run once."""
    shutil.copytree(folder("first"), folder(name))
    return folder(name), packed(folder(name))[0]


def swap_pages(f):
    f.seek(8192)
    one, two = f.read(4096), f.read(4096)
    f.seek(8192)
    f.write(two + one)


def write_words(path, text):
    """As the library writes them."""
    with open(path, "w") as f:
        f.write("clipmoe-words %s\n%s" % (hashlib.sha256(text.encode()).hexdigest(), text))


def mangle(path, size, stop):
    """What somebody does to the file who means it, again and again."""
    whole = open(path, "rb").read()
    random.seed(2)
    while not stop.is_set():
        try:
            kind = random.randrange(5)
            if kind == 0:
                os.truncate(path, random.randrange(size))
            elif kind == 1:
                with open(path, "r+b") as f:
                    f.seek(random.randrange(size - 4096))
                    f.write(bytes(4096))
            elif kind == 2:
                os.truncate(path, size + 4096)
            elif kind == 3:
                os.unlink(path)
            else:
                with open(path, "wb") as f:
                    f.write(whole)
        except OSError:
            pass
        time.sleep(random.uniform(0, 0.002))


def main():
    signal.alarm(500)
    first = folder("first")
    status, right, error = embed(first)
    files = packed(first)
    check("the first run packs", status == 0 and len(files) == 1, error)
    check("the folder is closed to others", stat.S_IMODE(os.stat(os.path.join(first, "clipmoe")).st_mode) == 0o700)
    before = os.stat(files[0])
    check("the second run says the same", embed(first) == (0, right, ""))
    after = os.stat(files[0])
    check("and writes nothing", (before.st_ino, before.st_size, before.st_ctime_ns != 0) == (after.st_ino, after.st_size, True))
    check("it was used", after.st_mtime_ns >= before.st_mtime_ns)
    check("another tier has a file of its own", embed(first, CLIPMOE_CPU="generic")[0] == 0 and len(packed(first)) == 2)
    for p in packed(first):
        if p != files[0]:
            os.unlink(p)

    for precision in "half", "int8":
        cache = folder(precision)
        one, two = (run(cache, "embed", "--precision", precision, "--text", "a dog", "--text", "two red cars") for _ in range(2))
        check("%s is kept too" % precision, one == two and one[0] == 0 and one[1] != right and len(packed(cache)) == 1, one[2])

    mixture = os.path.join(SMALL, "moe-e4k2.weights.safetensors")
    for precision in "f32", "half", "int8":
        cache = folder("mixture-" + precision)
        words = ("--vocab", os.path.join(SMALL, "golden.vocab.txt"), "--precision", precision, "--text", "a dog", "--text", "two red cars")
        none, one, two = (run(c, "embed", *words, model=mixture) for c in ("/dev/null", cache, cache))
        check("a mixture's too: " + precision, none[0] == 0 and none[:2] == one[:2] and one == two and len(packed(cache)) == 1, one[2] + two[2])

    size, whole = os.path.getsize(files[0]), open(files[0], "rb").read()
    damages = {"empty": lambda f: f.truncate(0), "cut": lambda f: f.truncate(size - 4096), "longer": lambda f: f.truncate(size + 1),
               "another version": lambda f: (f.seek(16), f.write(b"\xff")), "another model": lambda f: (f.seek(56), f.write(b"0" * 20)),
               "another size": lambda f: (f.seek(24), f.write(b"\x01")), "no header": lambda f: f.write(bytes(4096)),
               "a wrong checksum": lambda f: (f.seek(200), f.write(os.urandom(64))),
               "zeros in the middle": lambda f: (f.seek(size // 2), f.write(bytes(4096))),
               "zeros from there on": lambda f: (f.truncate(size // 3), f.truncate(size)),
               "the last byte": lambda f: (f.seek(-1, os.SEEK_END), f.write(bytes([255 - open(f.name, "rb").read()[-1]]))),
               "two pages that changed places": swap_pages}
    for name, harm in damages.items():
        cache, path = fresh(name.replace(" ", "-"))
        with open(path, "r+b") as f:
            harm(f)
        check("%s: changed" % name, open(path, "rb").read() != whole)
        result = embed(cache)
        check("%s: ignored" % name, result == (0, right, ""), str(result)[:300])
        check("%s: rebuilt" % name, open(path, "rb").read() == whole)
    cache, path = fresh("pipe")
    os.unlink(path)
    os.mkfifo(path)
    check("a pipe in its place", embed(cache) == (0, right, ""))
    if os.geteuid() == 0:
        cache, path = fresh("owner")
        os.chown(path, 65534, 65534)
        check("somebody else's file", embed(cache) == (0, right, "") and os.stat(path).st_uid == os.geteuid())
    cache, path = fresh("mangled")
    stop = threading.Event()
    thread = threading.Thread(target=mangle, args=(path, size, stop))
    thread.start()
    results = [embed(cache)[:2] for _ in range(12)]
    stop.set()
    thread.join()
    check("changed while it is read", results == [(0, right)] * 12, str(results)[:500])
    cache, path = fresh("folder")
    os.unlink(path)
    os.mkdir(path)
    check("a folder in its place", embed(cache)[:2] == (0, right))
    cache, path = fresh("link")
    os.rename(path, path + "-elsewhere")
    os.symlink(path + "-elsewhere", path)
    check("a link in its place", embed(cache)[:2] == (0, right))

    cache, path = fresh("body")
    with open(path, "r+b") as f:
        f.seek(size // 2)
        f.write(os.urandom(64))
    status, out, error = run(cache, "model", "verify", MODEL)
    check("damage inside is found by model verify", status == 1 and b"damaged" in out and os.path.basename(path) in out.decode(),
          out.decode() + error)
    check("and mended", run(cache, "model", "verify", MODEL)[0] == 0 and embed(cache)[:2] == (0, right))

    def damage(path):
        text = bytearray(open(path, "rb").read())
        text[-10] ^= 1
        with open(path, "wb") as f:
            f.write(text)

    for name, change in (("nonsense", lambda p: write_words(p, "nonsense")), ("another file's", lambda p: write_words(p, "clipmoe-known 2 0.1.0\nx\n%s\n1\n" % ("0" * 64))),
                         ("damaged", damage), ("cut", lambda p: os.truncate(p, 200))):
        cache, path = fresh("known-" + name.replace(" ", "-"))
        known = glob.glob(os.path.join(cache, "clipmoe", "known-*"))
        check("there is a fingerprint", len(known) == 1, known)
        change(known[0])
        check("%s: a fingerprint that is none is not believed" % name, embed(cache)[:2] == (0, right))

    other = folder("model")
    shutil.copytree(MODEL, other)
    cache, _ = fresh("copy")
    check("a copy of the model is the same model", embed(cache, model=other)[:2] == (0, right) and len(packed(cache)) == 1)
    weights = os.path.join(other, "model.safetensors")
    with open(weights, "r+b") as f:
        f.seek(-1000, os.SEEK_END)
        f.write(b"\0" * 500)
    status, changed, error = embed(cache, model=other)
    check("a changed one is another", status == 0 and changed != right and len(packed(cache)) == 2, error)
    with open(weights, "r+b") as f:
        f.truncate(os.path.getsize(weights) // 2)
    status, out, error = embed(cache, model=other)
    check("a cut one is refused", status == 1 and not out and "model.safetensors" in error, error)

    with open(folder("file"), "w"):
        pass
    status, out, error = embed(folder("file"))
    check("no cache folder can be made", (status, out) == (0, right) and error.count("\n") == 1 and folder("file") in error, error)
    os.mkdir(folder("linked"))
    os.mkdir(folder("elsewhere"))
    os.symlink(folder("elsewhere"), os.path.join(folder("linked"), "clipmoe"))
    check("a link to a folder", embed(folder("linked")) == (0, right, "") and len(packed(folder("linked"))) == 1)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    status, out, error = embed(folder("full"), before=limit)
    check("no room for it", (status, out) == (0, right) and not packed(folder("full")) and not left(folder("full")), error)
    check("which is said", error.count("\n") == 1 and "not kept" in error, error)

    random.seed(1)
    cache = folder("killed")
    for _ in range(12):
        child = subprocess.Popen([COMMAND, "embed", "--text", "a dog", "--model", MODEL], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=dict(os.environ, XDG_CACHE_HOME=cache))
        time.sleep(random.uniform(0.005, 0.15))
        child.kill()
        child.wait()
        if packed(cache) and random.random() < 0.7:
            os.unlink(packed(cache)[0])
    check("killed at any moment", embed(cache)[:2] == (0, right) and embed(cache)[:2] == (0, right))
    for p in packed(cache):
        os.unlink(p)
    embed(cache)
    check("what the dead left is gone", not left(cache), left(cache))

    # int8 is packed to what a run in f32 shows, which depends on more than the weights
    def int8(cache, *how, model=MODEL):
        return run(folder(cache), "embed", "--precision", "int8", *how, "--text", "a dog", model=model)[:2]

    experts = lambda n: ("--vocab", os.path.join(SMALL, "golden.vocab.txt"), "--experts", n)
    for name, model, ways in (("activation", MODEL, [("--activation", "gelu"), ("--activation", "quick-gelu")]),
                              ("experts", mixture, [experts("1"), experts("2"), experts("4")])):
        clean = [int8("clean-%s-%d" % (name, i), *w, model=model) for i, w in enumerate(ways)]
        warm = [int8("warm-" + name, *w, model=model) for w in ways for _ in range(2)][::2]
        again = [int8("warm-" + name, *w, model=model) for w in ways]
        check("int8 with another %s before" % name, clean == warm == again and len(set(clean)) == len(ways) and
              all(c[0] == 0 for c in clean) and len(packed(folder("warm-" + name))) == len(ways), str(clean)[:300])

    cache = folder("measured")
    status, out, error = run(cache, "model", "verify", "--precision", MODEL)
    names = os.listdir(os.path.join(cache, "clipmoe"))
    # the checks before have packed f32 for this processor and for any
    check("what measuring packs is not kept", status == 0 and len(packed(cache)) == 2 and any(n.startswith("verdict-") for n in names), str(names))

    children = [subprocess.Popen([COMMAND, "embed", "--text", "a dog", "--text", "two red cars", "--model", MODEL],
                                 stdout=subprocess.PIPE, env=dict(os.environ, XDG_CACHE_HOME=folder("many"))) for _ in range(6)]
    same = [c.communicate(timeout=600)[0] == right for c in children]
    # each process times for itself which kernels of other precisions are fast: that must not part their files
    check("six at once", all(same) and len(packed(folder("many"))) == 1, str((same, packed(folder("many")))))
    shutil.rmtree(TOP, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
