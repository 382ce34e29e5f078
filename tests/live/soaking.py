"""What soak and faults.py share: cameras with faults under one `clipmoe watch`, and what its figures must say of them."""
import collections
import contextlib
import http.client
import os
import random
import signal
import threading
import time

import live
import metrics
import watching
from live import Camera, Link, until

FPS, SIZE, SCENE = 4, "320x180", 9
KINDS = ("kill", "stop", "cut", "stall", "noise", "refuse", "size", "codec", "loss", "jump")
SILENT = ("kill", "stop", "cut", "stall", "size", "codec")  # that such a camera is asked again at once is promised
BACK = 5  # seconds until tags are back after those
LABELS = "labels = a test card;a red picture\nthreshold = 0.5\n"  # each scene is one of them

check = live.Checks()
over = threading.Event()  # no more faults
done = collections.Counter()
waits = collections.defaultdict(list)  # {kind: seconds until tags were back}


class Starved(threading.Thread):
    """How often, and for how long at most, this machine had no time for us. What is missed by the clock then is nobody's fault."""

    def __init__(self):
        super().__init__(daemon=True)
        self.times, self.longest = 0, 0.0
        self.start()

    def run(self):
        while True:
            begun = time.monotonic()
            time.sleep(0.1)
            late = time.monotonic() - begun - 0.1
            self.longest = max(self.longest, late)
            self.times += late > 0.3


class One:
    """A camera, and what becomes of it. UDP is not led through a link. @rate: looks a second; 0 = every picture."""

    def __init__(self, name, seed, udp=False, rate=0):
        self.name, self.udp, self.rate, self.random = name, udp, rate, random.Random(seed)
        self.port = live.free_port()
        self.camera = self.begin()
        self.link = None if udp else Link(self.port)

    def begin(self, *more):
        return Camera("--size", SIZE, "--fps", str(FPS), "--scenes", str(SCENE), *more, port=self.port)

    def again(self, *more):
        self.camera.end()
        self.camera = self.begin(*more)

    def ini(self):
        return "[camera %s]\nuri = rtsp://127.0.0.1:%d/stream\nrate = %g\n%s" % (
            self.name, self.port if self.udp else self.link.port, self.rate, "protocols = udp\n" if self.udp else "")

    def fault(self, kind, seconds):
        """One of KINDS, for so long. Returns when the camera is as it was, or was so at the latest."""
        if kind == "kill":
            self.camera.end()
            over.wait(seconds)
            self.camera = self.begin()
        elif kind == "stop":
            self.camera.signal(signal.SIGSTOP)
            over.wait(seconds)
            self.camera.signal(signal.SIGCONT)
        elif kind in ("cut", "stall", "noise"):
            {"cut": self.link.cut, "stall": self.link.stall, "noise": self.link.garbage}[kind]()
            over.wait(seconds)
            self.link.mend()
        elif kind in ("size", "codec"):  # it stays like this
            self.again(*(("--size", self.random.choice(("160x120", "640x360", "322x182"))) if kind == "size" else ("--codec", "mjpeg")))
        else:
            self.again(*{"refuse": ("--login", "me:other"), "loss": ("--loss", "20"),
                         "jump": ("--jump", self.random.choice(("100000", "-1000")))}[kind])
            over.wait(max(seconds, 3))
            self.again()
        return time.monotonic()

    def kinds(self):
        return [k for k in KINDS if not (self.udp and k in ("cut", "stall", "noise"))]

    def suffer(self, kind, seconds, follower):
        """The fault, and until tags are back."""
        mended = self.fault(kind, seconds)
        back = until(lambda: follower.seen(self.name) > mended + 0.2, 90 * live.SLOWNESS)
        done[kind] += 1
        waits[kind].append(follower.seen(self.name) - mended if back else float("inf"))

    def live(self, follower):
        """Faults at random until it is over."""
        while not over.wait(self.random.uniform(5, 40)):
            self.suffer(self.random.choice(self.kinds()), self.random.choice((0.1, 1, 3, 8, 20)) * self.random.uniform(0.8, 1.2), follower)

    def end(self):
        self.camera.end()
        if self.link:
            self.link.cut()


class Follower:
    """A client of /api/events that comes anew now and then, as browsers do: when tags of a camera came last."""

    def __init__(self, watch):
        self.watch, self.names, self.times, self.stop = watch, {}, {}, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def seen(self, name):
        return self.times.get(name, 0)

    def run(self):
        while not self.stop:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
                events, end = watching.Events(self.watch), time.monotonic() + 60
                while time.monotonic() < end and not self.stop:
                    e = events.next()
                    if e is None:
                        break
                    if e[0] == "cameras":
                        self.names = {c["camera"]: c["name"] for c in e[1]["cameras"]}
                    elif e[0] == "tags":
                        self.times[self.names.get(e[1]["camera"])] = time.monotonic()
                events.connection.close()
            time.sleep(0.1)


def status(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        fields = dict(line.split(":", 1) for line in f if ":" in line)
    return int(fields["RssAnon"].split()[0]) / 1024, int(fields["Threads"]), len(os.listdir("/proc/%d/fd" % pid))


def processor(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
        return sum(map(int, f.read().rpartition(") ")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def figures(watch):
    found, faults = metrics.read(watch.wait(lambda: watch.ask("/metrics")[2]).decode())
    check("the format of figures", not faults, faults)
    return lambda name, stream, **labels: found.get((name, tuple(sorted(dict(labels, stream=stream).items()))))


def count(ones, watch, steady, since, starved):
    """Looks against frames; and that cameras without a fault lost nothing since @since, {name: (time, pictures, looks)}."""
    value, now, text = figures(watch), time.monotonic(), []
    slack = 3 + 2 * starved.times
    for one in ones:
        name = lambda n, **labels: int(value("clipmoe_" + n + "_total", one.name, **labels) or 0)
        frames, looks, pictures, dropped = name("frames"), name("inferences", result="ok"), name("pictures"), name("skipped", reason="overload")
        skipped = {r: name("skipped", reason=r) for r in ("late", "still", "corrupted")}
        skipped["unusable"] = name("inferences", result="unusable")
        rest = frames - looks - sum(skipped.values())
        if not one.rate:
            check("%s: frames are looks or counted as skipped" % one.name, 0 <= rest <= 2, frames, looks, skipped)  # two under way
        check("%s: pictures are frames or counted as dropped" % one.name, 0 <= pictures - frames - dropped <= 8, pictures, frames, dropped)
        text.append("%s %d%s" % (one.name, looks, " (%s)" % ", ".join("%d %s" % (n, r) for r, n in dict(skipped, dropped=dropped).items() if n)
                                 if sum(skipped.values()) + dropped else ""))
        if one in steady:
            at, pictures_then, looks_then = since[one.name]
            due, seen, looked = (now - at), pictures - pictures_then, looks - looks_then
            check("%s has no fault and loses no picture" % one.name, abs(seen - due * FPS) <= slack * FPS, seen, due * FPS, dropped, starved.times)
            check("%s has no fault and misses no look" % one.name, abs(looked - due * one.rate) <= slack and sum(skipped.values()) <= starved.times,
                  looked, due, skipped, starved.times)
            check("%s was never offline" % one.name, value("clipmoe_reconnects_total", one.name) == 0)
    print("looks: " + ", ".join(text), flush=True)


def begin(ones, watch):
    """What count() wants to know of cameras that are online."""
    value = figures(watch)
    return {one.name: (time.monotonic(), int(value("clipmoe_pictures_total", one.name)),
                       int(value("clipmoe_inferences_total", one.name, result="ok") or 0)) for one in ones}


def backs():
    """Prints, and checks, how long tags took to be back."""
    silent, others = (sorted(w for k in waits if (k in SILENT) is s for w in waits[k]) or [0] for s in (True, False))
    print("faults: " + ", ".join("%s %d" % (k, n) for k, n in sorted(done.items())))
    print("tags are back after %.1f s (median), %.1f s at most; where a camera answered and was of no use: %.1f s, %.1f s" % (
        silent[len(silent) // 2], silent[-1], others[len(others) // 2], others[-1]), flush=True)
    check("tags are back within %d s" % BACK, silent[-1] <= BACK * max(1, live.SLOWNESS), {k: sorted(w)[-3:] for k, w in waits.items()})
    check("no camera stays away", others[-1] < float("inf"), {k: sorted(w)[-3:] for k, w in waits.items()})
