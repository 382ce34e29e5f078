"""A broker for tests (Debian's mosquitto, on loopback, with its own configuration), a client that hears what is published,
written anew so that it shares nothing with the library under test, and a gate between broker and sender that makes faults."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import children  # noqa: E402, F401

MOSQUITTO = next((p for p in ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto") if os.path.exists(p)), None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(ready, what, seconds=60):
    """Waits for a condition and says which one never came."""
    end = time.time() + seconds
    while not ready():
        if time.time() > end:
            raise AssertionError("never came: " + what)
        time.sleep(.01)


class Broker:
    """mosquitto in a folder of its own. @lines: more of its configuration."""

    def __init__(self, folder, lines=(), port=None):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.port, self.process = folder, port or free_port(), None
        self.config, self.log = (os.path.join(folder, n) for n in ("mosquitto.conf", "log"))
        with open(self.config, "w") as f:
            f.write("user root\nper_listener_settings false\nlistener %d 127.0.0.1\npersistence false\nlog_dest file %s\nlog_type notice\nlog_type error\nmax_queued_messages 0\n" % (self.port, self.log) +
                    "".join(l + "\n" for l in lines or ["allow_anonymous true"]))

    def start(self):
        self.process = subprocess.Popen([MOSQUITTO, "-c", self.config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self.answers, "the broker")
        return self

    def answers(self):
        assert self.process.poll() is None, "mosquitto ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def logged(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def certificates(folder, host="localhost", kind="DNS"):
    """CA, another CA and a server's key and certificate for @host, made by openssl."""
    os.makedirs(folder, exist_ok=True)

    def openssl(*a):
        subprocess.run(["openssl", *a], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".crt")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + host,
            "-keyout", "server.key", "-out", "server.csr")
    with open(os.path.join(folder, "san"), "w") as f:
        f.write("subjectAltName=%s:%s\n" % (kind, host))
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
            "-extfile", "san", "-out", "server.crt")
    for name in ("server.key", "server.crt", "ca.crt"):
        os.chmod(os.path.join(folder, name), 0o644)
    return folder


def have_openssl():
    return shutil.which("openssl") is not None


class Client:
    """Hears everything: @messages is a list of (topic, payload, retained), in order."""

    def __init__(self, port, topic="#", user=None, password=None, name=None):
        self.messages, self.lock, self.open = [], threading.Lock(), True
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.settimeout(None)
        flags = 2 | (0x80 if user else 0) | (0x40 if password else 0)
        body = self.text("MQTT") + bytes([4, flags]) + struct.pack(">H", 0) + self.text(name or "hears-%d-%d" % (os.getpid(), id(self) % 1000000))
        body += (self.text(user) if user else b"") + (self.text(password) if password else b"")
        self.send(0x10, body)
        kind, answer = self.packet()
        assert kind == 0x20 and answer[1] == 0, (kind, answer)
        self.send(0x82, struct.pack(">H", 1) + self.text(topic) + bytes([1]))
        self.subscribed = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()
        assert self.subscribed.wait(30)

    @staticmethod
    def text(s):
        b = s.encode()
        return struct.pack(">H", len(b)) + b

    def send(self, kind, body):
        n, length = len(body), b""
        while True:
            n, digit = divmod(n, 128)
            length += bytes([digit | (0x80 if n else 0)])
            if not n:
                break
        self.socket.sendall(bytes([kind]) + length + body)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def packet(self):
        kind = self.exactly(1)[0]
        n = shift = 0
        while True:
            digit = self.exactly(1)[0]
            n |= (digit & 127) << shift
            shift += 7
            if not digit & 128:
                break
        return kind, self.exactly(n)

    def run(self):
        try:
            while True:
                kind, body = self.packet()
                if kind >> 4 == 9:
                    self.subscribed.set()
                if kind >> 4 != 3:
                    continue
                n = struct.unpack(">H", body[:2])[0]
                topic, rest = body[2:2 + n].decode(), body[2 + n:]
                if kind >> 1 & 3:
                    self.send(0x40, rest[:2])
                    rest = rest[2:]
                with self.lock:
                    self.messages.append((topic, rest.decode(errors="replace"), bool(kind & 1)))
        except (EOFError, OSError):
            self.open = False

    def publish(self, topic, payload, retain=False):
        payload = payload if isinstance(payload, bytes) else payload.encode()
        self.send(0x30 | retain, self.text(topic) + payload)

    def of(self, topic):
        """The payloads of @topic."""
        with self.lock:
            return [p for t, p, _ in self.messages if t == topic]

    def last(self, topic):
        return (self.of(topic) or [None])[-1]

    def topics(self):
        with self.lock:
            return {t for t, _, _ in self.messages}

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def events_of(c):
    """The numbers of the events that @c heard."""
    with c.lock:
        return [int(json.loads(p)["id"]) for t, p, _ in c.messages if t.endswith("/event")]


def firsts(numbers):
    """Without those that came again."""
    seen, out = set(), []
    for n in numbers:
        if n not in seen:
            out.append(n)
            seen.add(n)
    return out


class Gate:
    """Passes connections on to the broker, and makes faults: shut (refuses), stalled (takes, passes nothing on), slow."""

    def __init__(self, to):
        self.to, self.port, self.how, self.pairs, self.listener = to, free_port(), "open", [], None
        self.accepted, self.silent = 0, set()
        self.says = None  # instead of a broker: a function of the connection
        self.open()

    def open(self):
        self.how = "open"
        if self.listener:
            return
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(50)
        threading.Thread(target=self.accept, args=[self.listener], daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                a, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.says:
                threading.Thread(target=self.says, args=[a], daemon=True).start()
                continue
            try:
                b = socket.create_connection(("127.0.0.1", self.to), 5)
            except OSError:
                a.close()
                continue
            self.pairs.append((a, b))
            for x, y in ((a, b), (b, a)):
                threading.Thread(target=self.carry, args=[x, y], daemon=True).start()

    def carry(self, x, y):
        try:
            while True:
                data = x.recv(64 if self.how == "slow" else 65536)
                while self.how == "stalled":
                    time.sleep(.01)
                if not data:
                    break
                y.sendall(data)
                if self.how == "slow":
                    time.sleep(.02)
        except OSError:
            pass
        for s in (x, y):
            try:
                if s not in self.silent:
                    s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self, reset=True):
        """Breaks what is connected."""
        for pair in self.pairs:
            for s in pair:
                try:
                    if reset:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.shutdown(socket.SHUT_RDWR)
                    s.close()
                except OSError:
                    pass
        self.pairs = []

    def half(self):
        """Breaks the sender's side alone: the broker does not see it."""
        self.kept = self.pairs
        for a, b in self.pairs:
            self.silent.add(b)
            a.shutdown(socket.SHUT_RDWR)
        self.pairs = []

    def shut(self):
        """Nobody is there any more."""
        if self.listener:
            try:
                self.listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.listener.close()
            self.listener = None
        self.cut()


class Feed:
    """tests/publish/feed.c"""

    def __init__(self, program, target, *more, within=(), **env):
        self.process = subprocess.Popen([*within, program, target, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        restore_signals=False, env=dict(os.environ, **env))
        self.lines, self.lock = [], threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        for line in self.process.stdout:
            with self.lock:
                self.lines.append(line.decode().rstrip("\n").split("\t"))

    def say(self, *fields):
        self.process.stdin.write(("\t".join(str(f) for f in fields) + "\n").encode())
        self.process.stdin.flush()

    def heard(self, kind):
        with self.lock:
            return [l[1:] for l in self.lines if l[0] == kind]

    def news(self):
        return [n[1] for n in self.heard("news")]

    def ask(self, question, answer):
        n = len(self.heard(answer))
        self.say(question)
        until(lambda: len(self.heard(answer)) > n, answer)
        return [int(x) for x in self.heard(answer)[-1]]

    def stats(self):
        return dict(zip(("looks", "looks_dropped", "events", "events_dropped", "waiting"), self.ask("stats", "stats")))

    def finish(self):
        """How many messages were lost."""
        lost = self.ask("finish", "lost")[0]
        assert self.process.wait(60) == 0
        return lost

    def kill(self):
        self.process.kill()
        self.process.wait()
