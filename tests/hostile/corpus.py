"""What the tests with hostile files share: running the command under limits, judging what it says, small files of
every kind. CLIPMOE_COMMAND names the command, CLIPMOE_LIMITED the program made of limited.c."""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unicodedata
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import slow  # noqa: E402

COMMAND = os.environ["CLIPMOE_COMMAND"]
LIMITED = os.environ["CLIPMOE_LIMITED"]
TESTS = os.environ["CLIPMOE_TEST_SOURCES"]
SMALL = os.environ["CLIPMOE_TEST_MODELS"]  # models made when building
MODEL = os.path.join(os.path.dirname(TESTS), "models", "clip-tiny")
ASAN = b"__asan_init" in open(COMMAND, "rb").read()
SECONDS = slow.seconds(100 if ASAN else 20)
SHARED_MEMORY = "/dev/shm"  # thousands of fsyncs cost nothing there
TOP = tempfile.mkdtemp(prefix="clipmoe-hostile-", dir=SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None)
passed, failures = [], []


class Run:
    """One run of a command: how it ended, what it wrote, the most memory it had (in bytes)."""

    def __init__(self, arguments, stdin=b"", env=None, stdout=None, seconds=SECONDS, command=COMMAND, mebibytes=4096):
        report, out, err = (os.path.join(TOP, n) for n in ("report", "out", "err"))
        with open(out, "wb") as o, open(err, "wb") as e:
            how = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
            subprocess.run([LIMITED, str(seconds), "0" if ASAN else str(mebibytes), report, command] + arguments, **how,
                           stdout=stdout or o, stderr=e, env=dict(os.environ, **(env or {})), check=True)
        how, number, kib = open(report, encoding="ascii").read().split() if os.path.getsize(report) else ("?", "0", "0")
        self.status = int(number) if how == "exit" else None
        self.end = {"hangs": "hangs", "signal": "killed by signal %s" % number}.get(how, "exit status %s" % number)
        if how == "signal":
            self.end = "killed by " + signal.Signals(int(number)).name
        self.memory = int(kib) << 10
        self.out, self.err = open(out, "rb").read(), open(err, "rb").read().decode("utf-8", "replace")


def hidden(text):
    """What a terminal would obey or not show."""
    return [c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf") or c in "\u2028\u2029")]


def verdict(name, problem):
    if problem:
        failures.append("%s: %s" % (name, problem))
    else:
        passed.append(name)


def sentence(run, says=(), lines=2, most=3000):
    """What is wrong with a refusal, or None. @says: each of these, or one of a tuple's, must stand in it."""
    if run.status is None:
        return run.end + ": " + run.err[-300:]
    if "Sanitizer" in run.err or "runtime error" in run.err:
        return "sanitizer: " + run.err[:1500]
    told = [line for line in run.err.splitlines() if line.strip()]
    if run.status != 1:
        return "%s, expected 1: %s" % (run.end, run.err[:300])
    if run.out:
        return "wrote to stdout: %r" % run.out[:80]
    if not told or not 12 < len(told[-1]):
        return "says nothing"
    if len(told) > lines or len(run.err) > most:
        return "more than a sentence: %s" % run.err[:400]
    if hidden(run.err):
        return "control codes: %r" % run.err[:300]
    for word in says:
        if not any(w in run.err for w in ([word] if isinstance(word, str) else word)):
            return "does not say %r: %s" % (word, run.err[:300])
    return None


base = {}


def proportion(run, arguments, size):
    """Promise 3: the file's size and 64 MiB, beyond what the command takes for a small sound file."""
    if ASAN:
        return None
    kind = arguments[0] if arguments[0] != "model" else " ".join(arguments[:2])
    if kind not in base:
        small = os.path.join(SMALL, "dense77.weights.safetensors")
        good = {"model inspect": [small], "model convert": [small, os.path.join(TOP, "base"), "--to", "clipmoe"], "tokenize": ["a dog"],
                "tag": ["--labels", "a,b", write("base.png", png(8, 8))], "embed": ["--text", "a"]}[kind]
        base[kind] = Run(kind.split() + good).memory
    most = base[kind] + size + (64 << 20)
    return None if run.memory <= most else "%d MiB of memory, expected at most %d" % (run.memory >> 20, most >> 20)


def check(name, arguments, *says, stdin=b"", size=0, lines=2):
    """The command must refuse: exit status 1, one sentence with @says, nothing on stdout, little memory (@size: of
    the files that it reads)."""
    run = Run(arguments, stdin)
    verdict(name, sentence(run, says, lines, 3000 + 2 * max(map(len, arguments))) or proportion(run, arguments, size))


def reads(name, arguments, *says, out=()):
    """The command must do it: exit status 0, @says on stderr, @out on stdout."""
    run = Run(arguments)
    problem = None
    if run.status != 0 or "Sanitizer" in run.err:
        problem = "%s: %s" % (run.end, run.err[:1500])
    for word in says:
        if word not in run.err:
            problem = problem or "does not say %r: %s" % (word, run.err[:300])
    for word in out:
        if (word if isinstance(word, bytes) else word.encode()) not in run.out:
            problem = problem or "does not print %r: %r" % (word, run.out[:300])
    if hidden(run.out.decode("utf-8", "replace").replace("\r\n", "\n")) or hidden(run.err):
        problem = problem or "control codes: %r %r" % (run.out[:200], run.err[:200])
    verdict(name, problem)
    return run


def write(name, data):
    path = name if os.path.isabs(name) else os.path.join(TOP, name)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def png_chunk(kind, body, crc=None):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) if crc is None else crc)


def png(width, height, rows=None, bits=8, kind=2, before=b"", behind=b""):
    """@rows: unpacked, each with its filter byte; @before, @behind: chunks around the data."""
    if rows is None:
        rows = b"".join(b"\0" + bytes([40 * y % 256] * (3 * width)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width & 0xffffffff, height & 0xffffffff, bits, kind, 0, 0, 0))
            + before + png_chunk(b"IDAT", zlib.compress(rows)) + behind + png_chunk(b"IEND", b""))


def close():
    shutil.rmtree(TOP)
    for line in failures:
        print("FAIL", line)
    print("%d passed, %d failed, 0 skipped" % (len(passed), len(failures)))
    sys.exit(1 if failures else 0)
