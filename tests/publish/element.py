#!/usr/bin/python3
"""clipmoepublish with a broker: what the tagger sees becomes state and events, commands reach the tagger, and the password of the
login file is nowhere: not in the log at its most talkative, in dot files, in the process's arguments, in statistics or messages."""
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mqttbroker  # noqa: E402
from mqttbroker import Broker, Client, until  # noqa: E402

work = tempfile.mkdtemp()
passed = failed = 0
running = []
SECRET = "hunter2-Zq9"
VIDEO = "videotestsrc is-live=true pattern=red ! video/x-raw,format=RGB,width=64,height=48,framerate=20/1 ! "


def check(name, ok, *why):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print("FAILED:", name, *[str(w)[:1500] for w in why])


def login(name, password):
    path = os.path.join(work, name)
    with open(path, "w") as f:
        f.write("camera:%s\n" % password)
    os.chmod(path, 0o600)
    return path


def launch(name, line, **env):
    log = open(os.path.join(work, name + ".out"), "wb")
    p = subprocess.Popen(["gst-launch-1.0", "-m", "-e"] + line.split(" "), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                         env=dict(os.environ, **env))
    running.append(p)
    return p


def end(name, p):
    # gst-launch-1.0 -e that is interrupted while its pipeline still goes to PLAYING may never end
    until(lambda: [l for l in said(name).splitlines() if '"pipeline0" (state-changed)' in l and "new-state=(GstState)playing" in l], "playing")
    p.send_signal(signal.SIGINT)
    return p.wait(60)


def said(name):
    with open(os.path.join(work, name + ".out"), "rb") as f:
        return f.read().decode(errors="replace")


def whole(b):
    """From video to state, and from a command to the tagger."""
    c = Client(b.port, user="camera", password=SECRET)
    line = VIDEO + "clipmoetag name=t rate=10 score=cosine threshold=-1 labels=red,green source=door ! clipmoepublish " \
        "target=mqtt://camera@127.0.0.1:%d login-file=%s on=event discovery=homeassistant commands=true snapshots=true ! fakesink" % (
            b.port, login("good", SECRET))
    dots = os.path.join(work, "dots")
    os.mkdir(dots)
    log = os.path.join(work, "log")
    p = launch("whole", line, GST_DEBUG="*:5,clipmoe*:9", GST_DEBUG_FILE=log, GST_DEBUG_DUMP_DOT_DIR=dots)

    def state():
        return json.loads(c.last("clipmoe/door/state") or '{"labels":{}}')["labels"]

    until(lambda: set(state()) == {"red", "green"} and all(l["on"] for l in state().values()), "the state")
    until(lambda: len([1 for e in c.of("clipmoe/door/event") if '"type":"start"' in e]) >= 2, "the events")
    check("a label starts once", sorted(json.loads(e)["label"] for e in c.of("clipmoe/door/event") if '"type":"start"' in e) ==
          ["green", "red"], c.of("clipmoe/door/event"))
    check("on=event sends no looks", not c.of("clipmoe/door/look"))
    until(lambda: (c.last("clipmoe/door/snapshot") or "").startswith("\ufffd\ufffd\ufffd"), "the picture of an event")  # ff d8 ff
    check("the picture is an entity", len({t for t in c.topics() if t.startswith("homeassistant/image/")}) == 1, c.topics())
    check("each label has its sensor", len({t for t in c.topics() if t.startswith("homeassistant/binary_sensor/")}) == 2, c.topics())
    with open("/proc/%d/cmdline" % p.pid, "rb") as f:
        arguments = f.read().decode()
    c.publish("clipmoe/door/set/labels", "zebra; lion; red")
    until(lambda: set(state()) == {"zebra", "lion", "red"}, "labels by a command")
    check("labels by a command", True)
    until(lambda: len([1 for t, m, _ in c.messages if t.startswith("homeassistant/binary_sensor/") and not m]) >= 1, "green's sensor goes")
    c.publish("clipmoe/door/set/threshold", "1")
    until(lambda: not any(l["on"] for l in state().values()), "a threshold by a command")
    c.publish("clipmoe/door/set/threshold", "-1")
    until(lambda: all(l["on"] for l in state().values()), "a threshold by a command, back")
    c.publish("clipmoe/door/set/enable", "OFF")
    until(lambda: not any(l["on"] for l in state().values()), "switched off")
    c.publish("clipmoe/door/set/enable", "ON")
    until(lambda: all(l["on"] for l in state().values()), "switched on")
    c.publish("clipmoe/door/set/enable", "perhaps")
    until(lambda: "expected ON or OFF" in said("whole"), "the warning")
    c.publish("clipmoe/door/set/labels", "dog; cat = @/etc/hostname")
    until(lambda: "a file of labels alone may name pictures" in said("whole"), "a command opens no file")
    check("and changes no label", set(state()) == {"zebra", "lion", "red"}, state())
    check("the end", end("whole", p) == 0, said("whole")[-2000:])
    until(lambda: c.last("clipmoe/door/available") == "offline", "offline")
    until(lambda: len([1 for e in c.of("clipmoe/door/event") if '"type":"end"' in e]) >= 2, "the ends")
    starts, ends = ({json.loads(e)["id"] for e in c.of("clipmoe/door/event") if '"type":"%s"' % t in e} for t in ("start", "end"))
    check("whatever started has ended", starts and starts == ends, starts ^ ends)
    texts = {"arguments": arguments, "messages": said("whole")}
    for path in [log] + glob.glob(dots + "/*"):
        with open(path, "rb") as f:
            texts[path] = f.read().decode(errors="replace")
    check("there are dot files and a log", len(texts) > 3 and len(texts[log]) > 10000, list(texts))
    for where, text in texts.items():
        check("no password in " + os.path.basename(where), SECRET not in text and "hunter2" not in text)


def shared(b):
    """Two cameras in one process have one connection."""
    c = Client(b.port, user="camera", password=SECRET)
    before = b.logged().count(" as clipmoe-")
    to = " ! clipmoepublish target=mqtt://127.0.0.1:%d/pair login-file=%s ! fakesink " % (b.port, login("good", SECRET))
    tag = "clipmoetag rate=10 labels=red,green threshold=0 source="
    p = launch("shared", VIDEO + tag + "left" + to + VIDEO + tag + "right" + to.rstrip())
    until(lambda: all(c.of("pair/%s/look" % s) for s in ("left", "right")), "looks of both")
    check("one connection", b.logged().count(" as clipmoe-") == before + 1, b.logged())
    check("the end", end("shared", p) == 0, said("shared")[-1000:])
    until(lambda: all(c.last("pair/%savailable" % s) == "offline" for s in ("", "left/", "right/")), "offline")


def refused(b):
    """Wrong passwords, and those in a target, are not repeated either."""
    log = os.path.join(work, "wrong.log")
    line = VIDEO + "clipmoetag labels=red source=door ! clipmoepublish name=p target=mqtt://camera@127.0.0.1:%d login-file=%s ! fakesink" % (
        b.port, login("wrong", SECRET + "-not"))
    p = launch("wrong", line, GST_DEBUG="*:4,clipmoe*:9", GST_DEBUG_FILE=log)
    until(lambda: "uthor" in said("wrong") or "bad user" in said("wrong").lower(), "the refusal")
    check("the pipeline goes on", p.poll() is None and end("wrong", p) == 0, said("wrong")[-1000:])
    with open(log, "rb") as f:
        check("no password in the log", SECRET.encode() not in f.read())
    check("nor in messages", SECRET not in said("wrong"))
    p = launch("target", VIDEO + "clipmoepublish target=mqtt://camera:%s@127.0.0.1:%d ! fakesink" % (SECRET, b.port))
    check("a password in a target is refused", p.wait(60) != 0)
    lines = [l for l in said("target").splitlines() if "login-file" in l]
    check("and not repeated by us", lines and not [l for l in lines if SECRET in l], said("target"))


signal.alarm(120)
if not mqttbroker.MOSQUITTO:
    print("SKIPPED: mosquitto is not installed\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)
passwords = os.path.join(work, "passwords")
open(passwords, "w").close()
subprocess.run(["mosquitto_passwd", "-b", passwords, "camera", SECRET], check=True, capture_output=True)
os.chmod(passwords, 0o644)
os.chmod(work, 0o755)
b = Broker(os.path.join(work, "broker"), ["allow_anonymous false", "password_file " + passwords]).start()
try:
    for part in (whole, shared, refused):
        try:
            part(b)
        except AssertionError as e:
            check(part.__name__, False, e)
finally:
    b.kill()
    for p in running:
        if p.poll() is None:
            p.kill()
            p.wait()
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.stdout.flush()
os._exit(failed != 0)
