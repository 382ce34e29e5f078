#!/usr/bin/python3
"""Checks clipmoe watch: what its file may say, that cameras come, go and are recorded without harm to each other, that a changed
file changes only what it names, and that it ends in time whatever happens.

    watch.py          the short one
    watch.py --long   also more rounds
"""
import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import live
from live import Camera, until
from gi.repository import Gst

LONG = "--long" in sys.argv
COMMAND = os.environ["CLIPMOE_COMMAND"]
Gst.init(None)
check = live.Checks()
work = tempfile.mkdtemp()
numbers = iter(range(1000))
BASE = "[watch]\nmodel = clip-tiny\nlabels = a;b\nthreshold = 0\nrate = 5\ntimeout = 0.7\nretry-interval = 0.2\n"


def write(name, text):
    path = os.path.join(work, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def run(*args):
    return subprocess.run([COMMAND, "watch"] + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=live.PATIENCE * 3)


def files_are_checked():
    good = write("good.ini", BASE + "publish = file:x.jsonl; stdout:\n[camera a]\nuri = rtsp://x/y\nlabels-file = everyday\n"
                 "hours = 22-6,8:30-12\nrecord = clips\npre-roll = 2\n[camera b]\nuri = v4l2:/dev/video0\nlogin-file = b.login\n")
    write("b.login", "me:secret\n")
    r = run("--check", good)
    check("a good file", r.returncode == 0 and r.stdout == "a\nb\n" and not r.stderr, r)
    camera = "[camera a]\nuri = rtsp://x/y\n"
    for name, text, said in (
            ("doubled key", camera + "rate = 1\nrate = 2\n", 'line 4: key "rate"'),
            ("doubled group", camera + "\n" + camera, "line 4: [camera a]"),
            ("unknown key", camera + "rates = 1\n", "line 3: [camera a] rates"),
            ("unknown key of all", "[watch]\nlable = x\n" + camera, "line 2: [watch] lable"),
            ("key of one camera", "[watch]\nuri = x\n" + camera, "belongs into a camera's group"),
            ("unknown group", camera + "[cameras]\n", "[cameras]"),
            ("a word for a number", camera + "rate = fast\n", "line 3: [camera a] rate: expected a number"),
            ("a choice", camera + "mode = quick\n", "expected auto, sync or latest"),
            ("hours", camera + "hours = 25-3\n", "hours"),
            ("too much", camera + "post-roll = 1e300\n", "post-roll: expected a number from 0 to 86400"),
            ("negative", camera + "pre-roll = -1\n", "pre-roll: expected a number"),
            ("no uri", "[camera a]\nrate = 1\n", "no uri"),
            ("two logins", camera + "login-file = x\nlogin-env = X\n", "expected one of them"),
            ("name", "[camera ../a]\nuri = x\n", "not a name"),
            ("no camera", "[watch]\nrate = 1\n", "no camera"),
            ("a key that no target has a use for", camera + "publish = file:x\ndiscovery = homeassistant\n",
             "line 4: [camera a] discovery: no target"),
            ("password", camera + "user-pw = x\n", "no such key"),
            ("one source twice", camera + "source = x\n[camera b]\nuri = y\nsource = x\n[watch]\npublish = mqtt://me@h; file:l\n",
             'line 4: [camera b]: its source "x" is that of [camera a], too, and both go to mqtt://h;'),
            ("one source in an archive", camera + "store = s\n[camera b]\nuri = y\nsource = a\nstore = s\n", "[camera a], too, and both go to "),
            ("one topic", camera + "source = x+\n[camera b]\nuri = y\nsource = x#\n[watch]\npublish = mqtts://h/p\n",
             'its source "x#" and "x+" of [camera a] become the same topic, and both go to mqtts://h/p'),
            ("a password with a slash", "[camera a]\nuri = rtsp://me:geheim/1@h/s\n", "line 2: [camera a] uri: an @ stands behind"),
            ("no group", "rate = 1\n", "bad.ini"),
            ("noise", "\x01\x02[[[", "bad.ini")):
        r = run("--check", write("bad.ini", text))
        check("refused: " + name, r.returncode == 1 and said in r.stderr and not r.stdout and r.stderr.count("\n") == 1 and "geheim" not in r.stderr, r)
    apart = "[watch]\npublish = mqtt://h/one\n%s[camera b]\nuri = rtsp://y/z\nsource = x\n" % camera
    for name, text in (("other targets", apart + "publish = mqtt://h/two\n[camera c]\nuri = rtsp://y/z\nsource = x\npublish = file:x.jsonl\n"),
                       ("other names in a file", camera + "source = x+\n[camera b]\nuri = rtsp://y/z\nsource = x#\n[watch]\npublish = file:x.jsonl\n")):
        r = run("--check", write("good2.ini", text))
        check("not refused: " + name, r.returncode == 0, r)
    for name, text, said in (("login", "login-file = gone.login\n", "a: login-file: %s/gone.login" % work),
                             ("labels", "labels-file = gone\n", "a: labels-file: gone"),
                             ("a label's picture", "labels-file = %s\n" % write("shown.labels", "x\ny = @gone.jpg\n"),
                              "a: labels-file: %s/shown.labels:2: %s/gone.jpg: " % (work, work)),
                             ("a picture that is none", "labels-file = %s\n" % write("none.labels", "y = @none.labels\n"), "none.labels: a text file"),
                             ("a target of a kind that there is not", "publish = stdout:; mqt://me:geheim@h\n", "a: publish: mqt://h: no such target, expected stdout:"),
                             ("a model", "model = gone\n", "a: model: gone: no such file"),
                             ("a source of pictures", "[camera b]\nuri = gone://me:geheim@h/x\n", "b: uri: no source is installed for gone:"),
                             ("folder of lines", "publish = file:gone/x.jsonl; stdout:\n", "a: publish: %s/gone" % work)):
        r = run("--check", write("bad.ini", camera + text))
        check("not there: " + name, r.returncode == 1 and said in r.stderr and not r.stdout and r.stderr.count("\n") == 1 and "geheim" not in r.stderr, r)
    check("no file", run("--check").returncode == 2 and run("--check", work + "/none").returncode == 1)


class Service:
    """clipmoe watch, with what it says to systemd."""

    def __init__(self, path, abstract=False, **env):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        number = next(numbers)
        name = "@clipmoe-test-%d-%d" % (os.getpid(), number) if abstract else os.path.join(work, "notify%d" % number)
        self.notify.bind(name.replace("@", "\0"))
        self.notify.setblocking(False)
        self.heard, self.log = "", os.path.join(work, "log%d" % number)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([COMMAND, "watch", path], stdin=subprocess.DEVNULL, stderr=log, stdout=log,
                                            env=dict(os.environ, NOTIFY_SOCKET=name, WATCHDOG_USEC="3000000", **env))

    def read(self):
        """A full socket loses what comes next, so this must be called now and then."""
        try:
            while True:
                self.heard += self.notify.recv(4096).decode() + "\n"
        except BlockingIOError:
            return self.heard

    def hears(self, word):
        return until(lambda: word in self.read())

    def said(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()

    def says(self, text, n=1):
        return until(lambda: self.said().count(text) >= n)

    def stop(self, name):
        self.read()
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(live.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        took = time.monotonic() - begun
        check(name + ": ends within 2 s, well", took < 2.3 * max(1, live.SLOWNESS) and self.process.returncode == 0, took,
              self.process.returncode, self.said()[-500:])
        check(name + ": says so", self.hears("STOPPING=1"), self.heard)
        self.notify.close()


def lines(name):
    path = os.path.join(work, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(x) for x in f if x.endswith("\n")]


def make_video():
    path = os.path.join(work, "video.mp4")
    p = Gst.parse_launch("videotestsrc num-buffers=20 ! video/x-raw,width=64,height=48,framerate=10/1 ! x264enc tune=zerolatency "
                         "key-int-max=10 ! h264parse ! mp4mux ! filesink location=" + path)
    p.set_state(Gst.State.PLAYING)
    p.get_bus().timed_pop_filtered(int(live.PATIENCE * Gst.SECOND), Gst.MessageType.EOS)
    p.set_state(Gst.State.NULL)


def cameras_and_reload():
    write("a.login", "user:geheim\n")
    common = BASE + "publish = file:all.jsonl\n"
    if " mqtt: is not in" not in Gst.ElementFactory.make("clipmoepublish").find_property("target").blurb:
        common = common[:-1] + "; mqtt://127.0.0.1:%d\ncommands = true\n" % live.free_port()
    a, b = "[camera a]\nuri = video.mp4\nlogin-file = a.login\n", "[camera b]\nuri = video.mp4\nrate = 2\n"
    lost = "[camera lost]\nuri = rtsp://user:geheim@127.0.0.1:%d/stream\n" % live.free_port()
    broken = "[camera broken]\nuri = video.mp4\nmodel = there-is-none\n"
    path = write("cameras.ini", common + a + b + lost + broken)
    s = Service(path)
    check("ready, though two cameras cannot be watched", s.hears("READY=1"), s.said())
    check("the others are tagged", until(lambda: {x["source"] for x in lines("all.jsonl")} >= {"a", "b"}), s.said())
    check("what is online is told", s.hears("STATUS=2 of 4 cameras online"), s.heard)
    check("why one is offline is said, without its password", s.says("lost: offline: ") and "geheim" not in s.said(), s.said())
    check("why one cannot be watched is said", s.says("broken: ") and s.says("there-is-none"), s.said())
    check("and it is tried again", s.says("tried again in 2 s"), s.said())
    check("the watchdog hears", s.hears("WATCHDOG=1"), s.heard)
    write("cameras.ini", common + a + b.replace("rate = 2", "rate = x") + lost)
    s.process.send_signal(signal.SIGHUP)
    check("a broken file is refused", s.says("everything stays as it was") and "rate: expected" in s.said(), s.said())
    n = len(lines("all.jsonl"))
    check("and all goes on", until(lambda: {x["source"] for x in lines("all.jsonl")[n:]} >= {"a", "b"}), s.said())
    write("cameras.ini", common + a + b.replace("rate = 2", "rate = 4") + "[camera c]\nuri = video.mp4\nlabels-file = c.labels\n")
    write("c.labels", "x = @c.bmp\ny = @c.bmp + words\n")
    bitmap = lambda side: b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + side * side * 4, 0, 54, 40, side, side, 1, 32, 0, side * side * 4, 0, 0, 0, 0) + bytes(
        side * side * 4)
    with open(os.path.join(work, "c.bmp"), "wb") as f:
        f.write(bitmap(8))
    s.process.send_signal(signal.SIGHUP)
    check("a changed file is read", s.says("3 cameras, 3 changed or gone, 1 new"), s.said())
    check("the new one is there", until(lambda: "c" in {x["source"] for x in lines("all.jsonl")}), s.said())
    check("the changed one began anew", s.says("b: online", 2), s.said())
    check("the others did not", s.said().count("a: online") == 1, s.said())
    with open(os.path.join(work, "c.bmp"), "wb") as f:
        f.write(bitmap(16))
    s.process.send_signal(signal.SIGHUP)
    check("a changed picture of a label is a changed label", s.says("3 cameras, 1 changed or gone, 0 new") and s.says("c: online", 2), s.said())
    check("and concerns its cameras alone", s.said().count("a: online") == 1 and s.said().count("b: online") == 2, s.said())
    for i in range(20):  # while cameras begin and end
        write("cameras.ini", common + a + b.replace("rate = 2", "rate = %d" % (5 + i % 3)) + "[camera %s]\nuri = video.mp4\n" % "cd"[i % 2])
        s.process.send_signal(signal.SIGHUP)
        time.sleep(0.03)
    n = len(lines("all.jsonl"))
    check("the last of many files counts", s.hears("STATUS=3 of 3 cameras online") and until(lambda: {x["source"] for x in lines("all.jsonl")[n:]} >= {"a", "b", "d"}), s.said())
    n = len(lines("all.jsonl"))
    check("and what it does not name is gone", until(lambda: len(lines("all.jsonl")) > n + 20) and "c" not in {x["source"] for x in lines("all.jsonl")[n:]}, s.said())
    check("the camera that never changed never stopped", s.said().count("a: online") == 1, s.said())
    s.stop("cameras")


def logins_stay_apart():
    """A camera's login is for the camera alone, and what is for a broker is not for the file beside it."""
    write("door.login", "camera:geheim\n")
    write("broker.login", "broker:anders\n")
    for name, more, there, away in (("none", "", b"MQTT", b"anders"), ("its own", "publish-login-file = broker.login\n", b"anders", b"geheim")):
        broker = socket.socket()
        broker.bind(("127.0.0.1", 0))
        broker.listen(5)
        broker.settimeout(live.PATIENCE)
        target = "mqtt://127.0.0.1:%d" % broker.getsockname()[1]
        s = Service(write("logins.ini", BASE + "[camera door]\nuri = video.mp4\nlogin-file = door.login\noutbox = o.db\n"
                          "publish = file:door-%s.jsonl; %s\n%s" % (name.replace(" ", "-"), target, more)))
        try:
            connection, _ = broker.accept()
            connection.settimeout(live.PATIENCE)
            said = connection.recv(4096)
            connection.close()
        except OSError as e:
            said = str(e).encode()
        check("a broker gets a login of %s" % name, there in said and away not in said and b"geheim" not in said, said, s.said())
        check("and the file its lines", until(lambda: lines("door-%s.jsonl" % name.replace(" ", "-"))), s.said())
        s.stop("logins, " + name)
        broker.close()


def stops_in_any_state():
    port = live.free_port()
    listener = socket.socket()  # takes connections and says nothing
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    path = write("hard.ini", BASE + "[camera none]\nuri = rtsp://127.0.0.1:%d/x\n[camera mute]\nuri = rtsp://127.0.0.1:%d/x\n"
                 "[camera web]\nuri = http://127.0.0.1:%d/x\n" % (port, listener.getsockname()[1], listener.getsockname()[1]))
    for wait in (0, 0.4, 1.5):
        s = Service(path, abstract=True)
        s.hears("READY=1")
        time.sleep(wait)
        s.stop("stop after %g s" % wait)
    listener.close()


def frames(path):
    """Number of pictures that the file decodes to; its format; whether it begins with a key frame."""
    seen = []
    p = Gst.parse_launch("filesrc location=%s ! qtdemux ! h264parse ! identity name=i signal-handoffs=true ! avdec_h264 ! "
                         "fakesink name=f signal-handoffs=true sync=false" % path)
    p.get_by_name("i").connect("handoff", lambda e, b: seen.append(not b.has_flags(Gst.BufferFlags.DELTA_UNIT)))
    count = []
    p.get_by_name("f").connect("handoff", lambda e, b, pad: count.append(1))
    p.set_state(Gst.State.PLAYING)
    m = p.get_bus().timed_pop_filtered(int(live.PATIENCE * Gst.SECOND), Gst.MessageType.EOS | Gst.MessageType.ERROR)
    length = p.query_duration(Gst.Format.TIME)[1] / Gst.SECOND
    p.set_state(Gst.State.NULL)
    return len(count), bool(seen and seen[0]), bool(m and m.type == Gst.MessageType.EOS), length


def recordings():
    camera = Camera()
    clips = os.path.join(work, "clips", "door")
    told = "door-events.jsonl"
    path = write("record.ini", BASE + "record = clips\npre-roll = 1\npost-roll = 1\npublish = file:" + told + "\npublish-on = event\n[camera door]\nuri = rtsp://127.0.0.1:%d/stream\n" % camera.port)
    os.makedirs(clips)
    foreign = os.path.join(clips, "20200101T000000Z.mp4")
    write("clips/door/20200101T000000Z.mp4", "mine")
    s = Service(path)
    made = lambda: sorted(set(glob.glob(clips + "/*.mp4")) - {foreign})
    check("the camera is online", s.says("door: online"), s.said())
    time.sleep(1.5)
    check("what is not whole is not there", not made(), made())
    camera.end()
    check("a lost camera ends the recording", until(made) and s.says("recorded"), s.said())
    n, key, whole, length = frames(made()[0]) if made() else (0, 0, 0, 0)
    check("it can be played from its first picture on", n > 10 and key and whole, n, key, whole)
    check("a snapshot lies beside it", open(made()[0][:-3] + "jpg", "rb").read(3) == b"\xff\xd8\xff")
    entry = json.loads(open(clips + "/clips.jsonl", encoding="utf-8").readline())
    check("the list has it", entry["schema"] == "clipmoe.clip/1" and entry["file"] == os.path.basename(made()[0]) and
          entry["bytes"] == os.path.getsize(made()[0]) and set(entry["labels"]) <= {"a", "b"} and entry["labels"], entry)
    starts = {x["id"] for x in lines(told) if x["type"] == "start"}
    check("and the ids of the events that were published", entry["events"] and set(entry["events"]) <= starts, entry, starts)
    ends = lambda: {x["id"]: x for x in lines(told) if x["type"] == "end"}
    check("while the camera is away its events end, with the last look", until(lambda: set(ends()) >= set(entry["events"])) and
          all(0 < x["end"] - x["start"] < 60 and x["end"] >= x["peak_time"] for x in ends().values()), ends(), s.said())
    camera = Camera(port=camera.port)
    check("back again", s.says("door: online", 2), s.said())
    time.sleep(1)
    s.stop("recording")
    check("the recording that ran is whole", len(made()) == 2 and frames(made()[1])[2], made(), s.said())
    check("nothing unfinished is left", not [x for x in os.listdir(clips) if x.startswith(".")], os.listdir(clips))
    # little room: the older go, and what is not ours stays
    with open(path, "a", encoding="utf-8") as f:
        f.write("record-gigabytes = 0.00000001\n")
    before = made()
    s = Service(path)
    s.says("door: online")
    time.sleep(0.5)
    s.stop("little room")
    check("the oldest went, foreign files did not", not set(before) & set(made()) and os.path.exists(foreign), before, made())
    camera.end()


def all_recordings():
    for _ in range(5 if LONG else 1):
        recordings()
        shutil.rmtree(os.path.join(work, "clips"))


def cameras():
    make_video()
    cameras_and_reload()
    logins_stay_apart()


check.together(files_are_checked, cameras, stops_in_any_state, all_recordings)
check.close()
