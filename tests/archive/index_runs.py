#!/usr/bin/python3
"""Checks runs of `clipmoe index` that do not end by themselves: killed at random moments and run on, stopped by Ctrl-C, files that grow
or change meanwhile, two at one store, --watch, another model.

    index_runs.py          ten kills
    index_runs.py --long   fifty"""
import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import indexing
from indexing import check, drawn, lines, moments, run, slow, start

KILLS = 50 if "--long" in sys.argv else 10
TOP = tempfile.mkdtemp(prefix="clipmoe-index-runs-")
FOLDER = os.path.join(TOP, "videos")


def make_videos():
    os.mkdir(FOLDER)
    for i in range(3):
        drawn(os.path.join(FOLDER, "%d.ts" % i), 16 + 7 * i)


def content(n):
    """A video that differs from all others in its bytes."""
    content.n += 1
    with open(os.path.join(FOLDER, "%d.ts" % n), "rb") as f:
        return f.read() + b"\x47\x1f\xff\x10" + b"%184d" % content.n


content.n = 0


def put(n, path):
    with open(path, "wb") as f:
        f.write(content(n))


def kills():
    clean = os.path.join(TOP, "clean")
    for again in range(2):  # the second time the model is known
        shutil.rmtree(clean, ignore_errors=True)
        begun = time.monotonic()
        done = run(clean, "--sample", "all", FOLDER)
        took = time.monotonic() - begun
    expected = moments(clean)
    check("a clean run", done.returncode == 0 and len(expected) >= 3, done.stderr)
    rng = random.Random(19)
    store, killed, finished = os.path.join(TOP, "killed"), 0, {}
    for i in range(KILLS):
        if i % 3 == 0:
            shutil.rmtree(store, ignore_errors=True)
            finished = {}
        child = start(store, "--sample", "all", FOLDER)
        try:
            child.wait(rng.uniform(0.05, 0.9) * took / (1 + i % 3))
        except subprocess.TimeoutExpired:
            killed += 1
        child.kill()
        child.communicate()
        if not os.path.exists(os.path.join(store, "archive.sqlite")):
            continue
        done = run(store, "--verify")
        check("kill %d: the store is sound" % i, done.returncode == 0, done.stdout, done.stderr)
        now = moments(store)
        check("kill %d: what was finished before is there, as it was" % i, all(now.get(p) == m for p, m in finished.items()))
        finished = now
        check("kill %d: what is finished is as without kills" % i, all(expected.get(p) == m for p, m in now.items()), now, expected)
    check("most runs were killed", killed >= KILLS // 2, killed)
    done = run(store, "--sample", "all", FOLDER)
    check("running on gives the same moments", done.returncode == 0 and moments(store) == expected, done.stderr, moments(store), expected)
    check("and leaves a sound store", run(store, "--verify").returncode == 0)
    return expected


def interrupts(expected):
    store = os.path.join(TOP, "interrupted")
    for number in signal.SIGINT, signal.SIGTERM:
        child = start(store, "--sample", "all", "--json", FOLDER)
        time.sleep(1)
        at_work = child.poll() is None
        child.send_signal(number)
        sent = time.monotonic()
        out, err = child.communicate()
        took = time.monotonic() - sent
        check("%s ends a run within two seconds" % number.name, at_work and took < slow.seconds(2), took, err)
        check("%s: it says that it was stopped" % number.name, child.returncode == 128 + number and b"goes on there" in err, child.returncode, err)
        check("%s: there are sums, unless the machine is too busy for an orderly end in time" % number.name, b"in the middle of a call" in err or
              json.loads(out.splitlines()[-1])["schema"] == "clipmoe.index.sums/1", out)
    check("stopped twice, the store is sound", run(store, "--verify").returncode == 0)
    done = run(store, FOLDER)
    check("the next run goes on there", done.returncode == 0 and set(moments(store)) == set(expected), done.stderr)


class Reader(threading.Thread):
    """Reads the lines of a run that goes on."""

    def __init__(self, child):
        super().__init__(daemon=True)
        self.child, self.lines = child, []
        self.start()

    def run(self):
        for line in self.child.stdout:
            self.lines.append(json.loads(line))

    def wait(self, path, result="indexed", n=1, seconds=20):
        """Whether @n lines with the result are there in time."""
        end = time.monotonic() + slow.seconds(seconds)
        while time.monotonic() < end:
            if sum(o.get("file") == path and o["result"] == result for o in self.lines) >= n:
                return True
            time.sleep(0.05)
        return False


@contextlib.contextmanager
def writing(store):
    """Holds an archive as another writer does. Gives the number of the process that is said to."""
    with open(os.path.join(store, "writer.lock"), "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process %d (test) since now" % os.getpid())
        lock.flush()
        yield os.getpid()
        lock.truncate(0)


def turns():
    """A run that lasts lets another one write between two files."""
    store, many = os.path.join(TOP, "turns"), os.path.join(TOP, "many")
    os.mkdir(many)
    for i in range(3):
        put(2, os.path.join(many, "%d.ts" % i))
    child = start(store, "--sample", "all", "--json", many)
    reader = Reader(child)
    while not os.path.exists(os.path.join(store, "archive.sqlite")) and child.poll() is None:
        time.sleep(0.02)
    time.sleep(0.2)
    child.send_signal(signal.SIGSTOP)
    other = Reader(start(store, "--wait", "%d" % slow.seconds(30), "--json", os.path.join(FOLDER, "0.ts")))
    time.sleep(5.2)  # it has the archive for longer than a turn now
    child.send_signal(signal.SIGCONT)
    check("turns: the one that waits has its turn", other.child.wait(slow.seconds(60)) == 0, other.child.stderr.read())
    check("turns: while the long run is not at its end", not any("files" in o for o in reader.lines), reader.lines)
    check("turns: which goes on then", child.wait(slow.seconds(60)) == 0, child.stderr.read())
    check("turns: all is in the archive", len(moments(store)) == 4 and run(store, "--verify").returncode == 0)


def watching():
    folder, store = os.path.join(TOP, "watched"), os.path.join(TOP, "watched.store")
    os.mkdir(folder)
    source = os.path.join(FOLDER, "0.ts")
    old = os.path.join(folder, "old.ts")
    put(0, old)
    os.utime(old, (1e9, 1e9))
    child = start(store, "--watch", "--json", folder)
    reader = Reader(child)
    try:
        check("watch: what is there is indexed first", reader.wait(old))
        data = content(0)
        kept_open = os.path.join(folder, "open.ts")
        still_open = open(kept_open, "wb")  # never closed while this runs
        still_open.write(content(0))
        still_open.flush()
        opened = time.monotonic()
        growing = os.path.join(folder, "growing.ts")
        with open(growing, "wb") as f:
            for i in range(4):
                f.write(data[i * len(data) // 4:(i + 1) * len(data) // 4])
                f.flush()
                time.sleep(0.3)
        check("watch: a file is looked at when it is closed", reader.wait(growing))
        check("watch: and once", sum(o.get("file") == growing for o in reader.lines) == 1, reader.lines)
        deeper = os.path.join(folder, "new", "deeper")
        os.makedirs(deeper)
        inside = os.path.join(deeper, "inside.ts")
        put(0, inside)
        check("watch: new folders are watched, too", reader.wait(inside))
        put(0, os.path.join(TOP, "moved.ts"))
        moved = os.path.join(deeper, "moved.ts")
        os.rename(os.path.join(TOP, "moved.ts"), moved)
        check("watch: so are files that are moved there", reader.wait(moved))
        os.rename(os.path.join(folder, "new"), os.path.join(folder, "renamed"))
        renamed = os.path.join(folder, "renamed", "deeper", "inside.ts")
        check("watch: a folder that was renamed has its files under their new names", reader.wait(renamed, "moved"), reader.lines)
        later = os.path.join(folder, "renamed", "deeper", "later.ts")
        put(1, later)
        check("watch: and is still followed", reader.wait(later), reader.lines)
        done = run(store, "--wait", "%d" % slow.seconds(10), source)
        check("watch: others write beside it", done.returncode == 0 and child.poll() is None, done.stderr)
        with writing(store) as other:
            busy = os.path.join(folder, "busy.ts")
            put(1, busy)
            time.sleep(1)
            check("watch: while another one writes, it waits", not any(o.get("file") == busy for o in reader.lines) and child.poll() is None)
            done = run(store, "--wait", "0", source)
            check("another writer is told who writes", done.returncode == 1 and b"process %d" % other in done.stderr, done.stderr)
        check("watch: and has its turn then", reader.wait(busy), reader.lines)
        # More events than the system keeps: the rest is found by looking through everything.
        with open("/proc/sys/fs/inotify/max_queued_events") as f:
            most = int(f.read())
        child.send_signal(signal.SIGSTOP)
        names = [os.path.join(folder, n) for n in ("a.txt", "b.txt")]
        for i in range(most // 2 + 1000):
            with open(names[i % 2], "w"):
                pass
        lost = os.path.join(folder, "lost.ts")
        put(2, lost)
        child.send_signal(signal.SIGCONT)
        check("watch: a file whose events were lost is found", reader.wait(lost, seconds=30))
        check("watch: a file that is not closed counts when it has not grown for ten seconds", reader.wait(kept_open), reader.lines)
        at = next((o for o in reader.lines if o.get("file") == kept_open), None)
        check("watch: not earlier", at is not None and time.monotonic() - opened >= 9.5)
        still_open.close()
    except BaseException:
        child.kill()
        raise
    finally:
        child.send_signal(signal.SIGINT)
        sent = time.monotonic()
        child.wait()
    check("watch: Ctrl-C ends it", child.returncode == 0 and time.monotonic() - sent < slow.seconds(2), child.returncode, child.stderr.read())
    check("watch: all is in the store", {os.fsencode(p) for p in (old, growing, moved.replace("/new/", "/renamed/"), renamed, later, busy, lost, kept_open)} | {os.fsencode(source)} <= set(moments(store)), moments(store).keys())
    check("watch: the store is sound", run(store, "--verify").returncode == 0)


def changing():
    """A file that is written while it is looked at is not taken for what it was."""
    store, path = os.path.join(TOP, "changing"), os.path.join(TOP, "changing.ts")
    shutil.copy(os.path.join(FOLDER, "2.ts"), path)
    child = start(store, "--sample", "all", "--json", path)
    with open(path, "ab") as f:
        while child.poll() is None:
            f.write(b"\x47\x1f\xff\x10" + b"\xff" * 184)
            f.flush()
            time.sleep(0.01)
    said = json.loads(child.stdout.read().splitlines()[0])
    check("a file that changes while it is looked at fails", said["result"] == "failed" and ("changed" in said["reason"] or "was written to" in said["reason"]), said)
    said, sums = lines(run(store, "--json", path))
    check("and is looked at the next time", said[path]["result"] == "indexed", said)


def models(expected):
    """Another model: refused, filled beside the old one, killed half way, and then in its place."""
    store, tiny = os.path.join(TOP, "models"), os.path.join(os.environ["CLIPMOE_MODEL_PATH"], "clip-tiny")
    run(store, FOLDER)
    gone = os.path.join(FOLDER, "0.ts")
    before = moments(store)
    done = run(store, "--model", tiny, FOLDER)
    check("another model is refused, with the remedy", done.returncode == 1 and b"--reindex" in done.stderr, done.stderr)
    child = start(store, "--model", tiny, "--sample", "all", "--reindex")
    time.sleep(1)
    child.kill()
    child.communicate()
    check("--reindex killed half way: the old answers", {p: m for p, m in moments(store).items() if p in before}.keys() == before.keys() and
          run(store, "--verify").returncode == 0)
    said, sums = lines(run(store, "--json", FOLDER))
    check("and can be added to", sums["unchanged"] == len(before), said)
    os.rename(gone, gone + ".away")
    done = run(store, "--model", tiny, "--reindex", "--json")
    said, sums = lines(done)
    check("--reindex looks at all files", sums["indexed"] + sums["unchanged"] >= len(before) - 1, said)
    check("what could not be looked at is listed", done.returncode == 1 and said[gone]["result"] == "failed", said)
    said, sums = lines(run(store, "--json", FOLDER))
    check("then the new model is the archive's", sums["unchanged"] == len(before) - 1, said)
    check("and the store is sound", run(store, "--verify").returncode == 0)
    os.rename(gone + ".away", gone)


def timed(part, *arguments):
    begun = time.monotonic()
    result = part(*arguments)
    print("%s: %.1f s" % (part.__name__, time.monotonic() - begun), flush=True)
    return result


try:
    timed(make_videos)
    expected = timed(kills)
    if KILLS == 10:
        timed(interrupts, expected)
        timed(changing)
        timed(models, expected)
        timed(turns)
        timed(watching)
finally:
    shutil.rmtree(TOP, ignore_errors=True)
indexing.finish()
