#!/usr/bin/python3
"""Checks commands that are stopped, and output of many files: a signal leaves no unfinished and no temporary file, the next run
deletes a killed run's temporary file and nothing else, lines are printed as they are made, a closed pipe is no error, folders
are walked."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

COMMAND = os.environ["CLIPMOE_COMMAND"]
TOP = tempfile.mkdtemp(prefix="clipmoe-stopped-")
VIDEO = os.path.join(TOP, "long.mkv")
failed = 0


def check(name, holds, *why):
    global failed
    failed += not holds
    print("%s %s" % ("ok" if holds else "FAIL", name), *([] if holds else [str(w)[-800:] for w in why]))


def start(*arguments, **more):
    return subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def run(*arguments, **more):
    return subprocess.run([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, **more)


def parts(folder):
    return [n for n in os.listdir(folder) if n.startswith(".")]


def overlay(folder):
    """A run that draws every frame of a long video, when it has begun to write."""
    before = set(parts(folder))
    child = start("tag", "--labels", "a;b", "--rate", "0", "--overlay", os.path.join(folder, "out.mp4"), VIDEO)
    while child.poll() is None and not any(os.path.getsize(os.path.join(folder, n)) for n in set(parts(folder)) - before):
        time.sleep(0.02)
    return child


def signals():
    folder = os.path.join(TOP, "signals")
    os.mkdir(folder)
    out = os.path.join(folder, "out.mp4")
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        with open(out, "w") as f:
            f.write("....ftyp of before")
        child = overlay(folder)
        check("%s: it was at work" % number.name, child.poll() is None and len(parts(folder)) == 1, os.listdir(folder))
        child.send_signal(number)
        said = child.communicate(timeout=120)
        check("%s: ends by it, with a sentence" % number.name, child.returncode == -number and
              said[1].count(b"\n") == 1 and b"stopped by a signal" in said[1], child.returncode, said)
        check("%s: leaves what was there" % number.name, os.listdir(folder) == ["out.mp4"] and
              open(out).read() == "....ftyp of before", os.listdir(folder))
    os.unlink(out)

    # what a killed one leaves, a file of somebody else's beside it, and a run that is still alive
    child = overlay(folder)
    child.kill()
    child.communicate()
    left = parts(folder)
    check("kill -9 leaves a name of our mark alone", len(left) == 1 and left[0].startswith(".clipmoe-tmp-"), os.listdir(folder))
    others = [".clipmoe-tmp-", ".clipmoe-tmp-notes", ".clipmoe-tmp-abcdef.txt", "out.mp4.partial-12", "x.clipmoe-tmp-abcdef"]
    for name in others:
        with open(os.path.join(folder, name), "w") as f:
            f.write("mine")
    os.mkdir(os.path.join(folder, ".clipmoe-tmp-folder"))
    earlier = os.path.join(folder, ".clipmoe-part-abcdef")  # as earlier versions called it
    open(earlier, "w").close()
    alive = overlay(folder)
    check("the next run takes it away", left[0] not in os.listdir(folder) and not os.path.exists(earlier) and
          set(others + [".clipmoe-tmp-folder"]) <= set(os.listdir(folder)), os.listdir(folder))
    own = set(parts(folder)) - set(others) - {".clipmoe-tmp-folder"}
    short = os.path.join(TOP, "short.mkv")
    done = run("tag", "--labels", "a;b", "--overlay", os.path.join(folder, "other.mp4"), short)
    check("and leaves one that is alive", done.returncode == 0 and own and own <= set(parts(folder)) and alive.poll() is None and
          os.path.getsize(os.path.join(folder, "other.mp4")) > 0, done.stderr, os.listdir(folder))
    alive.terminate()
    alive.communicate()
    ignored = start("tag", "--labels", "a;b", "--json", short, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    ignored.stdout.readline()
    ignored.send_signal(signal.SIGHUP)
    said = ignored.communicate(timeout=120)
    check("a signal that was ignored stays so", ignored.returncode == 0, said)


def terminal():
    """On a terminal: one that takes nothing more does not keep a command alive, and a file's name does not command it."""
    folder = os.path.join(TOP, "terminal")
    os.mkdir(folder)
    name = os.path.join(folder, "a\x1b[31mred.mkv")
    os.symlink(VIDEO, name)
    ours, theirs = os.openpty()
    child = subprocess.Popen([COMMAND, "tag", "--labels", "a;b", "--rate", "0.0001", "--overlay", os.path.join(folder, "out.mp4"), name],
                             stdout=subprocess.DEVNULL, stderr=theirs)
    said = b""
    while b"red.mkv" not in said and child.poll() is None:
        said += os.read(ours, 4096)
    check("progress: a name says nothing to the terminal", b"red.mkv" in said and b"\x1b[31m" not in said, said)
    os.set_blocking(theirs, False)
    try:
        while True:
            os.write(theirs, b"x" * 4096)
    except BlockingIOError:
        pass
    check("a full terminal: it was at work", child.poll() is None)
    child.terminate()
    check("a full terminal: ends by the signal", child.wait(timeout=120) == -signal.SIGTERM and os.listdir(folder) == [os.path.basename(name)],
          child.returncode, os.listdir(folder))
    os.close(ours)
    os.close(theirs)
    # nobody reads what is said
    folder = os.path.join(TOP, "unheard")
    os.mkdir(folder)
    child = overlay(folder)
    child.stderr.close()
    child.terminate()
    check("a closed stderr: ends by the signal, not by that of the pipe", child.wait(timeout=120) == -signal.SIGTERM and not os.listdir(folder),
          child.returncode, os.listdir(folder))


def lines():
    child = start("tag", "--json", "--labels", "a;b", "--rate", "0", VIDEO)
    first = json.loads(child.stdout.readline())
    check("tag: a line comes when it is made", first["time"] == 0 and child.poll() is None)
    child.stdout.close()
    said = child.stderr.read()
    check("tag: a closed pipe ends it quietly", child.wait(timeout=120) == -signal.SIGPIPE and not said, child.returncode, said)
    child = start("embed", "--rate", "0", VIDEO, restore_signals=False,
                  preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
    first = json.loads(child.stdout.readline())
    check("embed: a line comes when it is made", first["time"] == 0 and child.poll() is None)
    child.stdout.close()
    said = child.stderr.read()
    check("embed: where SIGPIPE is ignored, too", child.wait(timeout=120) == 1 and not said, child.returncode, said)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([COMMAND, "tag", "--json", "--labels", "a;b", "--rate", "0", VIDEO, VIDEO], stdout=full,
                              stderr=subprocess.PIPE, timeout=240)
    check("a full disk is said once, and ends it", done.returncode == 1 and done.stderr.count(b"\n") == 1 and
          b"standard output" in done.stderr, done)


def folders():
    top = os.path.join(TOP, "photos")
    os.makedirs(os.path.join(top, "b", "deep"))
    os.makedirs(os.path.join(top, ".hidden"))
    os.makedirs(os.path.join(TOP, "empty"))
    pictures = ["a.png", "b/2.png", "b/deep/x.jpg", "c", "z.gif"]
    for i, name in enumerate(pictures + [".hidden/h.png", ".h.png"]):
        image = Image.fromarray(numpy.full((40, 50, 3), 30 * i, numpy.uint8))
        image.quantize(8).save(os.path.join(top, name), "gif") if name == "z.gif" else image.save(
            os.path.join(top, name), "png" if name == "c" else None)
    for name in "notes.txt", "b/list.csv":
        with open(os.path.join(top, name), "w") as f:
            f.write("no picture\n")
    os.symlink("..", os.path.join(top, "b", "loop"))
    os.symlink("../a.png", os.path.join(top, "b", "link.png"))
    os.symlink("nowhere", os.path.join(top, "broken.png"))
    os.mkfifo(os.path.join(top, "pipe.mp4"))
    shutil.copy(os.path.join(TOP, "short.mkv"), os.path.join(top, "b", "3.mkv"))
    want = ["a.png", "b/2.png", "b/3.mkv", "b/deep/x.jpg", "b/link.png", "c", "z.gif"]
    done = run("tag", "--json", "--labels", "a;b", top)
    got = [os.path.relpath(json.loads(l)["source"], top) for l in done.stdout.splitlines()]
    check("a folder is walked, in order", done.returncode == 0 and list(dict.fromkeys(got)) == want, got, done.stderr)
    check("what is passed over is counted", b"passed over: 5 " in done.stderr, done.stderr)

    npy, rows = os.path.join(TOP, "v.npy"), os.path.join(TOP, "rows.jsonl")
    with open(os.path.join(top, "b", "0.jpg"), "wb") as f:
        f.write(b"\xff\xd8\xff\xe0 cut")
    done = run("embed", "--npy", npy, "--rows", rows, top, "--text", "a dog")
    named = [json.loads(l) for l in open(rows)]
    array = numpy.load(npy)
    check("a broken file has no row, and the rows are named", done.returncode == 1 and not done.stdout and
          b"0.jpg" in done.stderr and [n["row"] for n in named] == list(range(len(array))) and
          list(dict.fromkeys(os.path.relpath(n["source"], top) for n in named if "source" in n)) == want and
          named[-1] == {"row": len(array) - 1, "text": "a dog", "time": None}, done, named)
    alone = run("embed", os.path.join(top, "z.gif"))
    vector = numpy.frombuffer(__import__("base64").b64decode(json.loads(alone.stdout)["embedding"]["base64"]), "<f4")
    check("a row is its file's", (array[[n.get("source") == os.path.join(top, "z.gif") for n in named]] == vector).all())
    os.unlink(npy)
    for more in [os.path.join(top, "b", "0.jpg")], [os.path.join(TOP, "empty")], [os.path.join(top, "b", "0.jpg"), "/nonexistent"]:
        done = run("embed", "--npy", npy, "--text", "a dog", *more)
        check("when all files fail nothing is written", done.returncode == 1 and not os.path.exists(npy), done)
    for command in (["tag", "--labels", "a;b"], ["embed"]):
        done = run(*command, os.path.join(TOP, "empty"))
        check("%s: an empty folder" % command[0], done.returncode == 1 and not done.stdout and done.stderr.count(b"\n") == 1 and
              b"without pictures or videos" in done.stderr, done)
    done = run("tag", "--vtt", "--labels", "a;b", top)
    check("subtitles of a folder", done.returncode == 2 and not done.stdout, done)
    sheet = os.path.join(TOP, "sheet.png")
    done = run("tag", "--labels", "a;b", "--sheet", sheet, top)
    check("a sheet of those that are whole", done.returncode == 1 and os.path.exists(sheet), done)
    done = run("tag", "--labels", "a;b", "--sheet", sheet + "2", os.path.join(top, "b", "0.jpg"))
    check("none of none", done.returncode == 1 and not os.path.exists(sheet + "2") and done.stderr.count(b"\n") == 1, done)


def main():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):  # nohup and background jobs have them ignored, and so would the commands
        signal.signal(number, signal.SIG_DFL)
    for name, frames in ((VIDEO, 6000), (os.path.join(TOP, "short.mkv"), 30)):
        subprocess.run(("gst-launch-1.0 -q videotestsrc num-buffers=%d ! video/x-raw,width=64,height=64,framerate=10/1 ! jpegenc ! "
                        "matroskamux ! filesink location=%s" % (frames, name)).split(), check=True, timeout=240,
                       # not ours to load: in a sanitizer build gst-launch-1.0 could not
                       env=dict(os.environ, GST_PLUGIN_PATH="", GST_REGISTRY=os.path.join(TOP, "registry")))
    signals()
    terminal()
    lines()
    folders()
    shutil.rmtree(TOP, ignore_errors=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
