#!/usr/bin/python3
"""Protects from calls that fail: every open, read, write, fsync, rename ... and every large allocation of a command fails
once, one after the other. Either the command refuses in one sentence, leaves nothing behind and what was there before
as it was; or it does what it does without the fault, to the byte. Calls that were only interrupted or short are no
reason to refuse. Also: models cut or replaced while they are read, full disks, folders that cannot be written.

usage: faults.py FAULTS.so [--long]
"""
import errno
import os
import random
import resource
import shutil
import subprocess
import sys
import threading

from corpus import ASAN, COMMAND, MODEL, SMALL, TESTS, TOP, Run, close, png, sentence, verdict, write

sys.path.insert(0, os.path.join(TESTS, "model"))
import checkpoints as ck  # noqa: E402
import slow  # noqa: E402

SHIM, LONG = sys.argv[1], "--long" in sys.argv
AREA, REPORT = os.path.join(TOP, "area"), os.path.join(TOP, "fault")
ERRORS = {"open": [errno.EIO, errno.EMFILE], "read": [errno.EIO, errno.EINTR, 0], "pread": [errno.EIO, errno.EINTR, 0], "stat": [errno.EIO],
          "write": [errno.ENOSPC, errno.EINTR, 0], "truncate": [errno.EIO], "fsync": [errno.EIO], "rename": [errno.EIO], "close": [errno.EIO], "mkdir": [errno.ENOSPC],
          "malloc": [errno.ENOMEM]}
MILD = (0, errno.EINTR)


def tree(path):
    """All names below @path, and what files hold."""
    found = {}
    for folder, folders, files in os.walk(path):
        for n in folders:
            found[os.path.relpath(os.path.join(folder, n), path)] = None
        for n in files:
            with open(os.path.join(folder, n), "rb") as f:
                found[os.path.relpath(os.path.join(folder, n), path)] = f.read()
    return found


def prepare():
    shutil.rmtree(AREA, ignore_errors=True)
    os.makedirs(os.path.join(AREA, "old"))
    shutil.copytree(os.path.join(TOP, "model"), os.path.join(AREA, "model"))
    os.mkdir(os.path.join(AREA, "words"))
    for n in ("vocab.json", "merges.txt"):
        shutil.copy(os.path.join(MODEL, n), os.path.join(AREA, "words"))
    write(os.path.join(AREA, "p.png"), png(8, 8))
    write(os.path.join(AREA, "labels.txt"), "a dog\na cat\n")
    write(os.path.join(AREA, "old", "config.json"), "{}")
    write(os.path.join(AREA, "old", "model.safetensors"), "old")  # a folder of ours, which --force may replace
    for n, old in ("one.safetensors", b"old"), ("v.npy", b"\x93NUMPY old"), ("s.png", b"\x89PNG\r\n\x1a\n old"):
        write(os.path.join(AREA, n), old)


def small_model(folder):
    sd = ck.load(os.path.join(SMALL, "moe-e4k2.weights.safetensors"))[0]
    os.mkdir(folder)
    ck.save(os.path.join(folder, "model.safetensors"), sd, {"clip.top_k": "2"})
    letters = [chr(c) for c in range(33, 127)]
    merges = ["%s %s" % (a, b) for a in letters for b in letters][:ck.sizes(sd)["vocab"] - 514]
    write(os.path.join(folder, "bpe_simple_vocab_16e6.txt"), "#version: 0.2\n" + "\n".join(merges) + "\n")
    write(os.path.join(folder, "config.json"), '{"text_config":{"hidden_act":"gelu"},"vision_config":{"hidden_act":"gelu"}}')
    write(os.path.join(folder, "preprocessor_config.json"), '{"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]}')
    write(os.path.join(folder, "README.md"), "# A model\n\nUse: anywhere.\n\nmore\n")


def loop(name, arguments, kinds, step=1, lines=False):
    """@lines: each line is printed once it is known, so those of before a fault may stand there."""
    prepare()
    before = tree(AREA)
    clean = Run(arguments)
    if clean.status != 0:
        verdict(name, "without a fault: %s: %s" % (clean.end, clean.err[:300]))
        return
    after = tree(AREA)
    for kind in kinds:
        for number in ERRORS[kind]:
            for later in ("0", "1") if LONG and number not in MILD else ("0",):
                n = 1
                while True:
                    if os.path.exists(REPORT):
                        os.remove(REPORT)
                    prepare()
                    run = Run(arguments, env={"LD_PRELOAD": SHIM, "CLIPMOE_FAULT": kind, "CLIPMOE_FAULT_AT": str(n), "CLIPMOE_FAULT_ERROR": str(number),
                                              "CLIPMOE_FAULT_LATER": later, "CLIPMOE_FAULT_REPORT": REPORT, "CLIPMOE_FAULT_UNDER": AREA})
                    happened, left = os.path.exists(REPORT), tree(AREA)
                    problem = None
                    if run.status == 0 and (run.out != clean.out or left != after):
                        problem = "says nothing, but %s" % ("prints something else: %r" % run.out[:200] if run.out != clean.out else "leaves other files: %s" % sorted(
                            k for k in set(left) | set(after) if left.get(k) != after.get(k)))
                    elif run.status != 0 and happened and number in MILD:
                        problem = "does not go on: %s: %s" % (run.end, run.err[:300])
                    elif run.status != 0:
                        if lines and run.out.endswith(b"\n") and clean.out.startswith(run.out):
                            run.out = b""
                        problem = sentence(run, lines=3)
                        if not problem and left != before and not (kind in ("close", "fsync", "open", "stat", "pread", "malloc") and left == after):
                            problem = "leaves %s" % sorted(k for k in set(left) | set(before) if left.get(k) != before.get(k))
                    verdict("%s: %s %d fails with %s%s" % (name, kind, n, errno.errorcode.get(number, "one byte"), ", later ones too" if later == "1" else ""), problem)
                    if not happened or n > 3000:
                        break
                    n += step
    if os.path.exists(REPORT):
        os.remove(REPORT)


def loops():
    area = lambda n: os.path.join(AREA, n)
    reading, writing = ["open", "read", "pread", "stat", "close"], ["open", "read", "write", "stat", "fsync", "rename", "close", "mkdir"]
    memory = [] if ASAN else ["malloc"]
    few = 1 if LONG else 7
    loop("inspect", ["model", "inspect", "--json", area("model")], reading + memory)
    loop("convert to a folder", ["model", "convert", area("model"), area("old"), "--to", "clipmoe", "--force"], writing)
    loop("convert to a new folder", ["model", "convert", area("model"), area("new"), "--to", "clipmoe"], ["write", "fsync", "rename", "mkdir", "stat"])
    loop("convert to a file", ["model", "convert", area("model"), area("model/one.safetensors"), "--to", "clipmoe"], ["write", "fsync", "rename", "open"])
    loop("tokenize", ["tokenize", "--vocab", area("words"), "a dog"], reading + memory)
    loop("embed to a file", ["embed", "--model", area("model"), "--npy", area("v.npy"), "--text", "a dog", area("p.png")], ["write", "truncate", "fsync", "rename", "open", "close"])
    loop("embed to two files", ["embed", "--model", area("model"), "--npy", area("v.npy"), "--rows", area("v.jsonl"), "--text", "a dog"], ["write", "truncate"])
    loop("embed", ["embed", "--model", area("model"), "--text", "a dog", area("p.png")], memory, few)
    loop("convert", ["model", "convert", area("model"), area("old"), "--to", "clipmoe", "--force"], memory, few)
    if LONG:
        loop("convert, every read", ["model", "convert", area("model"), area("old"), "--to", "clipmoe", "--force"], ["pread"])
        loop("tag", ["tag", "--json", "--model", area("model"), "--labels-file", area("labels.txt"), area("p.png")], ["open", "read", "pread", "stat"] + memory,
             lines=True)
        loop("tag with a report", ["tag", "--json", "--model", area("model"), "--labels", "a,b", "--html", area("r.html"), area("p.png")], ["write", "fsync", "rename"],
             lines=True)
        loop("tag with a sheet", ["tag", "--json", "--model", area("model"), "--labels", "a,b", "--sheet", area("s.png"), area("p.png")], ["write", "fsync", "rename"],
             lines=True)


def full_disk():
    prepare()
    for arguments in (["model", "inspect", os.path.join(AREA, "model")], ["model", "inspect", "--json", os.path.join(AREA, "model")], ["model", "list"], ["model", "--help"],
                      ["--help"], ["--version"], ["tokenize", "a"], ["embed", "--text", "a"], ["tag", "--labels", "a,b", os.path.join(AREA, "p.png")], ["tag", "--help"],
                      ["model", "verify", os.path.join(AREA, "model")]):
        with open("/dev/full", "wb") as full:
            run = Run(arguments, stdout=full)
        verdict("standard output is full: %s" % " ".join(arguments[:2]), sentence(run, ["standard output"]))
    # What a limit on file sizes cuts off.
    for size in (0, 1, 100, 4096, 300000):
        for out, arguments in (("old", ["model", "convert", os.path.join(AREA, "model"), os.path.join(AREA, "old"), "--to", "clipmoe", "--force"]),
                               ("v.npy", ["embed", "--npy", os.path.join(AREA, "v.npy"), "--text", "a"] + ["--text", "b"] * 10),
                               ("r.html", ["tag", "--labels", "a,b", "--html", os.path.join(AREA, "r.html"), os.path.join(AREA, "p.png")]),
                               ("s.png", ["tag", "--labels", "a,b", "--sheet", os.path.join(AREA, "s.png"), os.path.join(AREA, "p.png")])):
            prepare()
            before = tree(AREA)
            done = subprocess.run(["sh", "-c", 'trap "" XFSZ; exec "$@"', "sh", COMMAND] + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
            left = tree(AREA)
            problem = None
            if done.returncode not in (0, 1) or (done.returncode == 1 and left != before):
                problem = "exit status %d, leaves %s: %s" % (done.returncode, sorted(k for k in set(left) | set(before) if left.get(k) != before.get(k)), done.stderr[:300])
            elif done.returncode == 1 and b"arge" not in done.stderr:
                problem = "does not say why: %s" % done.stderr[:300]
            verdict("files of at most %d bytes: %s" % (size, out), problem)


def moved_under_the_reader():
    """A model that is cut, or replaced by another one, while it is read: an error or a sound model, never a signal."""
    source = os.path.join(MODEL, "model.safetensors")
    with open(source, "rb") as f:
        data = f.read()
    path = os.path.join(TOP, "moving.safetensors")
    good = Run(["model", "inspect", "--json", write(path, data)])
    rng = random.Random(5)
    ends = set()
    for i in range(100 if LONG else 24):
        write(path, data)
        done = subprocess.Popen([COMMAND, "model", "inspect", "--json", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def strike(when=rng.random() * (0.3 if ASAN else 0.05), how=i % 3):
            threading.Event().wait(when)
            with open(path, "r+b") as f:
                if how == 0:
                    f.truncate(rng.randrange(len(data)))
                elif how == 1:
                    f.seek(rng.randrange(len(data) - 4096))
                    f.write(b"\xff" * 4096)
                else:
                    f.seek(0, 2)
                    f.write(b"more" * 999)
        thread = threading.Thread(target=strike)
        thread.start()
        out, err = done.communicate(timeout=slow.seconds(60))
        thread.join()
        ends.add(done.returncode)
        problem = None
        if done.returncode not in (0, 1):
            problem = "exit status %d: %s" % (done.returncode, err[-300:])
        elif done.returncode == 0 and out != good.out:
            problem = "reads what never was a model: %s" % out[:100]
        elif done.returncode == 1 and (out or err.count(b"\n") > 2):
            problem = "more than a sentence: %r %r" % (out[:80], err[:300])
        verdict("a model changes while it is read, %d" % i, problem)


def main():
    small_model(os.path.join(TOP, "model"))
    full_disk()
    moved_under_the_reader()
    loops()
    close()


if __name__ == "__main__":
    main()
