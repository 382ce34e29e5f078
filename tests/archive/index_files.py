#!/usr/bin/python3
"""Checks which files `clipmoe index` looks at, and how often: known, moved, renamed, changed, gone, empty, damaged, of any name; ten
thousand; what it says of each; that cuts between clips are found within one sampling step."""
import os
import shutil
import subprocess
import tempfile
import time

import numpy
from PIL import Image

import indexing
from indexing import check, drawn, files, lines, moments, run

TOP = tempfile.mkdtemp(prefix="clipmoe-index-")
# Clips that show the same, so that no cut lies between them.
FAMILIES = "flower", "person", "one-by-one-person", "car"


def family(name):
    return next((f for f in FAMILIES if name.startswith(f)), name)


def place(name):
    path = os.path.join(TOP, name)
    os.makedirs(path, exist_ok=True)
    return path


def cuts():
    """All clips in one file, and each by itself."""
    if not indexing.clips():
        print("not checked, since the folder of clips is not there: cuts between clips")
        return
    folder, store = place("cuts"), os.path.join(TOP, "cuts.store")
    path, borders = indexing.joined(folder, seed=19)
    done = run(store, "--json", path)
    said, sums = lines(done)
    check("joined: indexed", done.returncode == 0 and said[path]["result"] == "indexed", done.stderr, said)
    starts = [m[0] / 1000 for m in moments(store)[os.fsencode(path)]]
    for at, before, behind in borders:
        if family(before) != family(behind):
            check("joined: the cut from %s to %s at %.1f s is found" % (before, behind, at), any(at - 0.05 <= s <= at + 2.05 for s in starts), starts)
    parts = moments(store)[os.fsencode(path)]
    check("joined: moments follow each other without a gap", all(a[1] == b[0] for a, b in zip(parts, parts[1:])), parts)
    check("joined: from start to end", parts[0][0] == 0 and abs(parts[-1][1] - files(store)[os.fsencode(path)][3] // 10**6) <= 1, parts)
    alone(path, len(parts))
    check("joined: every moment has a thumbnail, and its frame lies within it", all(m[5] and m[0] <= m[2] <= m[1] for m in parts), parts)


def alone(path, fewest):
    """Key frames that are decoded alone, several at once, are the pictures that they are among all."""
    found = {}
    for name, arguments in (("all", ["--sample", "all"]), ("key", ["--sample", "key"]), ("default", [])):
        store = os.path.join(TOP, "alone-%s.store" % name)
        done = run(store, "--same", "1", *arguments, path)
        parts = moments(store)[os.fsencode(path)]
        found[name] = {m[2]: m[5] for m in parts}
        step = files(store)[os.fsencode(path)][3] / 10**9 / sum(m[4] for m in parts)
        check("alone, %s: a look every %g s" % (name, 1 / indexing.RATE if name == "all" else 2),
              abs(step - (1 / indexing.RATE if name == "all" else 2)) < 0.05, step, done.stderr)
    for name in ("key", "default"):
        both = found[name].keys() & found["all"].keys()
        check("alone, %s: the pictures are those among all" % name,
              len(both) >= fewest and all(found[name][t] == found["all"][t] for t in both), len(both), fewest, len(found[name]))


def drawings():
    """The same without clips: what is drawn changes every two to five seconds."""
    folder, store = place("drawn"), os.path.join(TOP, "drawn.store")
    path = os.path.join(folder, "drawn.mp4")
    drawn(path, 24)
    for arguments, name, fewest in (["--sample", "all"], "all", 200), (["--sample", "interval", "--every", "1"], "interval", 24), ([], "default", 12):
        shutil.rmtree(store, ignore_errors=True)
        done = run(store, *arguments, path)
        looks = sum(m[4] for m in moments(store)[os.fsencode(path)])
        check("--sample %s: as many looks as there should be" % name, fewest <= looks <= fewest * 1.2, looks, done.stderr)
    starts = [m[0] / 1000 for m in moments(store)[os.fsencode(path)]]
    at, borders = 0, []
    for i in range(20):
        at += 2 + i % 4
        borders += [at] if at < 22 else []  # what comes after the last key frame has no look
    check("drawn: every change is found within one step", all(any(b - 0.05 <= s <= b + 2.05 for s in starts) for b in borders), borders, starts)
    return path


def identity(video):
    folder, store = place("identity"), os.path.join(TOP, "identity.store")
    one, two = os.path.join(folder, "VID_20251130_101500.ts"), os.path.join(folder, "two.ts")
    drawn(one, 10)
    shutil.copy(one, two)
    with open(two, "ab") as f:  # the same pictures, another file
        f.write(b"\x47\x1f\xff\x10" + b"\xff" * 184)
    os.utime(two, (1.1e9, 1.1e9 + 0.25))
    said, sums = lines(run(store, "--json", folder))
    check("new files are indexed", sums["indexed"] == 2 and sums["moments"] == sum(len(m) for m in moments(store).values()) > 2, said)
    facts = files(store)
    local = time.mktime((2025, 11, 30, 10, 15, 0, 0, 0, -1)) * 10**6
    check("the recording time is in the name", facts[os.fsencode(one)][1:3] == [local, 2], facts)
    check("or it is when the file was written", facts[os.fsencode(two)][1:3] == [os.stat(two).st_mtime_ns // 1000, 3], facts)
    run(store + "2", video)
    facts = files(store + "2")
    check("or in the container", facts[os.fsencode(video)][2] == 1 and abs(facts[os.fsencode(video)][1] / 10**6 - time.time()) < 3600, facts)
    before = moments(store)
    said, sums = lines(run(store, "--json", folder))
    check("known files are unchanged", sums["unchanged"] == 2 and sums["moments"] == 0, said)
    os.utime(one)
    said, sums = lines(run(store, "--json", folder))
    check("a file that was touched is known by its content", sums["unchanged"] == 2, said)
    elsewhere = place("identity/deeper")
    moved = os.path.join(elsewhere, "renamed.mkv")
    os.rename(one, moved)
    said, sums = lines(run(store, "--json", folder))
    after = moments(store)
    check("a moved file is not looked at again", said[moved]["result"] == "moved" and sums["moved"] == 1 and sums["unchanged"] == 1, said)
    check("and has its moments under its new name", after.get(os.fsencode(moved)) == before[os.fsencode(one)] and os.fsencode(one) not in after)
    drawn(two, 7, patterns=("ball", "smpte"))
    said, sums = lines(run(store, "--json", folder))
    check("a changed file is looked at anew", said[two]["result"] == "indexed" and sums["unchanged"] == 1, said)
    check("and what it was is gone", max(m[1] for m in moments(store)[os.fsencode(two)]) <= 8000, moments(store))
    os.unlink(two)
    done = run(store, "--json", folder)
    check("a file that is gone stays until it is forgotten", lines(done)[1]["files"] == 1 and os.fsencode(two) in moments(store), done.stdout)
    done = run(store, "--prune")
    check("--prune forgets it", done.returncode == 0 and list(moments(store)) == [os.fsencode(moved)], done.stderr, moments(store).keys())
    done = run(store, "--prune", os.path.join(TOP, "not mounted"))
    check("--prune forgets nothing of a folder that is gone itself", done.returncode == 1 and b"gone itself" in done.stderr, done.stderr)
    done = run(store, "--verify")
    check("--verify finds no fault", done.returncode == 0 and done.stdout == b"0 faults\n", done.stdout, done.stderr)


def odd_files(video):
    folder, store = place("odd"), os.path.join(TOP, "odd.store")
    with open(video, "rb") as f:
        data = f.read()
    def write(name, content):
        path = os.path.join(os.fsencode(folder), name)
        with open(path, "wb") as f:
            f.write(content)
        return path
    newline, invalid = write(b"a\nb.mp4", data + b"\0\0\0\x10free12345671"), write(b"\xff\xfe ok.mp4", data + b"\0\0\0\x10free12345672")
    write(b"empty.mp4", b"")
    write(b"cut.mp4", data[:len(data) // 2])
    write(b"noise.mp4", bytes(numpy.random.default_rng(1).integers(0, 256, 50000, "u1")))
    write(b"page.html", b"<!DOCTYPE html><p>no video")
    write(b"notes.dat", b"\1\2\3\4 notes")
    write(b".hidden.mp4", data)
    Image.fromarray(numpy.random.default_rng(2).integers(0, 256, (40, 60, 3), "u1")).save(os.path.join(folder, "picture.png"))
    Image.new("RGB", (64, 64)).save(os.path.join(folder, "black.png"))
    taken = Image.Exif()
    taken[0x8769] = {0x9003: "2024:07:01 10:15:00", 0x9011: "+05:30"}
    for name in "20200101_101500.jpg", "20200101_101500.png", "20200101_101500.webp":
        Image.fromarray(numpy.random.default_rng(len(name)).integers(0, 256, (40, 60, 3), "u1")).save(os.path.join(folder, name), exif=taken)
    write(b"broken.png", b"\x89PNG\r\n\x1a\nno more")
    os.mkfifo(os.path.join(folder, "fifo.mp4"))
    os.symlink(".", os.path.join(folder, "loop"))
    os.symlink("nowhere", os.path.join(folder, "dangling.mp4"))
    sound = os.path.join(folder, "sound.ogg.mkv")
    indexing.gst("audiotestsrc", "num-buffers=20", "!", "vorbisenc", "!", "matroskamux", "!", "filesink", "location=" + sound)
    expected = {"empty.mp4": "failed", "cut.mp4": "failed", "noise.mp4": "skipped", "page.html": "skipped", "notes.dat": "skipped",
                "picture.png": "indexed", "black.png": "indexed", "broken.png": "failed", "sound.ogg.mkv": "skipped",
                "a\nb.mp4": "indexed", "20200101_101500.jpg": "indexed", "20200101_101500.png": "indexed", "20200101_101500.webp": "indexed"}
    done = run(store, "--json", folder)
    said, sums = lines(done)
    got = {os.path.relpath(p, folder): o["result"] for p, o in said.items()}
    for name, result in expected.items():
        check("%r is %s" % (name, result), got.get(name) == result, got, said)
    check("nothing else is looked at but the name that is no UTF-8", len(got) == len(expected) + 1, got)
    check("whoever fails has a reason", all((o["reason"] is None) == (o["result"] == "indexed") for o in said.values()), said)
    check("a failure is exit status 1", done.returncode == 1, done.returncode)
    check("paths are kept exactly", {newline, invalid} <= set(moments(store)), moments(store).keys())
    check("a black picture stands for itself", [m[3] for m in moments(store)[os.fsencode(os.path.join(folder, "black.png"))]] == [3], moments(store))
    check("and says so; others have one look", [m[3] for m in moments(store)[os.fsencode(os.path.join(folder, "picture.png"))]] == [1])
    taken = [f[1:3] for p, f in files(store).items() if b"20200101_101500" in p]
    check("EXIF says when a picture was taken, before its name does", [tuple(t) for t in taken] == [(1719809100000000, 1)] * 3, taken)
    done = run(store, folder)
    text = done.stderr.decode()
    check("without --json the same is listed at the end", done.returncode == 1 and "failed: %s/empty.mp4: it is empty" % folder in text, text)
    check("of what is plainly neither picture nor video the number is said", "page.html" not in text and "notes.dat" not in text and
          "clipmoe: skipped: 4 files without pictures or video; --verbose lists them" in text, text)
    check("what failed before is counted apart", done.stdout.startswith(b"0 indexed, 7 unchanged, 4 skipped, 1 failed, 2 failed before (--retry looks again);") and
          "cut.mp4" not in text, done.stdout, text)
    again, known = lines(run(store, "--json", folder))
    check("and said as that", again[os.path.join(folder, "cut.mp4")]["result"] == "failed_before" and known["failed_before"] == 2 and known["failed"] == 1 and
          again[os.path.join(folder, "noise.mp4")]["result"] == "skipped" and known["skipped"] == sums["skipped"], again, known)
    done = run(store, os.path.join(folder, "cut.mp4"))
    check("a run in which nothing failed is exit status 0", done.returncode == 0 and b" 1 failed before (" in done.stdout, done.stdout, done.stderr)
    text = run(store, "--verbose", folder).stderr.decode()
    check("--verbose lists it", "page.html" in text and "notes.dat" in text and "failed before: %s/cut.mp4: " % folder in text and "--verbose" not in text, text)
    text = run(store, "").stderr.decode()
    check("an empty name is refused as one", text == "clipmoe index: a name of a file or a folder is empty, see clipmoe index --help\n", text)
    text = run(store, os.path.join(folder, "page.html"), env={**os.environ, "TZ": "Foo"}).stderr.decode()
    check("a time zone that there is not is said, and a file that was named is listed", text.count("TZ=Foo: no such time zone") == 1 and
          "page.html" in text, text)
    done = run(store, os.path.join(folder, "noise.mp4"), os.path.join(folder, "page.html"))
    check("what was merely skipped is exit status 0", done.returncode == 0, done.stderr)
    shown = run(os.path.join(TOP, "odd2.store"), "--retry", os.path.join(folder, "empty.mp4"), os.fsencode(folder) + b"/\xff\n\x1b[31m.mp4").stderr
    check("names are shown escaped", b"\\xff\\n\\x1b[31m.mp4" in shown, shown)
    before = moments(store)
    said, sums = lines(run(store, "--json", "--retry"))
    check("--retry looks again at what failed, and at nothing else", {os.path.relpath(p, folder) for p in said} >= {"cut.mp4", "broken.png"} and
          sums["indexed"] == sums["unchanged"] == 0, said)
    check("what was there stays", moments(store) == before)
    listed = b"\n".join([newline, invalid])
    done = run(os.path.join(TOP, "list.store"), "-", input=listed.replace(b"\n/", b"\0/") + b"\0")
    check("a list ended by NUL bytes", set(moments(os.path.join(TOP, "list.store"))) == {newline, invalid}, done.stderr)
    done = run(os.path.join(TOP, "list2.store"), "-", input=os.fsencode(folder) + b"/picture.png\r\n\n" + invalid + b"\n")
    check("a list of lines", len(moments(os.path.join(TOP, "list2.store"))) == 2, done.stderr)


def unreadable(video):
    """What may not be read is named; root may read everything, so then somebody else tries."""
    folder = place("unreadable")
    shutil.copy(video, os.path.join(folder, "shut.mp4"))
    shutil.copy(video, os.path.join(folder, "open.mp4"))
    os.mkdir(os.path.join(folder, "shut"))
    os.chmod(os.path.join(folder, "shut.mp4"), 0)
    os.chmod(os.path.join(folder, "shut"), 0)
    own = place("unreadable.own")
    more = {"env": dict(os.environ, HOME=own, XDG_CACHE_HOME=own, GST_REGISTRY=own + "/registry.bin")}
    if os.geteuid() == 0:
        os.chmod(TOP, 0o755)
        os.chown(own, 65534, 65534)
        more["user"] = 65534
        try:
            subprocess.run([indexing.COMMAND, "--version"], stdout=subprocess.DEVNULL, check=True, **more)
        except (OSError, subprocess.CalledProcessError) as e:
            print("not checked: what may not be read: %s" % e)
            return
    done = run(os.path.join(own, "store"), "--json", folder, **more)
    said, sums = lines(done)
    check("what may not be read is named, and the rest is indexed",
          {os.path.relpath(p, folder): o["result"] for p, o in said.items()} == {"shut.mp4": "failed", "shut": "failed", "open.mp4": "indexed"} and
          all("denied" in o["reason"] for o in said.values() if o["reason"]), said, done.stderr)


def many():
    folder, store = place("many"), os.path.join(TOP, "many.store")
    rng = numpy.random.default_rng(3)
    for d in range(100):
        os.mkdir("%s/%03d" % (folder, d))
        for i in range(100):
            name = "%s/%03d/%03d" % (folder, d, i)
            if i == 50:
                Image.fromarray(rng.integers(0, 256, (8, 8, 3), "u1")).save(name + ".png")
            else:
                with open(name + ".txt", "w") as f:
                    f.write("%d" % i)
    begun = time.monotonic()
    done = run(store, "--json", folder)
    said, sums = lines(done)
    check("ten thousand files: each is accounted for", (sums["files"], sums["indexed"], sums["skipped"], sums["moments"]) == (10000, 100, 9900, 100), sums)
    check("and merely skipped ones are no failure", done.returncode == 0, done.stderr)
    again = time.monotonic()
    said, sums = lines(run(store, "--json", folder))
    check("ten thousand files once more", (sums["unchanged"], sums["skipped"]) == (100, 9900), sums)
    print("ten thousand files: %.1f s, then %.1f s" % (again - begun, time.monotonic() - again))


def mounts(video):
    """A file system in a folder is entered only when asked; needs the right to mount, in a name space of its own."""
    folder = place("mounts/inner")
    script = "mount -t tmpfs none %s && cp %s %s && for o in '' --all-file-systems; do %s index --store %s/store$o --json $o %s | tail -n 1; done" % (
        folder, video, folder, indexing.COMMAND, TOP, os.path.dirname(folder))
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.stderr.startswith((b"unshare:", b"mount:")):
        print("not checked: other file systems: %s" % done.stderr.decode().strip())
        return
    check("another file system is entered only when asked", [b'"indexed":%d' % n in line for n, line in enumerate(done.stdout.splitlines())] == [True, True],
          done.stdout, done.stderr)


def own_database(video):
    """SQLite's locks are the process's: whoever opens and closes the database takes them away. So it is never opened, wherever it is met."""
    folder = place("own")
    store = os.path.join(folder, "archive")
    shutil.copy(video, folder)
    run(store, folder)
    link = os.path.join(folder, "link.mp4")
    os.symlink(os.path.join(store, "archive.sqlite"), link)
    done = run(store, "--json", folder, os.path.join(store, "archive.sqlite"))
    said, sums = lines(done)
    check("an archive's own database is no input", (sums["unchanged"], sums["failed"]) == (1, 2), done.stdout, done.stderr)
    check("and it is said", {line["reason"] for line in said.values() if line["result"] == "failed"} == {"this archive's own database"}, said)


def usage():
    store = os.path.join(TOP, "none")
    for arguments in ([], ["--sample", "sometimes", "x"], ["--every", "0", "x"], ["--every", "nan", "x"], ["--same", "2", "x"], ["--verify", "x"],
                      ["--verify", "--repair"], ["--prune", "--watch", "x"], ["--precision", "f7", "x"], ["--wait", "-1", "x"], ["--no-such", "x"],
                      ["--worker"], ["--worker", "x"], ["--lease", "5", "x"], ["--store", "postgresql://localhost/x", "--worker", "--watch", "x"],
                      ["--store", "postgresql://localhost/x", "--worker", "--lease", "0"]):
        done = run(store, *arguments)
        check("wrong usage: %s" % " ".join(arguments), done.returncode == 2 and done.stderr.count(b"\n") == 1, done.returncode, done.stderr)
    check("and no store was made", not os.path.exists(store))
    done = run(store, "--verify")
    check("--verify of nothing", done.returncode == 1 and not os.path.exists(store), done.stderr)


try:
    usage()
    video = drawings()
    identity(video)
    own_database(video)
    odd_files(video)
    unreadable(video)
    many()
    mounts(video)
    cuts()
finally:
    shutil.rmtree(TOP, ignore_errors=True)
indexing.finish()
