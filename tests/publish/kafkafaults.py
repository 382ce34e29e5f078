#!/usr/bin/python3
"""Faults of a Kafka cluster (librdkafka's own for tests, on loopback, behind a gate that makes those which it cannot): whatever
happens, every event arrives, once or more and in order for each source; looks may be dropped and are counted; troubles are told.

    kafkafaults.py FEED SERVER          two faults of each kind
    kafkafaults.py FEED SERVER --long   twenty
"""
import json
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

import mqttbroker
from mqttbroker import Feed, until

FEED, SERVER = sys.argv[1:3]
FAULTS = 20 if "--long" in sys.argv else 2
SECRET = "hunter2-Zq9"
work = tempfile.mkdtemp()
passed = failed = skipped = 0
running = []


def check(name, ok, *why):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print("FAILED:", name, *[str(w)[:800] for w in why])


class Cluster:
    """tests/publish/kafkaserver.c"""

    def __init__(self):
        self.process = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(self.process)
        self.ports = [int(s.rpartition(":")[2]) for s in self.process.stdout.readline().split("\t")[1].split(",")]

    def say(self, *fields):
        self.process.stdin.write("\t".join(str(f) for f in fields) + "\n")
        self.process.stdin.flush()

    def all(self, what, *more):
        for i in (1, 2, 3):
            self.say(what, i, *more)

    def read(self):
        """(key, body) of all messages; those of a key are in order."""
        self.say("read")
        messages = []
        for line in self.process.stdout:
            fields = line.rstrip("\n").split("\t", 3)
            if fields[0] == "read":
                return messages
            messages.append((fields[2], json.loads(fields[3])))
        raise AssertionError("the cluster ended")

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


class Gate:
    """Servers in front of those of the cluster: with TLS if @tls has a context, with SASL PLAIN if @password is set. @how: open,
    stalled (takes all, answers nothing), slow, garbage (answers noise), mute (never answers)."""

    def __init__(self, ports, tls=None, password=None):
        self.tls, self.password, self.how, self.refused, self.accepted = tls, password, "open", 0, 0
        self.pairs, self.ports, self.listeners = [], {}, []
        for port in ports:
            self.ports[port] = mqttbroker.free_port()
        self.listen()

    def target(self):
        return "kafka://%s/looks" % ",".join("127.0.0.1:%d" % p for p in self.ports.values())

    def listen(self):
        for to, port in self.ports.items():
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(50)
            self.listeners.append(listener)
            threading.Thread(target=self.accept, args=[listener, to], daemon=True).start()

    def accept(self, listener, to):
        while True:
            try:
                a, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.serve, args=[a, to], daemon=True).start()

    def serve(self, a, to):
        try:
            if self.how == "mute":
                self.pairs.append((a, a))
                return
            if self.how == "garbage":
                a.sendall(random.Random(self.accepted).randbytes(5000))
                a.close()
                return
            if self.tls:
                a = self.tls.wrap_socket(a, server_side=True)
            b = socket.create_connection(("127.0.0.1", to), 5)
        except OSError:  # a client that does not like the certificate, a server that is down
            a.close()
            return
        self.pairs.append((a, b))
        threading.Thread(target=self.carry, args=[a, b, not self.password], daemon=True).start()
        threading.Thread(target=self.carry, args=[b, a, None], daemon=True).start()

    @staticmethod
    def exactly(s, n):
        data = b""
        while len(data) < n:
            more = s.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def carry(self, x, y, known):
        """Frames from @x to @y. @known: whether the client has logged in; None: they come from the server."""
        try:
            while True:
                frame = self.exactly(x, struct.unpack(">I", self.exactly(x, 4))[0])
                while self.how == "stalled":
                    time.sleep(.01)
                if self.how == "slow":
                    time.sleep(.05)
                key, version, number = struct.unpack(">hhI", frame[:8])
                if known is False and key != 18:  # all but the question for versions needs a login
                    known = self.answer(x, key, number, frame)
                    continue
                if known is None and self.password and frame[4:6] == b"\0\0" and frame[10:12] == b"\0\0":
                    frame = self.with_sasl(frame)
                for old, new in self.ports.items():
                    host = b"\x00\x09127.0.0.1"
                    if known is None:
                        frame = frame.replace(host + struct.pack(">I", old), host + struct.pack(">I", new))
                y.sendall(struct.pack(">I", len(frame)) + frame)
        except (EOFError, OSError, struct.error):
            pass
        for s in (x, y):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def answer(self, to, key, number, frame):
        """What a login asks for. Whether it is over."""
        ok = False
        if key == 17:  # SaslHandshake
            body = struct.pack(">hi", 0, 1) + b"\0\5PLAIN"
        elif key == 36:  # SaslAuthenticate
            ok = frame.endswith(b"\0me\0" + self.password.encode())
            self.refused += not ok
            body = struct.pack(">hhi", 0 if ok else 58, -1, 0)
        else:
            raise EOFError
        to.sendall(struct.pack(">II", 4 + len(body), number) + body)
        return ok

    @staticmethod
    def with_sasl(frame):
        """An answer to ApiVersions (version 0) in which the two requests of a login are, too."""
        n = struct.unpack(">I", frame[6:10])[0]
        return frame if len(frame) != 10 + 6 * n else frame[:6] + struct.pack(">I", n + 2) + frame[10:] + struct.pack(">6h", 17, 0, 1, 36, 0, 0)

    def cut(self):
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def shut(self):
        for listener in self.listeners:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        self.listeners = []
        self.cut()


def feed(target, *more):
    running.append(Feed(FEED, target, *more))
    return running[-1]


def path(name, text):
    name = os.path.join(work, name)
    with open(name, "w") as f:
        f.write(text)
    os.chmod(name, 0o600)
    return name


class Events:
    """Numbered, of three sources in turn."""

    def __init__(self):
        self.sent = 0

    def more(self, f, n):
        for _ in range(n):
            f.say("event", "start", self.sent, "s%d" % (self.sent % 3), "x", "-", self.sent)
            self.sent += 1

    def all_there(self, name, cluster):
        messages = [(k, int(b["id"])) for k, b in cluster.read() if b["schema"] == "clipmoe.event/1"]
        seen, last, disorder = set(), {}, []
        for key, n in messages:
            if n in seen:
                continue
            seen.add(n)
            if n < last.get(key, -1) or key != "s%d" % (n % 3):
                disorder.append((key, n))
            last[key] = n
        check(name + ": every event arrived", seen == set(range(self.sent)), set(range(self.sent)) - seen)
        check(name + ": in order for each source", not disorder, disorder)
        print("  %s: %d events, %d messages" % (name, self.sent, len(messages)))


def flows(f):
    until(lambda: f.stats()["waiting"] == 0, "nothing waits any more", 150)


def faults():
    cluster, events, rng = Cluster(), Events(), random.Random(2)
    gate = Gate(cluster.ports)
    f = feed(gate.target(), "live", "size=5000")
    events.more(f, 10)
    flows(f)
    # NOT_LEADER, NOT_ENOUGH_REPLICAS, REQUEST_TIMED_OUT, NETWORK_EXCEPTION, LEADER_NOT_AVAILABLE
    again = [6, 19, 7, 13, 5]
    # OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID, INVALID_PRODUCER_EPOCH: an idempotent producer may be over
    over = [45, 59, 47]
    kinds = ["down", "one down", "leader", "errors", "over", "slow", "stalled", "cut", "garbage"] * FAULTS
    rng.shuffle(kinds)
    took = {}
    for kind in kinds:
        begin = time.time()
        events.more(f, rng.randrange(1, 10))
        if kind == "down":
            cluster.all("down")
            events.more(f, 5)
            time.sleep(.1)
            cluster.all("up")
        elif kind == "one down":
            n = rng.randrange(1, 4)
            cluster.say("down", n)
            events.more(f, 9)
            time.sleep(.1)
            cluster.say("up", n)
        elif kind == "leader":
            for p in range(4):
                cluster.say("leader", p, rng.randrange(1, 4))
            events.more(f, 9)
        elif kind in ("errors", "over"):
            for _ in range(rng.randrange(1, 4)):
                cluster.say("fail", 1, rng.choice(again if kind == "errors" else over))
            events.more(f, 9)
        elif kind == "slow":
            gate.how = "slow"
            events.more(f, 10)
            flows(f)
        elif kind == "stalled":
            gate.how = "stalled"
            events.more(f, 30)
            time.sleep(.2)
        elif kind == "cut":
            gate.cut()
            events.more(f, 5)
        elif kind == "garbage":
            gate.how = "garbage"
            gate.cut()
            before = gate.accepted
            events.more(f, 5)
            until(lambda: gate.accepted > before, "a try")
        gate.how = "open"
        flows(f)
        took.setdefault(kind, []).append(time.time() - begin)
    print("  back after (s):", ", ".join("%s %.1f" % (k, max(v)) for k, v in sorted(took.items())))
    s = f.stats()
    check("nothing was dropped", not s["events_dropped"] and s["events"] == events.sent, s)
    check("nothing is lost at the end", f.finish() == 0)
    events.all_there("faults", cluster)
    told = f.news()
    check("no trouble is told twice in a row", all(a != b for a, b in zip(told, told[1:])), told)
    gate.shut()
    cluster.end()


def absent():
    """Nobody there at the start; ten minutes' worth of events and looks until somebody is; what no server takes; the topic."""
    cluster, events = Cluster(), Events()
    gate = Gate(cluster.ports)
    for round in range(FAULTS):
        cluster.all("down")
        f = feed(gate.target(), "live", "size=2500")
        looks = 6 * 600 if round == 0 else 30
        for i in range(looks):  # six looks and two events a second
            f.say("look", "s%d" % (i % 3), i, "x:0.5")
            if i % 3 == 2:
                events.more(f, 1)
        until(lambda: f.news(), "the trouble")
        cluster.all("up")
        flows(f)
        s = f.stats()
        check("looks were dropped and counted, events were not", s["looks"] + s["looks_dropped"] == looks and not s["events_dropped"] and
              (s["looks_dropped"] > 0) == (looks > 2500), s)
        check("the end", f.finish() == 0)
    events.all_there("absent, then ten minutes' worth", cluster)
    check("looks are there too", len([1 for _, b in cluster.read() if b["schema"] == "clipmoe.tags/1"]) > 0)
    f = feed(gate.target(), "live")
    cluster.say("fail", 1, 10)  # MSG_SIZE_TOO_LARGE
    f.say("event", "start", 1000000, "t", "x", "-", 1)
    until(lambda: f.stats()["events_dropped"] == 1, "what no server takes is dropped")
    check("and that is told", [n for n in f.news() if "bytes was refused and is dropped" in n], f.news())
    f.say("event", "start", 1000001, "t", "x" * 1100000, "-", 1)  # larger than librdkafka sends
    until(lambda: f.stats()["events_dropped"] == 2, "what is too large for a message is dropped")
    check("but told once", len([n for n in f.news() if "was refused" in n]) == 1, f.news())
    events.more(f, 5)
    flows(f)
    check("the end", f.finish() == 0)
    events.all_there("after what is too large", cluster)
    gate.shut()
    cluster.end()


def outbox():
    """kill -9 of ours while the cluster is there, slow, or not: what was accepted arrives."""
    cluster, events, rng = Cluster(), Events(), random.Random(3)
    gate, db = Gate(cluster.ports), os.path.join(work, "outbox.db")
    for round in range(50 if FAULTS > 2 else 3):
        gate.how = rng.choice(["open", "slow", "stalled"])
        f = feed(gate.target(), "live", "size=100000", "outbox=" + db)
        events.more(f, rng.randrange(20, 60))
        f.stats()  # accepted
        if gate.how != "stalled" and rng.random() < .5:
            until(lambda: f.stats()["events"] > 0, "one is sent", 150)
        f.kill()
    gate.how = "open"
    f = feed(gate.target(), "outbox=" + db, "live")
    events.more(f, 3)
    until(lambda: f.stats()["waiting"] == 0, "what is its own", 150)
    check("the end", f.finish() == 0)
    events.all_there("kills", cluster)
    gate.shut()
    cluster.end()


def ends():
    """A cluster that hangs does not keep ours from ending, whatever it hangs in."""
    cluster = Cluster()
    gate = Gate(cluster.ports)
    for how in ("stalled", "mute"):
        f = feed(gate.target(), "live")
        if how == "stalled":
            f.say("event", "start", 1, "s", "x", "-", 1)
            flows(f)
        gate.how = how
        f.say("event", "start", 2, "s", "x", "-", 1)
        begin = time.time()
        lost = f.finish()
        check("the end comes: " + how, lost == 1 and time.time() - begin < 20, lost, time.time() - begin)
        gate.how = "open"
        gate.cut()
    gate.shut()
    cluster.end()


def secured():
    """A wrong certificate, then the right one; a wrong password, then the right one."""
    global skipped
    if not mqttbroker.have_openssl():
        print("SKIPPED: certificates: openssl is not installed")
        skipped += 1
        return
    good, bad = (mqttbroker.certificates(os.path.join(work, n), "127.0.0.1", "IP") for n in ("keys", "bad"))

    def context(folder):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(folder + "/server.crt", folder + "/server.key")
        return c

    cluster, events = Cluster(), Events()
    login = path("login", "")
    gate = Gate(cluster.ports, context(good), SECRET)
    for round in range(FAULTS):
        gate.tls = context(bad)
        path("login", "me:%s\n" % SECRET)
        f = feed(gate.target(), "live", "login-file=" + login, "tls-ca=%s/ca.crt" % good)
        events.more(f, 10)
        until(lambda: [n for n in f.news() if "SSL" in n or "certificate" in n], "the wrong certificate is told")
        gate.tls = context(good)
        flows(f)
        check("the end", f.finish() == 0)
        path("login", "me:wrong\n")
        f = feed(gate.target(), "live", "login-file=" + login, "tls-ca=%s/ca.crt" % good)
        events.more(f, 10)
        until(lambda: gate.refused and f.news(), "the wrong password is told")
        check("and the event waits", f.stats()["waiting"] == 10, f.stats())
        path("login", "me:%s\n" % SECRET)
        flows(f)
        check("the end", f.finish() == 0)
        check("no message has a password", SECRET not in str(f.lines) and "wrong" not in str(f.news()), f.news())
        gate.refused = 0
    events.all_there("certificates and passwords", cluster)
    gate.shut()
    cluster.end()


signal.alarm(1500 if FAULTS > 2 else 170)
ONLY = [a for a in sys.argv[3:] if a != "--long"]


def run_all(*parts):
    for part in parts:
        if ONLY and part.__name__ not in ONLY:
            continue
        begin = time.time()
        try:
            part()
        except AssertionError as e:
            check(part.__name__, False, e, [r.lines[-5:] for r in running if isinstance(r, Feed) and r.process.poll() is None])
        print("%s: %.1f s" % (part.__name__, time.time() - begin), flush=True)


try:
    # beside each other, for most of it is waiting
    lanes = [threading.Thread(target=run_all, args=parts) for parts in ((faults,), (secured,), (absent, outbox, ends))]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
finally:
    for r in running:
        p = r.process if isinstance(r, Feed) else r
        if p.poll() is None:
            p.kill()
            p.wait()
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.stdout.flush()
os._exit(failed != 0)
