#!/usr/bin/python3
"""What clipmoeindex makes of real pipelines: a camera's and a file's moments with clipmoetag before it, in every mode, pictures of the
right frames, and that GStreamer's leak tracer finds nothing, also where the pipeline is stopped by a signal."""
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import children  # noqa: E402, F401
import slow  # noqa: E402

TAG = "clipmoetag attach-embedding=true source=cam"
LIVE = "videotestsrc is-live=true pattern=ball num-buffers=%d ! video/x-raw,width=128,height=96,framerate=20/1"
FILE = "videotestsrc pattern=ball num-buffers=40 ! video/x-raw,width=128,height=96,framerate=20/1"
passed = failed = 0


def check(name, ok, *why):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAILED:", name, *[str(w)[-1500:] for w in why])


def start(line, **more):
    return subprocess.Popen(["gst-launch-1.0", "-e", *line.split()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env=dict(os.environ, **more))


def finish(process):
    text = process.communicate(timeout=slow.seconds(90))[0].decode()
    return process.returncode, text


def traced(name, line):
    status, text = finish(start(line, GST_TRACERS="leaks", GST_DEBUG="GST_TRACER:7", GST_DEBUG_NO_COLOR="1"))
    left = [x for x in text.splitlines() if "object-alive, type-name=(string)" in x and "%s" not in x]
    check("no object is left: " + name, status == 0 and "GST_TRACER" in text and not left, left[:3], text)


def moments(store):
    """(source, start, end, time, at, bytes of the picture) of each, in seconds."""
    path = os.path.join(store, "archive.sqlite")
    if not os.path.exists(path):
        return []
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    rows = db.execute("SELECT f.source, m.begins, m.ends, m.frame, m.at, t.jpeg FROM file f JOIN take k ON k.file = f.file JOIN run r"
                      " ON r.take = k.take JOIN moment m ON m.moment BETWEEN r.first_moment AND r.first_moment + r.n - 1"
                      " LEFT JOIN thumbnail t ON t.moment = m.moment ORDER BY m.moment").fetchall()
    db.close()
    return [(s.decode() if isinstance(s, bytes) else s, a / 1e9, b / 1e9, t / 1e9, at / 1e6, j) for s, a, b, t, at, j in rows]


def main():
    signal.alarm(slow.seconds(280))
    work = tempfile.mkdtemp()
    store = lambda name: os.path.join(work, name)
    for mode in "sync", "latest":
        traced("a file, mode=" + mode, "%s ! %s rate=0 mode=%s ! clipmoeindex store=%s ! fakesink" % (FILE, TAG, mode, store(mode)))
        found = moments(store(mode))
        check("a file's moments, mode=" + mode, found and all(m[0] == "cam" and m[4] == 0 for m in found), found)
        check("they have pictures, mode=" + mode, all(m[5] and m[5][:2] == b"\xff\xd8" for m in found if mode == "sync"))
        check("they cover the file, mode=" + mode, found and found[0][1] <= 0.5 and abs(found[-1][2] - 2) < 0.1, found)

    now = time.time()
    traced("a camera", "%s ! %s rate=5 ! clipmoeindex store=%s ! fakesink" % (LIVE % 40, TAG, store("live")))
    found = moments(store("live"))
    check("a camera's moments have the time of day and pictures",
          found and all(now - 1 < m[4] < time.time() and m[5] for m in found), [m[:5] for m in found])

    process = start("%s ! %s rate=5 ! clipmoeindex longest=1 store=%s ! fakesink" % (LIVE % 100000, TAG, store("long")))
    until = time.monotonic() + slow.seconds(60)
    while not moments(store("long")) and time.monotonic() < until:
        time.sleep(0.2)
    check("a moment is found while the camera runs", moments(store("long")) and process.poll() is None)
    process.send_signal(signal.SIGINT)
    before = len(moments(store("long")))
    status, text = finish(process)
    check("an interrupt ends it, what was seen is kept", status == 0 and len(moments(store("long"))) >= before, status, text)

    status, text = finish(start("%s ! clipmoetag labels=a source=cam ! clipmoeindex store=%s ! fakesink" % (FILE, store("bare"))))
    check("without embeddings a warning names the property", status == 0 and "attach-embedding=true" in text, text)
    status, text = finish(start("%s ! %s ! clipmoeindex store=%s/x ! fakesink" % (FILE, TAG, __file__)))
    check("a store that cannot be made is a warning, and the pipeline ends well", status == 0 and "x: " in text, text)
    shutil.rmtree(work)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return failed != 0


sys.exit(main())
