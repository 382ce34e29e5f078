#!/usr/bin/python3
"""Faults of an MQTT broker and of the machine around it, with Debian's mosquitto on loopback: absent, mute, full of noise, with
wrong certificates, passwords and names; messages that are too large; an outbox on a disk that is full or read-only. Every event
arrives, once or more and in order; looks may be dropped and are counted; each trouble is told once.

    mqttfaults.py FEED [OUTSIDE.so]          two faults of each kind
    mqttfaults.py FEED [OUTSIDE.so] --long   twenty, and what takes long
"""
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

import mqttbroker
from mqttbroker import Broker, Client, Feed, Gate, events_of, firsts, until

FEED = sys.argv[1]
OUTSIDE = next((a for a in sys.argv[2:] if a.endswith(".so")), None)
LONG = "--long" in sys.argv
FAULTS = 20 if LONG else 2
ONLY = [a for a in sys.argv[2:] if a not in (OUTSIDE, "--long")]
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


def skip(why):
    global skipped
    print("SKIPPED:", why)
    skipped += 1


def broker(name, lines=(), **more):
    running.append(Broker(os.path.join(work, name), lines, **more).start())
    return running[-1]


def feed(target, *more, **env):
    running.append(Feed(FEED, target, *more, **env))
    return running[-1]


def path(name, text):
    name = os.path.join(work, name)
    with open(name, "w") as f:
        f.write(text)
    os.chmod(name, 0o600)
    return name


def events(f, first, n, source="s"):
    for i in range(first, first + n):
        f.say("event", "start", i, source, "x", "-", i)
    return first + n


def flows(f):
    until(lambda: f.stats()["waiting"] == 0, "nothing waits any more")


def connected(f):
    return any(n.endswith("is connected") for n in f.news())


def arrived(name, c, n):
    """All of the events 0 to @n are there, in order."""
    until(lambda: len(set(events_of(c))) >= n, name + ": the events")
    heard = events_of(c)
    check(name + ": every event, in order", firsts(heard) == list(range(n)), firsts(heard))
    print("  %s: %d events, %d messages" % (name, n, len(heard)))


def absent():
    """Nobody there at the start, then ten minutes' worth: six looks and two events a second."""
    b = broker("absent")
    c, gate, sent = Client(b.port), Gate(b.port), 0
    for round in range(FAULTS):
        gate.shut()
        f = feed("mqtt://127.0.0.1:%d" % gate.port, "live", "size=2500")
        looks = 3600 if round == 0 else 30
        for i in range(looks):
            f.say("look", "s", i, "x:0.5")
            sent = events(f, sent, i % 3 == 2)
        until(lambda: [n for n in f.news() if "cannot be reached" in n], "the trouble")
        if round == 0:
            s = f.stats()
            check("looks were dropped, events were not", s["looks_dropped"] == 3600 + 1200 - 2500 and not s["events_dropped"], s)
        gate.open()
        flows(f)
        s = f.stats()
        check("looks are sent or counted", s["looks"] + s["looks_dropped"] == looks, s)
        check("the end", f.finish() == 0)
    arrived("absent, then ten minutes' worth", c, sent)
    gate.shut()
    b.kill()


def secured():
    """A wrong certificate, then the right one; a wrong password, then the right one."""
    if not mqttbroker.have_openssl():
        skip("certificates: openssl is not installed")
        return
    good, bad = (mqttbroker.certificates(os.path.join(work, n)) for n in ("keys", "bad"))
    passwords, port, sent = path("passwords", ""), mqttbroker.free_port(), 0
    subprocess.run(["mosquitto_passwd", "-b", passwords, "me", SECRET], check=True, capture_output=True)
    os.chmod(passwords, 0o644)
    os.chmod(work, 0o755)

    def secure(keys):
        return ["allow_anonymous false", "password_file " + passwords, "listener %d 127.0.0.1" % port, "cafile %s/ca.crt" % keys,
                "certfile %s/server.crt" % keys, "keyfile %s/server.key" % keys]

    login, heard = path("login", ""), []
    wrong, right = (Broker(os.path.join(work, n), secure(k)) for n, k in (("wrong", bad), ("right", good)))
    running.extend((wrong, right))
    for _ in range(FAULTS):
        wrong.start()
        path("login", "me:%s\n" % SECRET)
        f = feed("mqtts://localhost:%d" % port, "live", "login-file=" + login, "tls-ca=%s/ca.crt" % good)
        sent = events(f, sent, 5)
        until(lambda: [n for n in f.news() if "no secure connection" in n], "the wrong certificate is told")
        wrong.kill()
        right.start()
        c = Client(right.port, user="me", password=SECRET)
        flows(f)
        check("the end", f.finish() == 0)
        path("login", "me:wrong\n")
        f = feed("mqtts://localhost:%d" % port, "live", "login-file=" + login, "tls-ca=%s/ca.crt" % good)
        sent = events(f, sent, 5)
        until(lambda: [n for n in f.news() if "uthor" in n], "the wrong password is told")
        path("login", "me:%s\n" % SECRET)
        flows(f)
        check("the end", f.finish() == 0)
        check("no message has a password", SECRET not in str(f.lines), f.lines)
        until(lambda: sent - 1 in events_of(c), "the last event")
        heard.extend(events_of(c))
        right.kill()
    check("certificates and passwords: every event, in order", firsts(heard) == list(range(sent)), heard)
    print("  certificates and passwords: %d events, %d messages" % (sent, len(heard)))


def mute():
    """Takes connections and never answers: told, and left alone for somebody who does."""
    b = broker("mute")
    c, gate = Client(b.port), Gate(b.port)
    gate.says = lambda s: gate.pairs.append((s, s))
    f = feed("mqtt://127.0.0.1:%d" % gate.port, "live")
    events(f, 0, 5)
    until(lambda: [n for n in f.news() if "gives no answer" in n], "it is told that there is no answer")
    begin = time.time()
    g = feed("mqtt://127.0.0.1:%d/end" % gate.port, "live")
    events(g, 0, 1)
    check("the end comes all the same", g.finish() == 1 and time.time() - begin < 20, time.time() - begin)
    gate.says = None
    flows(f)
    arrived("mute", c, 5)
    check("the end", f.finish() == 0)
    gate.shut()
    b.kill()


def noise(seed):
    """What no broker should say; nothing of it confirms a message of ours."""
    r = random.Random(seed)
    connack, text = b"\x20\x02\0\0", lambda t: len(t).to_bytes(2, "big") + t
    publish = lambda flags, body: bytes([0x30 | flags, len(body)]) + body
    return [lambda: r.randbytes(3000), lambda: connack + bytes(x | 0x80 for x in r.randbytes(3000)), lambda: connack + b"\x40\x02\xea\x60" * 100,
            lambda: connack + b"\x30\xff\xff\xff\x7f" + r.randbytes(100000), lambda: connack + b"\x30\x05\xff\xffabc",
            lambda: connack + publish(6, text(b"clipmoe/s/set/labels") + b"\0\1x"), lambda: connack + publish(2, text(b"a") + b"\0\0"),
            lambda: connack + publish(0, text(b"")), lambda: connack + publish(0, text(b"clipmoe/s\xff\xfe/set/labels") + b"x"),
            lambda: connack + b"\x90\x01\0", lambda: connack + b"\xb0\0", lambda: connack + b"\xd0\x03abc", lambda: connack + b"\xe0\0",
            lambda: b"\x20\x02\0\xc8", lambda: b"\x20", lambda: b"\x20\x02\0", lambda: b"\x20\0", lambda: connack * 50,
            lambda: b"\x30\xff\xff\xff\xff\xff\xff\xff", lambda: b"HTTP/1.1 400 Bad Request\r\n\r\n"][seed % 20]()


def garbage():
    b = broker("garbage")
    c, gate, sent = Client(b.port), Gate(b.port), 0
    f = feed("mqtt://127.0.0.1:%d" % gate.port, "live", "commands", "discovery")
    f.say("labels", "s", "x")
    seeds = range(40) if LONG else random.Random(4).sample(range(20), 3)
    for seed in seeds:
        def says(s):
            s.recv(1000)
            s.sendall(noise(seed))
            s.close()

        before = gate.accepted
        gate.says = says
        gate.cut()
        sent = events(f, sent, 5)
        until(lambda: gate.accepted > before, "a try")
        gate.says = None
        flows(f)
    arrived("garbage", c, sent)
    check("no command came of it", not f.heard("command"), f.heard("command"))
    check("the end", f.finish() == 0)
    gate.shut()
    b.kill()


def memory(f, what):
    with open("/proc/%d/status" % f.process.pid) as s:
        return next(int(line.split()[1]) for line in s if line.startswith(what))


def large():
    """Large commands, and what others retain under the topics of our device: refused or removed, with bounded memory."""
    b = broker("large")
    c, mine = Client(b.port), Client(b.port, "homeassistant/+/+/+/config")
    f = feed("mqtt://127.0.0.1:%d" % b.port, "commands", "discovery")
    f.say("labels", "s", "x")
    f.say("event", "start", 0, "s", "x", "-", 0)
    flows(f)
    until(lambda: mine.topics(), "the announcement")
    device = sorted(mine.topics())[0].split("/")[2]
    before = memory(f, "VmRSS")
    for n in (16385, 70000, 20000000):
        c.publish("clipmoe/s/set/labels", b"x" * n)
    until(lambda: len([n for n in f.news() if "expected at most 16384 bytes" in n]) == 3, "the refusals")
    check("a large command takes no more memory than libmosquitto's part", not OUTSIDE or memory(f, "VmHWM") - before < 50000, before, memory(f, "VmHWM"))
    f.finish()
    for i in range(300):
        c.publish("homeassistant/sensor/%s/strange_%d/config" % (device, i), "{}" if i else "x" * 1000000, retain=True)
    until(lambda: len([t for t in mine.topics() if "strange" in t]) == 300, "what others retain")
    f = feed("mqtt://127.0.0.1:%d" % b.port, "commands", "discovery")
    f.say("labels", "s", "x")
    f.say("event", "start", 1, "s", "x", "-", 0)
    gone = lambda: {t for t, p, _ in list(mine.messages) if "strange" in t and not p}
    until(lambda: len(gone()) == 300, "what is not announced any more is removed")
    until(lambda: 1 in events_of(c), "an event meanwhile")
    check("the end", f.finish() == 0)
    b.kill()


def availability():
    """Who says `offline` last is right: at a clean end ours, and no last will behind it; a late last will of an earlier process is
    put right; a client that takes over our name does not keep us away."""
    b = broker("available")
    c, gate = Client(b.port), Gate(b.port)
    available = "clipmoe/available"
    f = feed("mqtt://127.0.0.1:%d" % gate.port)
    events(f, 0, 1)
    flows(f)
    check("the end", f.finish() == 0)
    until(lambda: c.last(available) == "offline", "offline")
    f = feed("mqtt://127.0.0.1:%d/other" % b.port)  # comes later than what the broker would still say
    events(f, 0, 1)
    until(lambda: c.last("other/available") == "online", "the other one")
    f.finish()
    check("a clean end is told once", c.of(available) == ["online", "offline"], c.of(available))
    f = feed("mqtt://127.0.0.1:%d" % gate.port)
    events(f, 1, 1)
    flows(f)
    old = gate.pairs[-1:]
    gate.silent.update(y for _, y in old)
    f.kill()  # the broker does not notice
    f = feed("mqtt://127.0.0.1:%d" % gate.port, "live")
    sent = events(f, 2, 1)
    flows(f)
    until(lambda: c.last(available) == "online", "online")
    n = len(c.of(available))
    for _, y in old:
        y.shutdown(2)
    until(lambda: "offline" in c.of(available)[n:], "the late last will")
    until(lambda: c.last(available) == "online", "and it is put right")
    name = [l.split(" as ")[1].split()[0] for l in b.logged().splitlines() if " as clipmoe-" in l][-1]
    for round in range(FAULTS):
        n = b.logged().count("already connected")
        Client(b.port, name=name).close()
        until(lambda: b.logged().count("already connected") > n, "it is taken over")
        sent = events(f, sent, 5)
        flows(f)
    until(lambda: c.last(available) == "online", "online after that")
    arrived("taken over", c, sent)
    check("the end", f.finish() == 0)
    until(lambda: c.last(available) == "offline", "offline")
    gate.shut()
    b.kill()


def surroundings():
    """A name that is not known at first; a clock that jumps back by an hour, and forth."""
    if not OUTSIDE:
        skip("names and clocks: not in this build")
        return
    b = broker("surroundings")
    c, known, late = Client(b.port), os.path.join(work, "known"), os.path.join(work, "late")
    env = {"LD_PRELOAD": OUTSIDE, "OUTSIDE_KNOWN": known, "OUTSIDE_LATE": late}
    f = feed("mqtt://broker.test:%d" % b.port, "live", "outbox=" + os.path.join(work, "clock.db"), **env)
    sent = events(f, 0, 5)
    until(lambda: [n for n in f.news() if "there is no host of this name" in n], "the name is not known")
    path("known", "")
    flows(f)
    for _ in range(FAULTS):
        path("late", "")
        sent = events(f, sent, 5)
        flows(f)
        os.unlink(late)
        sent = events(f, sent, 5)
    path("late", "")
    b.kill()
    heard = events_of(c)
    sent = events(f, sent, 5)
    f.stats()
    f.kill()
    os.unlink(late)
    b.start()
    c = Client(b.port)
    f = feed("mqtt://broker.test:%d" % b.port, "live", "outbox=" + os.path.join(work, "clock.db"), **env)
    sent = events(f, sent, 5)
    flows(f)
    until(lambda: sent - 1 in events_of(c), "the last event")
    heard += events_of(c)
    check("name and clock: every event, in order", firsts(heard) == list(range(sent)), heard)
    check("the end", f.finish() == 0)
    b.kill()


def mounted(script, folder):
    """The beginning of a command that runs within mounts of its own; empty where that is not allowed."""
    within = ["unshare", "-m", "sh", "-c", script + ' && exec "$@"', folder]
    return within if subprocess.run([*within, "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode == 0 else []


def disk():
    """An outbox on a disk that is full: the stream goes on, it is said once and counted, and the file is used again."""
    b = broker("disk")
    mount = os.path.join(work, "mount")
    os.mkdir(mount)
    within = mounted('mount -t tmpfs -o size=256k none "$0"', mount)
    for round in range(FAULTS):
        full_disk(b, "p%d" % round, os.path.join(mount, "outbox%d.db" % round), within)
    b.kill()


def full_disk(b, prefix, db, within):
    c, gate = Client(b.port, prefix + "/#"), Gate(b.port)
    gate.shut()
    f = feed("mqtt://127.0.0.1:%d/%s" % (gate.port, prefix), "live", "size=5000", "outbox=" + db, within=within)
    sent = events(f, 0, 20)
    f.stats()
    filler, most = "/proc/%d/root%s/filler" % (f.process.pid, os.path.dirname(db)), resource.prlimit(f.process.pid, resource.RLIMIT_FSIZE)[1]
    if within:
        try:
            with open(filler, "wb", buffering=0) as full:
                while True:
                    full.write(b"\0" * 4096)
        except OSError:
            pass
    else:
        resource.prlimit(f.process.pid, resource.RLIMIT_FSIZE, (8192, most))

    def told(what):
        return len([n for n in f.news() if what in n])

    while not told("messages wait in memory"):
        sent = events(f, sent, 20)
        f.stats()
    begin = time.time()
    sent = events(f, sent, 100)
    s = f.stats()
    check("the stream goes on", time.time() - begin < 20 and s["waiting"] == sent and not s["events_dropped"], s, sent)
    check("it is told once", told("messages wait in memory") == 1, f.news())
    if within:
        os.unlink(filler)
    else:
        resource.prlimit(f.process.pid, resource.RLIMIT_FSIZE, (most, most))

    def again():
        nonlocal sent
        sent = events(f, sent, 1)
        f.stats()
        return told("can be written again")

    until(again, "it can be written again")
    gate.open()
    flows(f)
    arrived("a full disk", c, sent)
    check("the end", f.finish() == 0)
    gate.shut()
    c.close()


def read_only():
    """A folder in which nothing can be written: one sentence that names the file."""
    folder = os.path.join(work, "locked")
    os.mkdir(folder)
    db = os.path.join(folder, "outbox.db")
    f = feed("mqtt://127.0.0.1:1", "outbox=" + db)
    f.finish()
    within = mounted('mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"', folder)
    if not within:
        os.chmod(folder, 0o500)
        if not os.geteuid():
            skip("a read-only folder: mounting is not allowed, and permissions do not hold for root")
            return
    for name in ("outbox.db", "new.db"):
        f = feed("mqtt://127.0.0.1:1", "outbox=" + os.path.join(folder, name), within=within)
        until(lambda: f.heard("error"), "the refusal")
        said = f.heard("error")[0][0]
        check("a read-only folder: " + name, said.startswith(os.path.join(folder, name) + ": "), said)
        f.process.wait(60)
    os.chmod(folder, 0o700)


def ends():
    """A broker that is stopped while a stream ends: the end comes, and what a file keeps is no loss."""
    b = broker("ends")
    c, sent, db = Client(b.port), 0, os.path.join(work, "ends.db")
    for round in range(FAULTS):
        f = feed("mqtt://127.0.0.1:%d" % b.port, "live", "outbox=" + db)
        until(lambda: connected(f), "the connection")
        b.process.send_signal(signal.SIGSTOP)
        sent = events(f, sent, 50)
        begin = time.time()
        f.say("drain")
        lost = f.finish()
        check("the end comes", lost == 0 and time.time() - begin < 20, lost, time.time() - begin)
        b.process.send_signal(signal.SIGCONT)
    f = feed("mqtt://127.0.0.1:%d" % b.port, "live", "outbox=" + db)
    flows(f)
    arrived("stopped at the end", c, sent)
    check("the end", f.finish() == 0)
    b.kill()


def eight():
    """Eight senders; their broker is killed and comes again at random."""
    b = broker("eight")
    gates, rng, heard, stop = [Gate(b.port) for _ in range(8)], random.Random(5), [[] for _ in range(8)], threading.Event()
    feeds = [feed("mqtt://127.0.0.1:%d/p%d" % (gates[i].port, i), "live", "size=20000",
                  *(["outbox=" + os.path.join(work, "eight%d.db" % i)] if i % 2 else [])) for i in range(8)]
    sent = [0] * 8
    rounds = 40 if LONG else 3

    def send(i):
        own = random.Random(i)
        while not stop.is_set():
            sent[i] = events(feeds[i], sent[i], own.randrange(1, 10))
            feeds[i].say("look", "s", sent[i], "x:0.5")
            time.sleep(own.random() / 50)

    threads = [threading.Thread(target=send, args=[i]) for i in range(8)]
    c = Client(b.port)
    for t in threads:
        t.start()

    def collect():
        with c.lock:
            for t, p, _ in c.messages:
                if t.endswith("/event"):
                    heard[int(t[1])].append(int(mqttbroker.json.loads(p)["id"]))
            c.messages.clear()

    def all_heard(sent):
        collect()
        return all(len(set(heard[i])) >= n for i, n in enumerate(sent))

    for _ in range(rounds):
        time.sleep(rng.random() * 2)
        for g in gates:
            g.shut()  # nobody gets through before the listener hears again
        # what mosquitto has confirmed and not passed on dies with it: that is not the sender's
        confirmed = [f.stats()["events"] for f in feeds]
        until(lambda: all_heard(confirmed), "what was confirmed")
        b.kill()
        time.sleep(rng.random())
        b.start()
        c = Client(b.port)
        for g in gates:
            g.open()
    stop.set()
    for t in threads:
        t.join()
    for f in feeds:
        flows(f)
    until(lambda: all_heard(sent), "the last events")
    for i in range(8):
        check("sender %d: every event, in order" % i, firsts(heard[i]) == list(range(sent[i])), len(heard[i]), sent[i])
    print("  eight senders, %d restarts: %d events, %d messages" % (rounds, sum(sent), sum(len(h) for h in heard)))
    check("nothing is lost", all(f.finish() == 0 for f in feeds))
    for g in gates:
        g.shut()
    b.kill()


def silent():
    """A connection on which nothing comes any more: left after twice the keepalive."""
    if not LONG:
        return
    b = broker("silent")
    c, gate, sent = Client(b.port), Gate(b.port), 0
    f = feed("mqtt://127.0.0.1:%d" % gate.port, "live")
    sent = events(f, sent, 5)
    flows(f)
    gate.silent.update(a for a, _ in gate.pairs)  # that the broker gives up is not passed on either
    gate.how = "stalled"
    sent = events(f, sent, 5)
    until(lambda: [n for n in f.news() if "gives no answer any more" in n], "it is told that there is no answer any more", 90)
    gate.how = "open"
    gate.cut()
    flows(f)
    arrived("silent", c, sent)
    check("the end", f.finish() == 0)
    gate.shut()
    b.kill()


signal.alarm(1500 if LONG else 170)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # which senders inherit
if not mqttbroker.MOSQUITTO:
    print("SKIPPED: mosquitto is not installed\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def run(part):
    begin = time.time()
    try:
        part()
    except AssertionError as e:
        check(part.__name__, False, e, [r.lines[-5:] for r in running if isinstance(r, Feed) and r.process.poll() is None])
    print("%s: %.1f s" % (part.__name__, time.time() - begin), flush=True)


def run_all(*parts):
    for part in parts:
        if not ONLY or part.__name__ in ONLY:
            run(part)


try:
    # beside each other, for most of it is waiting
    lanes = [threading.Thread(target=run_all, args=parts) for parts in (
        (mute, silent), (garbage, large, eight), (absent, availability, disk), (secured, surroundings, read_only, ends))]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
finally:
    for r in running:
        if isinstance(r, Broker) or r.process.poll() is None:
            r.kill()
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.stdout.flush()
os._exit(failed != 0)
