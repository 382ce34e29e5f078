#!/usr/bin/python3
"""Checks how a model is fetched (pipelines/get-model): its name appears whole and checked or not at all, whatever the server and
the disk do; an interrupted download continues; no file of the user's is touched; nothing is fetched over http.

A server on loopback stands for the real ones, under the same paths. Closes with `N passed, N failed, N skipped`.
"""
import contextlib
import gzip
import hashlib
import http.server
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.environ["CLIPMOE_TEST_SOURCES"])
SCRIPT = os.path.join(ROOT, "pipelines", "get-model")
TABLE = os.path.join(ROOT, "pipelines", "models.tsv")
COMMAND = os.environ["CLIPMOE_COMMAND"]
TINY = os.path.join(ROOT, "models", "clip-tiny")
VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
passed = failed = skipped = 0


def check(name, ok, *why):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAILED:", name, *[str(w)[-1500:] for w in why])


def sha(data):
    return hashlib.sha256(data).hexdigest()


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


class Server(http.server.ThreadingHTTPServer):
    """files: path -> bytes. faults: path -> a function of (handler, body, start) that answers in its own way, or a list of
    them, one a request. headers: path -> more headers."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.headers, self.asked = {}, {}, {}, []
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server_port

    def clear(self):
        self.files, self.faults, self.headers, self.asked = {}, {}, {}, []

    def handle_error(self, request, client_address):
        pass  # a client that was killed


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        s = self.server
        wanted = self.headers.get("Range", "")
        start = int(wanted.split("=")[1].split("-")[0]) if wanted.startswith("bytes=") else 0
        s.asked.append((self.command, self.path, start))
        body = s.files.get(self.path)
        fault = s.faults.get(self.path)
        if isinstance(fault, list):
            fault = fault.pop(0) if fault else None
        if fault and self.command == "GET" or getattr(fault, "also_head", False):
            return fault(self, body, start)
        if body is None:
            return self.answer(404, b"no such file")
        if start > len(body):
            return self.answer(416, b"")
        self.answer(206 if start else 200, body[start:], "bytes %d-%d/%d" % (start, len(body) - 1, len(body)) if start else None)

    def answer(self, code, body, content_range=None, length=None, **more):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if content_range:
            self.send_header("Content-Range", content_range)
        for key, value in {**self.server.headers.get(self.path, {}), **more}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def cut(share):
    """The connection ends after a share of what was asked for."""
    def fault(handler, body, start):
        rest = body[start:]
        handler.answer(206 if start else 200, rest[:int(len(rest) * share)],
                       "bytes %d-%d/%d" % (start, len(body) - 1, len(body)) if start else None, length=len(rest))
        handler.close_connection = True
    return fault


def code(number):
    def fault(handler, body, start):
        handler.answer(number, b"<html>it went wrong</html>")
    fault.also_head = True
    return fault


def redirect(url, **more):
    def fault(handler, body, start):
        handler.answer(302, b"", Location=url, **more)
    fault.also_head = True
    return fault


def whole(handler, body, start):  # it knows no ranges
    handler.answer(200, body)


def other(data):
    return lambda handler, body, start: handler.answer(200, data)


class Stop:
    """Half of it, then nothing until go is set."""

    def __init__(self):
        self.half, self.go = threading.Event(), threading.Event()

    def __call__(self, handler, body, start):
        rest = body[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(rest)))
        if start:
            handler.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
        handler.end_headers()
        handler.wfile.write(rest[:len(rest) // 2])
        handler.wfile.flush()
        self.half.set()
        self.go.wait(120)
        handler.wfile.write(rest[len(rest) // 2:])


class Place:
    """A home of its own, a list of one model, and the server that has it."""

    def __init__(self, top, server):
        self.home = tempfile.mkdtemp(dir=top)
        self.server = server
        self.models = os.path.join(self.home, "data", "clipmoe", "models")
        self.weights = read(TINY, "model.safetensors")[:600000]
        self.vocabulary = gzip.compress(read(TINY, "merges.txt"), mtime=0)
        self.table = os.path.join(self.home, "models.tsv")
        self.at = "/clip/models/%s/tiny.safetensors" % sha(self.weights)
        server.clear()
        server.files = {self.at: self.weights, "/openai/CLIP/raw/main/clip/" + VOCABULARY: self.vocabulary}
        self.write()

    def write(self, **change):
        row = dict({"file": "tiny.safetensors", "bytes": len(self.weights), "sha256": sha(self.weights)}, **change)
        with open(self.table, "w", encoding="utf-8") as f:
            f.write("# a comment\n" + "\t".join(["tiny", row["file"], str(row["bytes"]), row["sha256"], "https://example.invalid" + self.at,
                                                 "a licence", "a model of the tests"]) + "\n")
            f.write("\t".join(["tiny", VOCABULARY, str(len(self.vocabulary)), sha(self.vocabulary),
                               "https://example.invalid/openai/CLIP/raw/main/clip/" + VOCABULARY, "a licence", "its words"]) + "\n")

    def environment(self):
        e = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        e.update(HOME=self.home, XDG_DATA_HOME=os.path.join(self.home, "data"), no_proxy="*")
        return e

    def command(self, *arguments, base=None):
        return [SCRIPT, "--table", self.table, "--base-url", base or self.server.url, *arguments]

    def run(self, *arguments, base=None, before=(), **more):
        return subprocess.run([*before, *self.command(*arguments, base=base)], env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def there(self, name="tiny"):
        folder = os.path.join(self.models, name)
        return (os.path.isdir(folder) and read(folder, "tiny.safetensors") == self.weights
                and read(folder, VOCABULARY) == self.vocabulary)

    def left(self):
        return sorted(os.listdir(self.models)) if os.path.isdir(self.models) else []

    def part(self):
        path = os.path.join(self.models, ".get-model-tiny", "files", "tiny.safetensors.part")
        return os.path.getsize(path) if os.path.exists(path) else None


def fetched(new):
    p = new()
    r = p.run("--yes", "tiny")
    check("fetched", r.returncode == 0 and p.there() and p.left() == ["tiny"], r, p.left())
    check("size, licence and address are said", "licence: a licence" in r.stderr and "600.0 kB" in r.stderr and p.at in r.stderr, r.stderr)
    p.server.asked.clear()
    r = p.run("--yes", "tiny")
    check("again: there, and nothing is asked for", r.returncode == 0 and not p.server.asked and "published" in r.stdout, r)
    with open(os.path.join(p.models, "tiny", "tiny.safetensors"), "r+b") as f:
        f.seek(1000)
        f.write(b"changed")
    r = p.run("--yes", "tiny")
    check("changed: said, and left alone", r.returncode == 1 and "tiny.safetensors" in r.stderr and b"changed" in read(p.models, "tiny", "tiny.safetensors"), r)
    p = new()
    os.makedirs(os.path.join(p.models, "mine"))
    with open(os.path.join(p.models, "mine", "notes.txt"), "w") as f:
        f.write("the user's")
    r = p.run("--yes", "tiny", "--as", "mine")
    check("a folder of the user's is left alone", r.returncode == 1 and os.listdir(os.path.join(p.models, "mine")) == ["notes.txt"], r)


def asked(new):
    p = new()
    r = p.run("tiny")
    check("without a terminal and without --yes: refused", r.returncode == 1 and "--yes" in r.stderr and not p.server.asked and p.left() == [], r, p.left())
    for answer, right in ((b"n\n", False), (b"\n", False), (b"y\n", True)):
        p = new()
        master, slave = pty.openpty()
        child = subprocess.Popen(p.command("tiny"), env=p.environment(), stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(slave)
        os.write(master, answer)
        out, err = child.communicate()
        os.close(master)
        check("answer %r" % answer, (child.returncode == 0) == right and p.there() == right and p.left() == ["tiny"] * right, out, err)


def names(new):
    p = new()
    for bad in ("../tiny", ".", "..", "a/b", "-x", "", "ti ny", "tiny\n", "nothing", "$(id)"):
        r = p.run("--yes", bad)
        check("name %r" % bad, r.returncode == 2 and "get-model:" in r.stderr, r)
    for bad in ("x", "x/", "/x", "../x", "a/b/c", "a/..", "a b/c", "a/b?x", "https://a/b"):
        r = p.run("--yes", "--hub", bad)
        check("repository %r" % bad, r.returncode == 2, r)
    for bad in ("../x", "/etc/passwd", "a//b", "a/../b", ".."):
        r = p.run("--yes", "--hub", "a/b", "--file", bad)
        check("file %r" % bad, r.returncode == 2, r)
    for bad in ("http://example.org", "http://127.0.0.1.example.org", "http://localhost@example.org/", "ftp://127.0.0.1", "file:///etc",
                "https://user:secret@example.org", "https://a/{1,2}", "http://127.0.0.1/?"):
        r = p.run("--yes", "tiny", base=bad)
        check("base-url %r" % bad, r.returncode == 2, r)
    check("nothing was asked for or written", not p.server.asked and p.left() == [], p.server.asked, p.left())


def interrupted(new):
    p = new()
    p.server.faults[p.at] = [cut(0.5), cut(0.5), code(503)]
    r = p.run("--yes", "tiny")
    starts = [a[2] for a in p.server.asked if a[1] == p.at]
    check("cut connections: gone on with", r.returncode == 0 and p.there() and starts == [0, 300000, 450000, 450000], r, starts)
    p = new()
    p.server.faults[p.at] = [cut(0.5), whole]
    r = p.run("--yes", "tiny")
    check("a server without ranges: from the beginning", r.returncode == 0 and p.there(), r, p.server.asked)
    p = new()
    p.server.faults[p.at] = [cut(0.25)] + [code(500)] * 9
    r = p.run("--yes", "tiny")
    check("500 for ever: ends", r.returncode == 1 and "500" in r.stderr and p.part() == 150000 and "tiny" not in p.left(), r, p.part())
    p.server.faults.clear()
    p.server.asked.clear()
    r = p.run("--yes", "tiny")
    check("… and the next run goes on", r.returncode == 0 and p.there() and ("GET", p.at, 150000) in p.server.asked, r, p.server.asked)
    for alone in (False, True):
        p = new()
        stop = p.server.faults[p.at] = Stop()
        child = subprocess.Popen(p.command("--yes", "tiny"), env=p.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True)
        check("half of it", stop.half.wait(100))
        while not p.part():
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL) if alone else os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        check("killed: no name", p.left() == [".get-model-tiny"], p.left())
        p.server.faults.clear()
        if alone:  # curl lives on and writes: the next run must not write beside it
            threading.Timer(0.5, stop.go.set).start()
        r = p.run("--yes", "tiny")
        stop.go.set()
        check("killed%s: the next run ends it" % (" without its curl" if alone else ""), r.returncode == 0 and p.there() and p.left() == ["tiny"], r)
    p = new()
    stop = p.server.faults[p.at] = Stop()
    two = [subprocess.Popen(p.command("--yes", "tiny"), env=p.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True) for _ in range(2)]
    stop.half.wait(100)
    stop.go.set()
    said = [c.communicate() for c in two]
    gets = [a for a in p.server.asked if a[1] == p.at]
    check("two at once: one fetches", [c.returncode for c in two] == [0, 0] and p.there() and len(gets) == 1 and p.left() == ["tiny"], said, gets)


def wrong(new):
    p = new()
    p.server.files[p.at] = p.weights[:-1] + b"!"
    r = p.run("--yes", "tiny")
    check("wrong digest: said and deleted", r.returncode == 1 and sha(p.weights) in r.stderr and p.left() == [], r, p.left())
    p = new()
    p.server.files["/openai/CLIP/raw/main/clip/" + VOCABULARY] = b"x" * len(p.vocabulary)
    r = p.run("--yes", "tiny")
    check("wrong vocabulary: no name", r.returncode == 1 and VOCABULARY in r.stderr and "tiny" not in p.left(), r, p.left())
    for name, body in (("a page instead", b"<html>please log in</html>"), ("longer", p.weights * 2), ("one byte more", p.weights + b"x")):
        p = new()
        p.server.files[p.at] = body
        r = p.run("--yes", "tiny")
        check(name, r.returncode == 1 and "600000" in r.stderr and p.left() == [], r, p.left())
    p = new()

    def endless(handler, body, start):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(2000):
                handler.wfile.write(b"x" * 100000)
        handler.close_connection = True
    p.server.faults[p.at] = endless
    r = p.run("--yes", "tiny")
    check("a body without an end", r.returncode == 1 and "600000" in r.stderr and p.left() == [], r, p.left())
    for number in (404, 403, 410):
        p = new()
        p.server.faults[p.at] = code(number)
        r = p.run("--yes", "tiny")
        check("%d" % number, r.returncode == 1 and str(number) in r.stderr and p.left() == []
              and len(p.server.asked) == 1, r, p.server.asked)
    # a part that is none, from whomever
    p = new()
    os.makedirs(os.path.join(p.models, ".get-model-tiny", "files"))
    for name, size in (("tiny.safetensors.part", 700000), ("stranger.safetensors", 10), (VOCABULARY, 100)):
        with open(os.path.join(p.models, ".get-model-tiny", "files", name), "wb") as f:
            f.write(b"x" * size)
    r = p.run("--yes", "tiny")
    check("what was left is not what it should be", r.returncode == 0 and p.there() and not os.path.exists(
        os.path.join(p.models, "tiny", "stranger.safetensors")), r)
    p = new()
    r = p.run("--yes", "tiny", base="http://127.0.0.1:9")
    check("nobody listens", r.returncode == 1 and r.stderr.count("\n") < 20 and "127.0.0.1" in r.stderr and p.left() == [], r)


def redirected(new):
    p = new()
    p.server.files["/elsewhere"] = p.weights
    p.server.faults[p.at] = redirect(p.server.url + "/elsewhere")
    r = p.run("--yes", "tiny")
    check("redirected", r.returncode == 0 and p.there(), r)
    for name, to in (("a file", "file://%s/right"), ("a circle", p.server.url + p.at), ("gopher", "gopher://127.0.0.1/x")):
        p = new()
        with open(os.path.join(p.home, "right"), "wb") as f:
            f.write(p.weights)
        p.server.faults[p.at] = redirect(to.replace("%s", p.home))
        r = p.run("--yes", "tiny")
        check("redirected to " + name, r.returncode == 1 and "tiny" not in p.left(), r)


def no_room(new):
    p = new()
    p.write(bytes=10**15)
    r = p.run("--yes", "tiny")
    check("no room: said first", r.returncode == 1 and "room" in r.stderr and not p.server.asked and p.left() == [], r)
    # a small disk that fills while it is fetched
    apart = ["unshare", "--mount"] + ["--map-root-user"] * (os.getuid() != 0)
    if subprocess.run([*apart, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], stderr=subprocess.DEVNULL).returncode:
        global skipped
        skipped += 1
        return print("SKIPPED: a full disk: mounting is not allowed here")
    # The weights fit alone. Nobody says how long the vocabulary is, and it does not fit beside them.
    p = new()
    os.makedirs(p.models)
    at = "/openai/CLIP/raw/main/clip/" + VOCABULARY
    p.server.files[at] = p.vocabulary = os.urandom(400000)
    p.write()
    table = read(p.table).decode().replace("\t400000\t%s\t" % sha(p.vocabulary), "\t-\t-\t")
    with open(p.table, "w", encoding="utf-8") as f:
        f.write(table)

    def unsized(handler, body, start):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(body)
        handler.close_connection = True
    unsized.also_head = True
    p.server.faults[at] = unsized
    line = 'mount -t tmpfs -o size=900k tmpfs "$1"; m=$1; shift; "$@"; r=$?; find "$m" -type f -printf "%f %s\\n"; exit $r'
    r = p.run("--yes", "tiny", before=[*apart, "sh", "-c", line, "sh", p.models])
    check("a disk that is full: said, no name, and what came stays", r.returncode == 1 and "cannot be written" in r.stderr
          and "tiny.safetensors 600000" in r.stdout, r)


def hub(new):
    def place(*files, digest=True, lfs=("model.safetensors", "open_clip_model.safetensors", "x.pt")):
        p = new()
        p.server.files.pop(p.at)
        for name in files:
            body = p.weights if name in lfs else read(TINY, name) if os.path.exists(os.path.join(TINY, name)) else b"{}"
            for revision in ("main", COMMIT):
                path = "/an-org/a.model/resolve/%s/%s" % (revision, name)
                p.server.files[path] = body
                p.server.headers[path] = {"X-Repo-Commit": COMMIT, "ETag": '"%s"' % hashlib.sha1(body).hexdigest()}
                if name in lfs and digest:  # as there: a redirect that says what it will be
                    p.server.files["/cdn/" + name] = body
                    p.server.faults[path] = redirect(p.server.url + "/cdn/" + name, X_Linked_Etag='"%s"' % sha(p.weights),
                                                     X_Linked_Size=str(len(p.weights)))
        return p
    p = place("model.safetensors", "config.json", "vocab.json", "merges.txt", "README.md", "pytorch_model.bin")
    r = p.run("--yes", "--hub", "an-org/a.model")
    folder = os.path.join(p.models, "a.model")
    check("a repository", r.returncode == 0 and sorted(os.listdir(folder)) == ["SHA256SUMS", "config.json", "merges.txt", "model.safetensors", "vocab.json"]
          and read(folder, "model.safetensors") == p.weights, r)
    check("what nobody vouches for is said", "nobody gives a SHA-256 of config.json" in r.stderr and "of model.safetensors" not in r.stderr, r.stderr)
    check("all of one state", all("/main/" not in a[1] for a in p.server.asked if a[0] == "GET"), p.server.asked)
    p.server.asked.clear()
    r = p.run("--yes", "--hub", "an-org/a.model")
    check("… again", r.returncode == 0 and not p.server.asked, r)
    p = place("model.safetensors", "config.json", "open_clip_model.safetensors", "open_clip_config.json", "tokenizer.json", "merges.txt")
    r = p.run("--yes", "--hub", "an-org/a.model", "--as", "other")
    check("OpenCLIP's own where both are", r.returncode == 0 and sorted(os.listdir(os.path.join(p.models, "other"))) == [
        "SHA256SUMS", "open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json"], r)
    p = place("x.pt")
    r = p.run("--yes", "--hub", "an-org/a.model")
    check("weights under another name: asked for", r.returncode == 1 and "--file" in r.stderr and p.left() == [], r)
    r = p.run("--yes", "--hub", "an-org/a.model", "--file", "x.pt")
    check("… and named; CLIP's vocabulary goes with it", r.returncode == 0 and sorted(os.listdir(os.path.join(p.models, "a.model"))) == [
        "SHA256SUMS", VOCABULARY, "x.pt"], r)
    p = place("model.safetensors", digest=False)
    r = p.run("--yes", "--hub", "an-org/a.model")
    check("no digest: said, with the one that came", r.returncode == 0 and "nobody gives a SHA-256 of model.safetensors" in r.stderr
          and sha(p.weights) in r.stderr, r)
    for digest in (False, True):
        p = place("model.safetensors", digest=digest)
        r = p.run("--yes", "--hub", "an-org/a.model", "--sha256", "0" * 64)
        check("another digest than given", r.returncode == 1 and "0" * 64 in r.stderr and "a.model" not in p.left(), r)
        r = p.run("--yes", "--hub", "an-org/a.model", "--sha256", sha(p.weights).upper())
        check("the digest that was given", r.returncode == 0 and "nobody gives a SHA-256 of model" not in r.stderr, r)
    p = place("model.safetensors", "processor_config.json", "vocab.json", "merges.txt")
    r = p.run("--yes", "--hub", "an-org/a.model")
    check("what is said of pictures, in its newer place too", r.returncode == 0 and sorted(os.listdir(os.path.join(p.models, "a.model"))) == [
        "SHA256SUMS", "merges.txt", "model.safetensors", "processor_config.json", "vocab.json"], r)
    p = place("model.safetensors.index.json", "config.json")
    for name, body in {"model.safetensors.index.json": json.dumps({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}).encode(),
                       "m-1.safetensors": b"one", "m-2.safetensors": b"two"}.items():
        for revision in ("main", COMMIT):
            p.server.files["/an-org/a.model/resolve/%s/%s" % (revision, name)] = body
    r = p.run("--yes", "--hub", "an-org/a.model")
    check("shards", r.returncode == 0 and read(p.models, "a.model", "m-2.safetensors") == b"two", r)
    p.server.files = {k: v.replace(b"m-2", b"../../m-2") for k, v in p.server.files.items()}
    r = p.run("--yes", "--hub", "an-org/a.model", "--as", "b")
    check("a shard that leads out of the folder", r.returncode == 1 and "b" not in p.left(), r)
    p.server.files = {k: v.replace(b"../../m-2", b"\x1b[31mm-2") for k, v in p.server.files.items()}
    r = p.run("--yes", "--hub", "an-org/a.model", "--as", "b")
    check("a shard's name with control codes", r.returncode == 1 and "\x1b" not in r.stderr and "b" not in p.left(), r)
    for number in (401, 404, 500):
        p = new()
        p.server.files.clear()
        p.server.faults = {"/an-org/a.model/resolve/main/" + n: code(number) for n in ("open_clip_model.safetensors", "model.safetensors")}
        r = p.run("--yes", "--hub", "an-org/a.model")
        check("repository: %d" % number, r.returncode == 1 and p.left() == [] and r.stderr.count("\n") <= 2, r)
    p = new()
    r = p.run("--yes", "--hub", "an-org/a.model", base="http://127.0.0.1:1")
    check("repository: no answer, curl's whole sentence", r.returncode == 1 and p.left() == [] and "safetensors: Failed to connect" in r.stderr, r)


def used(new):
    """clipmoe finds it by its name."""
    p = new()
    p.weights = read(TINY, "model.safetensors")
    p.server.files[p.at] = p.weights
    p.write()
    r = p.run("--yes", "tiny")
    picture = os.path.join(p.home, "a.ppm")
    from PIL import Image
    Image.new("RGB", (64, 64), (200, 30, 30)).save(picture.replace("ppm", "png"))
    e = dict(p.environment(), CLIPMOE_MODEL_PATH="", XDG_CACHE_HOME=os.path.join(p.home, "cache"))
    run = subprocess.run([COMMAND, "tag", "--model", "tiny", "--labels", "red;blue", picture.replace("ppm", "png")], env=e, capture_output=True, text=True)
    check("clipmoe tag --model NAME", r.returncode == 0 and run.returncode == 0 and "red" in run.stdout, r, run)


def table():
    with open(TABLE, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    check("the list: seven columns", rows and all(len(r) == 7 for r in rows))
    for r in rows:
        check("the list: " + r[0] + " " + r[1], r[4].startswith("https://") and r[4].endswith("/" + r[1]) and r[5] and r[6]
              and (r[2] == "-" or int(r[2]) > 0) and (r[3] == "-" or len(r[3]) == 64 and int(r[3], 16)), r)
        if "openaipublic" in r[4]:
            check("the list: the address has the digest", "/%s/" % r[3] in r[4], r)
    for name in {r[0] for r in rows}:
        check("the list: %s has its vocabulary" % name, [r[1] for r in rows if r[0] == name][1:] == [VOCABULARY])


def main():
    for tool in ("curl", "flock"):
        if not shutil.which(tool):
            print("skipped: %s is missing" % tool)
            return 77
    server = Server()
    with tempfile.TemporaryDirectory() as top:
        def new():
            return Place(top, server)
        table()
        for test in (fetched, asked, names, interrupted, wrong, redirected, no_room, hub, used):
            test(new)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
