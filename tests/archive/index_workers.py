#!/usr/bin/python3
"""Checks `clipmoe index --worker`: of three workers at one PostgreSQL server one is killed, one is stopped past its lease and goes on
later, and the server restarts: each file is indexed once, and the archive is that of one run into a folder. A file that is not here
is listed as failed and holds nobody up. Ctrl-C ends a run within two seconds, whether the server is gone or merely says nothing."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import indexing
from indexing import COMMAND, check, drawn, moments, run, slow, start
from pgserver import NONE_HERE, Server, binaries

LEASE = 3
FILES = 8
TOP = tempfile.mkdtemp(prefix="clipmoe-index-workers-")
FOLDER = os.path.join(TOP, "videos")
os.environ["XDG_CACHE_HOME"] = os.path.join(TOP, "cache")


def make_videos():
    """Some that differ, and copies of them with another content digest."""
    os.mkdir(FOLDER)
    for i, patterns in enumerate((("colors", "smpte"), ("checkers-8", "circular"), ("gradient", "colors"))):
        drawn(os.path.join(FOLDER, "%d.ts" % i), 12, patterns)
    for i in range(3, FILES):
        with open(os.path.join(FOLDER, "%d.ts" % (i % 3)), "rb") as f:
            data = f.read()
        with open(os.path.join(FOLDER, "%d.ts" % i), "wb") as f:
            f.write(data + b"\x47\x1f\xff\x10" + b"%184d" % i)


class Worker:
    """A worker with its lines as they come."""

    def __init__(self, uri, *arguments):
        self.lines = []
        self.process = start(uri, "--worker", "--lease", str(LEASE), "--sample", "all", "--json", *arguments)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def end(self):
        code = self.process.wait(slow.seconds(60))
        self.thread.join()
        return code, self.process.stderr.read()

    def indexed(self):
        return [os.fsencode(o["file"]) for o in self.lines if o.get("result") == "indexed"]


def wait_until(holds, what, seconds=30):
    end = time.monotonic() + slow.seconds(seconds)
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError("waited in vain until " + what)
        time.sleep(0.02)


def stop_at_work(server, database, worker):
    """Stops it while it has a file that it has begun."""
    at_work = "SELECT count(*) FROM clipmoe.file WHERE state = 1 AND worker LIKE '%%:%d:%%'" % worker.process.pid
    while True:
        wait_until(lambda: worker.process.poll() is not None or server.ask(database, at_work) == "1", "a worker is at work")
        if worker.process.poll() is not None:
            raise RuntimeError("a worker ended: %s" % worker.process.stderr.read())
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)  # what it has sent is done by then
        if server.ask(database, at_work) == "1":
            return
        worker.process.send_signal(signal.SIGCONT)


def stored(server, database):
    """As indexing.moments() of a folder."""
    found = {}
    for line in server.ask(database, "SELECT encode(f.path, 'hex'), m.begins / 1000000, m.ends / 1000000, m.frame / 1000000, m.why, m.looks,"
                           " md5(h.jpeg) FROM clipmoe.file f JOIN clipmoe.take t ON t.file = f.file AND t.finished JOIN clipmoe.moment m ON"
                           " m.take = t.take LEFT JOIN clipmoe.thumbnail h ON h.moment = m.moment WHERE f.state = 2"
                           " ORDER BY f.path, m.begins").splitlines():
        path, *numbers, jpeg = line.split("|")
        found.setdefault(bytes.fromhex(path), []).append((*(int(n) for n in numbers), jpeg or None))
    return found


def answers(store, *query):
    done = subprocess.run([COMMAND, "search", "--store", store, "--json", "--limit", "200", *query], stdout=subprocess.PIPE, check=True,
                          timeout=slow.seconds(60))
    head, *hits = (json.loads(line) for line in done.stdout.splitlines())
    return head["moments"], sorted((h["file"], h["start"], h["end"], h["time"], h["cosine"], h["distance"]) for h in hits)


def alike(a, b):
    """The same moments, with cosines and distances that differ by no more than the order of sums makes."""
    return a[0] == b[0] and len(a[1]) == len(b[1]) and all(x[:4] == y[:4] and abs(x[4] - y[4]) < 2e-4 and abs(x[5] - y[5]) < 2e-2
                                                            for x, y in zip(a[1], b[1]))


def workers(server):
    folder = os.path.join(TOP, "folder")
    done = run(folder, "--sample", "all", FOLDER)
    expected = moments(folder)
    check("a run into a folder", done.returncode == 0 and len(expected) == FILES and sum(map(len, expected.values())) < 64, done.stderr, expected)
    uri = server.create("workers")
    killed = Worker(uri, FOLDER)
    wait_until(lambda: server.ask("postgres", "SELECT 1 FROM pg_stat_activity WHERE datname = 'workers'") and
               server.ask("workers", "SELECT to_regclass('clipmoe.file') IS NOT NULL") == "t" and
               server.ask("workers", "SELECT count(*) FROM clipmoe.file") == str(FILES), "all files are registered")
    stopped, third = Worker(uri), Worker(uri)
    stop_at_work(server, "workers", killed)
    killed.process.kill()
    stop_at_work(server, "workers", stopped)
    began = time.monotonic()
    server.stop()
    time.sleep(0.3)
    server.start()
    code, err = third.end()
    check("the worker that is left does all, and what the others had", code == 0 and time.monotonic() - began > LEASE - 1, code, err, third.lines)
    stopped.process.send_signal(signal.SIGCONT)
    code, err = stopped.end()
    check("one that goes on later has lost its file, and nothing failed", code == 0 and stopped.lines[-1]["failed"] == 0, code, err, stopped.lines)
    killed.end()
    all_done = killed.indexed() + stopped.indexed() + third.indexed()
    check("each file was indexed once", sorted(all_done) == sorted(expected), killed.lines, stopped.lines, third.lines)
    now = stored(server, "workers")
    check("the moments are those of the folder", now == expected, now, expected)
    check("nothing is doubled or left", server.ask("workers", "SELECT (SELECT count(*) FROM clipmoe.take), (SELECT count(*) FROM clipmoe.file WHERE"
          " waits OR worker IS NOT NULL), (SELECT count(*) FROM clipmoe.moment)") == "%d|0|%d" % (FILES, sum(map(len, expected.values()))))
    done = run(uri, "--verify")
    check("the archive is sound", done.returncode == 0, done.stdout, done.stderr)
    for query in "a red ball", "stripes of all colours":
        check("%s: the answers are the folder's" % query, alike(answers(uri, query), answers(folder, query)), answers(uri, query), answers(folder, query))
    done = run(uri, "--worker", "--json", FOLDER)
    sums = json.loads(done.stdout.splitlines()[-1])
    check("once more: all is known", done.returncode == 0 and sums["unchanged"] == sums["files"] == FILES, done.stdout, done.stderr)


def not_here(server):
    server.ask("workers", "INSERT INTO clipmoe.file (path, device, inode, size, mtime, state, waits) VALUES ('/no/such/film.mp4', 1, 1, 5, 5, 5, true)")
    said, sums = indexing.lines(run(server.uri("workers"), "--worker", "--json"))
    check("a file that is not here fails, by name and reason", said["/no/such/film.mp4"]["result"] == "failed" and sums["failed"] == 1, said)
    check("and is noted so", server.ask("workers", "SELECT state, waits, reason IS NOT NULL FROM clipmoe.file WHERE path = '/no/such/film.mp4'") ==
          "3|f|t")


def interrupt(server, database, name, lose, back):
    """Ctrl-C while a run waits for a server that lose() made useless."""
    uri = server.create(database)
    child = start(uri, "--worker", "--sample", "all", FOLDER)
    wait_until(lambda: server.ask(database, "SELECT to_regclass('clipmoe.moment') IS NOT NULL") == "t" and
               server.ask(database, "SELECT count(*) FROM clipmoe.file WHERE state = 1") == "1", "a worker is at work")
    lost = lose(database)
    time.sleep(3)  # by now it has put something, or wanted to
    waits = child.poll() is None
    child.send_signal(signal.SIGINT)
    sent = time.monotonic()
    err = child.communicate()[1]
    took = time.monotonic() - sent
    back(lost)
    check("Ctrl-C ends a run whose server %s" % name, waits and child.returncode == 130 and took < slow.seconds(2), took, child.returncode, err)
    check("%s: and says so, without the password" % name, b"goes on there" in err and b"geheim" not in err, err)


def interrupts(server):
    def freeze(database):
        backends = [int(n) for n in server.ask("postgres", "SELECT pid FROM pg_stat_activity WHERE datname = '%s' AND application_name = 'clipmoe'" %
                                               database).split()] + [server.process.pid]
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        return backends

    def thaw(backends):
        for pid in backends:
            os.kill(pid, signal.SIGCONT)

    interrupt(server, "frozen", "says nothing", freeze, thaw)
    interrupt(server, "gone", "is gone", lambda database: server.stop(), lambda lost: server.start())


def main():
    where = binaries()
    if not where:
        print(NONE_HERE)
        return 77
    server = None
    try:
        make_videos()
        server = Server(TOP, where)
        for part in workers, not_here, interrupts:
            begun = time.monotonic()
            part(server)
            print("%s: %.1f s" % (part.__name__, time.monotonic() - begun), flush=True)
    finally:
        if server and server.process:
            server.stop(signal.SIGQUIT)
        shutil.rmtree(TOP, ignore_errors=True)
    return indexing.finish()


if __name__ == "__main__":
    sys.exit(main())
